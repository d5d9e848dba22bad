/*
 * each.c -- rows out of one value: tensor_each, an element a row, and pos_stats, a position a row.
 */
#include "inspect_impl.h"

/* ---- tensor_each ------------------------------------------------------------------------------
 */

enum { EACH_VALUE = TENSOR_MAX_DIMS, EACH_TENSOR };

struct each {
	struct table_cursor base;
	struct sql_tensor *t;
	int64_t at, index[TENSOR_MAX_DIMS];
	bool fixed[TENSOR_MAX_DIMS]; /* i = constant: the others are walked */
};

static void each_reset(struct table_cursor *c)
{
	struct each *e = (struct each *)c;

	tensor_release(c->in, e->t);
	e->t = NULL;
}

static void each_place(struct each *e)
{
	e->at = 0;
	for (int i = 0; i < e->t->n_dims; i++)
		e->at = e->at * e->t->shape[i] + e->index[i];
}

static int each_filter(struct table_cursor *c, sqlite3_value **args, struct err *err)
{
	struct each *e = (struct each *)c;

	if (!args[EACH_TENSOR] || sqlite3_value_type(args[EACH_TENSOR]) == SQLITE_NULL)
		return err_set(err, ERR_USAGE, "tensor_each(t) needs a tensor");
	e->t = inspect_tensor(c->in, args[EACH_TENSOR], err);
	if (!e->t)
		return err->code;
	c->eof = e->t->numel == 0;
	for (int i = 0; i < TENSOR_MAX_DIMS; i++) {
		bool given = i < e->t->n_dims && args[i] &&
			     sqlite3_value_type(args[i]) == SQLITE_INTEGER;

		e->fixed[i] = given;
		e->index[i] = given ? sqlite3_value_int64(args[i]) : e->t->base[i];
		if (given &&
		    (e->index[i] < e->t->base[i] || e->index[i] - e->t->base[i] >= e->t->shape[i]))
			c->eof = true;
		else
			e->index[i] -= e->t->base[i];
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
