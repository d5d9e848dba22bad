/*
 * register.c -- the state of a connection and the registration of what works on it.
 *
 * The state is made once a connection and shared by every function; it goes when SQLite drops the
 * last of them, which is when the connection closes.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define READS (SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS)
#define OPENS (SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY)

const struct sql_function sql_function_table[] = {
#define SCALAR(name, args, min, max, flags, function, doc, example)                                \
	{ #name, args, NULL, doc, example },
#define TABLE(name, args, columns, table, doc, example) { #name, args, columns, doc, example },
#include "functions.def"
#undef SCALAR
#undef TABLE
};
const int sql_function_table_len =
	(int)(sizeof(sql_function_table) / sizeof(sql_function_table[0]));

static const struct sql_binding bindings[] = {
#define SCALAR(name, args, min, max, flags, function, doc, example)                                \
	{ min, max, flags, function, NULL },
#define TABLE(name, args, columns, table, doc, example) { 0, 0, 0, NULL, &(table) },
#include "functions.def"
#undef SCALAR
#undef TABLE
};

/* ---- the state ----------------------------------------------------------------------------- */

void inspect_unref(struct inspect *in)
{
	if (!in || --in->refs > 0)
		return;
	attn_forget(in);
	lens_forget(in);
	words_forget(in);
	tensors_forget(in);
	resolved_forget(in);
	names_release(in);
	threads_free(in->own_pool);
	if (in->has_model)
		model_close(&in->model);
	free(in);
}

static void drop(void *p)
{
	inspect_unref(p);
}

struct inspect *inspect_new(sqlite3 *db, const struct inspect_options *o)
{
	struct inspect *in = mem_calloc(1, sizeof(*in));

	in->db = db;
	in->refs = 1;
	in->opt = *o;
	if (!in->opt.kernels)
		in->opt.kernels = kernels_select(NULL);
	return in;
}

struct threads *inspect_pool(struct inspect *in)
{
	struct err ignored;

	if (in->opt.pool)
		return in->opt.pool;
	if (!in->own_pool)
		in->own_pool = threads_new(threads_available(), &ignored);
	return in->own_pool;
}

enum database_kind inspect_database_kind(sqlite3 *db)
{
	enum database_kind kind = DATABASE_OTHER;
	sqlite3_stmt *q = NULL;

	if (sqlite3_prepare_v2(db,
			       "SELECT a.application_id, v.user_version / 10000 FROM "
			       "pragma_application_id a, pragma_user_version v",
			       -1, &q, NULL) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW && sqlite3_column_int(q, 0) == RECORDING_APPLICATION_ID)
		kind = sqlite3_column_int(q, 1) == RECORDING_SCHEMA_MAJOR ? DATABASE_RECORDING
									  : DATABASE_OTHER_VERSION;
	sqlite3_finalize(q);
	return kind;
}

int inspect_prepare(struct inspect *in, const char *sql, sqlite3_stmt **s, struct err *err)
{
	if (sqlite3_prepare_v2(in->db, sql, -1, s, NULL) == SQLITE_OK)
		return 0;
	if (inspect_database_kind(in->db) == DATABASE_OTHER)
		return err_set(err, ERR_USAGE,
			       "the main database is no recording of torchless: open one first");
	return err_set(err, ERR_FORMAT, "the recording is damaged: %s", sqlite3_errmsg(in->db));
}

void inspect_refresh(struct inspect *in)
{
	unsigned version = 0;

	if (!in->cached && !in->resolved[0].text)
		return;
	/* SQLite looks whether the file changed when it begins to read. */
	if (sqlite3_txn_state(in->db, "main") == SQLITE_TXN_NONE)
		inspect_newest_run(in);
	sqlite3_file_control(in->db, "main", SQLITE_FCNTL_DATA_VERSION, &version);
	if (version == in->data_version)
		return;
	in->data_version = version;
	tensors_forget(in);
	resolved_forget(in);
}

int64_t inspect_newest_run(struct inspect *in)
{
	struct err ignored = { 0 };
	sqlite3_stmt *s = NULL;
	int64_t run = 0;

	if (inspect_prepare(in, "SELECT max(id) FROM run", &s, &ignored))
		return 0;
	if (sqlite3_step(s) == SQLITE_ROW)
		run = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return run;
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
	if (b->binding->scalar(b->in, ctx, n, args, &err)) {
		err_wrap(&err, "%s", b->name);
		if (err.code == ERR_MEMORY)
			sqlite3_result_error_nomem(ctx);
		sqlite3_result_error(ctx, err.message, -1);
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

int inspect_register(sqlite3 *db, const struct inspect_options *o, struct err *err)
{
	struct inspect *in = inspect_new(db, o);
	int code = SQLITE_OK;

	for (int i = 0; i < sql_function_table_len && code == SQLITE_OK; i++)
		code = bindings[i].table ? add_table(in, i) : add_scalar(in, i);
	drop(in);
	if (code == SQLITE_OK)
		return 0;
	return err_set(err, ERR_IO, "SQL functions cannot be added: %s", sqlite3_errmsg(db));
}
