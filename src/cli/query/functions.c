/*
 * functions.c -- the SQL functions that torchless adds, for people and programs.
 */
#include "query.h"
#include "torchless/inspect.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a box of all of them has room for comes first. */
static const char *const columns[] = { "name", "args", "doc", "columns", "example" };
enum { OVERVIEW = 3, ALL = 5 };

static int unknown_function(const char *name, struct err *err)
{
	struct text_nearest near = { .name = name, .distance = text_too_far(name) };

	for (int i = 0; i < sql_function_table_len; i++)
		text_nearest_offer(&near, sql_function_table[i].name);
	return err_set(err, ERR_USAGE, "torchless has no SQL function \"%s\"%s%s%s", name,
		       near.best ? "; did you mean \"" : "", near.best ? near.best : "",
		       near.best ? "\"?" : "");
}

int query_functions(struct invocation *in, const struct query_settings *set, const char *name,
		    struct err *err)
{
	const char **cells = mem_calloc((size_t)sql_function_table_len * ALL, sizeof(*cells));
	int width = !name && set->form == QUERY_BOX ? OVERVIEW : ALL, n = 0, r;
	struct query_settings how = *set;

	how.footer = false;
	if (name && set->form == QUERY_BOX)
		how.form = QUERY_RECORDS;
	for (int i = 0; i < sql_function_table_len; i++) {
		const struct sql_function *f = &sql_function_table[i];
		const char *row[ALL] = { f->name, f->args, f->doc, f->columns, f->example };

		if (name && strcasecmp(name, f->name) != 0)
			continue;
		memcpy(cells + (ptrdiff_t)n++ * width, row, (size_t)width * sizeof(*row));
	}
	r = name && n == 0 ? unknown_function(name, err)
			   : query_print_texts(in, &how, columns, width, cells, n, err);
	free((void *)cells);
	return r;
}
