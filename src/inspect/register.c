/*
 * register.c -- the table of functions, and how SQLite gets to know of them.
 *
 * This is the roof of src/inspect: none of its files but the two entry points calls it.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"
#include "torchless/sql_error.h"

#include <stdlib.h>
#include <string.h>

#define READS (SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS)
#define OPENS (SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY)

const struct sql_function sql_function_table[] = {
#define SCALAR(name, args, min, max, flags, function, doc, example)                                \
	{ #name, args, NULL, doc, example },
#define TABLE(name, args, columns, table, doc, example) { #name, args, columns, doc, example },
#define ARRAY(name, args, min, params, doc, example)    { "t_" #name, args, NULL, doc, example },
#include "functions.def"
#undef ARRAY
#undef SCALAR
#undef TABLE
};
const int sql_function_table_len =
	(int)(sizeof(sql_function_table) / sizeof(sql_function_table[0]));

static const struct sql_binding bindings[] = {
#define SCALAR(name, args, min, max, flags, function, doc, example)                                \
	{ min, max, flags, function, NULL, NULL },
#define TABLE(name, args, columns, table, doc, example) { 0, 0, 0, NULL, NULL, &(table) },
#define ARRAY(name, args, min, params, doc, example)                                                \
	{                                                                                           \
		min, (int)sizeof(params) - 1, READS, NULL, &array_functions[ARRAY_FUNCTION_##name], \
		NULL                                                                                \
	},
#include "functions.def"
#undef ARRAY
#undef SCALAR
#undef TABLE
};

static void drop(void *p)
{
	inspect_unref(p);
}

/* ---- scalar functions ---------------------------------------------------------------------- */

/* What a scalar function was registered with. */
struct bound {
	struct inspect *in;
	const struct sql_binding *binding;
	const char *name;
};

static void drop_bound(void *p)
{
	struct bound *b = p;

	drop(b->in);
	free(b);
}

static int call_bound(const struct bound *b, sqlite3_context *ctx, int n, sqlite3_value **args,
		      struct err *err)
{
	if (b->binding->array)
		return scalar_call(b->in, ctx, b->binding->array, n, args, err);
	return b->binding->scalar(b->in, ctx, n, args, err);
}

/* "t_topk: ..." for whatever goes wrong inside; NULL in, NULL out. */
static void call_scalar(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	const struct bound *b = sqlite3_user_data(ctx);
	struct err err = { 0 };

	if (n < b->binding->min_args || (b->binding->max_args >= 0 && n > b->binding->max_args)) {
		err_set(&err, ERR_USAGE, "%s takes other arguments: %s%s", b->name, b->name,
			sql_function_table[b->binding - bindings].args);
		sqlite3_result_error(ctx, err.message, -1);
		return;
	}
	for (int i = 0; i < n; i++)
		if (sqlite3_value_type(args[i]) == SQLITE_NULL)
			return;
	inspect_refresh(b->in);
	if (call_bound(b, ctx, n, args, &err)) {
		err_wrap(&err, "%s", b->name);
		sqlite3_result_error(ctx, err.message, -1);
		sqlite3_result_error_code(ctx, sql_error_of(err.code));
	}
}

static int add_scalar(struct inspect *in, int i)
{
	struct bound *b = mem_calloc(1, sizeof(*b));

	*b = (struct bound){ in, &bindings[i], sql_function_table[i].name };
	in->refs++;
	return sqlite3_create_function_v2(in->db, b->name, -1, SQLITE_UTF8 | bindings[i].flags, b,
					  call_scalar, NULL, NULL, drop_bound);
}

/* ---- table functions: what a module is registered with is in table.c ------------------------- */

static int add_table(struct inspect *in, int i)
{
	in->refs++;
	return table_register(in, sql_function_table[i].name, bindings[i].table, drop);
}

int inspect_register(sqlite3 *db, const struct inspect_options *o, const struct inspect_host *host,
		     struct err *err)
{
	struct inspect *in = inspect_new(db, o);
	int code = SQLITE_OK;

	if (host)
		in->host = *host;
	for (int i = 0; i < sql_function_table_len && code == SQLITE_OK; i++)
		code = bindings[i].table ? add_table(in, i) : add_scalar(in, i);
	drop(in);
	if (code == SQLITE_OK)
		return 0;
	return err_set(err, ERR_IO, "SQL functions cannot be added: %s", sqlite3_errmsg(db));
}
