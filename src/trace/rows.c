/*
 * rows.c -- the spans and values of a pass: kept in memory while it runs, stored when it ends.
 */
#include "writer.h"

#include "torchless/clock.h"

#include <stdlib.h>

static const struct column span_columns[] = {
	{ "id", COLUMN_INT, offsetof(struct span, id) },
	{ "last_id", COLUMN_ORDINAL, offsetof(struct span, last_id) },
	{ "pass_id", COLUMN_INT, offsetof(struct span, pass_id) },
	{ "parent_id", COLUMN_ORDINAL, offsetof(struct span, parent_id) },
	{ "module_id", COLUMN_INT, offsetof(struct span, module_id) },
	{ "depth", COLUMN_INT, offsetof(struct span, depth) },
	{ "ts", COLUMN_INT, offsetof(struct span, ts) },
	{ "dur", COLUMN_ORDINAL, offsetof(struct span, dur) },
	{ "flops", COLUMN_INT, offsetof(struct span, cost.flops) },
	{ "bytes_w", COLUMN_INT, offsetof(struct span, cost.bytes_w) },
	{ "bytes_kv", COLUMN_INT, offsetof(struct span, cost.bytes_kv) },
	{ "bytes_act", COLUMN_INT, offsetof(struct span, cost.bytes_act) },
};

static const struct column value_columns[] = {
	{ "id", COLUMN_INT, offsetof(struct value_row, id) },
	{ "pass_id", COLUMN_INT, offsetof(struct value_row, pass_id) },
	{ "span_id", COLUMN_INT, offsetof(struct value_row, span_id) },
	{ "point_id", COLUMN_INT, offsetof(struct value_row, point_id) },
	{ "dtype", COLUMN_INT, offsetof(struct value_row, dtype) },
	{ "d0", COLUMN_ORDINAL, offsetof(struct value_row, d[0]) },
	{ "d1", COLUMN_ORDINAL, offsetof(struct value_row, d[1]) },
	{ "d2", COLUMN_ORDINAL, offsetof(struct value_row, d[2]) },
	{ "d3", COLUMN_ORDINAL, offsetof(struct value_row, d[3]) },
	{ "numel", COLUMN_INT, offsetof(struct value_row, numel) },
	{ "vmin", COLUMN_REAL, offsetof(struct value_row, stats.min) },
	{ "vmax", COLUMN_REAL, offsetof(struct value_row, stats.max) },
	{ "mean", COLUMN_REAL, offsetof(struct value_row, stats.mean) },
	{ "std", COLUMN_REAL, offsetof(struct value_row, stats.std) },
	{ "l2", COLUMN_REAL, offsetof(struct value_row, stats.l2) },
	{ "absmax", COLUMN_REAL, offsetof(struct value_row, stats.absmax) },
	{ "absmax_at", COLUMN_ORDINAL, offsetof(struct value_row, stats.absmax_at) },
	{ "n_nan", COLUMN_INT, offsetof(struct value_row, stats.n_nan) },
	{ "n_pinf", COLUMN_INT, offsetof(struct value_row, stats.n_pinf) },
	{ "n_ninf", COLUMN_INT, offsetof(struct value_row, stats.n_ninf) },
	{ "n_zero", COLUMN_INT, offsetof(struct value_row, stats.n_zero) },
	{ "n_sub", COLUMN_INT, offsetof(struct value_row, stats.n_sub) },
	{ "hash", COLUMN_INT, offsetof(struct value_row, hash) },
	{ "tensor_id", COLUMN_ORDINAL, offsetof(struct value_row, tensor_id) },
	{ "dump_from", COLUMN_ORDINAL, offsetof(struct value_row, dump_from) },
	{ "edit_id", COLUMN_ORDINAL, offsetof(struct value_row, edit_id) },
	{ "pos_stats", COLUMN_BLOB, offsetof(struct value_row, pos_stats) },
};

#define N_COLUMNS(table) ((int)(sizeof(table) / sizeof((table)[0])))

static int store_span(struct trace_writer *w, struct span *s, struct err *err)
{
	int ret = insert_ready(&w->db, &w->sql.span, "span", span_columns, N_COLUMNS(span_columns),
			       err);

	if (!ret)
		ret = insert_row(&w->db, &w->sql.span, span_columns, N_COLUMNS(span_columns), s,
				 err);
	s->stored = true;
	s->changed = false;
	return ret;
}

/* Complete a span that was stored while it was open. */
static int restore_span(struct trace_writer *w, struct span *s, struct err *err)
{
	struct stmt *q = &w->sql.span_end;

	if (stmt_ready(
		    &w->db, q,
		    "UPDATE span SET last_id = :last, dur = :dur, flops = :flops, "
		    "bytes_w = :bytes_w, bytes_kv = :bytes_kv, bytes_act = :bytes_act WHERE id = :id",
		    err))
		return err->code;
	stmt_int(q, ":last", s->last_id);
	stmt_int(q, ":dur", s->dur);
	stmt_int(q, ":flops", s->cost.flops);
	stmt_int(q, ":bytes_w", s->cost.bytes_w);
	stmt_int(q, ":bytes_kv", s->cost.bytes_kv);
	stmt_int(q, ":bytes_act", s->cost.bytes_act);
	stmt_int(q, ":id", s->id);
	s->changed = false;
	return stmt_run(&w->db, q, err);
}

static int store_values(struct trace_writer *w, struct err *err)
{
	size_t i;
	int ret = insert_ready(&w->db, &w->sql.value, "value", value_columns,
			       N_COLUMNS(value_columns), err);

	for (i = 0; i < w->n_values; i++) {
		if (!ret)
			ret = insert_row(&w->db, &w->sql.value, value_columns,
					 N_COLUMNS(value_columns), &w->values[i], err);
		free(w->values[i].positions);
	}
	w->n_values = 0;
	return ret;
}

int writer_flush(struct trace_writer *w, struct err *err)
{
	int64_t started = clock_thread_ns();
	size_t i;
	int ret = w->n_spans || w->n_values ? writer_begin(w, err) : 0;

	for (i = 0; i < w->n_spans && !ret; i++) {
		if (!w->spans[i].stored)
			ret = store_span(w, &w->spans[i], err);
		else if (w->spans[i].changed)
			ret = restore_span(w, &w->spans[i], err);
	}
	if (!ret && w->n_values)
		ret = store_values(w, err);
	w->totals.writing_ns += clock_thread_ns() - started;
	return ret;
}

void writer_clear_pass(struct trace_writer *w)
{
	size_t i;

	for (i = 0; i < w->n_values; i++)
		free(w->values[i].positions);
	w->n_values = w->n_spans = w->n_open = 0;
	w->in_pass = false;
}
