/*
 * each.c -- rows out of one value: tensor_each, an element a row, and pos_stats, a position a row.
 */
#include "inspect_impl.h"

#include "torchless/point.h"
#include "torchless/stats.h"

#include <stdlib.h>
#include <string.h>

/* ---- tensor_each ------------------------------------------------------------------------------
 */

enum { EACH_VALUE = TENSOR_MAX_DIMS, EACH_TENSOR };

struct each {
	struct table_cursor base;
	struct array *t;
	int64_t at, index[TENSOR_MAX_DIMS];
	bool fixed[TENSOR_MAX_DIMS]; /* i = constant: the others are walked */
};

static void each_reset(struct table_cursor *c)
{
	struct each *e = (struct each *)c;

	array_release(e->t);
	e->t = NULL;
}

static void each_place(struct each *e)
{
	e->at = 0;
	for (int i = 0; i < e->t->n_dims; i++)
		e->at = e->at * e->t->shape[i] + e->index[i];
}

/* The row of an index along axis i, which may be any number; false when it is not there. */
static bool row_at(const struct array *t, int i, int64_t index, int64_t *row)
{
	if (index < t->base[i] || index - t->base[i] >= t->shape[i])
		return false;
	*row = index - t->base[i];
	return true;
}

static int each_filter(struct table_cursor *c, sqlite3_value **args, struct err *err)
{
	struct each *e = (struct each *)c;

	if (!args[EACH_TENSOR] || sqlite3_value_type(args[EACH_TENSOR]) == SQLITE_NULL)
		return err_set(err, ERR_USAGE, "tensor_each(t) needs a tensor");
	e->t = inspect_array(c->in, args[EACH_TENSOR], err);
	if (!e->t)
		return err->code;
	c->eof = e->t->numel == 0;
	for (int i = 0; i < TENSOR_MAX_DIMS; i++) {
		e->fixed[i] = i < e->t->n_dims && args[i] &&
			      sqlite3_value_type(args[i]) == SQLITE_INTEGER;
		e->index[i] = 0;
		if (e->fixed[i] && !row_at(e->t, i, sqlite3_value_int64(args[i]), &e->index[i]))
			c->eof = true;
	}
	each_place(e);
	return 0;
}

static int each_next(struct table_cursor *c, struct err *err)
{
	struct each *e = (struct each *)c;
	int i = e->t->n_dims - 1;

	(void)err;
	for (; i >= 0; i--) {
		if (e->fixed[i])
			continue;
		if (++e->index[i] < e->t->shape[i])
			break;
		e->index[i] = 0;
	}
	c->eof = i < 0;
	each_place(e);
	return 0;
}

static int each_column(struct table_cursor *c, sqlite3_context *ctx, int column, struct err *err)
{
	const struct each *e = (const struct each *)c;

	(void)err;
	if (column == EACH_VALUE)
		sqlite3_result_double(ctx, (double)e->t->data[e->at]);
	else if (column < e->t->n_dims)
		sqlite3_result_int64(ctx, e->t->base[column] + e->index[column]);
	return 0;
}

const struct sql_table tensor_each_table = {
	.declaration = "CREATE TABLE x(i0 INT, i1 INT, i2 INT, i3 INT, value REAL, t HIDDEN)",
	.n_columns = 6,
	.n_hidden = 1,
	.pushed = 0xf,
	.rows = 1e5,
	.cursor_bytes = sizeof(struct each),
	.filter = each_filter,
	.next = each_next,
	.column = each_column,
	.reset = each_reset,
};

/* ---- pos_stats ------------------------------------------------------------------------------ */

enum { POS_AT, POS_L2, POS_ABSMAX, POS_MEAN, POS_STD, POS_VALUE };
#define POS_STATS 4

struct pos_stats {
	struct table_cursor base;
	int64_t first, n;
	float *stats; /* [n, 4]: l2, absmax, mean, std */
};

static void pos_reset(struct table_cursor *c)
{
	struct pos_stats *p = (struct pos_stats *)c;

	free(p->stats);
	p->stats = NULL;
	p->n = 0;
}

/* Take a row of pos_stats, pos0 and n_tok: f32[n, 4] of the last n positions of the pass. */
static int take_packed(struct pos_stats *p, sqlite3_stmt *q, int64_t id, struct err *err)
{
	const void *packed = sqlite3_column_blob(q, 0);
	int64_t bytes = sqlite3_column_bytes(q, 0), end;

	if (__builtin_add_overflow(sqlite3_column_int64(q, 1), sqlite3_column_int64(q, 2), &end) ||
	    end < 0)
		end = -1;
	p->n = bytes / (int64_t)sizeof(float[POS_STATS]);
	p->first = end - p->n;
	if (!packed || p->first < 0 || bytes % (int64_t)sizeof(float[POS_STATS]))
		return err_set(err, ERR_FORMAT,
			       "the recording is damaged: value %lld has statistics of %lld bytes, "
			       "its pass ends before position %lld",
			       (long long)id, (long long)bytes, (long long)end);
	p->stats = array_numbers(p->n * POS_STATS, err);
	if (!p->stats)
		return err->code;
	memcpy(p->stats, packed, (size_t)bytes);
	return 1;
}

