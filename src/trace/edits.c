/*
 * edits.c -- the edits of a run, as the executor's log has them; values that one changed name it.
 *
 * The log is the truth: when it has changed its rows are written again, in its order, and rows of
 * values that name one follow.  So a run that an edit was taken out of is as if it had not been
 * made.
 */
#include "writer.h"

#include "torchless/mem.h"
#include "torchless/point.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int64_t row_of(const struct trace_writer *w, int edit_id)
{
	int i;

	for (i = 0; i < w->n_edits; i++)
		if (w->edits[i].edit_id == edit_id)
			return w->edits[i].row_id;
	return -1;
}

int64_t edits_row(const struct trace_writer *w, const struct executor *ex, value_id v)
{
	const struct edit *e = executor_edit_in_force(ex, v);

	return e ? row_of(w, e->id) : -1;
}

/* How the table names the kinds. */
static const char *const kind_names[EDIT_KINDS] = {
	[EDIT_ZERO] = "zero",       [EDIT_SET] = "set",         [EDIT_SCALE] = "scale",
	[EDIT_ADD] = "add",         [EDIT_MEAN] = "mean",       [EDIT_COPY] = "graft",
	[EDIT_REPLACE] = "replace", [EDIT_COMPUTE] = "replace",
};

static void add_selection(struct text *t, const struct selection *sel, const char *axes)
{
	struct text s = { 0 };

	selection_format(sel, axes, &s);
	text_add_json(t, s.data ? s.data : "", s.len);
	text_release(&s);
}

/* {"value": 0.5, "source": "..."}: its number, and where it comes from. */
static void add_args(struct text *t, const struct edit *e, const char *axes)
{
	const char *separator = "";

	text_addc(t, '{');
	if (e->kind == EDIT_SET || e->kind == EDIT_SCALE || e->kind == EDIT_ADD) {
		if (isfinite(e->arg))
			text_addf(t, "\"value\": %.9g", (double)e->arg);
		else
			text_addf(t, "\"value\": \"%f\"", printed((double)e->arg));
		separator = ", ";
	}
	if (e->kind == EDIT_REPLACE) {
		text_addf(t, "\"n\": %lld", (long long)e->n_data);
		separator = ", ";
	}
	if (e->kind == EDIT_COPY) {
		text_adds(t, "\"from\": ");
		add_selection(t, &e->from, axes);
		separator = ", ";
	}
	if (e->kind == EDIT_COMPUTE) {
		text_adds(t, "\"computed\": true");
		separator = ", ";
	}
	if (e->source) {
		text_addf(t, "%s\"source\": ", separator);
		text_add_json(t, e->source, strlen(e->source));
	}
	text_addc(t, '}');
}

static int insert_edit(struct trace_writer *w, const struct edit *e, int64_t row_id,
		       struct err *err)
{
	const struct value *v = &w->program->values[e->value];
	bool is_weight = v->storage == STORAGE_WEIGHT;
	struct stmt *s = is_weight ? &w->sql.edit_weight : &w->sql.edit;
	struct text sel = { 0 }, args = { 0 };
	int ret = stmt_ready(
		&w->db, s,
		is_weight
			? "INSERT INTO edit(id, run_id, weight, sel, kind, args) "
			  "VALUES(:id, :run, :weight, :sel, :kind, :args)"
			: "INSERT INTO edit(id, run_id, point_id, pass_from, pass_to, sel, kind, args) "
			  "VALUES(:id, :run, :point, nullif(:from, 0), nullif(:to, -1), :sel, :kind, :args)",
		err);

	if (ret)
		return ret;
	selection_format(&e->sel, value_axes(v), &sel);
	add_args(&args, e, value_axes(v));
	stmt_int(s, ":id", row_id);
	stmt_int(s, ":run", w->run_id);
	if (is_weight) {
		stmt_text(s, ":weight", v->name);
	} else {
		stmt_int(s, ":point", w->point_ids[e->value]);
		stmt_int(s, ":from", e->pass_from > 0 ? e->pass_from : 0);
		stmt_int(s, ":to", e->pass_to < 0 ? -1 : e->pass_to);
	}
	stmt_text(s, ":sel", sel.data ? sel.data : "");
	stmt_text(s, ":kind", kind_names[e->kind]);
	stmt_text(s, ":args", args.data);
	ret = stmt_run(&w->db, s, err);
	text_release(&sel);
	text_release(&args);
	return ret;
}

/* Rows of values of this run that name row `from` name row `to`, or none (-1). */
static int rename_edit(struct trace_writer *w, int64_t from, int64_t to, struct err *err)
{
	char sql[160];
	size_t i;

	for (i = 0; i < w->n_values; i++)
		if (w->values[i].edit_id == from)
			w->values[i].edit_id = to;
	snprintf(sql, sizeof(sql),
		 "UPDATE value SET edit_id = nullif(%lld, -1) WHERE edit_id = %lld AND id >= %lld",
		 (long long)to, (long long)from, (long long)w->begin.next_value);
	return db_exec(&w->db, sql, err);
}

static bool in_log(const struct executor *ex, int edit_id)
{
	return executor_edit(ex, edit_id) != NULL;
}

/* Rows move up to where the log has their edits: in its order, so no two meet. */
static int follow_removals(struct trace_writer *w, const struct executor *ex, struct err *err)
{
	int64_t to = w->next_edit;
	int i;

	for (i = 0; i < w->n_edits; i++) {
		bool stays = in_log(ex, w->edits[i].edit_id);
		int64_t row = stays ? to++ : -1;

		if (row != w->edits[i].row_id && rename_edit(w, w->edits[i].row_id, row, err))
			return err->code;
	}
	return 0;
}

int trace_writer_edits(struct trace_writer *w, const struct executor *ex, struct err *err)
{
	char sql[80];
	int i;

	if (writer_has_failed(w, err))
		return err->code;
	if (w->n_edits == ex->n_edits && w->last_edit_id == ex->last_edit_id)
		return 0;
	snprintf(sql, sizeof(sql), "DELETE FROM edit WHERE run_id = %lld", (long long)w->run_id);
	if (writer_begin(w, err) || follow_removals(w, ex, err) || db_exec(&w->db, sql, err))
		return err->code;
	w->n_edits = 0;
	for (i = 0; i < ex->n_edits; i++) {
		struct edit_row row = { ex->edits[i].id, w->next_edit + i };

		if (insert_edit(w, &ex->edits[i], row.row_id, err))
			return err->code;
		w->edits = mem_grow(w->edits, (size_t)w->n_edits, &w->cap_edits, sizeof(row));
		w->edits[w->n_edits++] = row;
	}
	w->last_edit_id = ex->last_edit_id;
	return 0;
}
