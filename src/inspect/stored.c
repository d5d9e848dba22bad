/*
 * stored.c -- the values of a recording by name: a source of arrays.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- looking ------------------------------------------------------------------------------- */

/* Whether what is stored of a value has the part: 1, 0, or an error. */
static int value_has(struct inspect *in, int64_t id, const char *sel, struct err *err)
{
	struct array_part part;
	struct array head;

	if (!sel || !*sel)
		return 1;
	if (inspect_head(in, id, &head, err))
		return err->code;
	return array_find_part(&head, sel, &part, err);
}

/* What was met on the way to a value that has the part. */
struct search {
	int64_t found, any, stored; /* ids; 0: none */
};

static int search(struct inspect *in, int64_t point, const struct array_name *n, struct search *s,
		  struct err *err)
{
	sqlite3_stmt *q = NULL;
	int has = 0;

	if (inspect_prepare(in,
			    "SELECT v.id, v.tensor_id IS NOT NULL FROM pass p "
			    "CROSS JOIN value v ON v.pass_id = p.id AND v.point_id = ?1 "
			    "WHERE p.run_id = ?2 AND (?3 < 0 OR p.idx = ?3) ORDER BY p.id, v.id",
			    &q, err))
		return err->code;
	sqlite3_bind_int64(q, 1, point);
	sqlite3_bind_int64(q, 2, n->run);
	sqlite3_bind_int64(q, 3, n->pass);
	while (!s->found && (has = inspect_step(in, q, err)) > 0) {
		int64_t id = sqlite3_column_int64(q, 0);

		s->any = s->any ? s->any : id;
		if (!sqlite3_column_int(q, 1))
			continue;
		s->stored = s->stored ? s->stored : id;
		has = value_has(in, id, n->sel.data, err);
		if (has < 0) {
			sqlite3_finalize(q);
			return has;
		}
		s->found = has ? id : 0;
	}
	sqlite3_finalize(q);
	return has < 0 ? has : 0;
}

/* Nothing was found: it was not run, not dumped, or has no such part. */
static int explain(struct inspect *in, const struct array_name *n, const struct search *s,
		   struct err *err)
{
	char pass[40] = "";
	struct array head;

	if (s->stored || s->any) {
		if (inspect_head(in, s->stored ? s->stored : s->any, &head, err))
			return err->code;
		return array_no_part(&head, n->sel.data, err);
	}
	if (n->pass >= 0)
		snprintf(pass, sizeof(pass), "pass %lld of ", (long long)n->pass);
	return err_set(err, ERR_USAGE, "%s is not recorded in %srun %lld", n->point, pass,
		       (long long)n->run);
}

void resolved_forget(struct inspect *in)
{
	for (int i = 0; i < INSPECT_RESOLVED; i++) {
		free(in->resolved[i].text);
		text_release(&in->resolved[i].sel);
		in->resolved[i] = (struct resolved_name){ 0 };
	}
}

/* Read the text and look for its value in the recording; the caller frees n->sel. */
static int find_named(struct inspect *in, const char *text, struct array_name *n, struct search *s,
		      struct err *err)
{
	const struct point_name *point;

	if (array_name_parse(text, n, err))
		return err->code;
	point = inspect_point(in, n->point, err);
	if (!point || (n->run < 0 && inspect_newest_run(in, &n->run, err)))
		return err->code;
	return search(in, point->point_id, n, s, err);
}

/* Which value and part a text means, kept in the place of the oldest such answer. */
static const struct resolved_name *resolve(struct inspect *in, const char *text, struct err *err)
{
	struct array_name n = ARRAY_NAME;
	struct search s = { 0 };
	struct resolved_name *r;
	int ret = find_named(in, text, &n, &s, err);

	if (!ret && !s.found)
		ret = explain(in, &n, &s, err);
	if (ret) {
		text_release(&n.sel);
		return NULL;
	}
	r = &in->resolved[in->n_resolved++ % INSPECT_RESOLVED];
	free(r->text);
	text_release(&r->sel);
	*r = (struct resolved_name){ mem_strdup(text), s.found, n.sel };
	return r;
}

static const struct resolved_name *resolve_once(struct inspect *in, const char *text,
						struct err *err)
{
	for (int i = 0; i < INSPECT_RESOLVED && in->resolved[i].text; i++)
		if (!strcmp(in->resolved[i].text, text))
			return &in->resolved[i];
	return resolve(in, text, err);
}

/* ---- the source ---------------------------------------------------------------------------- */

static int find_stored(void *ctx, const char *text, struct array *head, struct err *err)
{
	const struct resolved_name *r = resolve_once(ctx, text, err);
	struct array_part part;
	struct array whole;

	if (!r || inspect_head(ctx, r->value_id, head, err))
		return err->code;
	if (!r->sel.len)
		return 0;
	whole = *head;
	switch (array_find_part(&whole, r->sel.data, &part, err)) {
	case 1:
		array_describe_part(&whole, &part, head);
		return 0;
	case 0:
		return array_no_part(&whole, r->sel.data, err);
	default:
		return err->code;
	}
}

static struct array *read_stored(void *ctx, const char *text, struct err *err)
{
	const struct resolved_name *r = resolve_once(ctx, text, err);
	struct array *whole = r ? inspect_value(ctx, r->value_id, err) : NULL, *part;

	if (!whole || !r->sel.len)
		return whole;
	part = array_select(whole, r->sel.data, err);
	array_release(whole);
	return part;
}

struct array_source inspect_stored(struct inspect *in)
{
	return (struct array_source){ find_stored, read_stored, in };
}

/* ---- values -------------------------------------------------------------------------------- */

/* The first value that has elements, or statistics only where no part is asked for. */
static int find_value(struct inspect *in, const char *text, struct array_name *n, int64_t *id,
		      struct err *err)
{
	struct search s = { 0 };
	int ret = find_named(in, text, n, &s, err);

	*id = s.found ? s.found : s.any;
	if (!ret && !s.found && (n->sel.len || !s.any))
		ret = explain(in, n, &s, err);
	return ret;
}

int inspect_find(struct inspect *in, const char *text, int64_t *id, bool *part, struct err *err)
{
	struct array_name n = ARRAY_NAME;
	int ret = find_value(in, text, &n, id, err);

	*part = n.sel.len > 0;
	text_release(&n.sel);
	return ret;
}

/* A pass or run that is said as an argument; *n stays -1 when it is not. */
static int number_argument(sqlite3_value *arg, const char *what, int64_t *n, struct err *err)
{
	if (sqlite3_value_numeric_type(arg) == SQLITE_INTEGER && sqlite3_value_int64(arg) >= 0) {
		*n = sqlite3_value_int64(arg);
		return 0;
	}
	return err_set(err, ERR_USAGE, "'%.40s' is no number of a %s",
		       (const char *)sqlite3_value_text(arg), what);
}

int scalar_value_id(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,
		    struct err *err)
{
	const char *text = (const char *)sqlite3_value_text(args[0]);
	struct array_name n = ARRAY_NAME;
	int64_t id = 0;
	int ret = 0;

	if (n_args > 1)
		ret = number_argument(args[1], "pass", &n.pass, err);
	if (!ret && n_args > 2)
		ret = number_argument(args[2], "run", &n.run, err);
	if (!ret)
		ret = find_value(in, text ? text : "", &n, &id, err);
	if (!ret)
		sqlite3_result_int64(ctx, id);
	text_release(&n.sel);
	return ret;
}