/* What the recorder packed, whatever was dumped: 1, 0 when it packed nothing, or an error. */
static int read_packed(struct pos_stats *p, int64_t id, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int ret;

	if (inspect_prepare(p->base.in,
			    "SELECT v.pos_stats, a.pos0, a.n_tok FROM value v JOIN pass a ON "
			    "a.id = v.pass_id WHERE v.id = ?1",
			    &q, err))
		return err->code;
	sqlite3_bind_int64(q, 1, id);
	ret = inspect_step(p->base.in, q, err);
	if (ret > 0)
		ret = sqlite3_column_bytes(q, 0) > 0;
	if (ret > 0)
		ret = take_packed(p, q, id, err);
	sqlite3_finalize(q);
	return ret;
}

/* Of the elements: rows of the axis that counts positions, or of the first. */
static int sum_positions(struct pos_stats *p, const struct array *t, struct err *err)
{
	int64_t outer = 1, inner = 1;
	struct stats_sum sum;
	int axis = 0;

	for (int i = t->n_dims - 1; i >= 0; i--)
		axis = axis_counts_positions(t->axes, i) ? i : axis;
	p->n = t->n_dims ? t->shape[axis] : 1;
	p->first = t->base[axis];
	p->stats = array_numbers(p->n * POS_STATS, err);
	if (!p->stats)
		return err->code;
	for (int i = 0; i < t->n_dims; i++) {
		outer *= i < axis ? t->shape[i] : 1;
		inner *= i > axis ? t->shape[i] : 1;
	}
	for (int64_t k = 0; k < p->n; k++) {
		struct stats s;

		stats_sum_init(&sum);
		for (int64_t o = 0; o < outer; o++)
			stats_sum_add(&sum, t->data + (o * p->n + k) * inner, inner,
				      (o * p->n + k) * inner);
		s = stats_finish(&sum);
		p->stats[POS_STATS * k] = (float)s.l2;
		p->stats[POS_STATS * k + 1] = (float)s.absmax;
		p->stats[POS_STATS * k + 2] = (float)s.mean;
		p->stats[POS_STATS * k + 3] = (float)s.std;
	}
	return 0;
}

/* The id of an argument that means a whole stored value, 0 when it is something else. */
static int whole_value(struct inspect *in, sqlite3_value *arg, int64_t *id, struct err *err)
{
	const char *text;
	bool part = false;
	int live;

	*id = sqlite3_value_type(arg) == SQLITE_INTEGER ? sqlite3_value_int64(arg) : 0;
	if (sqlite3_value_type(arg) != SQLITE_TEXT)
		return 0;
	text = (const char *)sqlite3_value_text(arg);
	if (!strncmp(text, WEIGHT_PREFIX, sizeof(WEIGHT_PREFIX) - 1))
		return 0;
	live = inspect_is_live(in, text, err);
	if (live)
		return live < 0 ? live : 0;
	if (inspect_find(in, text, id, &part, err))
		return err->code;
	*id = part ? 0 : *id;
	return 0;
}

static int pos_filter(struct table_cursor *c, sqlite3_value **args, struct err *err)
{
	struct pos_stats *p = (struct pos_stats *)c;
	struct array *t;
	int64_t id = 0;
	int ret;

	if (!args[POS_VALUE])
		return err_set(err, ERR_USAGE, "pos_stats(value) needs a value");
	if (whole_value(c->in, args[POS_VALUE], &id, err))
		return err->code;
	ret = id ? read_packed(p, id, err) : 0;
	if (ret == 0) {
		t = inspect_array(c->in, args[POS_VALUE], err);
		if (!t)
			return err->code;
		ret = sum_positions(p, t, err);
		array_release(t);
	}
	c->eof = p->n == 0;
	return ret < 0 ? ret : 0;
}

static int pos_next(struct table_cursor *c, struct err *err)
{
	(void)err;
	c->eof = c->rowid >= ((struct pos_stats *)c)->n;
	return 0;
}

static int pos_column(struct table_cursor *c, sqlite3_context *ctx, int column, struct err *err)
{
	const struct pos_stats *p = (const struct pos_stats *)c;

	(void)err;
	if (column == POS_AT)
		sqlite3_result_int64(ctx, p->first + c->rowid);
	else if (column < POS_VALUE)
		sqlite3_result_double(ctx,
				      (double)p->stats[POS_STATS * c->rowid + column - POS_L2]);
	return 0;
}

const struct sql_table pos_stats_table = {
	.declaration =
		"CREATE TABLE x(pos INT, l2 REAL, absmax REAL, mean REAL, std REAL, value HIDDEN)",
	.n_columns = 6,
	.n_hidden = 1,
	.rows = 1e3,
	.cursor_bytes = sizeof(struct pos_stats),
	.filter = pos_filter,
	.next = pos_next,
	.column = pos_column,
	.reset = pos_reset,
};
