/*
 * names.c -- every name that a recording knows: see shell.h.
 */
#include "shell.h"
#include "torchless/inspect.h"
#include "torchless/mem.h"
#include "torchless/point.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Of somebody's file: more names are no help to anybody, and Tab does not wait for them. */
#define MAX_NAMES 100000
#define MAX_NS    ((int64_t)2 * 1000 * 1000 * 1000)

/* ---- lists ----------------------------------------------------------------------------- */

void name_list_add(struct name_list *l, const char *s, size_t len)
{
	l->list = mem_grow(l->list, (size_t)l->n, &l->cap, sizeof(*l->list));
	l->list[l->n++] = mem_memdup(s, len);
}

void name_list_release(struct name_list *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->list[i]);
	free(l->list);
	*l = (struct name_list){ 0 };
}

int name_list_find(const struct name_list *l, const char *name)
{
	for (int i = 0; i < l->n; i++)
		if (!strcasecmp(l->list[i], name))
			return i;
	return -1;
}

const char *name_nearest(const char *name, const struct name_list *const *lists)
{
	struct text_nearest near = { .name = name, .distance = text_too_far(name) };

	for (; *lists; lists++)
		for (int i = 0; i < (*lists)->n; i++)
			text_nearest_offer(&near, (*lists)->list[i]);
	return near.best;
}

/* ---- reading --------------------------------------------------------------------------- */

static int add_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct name_list *const *lists = ctx;

	for (int i = 0; i < rows->n_columns; i++)
		name_list_add(lists[i], cells[i].s.data, cells[i].s.len);
	return lists[0]->n >= MAX_NAMES;
}

int name_lists_read(struct recording *rec, const char *sql, struct name_list *const *lists,
		    struct err *err)
{
	struct query q = {
		.row = add_row, .ctx = (void *)lists, .interrupted = &interrupted, .max_ns = MAX_NS
	};

	return recording_ask(rec, sql, &q, err);
}

static void add_functions(struct sql_names *n)
{
	for (int i = 0; i < sql_function_table_len; i++) {
		const struct sql_function *f = &sql_function_table[i];

		if (!f->columns) {
			name_list_add(&n->functions, f->name, strlen(f->name));
			continue;
		}
		name_list_add(&n->tables, f->name, strlen(f->name));
		for (const char *c = f->columns; *c;) {
			size_t len = strcspn(c, ", ");

			name_list_add(&n->columns, c, len);
			name_list_add(&n->column_of, f->name, strlen(f->name));
			c += len;
			c += strspn(c, ", ");
		}
	}
}

/* Canonical names, each without ":out" too and short, then the names of other tools. */
static void add_point(struct sql_names *n, const char *name, const char *fqn)
{
	name_list_add(&n->points, name, strlen(name));
	name_list_add(&n->point_of, fqn, strlen(fqn));
}

static int read_points(struct sql_names *n, struct recording *rec, struct err *err)
{
	struct name_list names = { 0 }, fqns = { 0 }, others = { 0 }, others_of = { 0 };
	char brief[160];
	int r = name_lists_read(rec,
				"SELECT fqn, fqn FROM point UNION ALL SELECT a.alias, p.fqn "
				"FROM point_alias a JOIN point p ON p.id = a.point_id",
				(struct name_list *[]){ &names, &fqns }, err);

	if (!r)
		r = name_lists_read(
			rec,
			"SELECT tl_name, fqn FROM point WHERE tl_name IS NOT NULL UNION ALL "
			"SELECT ggml_name, fqn FROM point WHERE ggml_name IS NOT NULL",
			(struct name_list *[]){ &others, &others_of }, err);
	for (int i = 0; !r && i < names.n; i++)
		add_point(n, point_shorten(names.list[i], brief, sizeof(brief)), fqns.list[i]);
	for (int i = 0; !r && i < names.n; i++)
		add_point(n, names.list[i], fqns.list[i]);
	for (int i = 0; !r && i < others.n; i++)
		add_point(n, others.list[i], others_of.list[i]);
	name_list_release(&names);
	name_list_release(&fqns);
	name_list_release(&others);
	name_list_release(&others_of);
	return r;
}

int sql_names_read(struct sql_names *n, struct recording *rec, struct err *err)
{
	static const char of_type
		[] = "SELECT name FROM sqlite_schema WHERE type = 'view'",
	 tables[] =
		 "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'",
	 columns[] = "SELECT p.name, s.name FROM sqlite_schema s, "
		     "pragma_table_info(s.name) p WHERE s.type IN ('view', "
		     "'table') ORDER BY s.type DESC, s.rowid, p.cid",
	 functions[] = "SELECT DISTINCT name FROM pragma_function_list WHERE "
		       "name GLOB '[a-z]*' AND name NOT IN ('match', "
		       "'load_extension') ORDER BY name";
	int r;

	if (n->is_read)
		return 0;
	sql_names_release(n);
	r = name_lists_read(rec, of_type, (struct name_list *[]){ &n->tables }, err);
	if (!r)
		r = name_lists_read(rec, columns,
				    (struct name_list *[]){ &n->columns, &n->column_of }, err);
	add_functions(n);
	if (!r)
		r = name_lists_read(rec, tables, (struct name_list *[]){ &n->tables }, err);
	if (!r)
		r = name_lists_read(rec, functions, (struct name_list *[]){ &n->functions }, err);
	if (!r)
		r = name_lists_read(
			rec, query_list_sql,
			(struct name_list *[]){ &n->saved, &n->saved_doc, &n->saved_params }, err);
	if (!r)
		r = read_points(n, rec, err);
	n->is_read = !r;
	return r;
}

void sql_names_release(struct sql_names *n)
{
	name_list_release(&n->tables);
	name_list_release(&n->columns);
	name_list_release(&n->column_of);
	name_list_release(&n->functions);
	name_list_release(&n->saved);
	name_list_release(&n->saved_doc);
	name_list_release(&n->saved_params);
	name_list_release(&n->points);
	name_list_release(&n->point_of);
	n->is_read = false;
}
