/*
 * rows.c -- the spans and values of a pass: kept in memory while it runs, stored when it ends.
 */
#include "writer.h"

#include "torchless/clock.h"

#include <stdio.h>
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

#define INSERT_INTO(name, rows)                                                                    \
	{                                                                                          \
		.table = #name, .columns = name##_columns,                                         \
		.n_columns = (int)(sizeof(name##_columns) / sizeof(name##_columns[0])),            \
		.row_bytes = sizeof(rows)                                                          \
	}

void rows_init(struct trace_writer *w)
{
	w->sql.span = (struct insert)INSERT_INTO(span, struct span);
	w->sql.value = (struct insert)INSERT_INTO(value, struct value_row);
}

/* What was stored of the pass when somebody wanted to read so far. */
static int delete_stored(struct trace_writer *w, struct err *err)
{
	char sql[160];

	snprintf(sql, sizeof(sql),
		 "DELETE FROM span WHERE pass_id = %lld AND id >= %lld;"
		 "DELETE FROM value WHERE pass_id = %lld AND id >= %lld",
		 (long long)w->pass_id, (long long)(w->n_spans ? w->spans[0].id : w->next_span),
		 (long long)w->pass_id, (long long)(w->n_values ? w->values[0].id : w->next_value));
	return db_exec(&w->db, sql, err);
}

int rows_store(struct trace_writer *w, struct err *err)
{
	int64_t started = clock_thread_ns();
	int ret = writer_begin(w, err);

	if (!ret && w->is_stored)
		ret = delete_stored(w, err);
	w->is_stored = true; /* in part, when this fails */
	if (!ret && w->n_spans)
		ret = insert_rows(&w->db, &w->sql.span, w->spans, w->n_spans, err);
	if (!ret && w->n_values)
		ret = insert_rows(&w->db, &w->sql.value, w->values, w->n_values, err);
	w->totals.writing_ns += clock_thread_ns() - started;
	return ret;
}

void rows_drop_values(struct trace_writer *w, size_t n)
{
	while (w->n_values > n)
		free(w->values[--w->n_values].positions);
	while (w->n_watched > 0 && w->watched[w->n_watched - 1].row >= n)
		w->n_watched--;
}

void rows_take_back(struct trace_writer *w, size_t n)
{
	int64_t dropped = (int64_t)(w->n_values - n);

	w->next_value -= dropped;
	w->totals.n_values -= dropped;
	rows_drop_values(w, n);
}

void rows_drop_spans(struct trace_writer *w)
{
	w->n_spans = w->n_open = 0;
}
