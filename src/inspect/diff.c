/*
 * diff.c -- trace_diff: two runs value by value, in the order they were computed.
 *
 * Values meet by pass and name.  Whether they are equal is told by the hash of all elements, which
 * is there without a dump; how far apart they are, and whether that is within the tolerance, needs
 * dumps that have a part in common.  What only one run has is there, too: those of a in their
 * places, those of b at the end.  From the token on that is another the column `gate` says that no
 * difference means anything; `models` says in what two models differ.
 */
#include "diff.h"

#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DIFF_ORD,
	DIFF_PASS,
	DIFF_FQN,
	DIFF_LAYER,
	DIFF_ROLE,
	DIFF_VERDICT,
	DIFF_NMSE,
	DIFF_COSINE,
	DIFF_MAX_ABS,
	DIFF_MAX_AT,
	DIFF_L2_A,
	DIFF_L2_B,
	DIFF_VALUE_A,
	DIFF_VALUE_B,
	DIFF_WITHIN,
	DIFF_PROBLEM,
	DIFF_PLACE,
	DIFF_ELEMENT_A,
	DIFF_ELEMENT_B,
	DIFF_GATE,
	DIFF_MODELS,
	DIFF_SHAPE_A,
	DIFF_SHAPE_B,
	DIFF_MEAN_A,
	DIFF_MEAN_B,
	DIFF_A,
	DIFF_B,
	DIFF_TIMES,
	DIFF_COLUMNS
};

static void diff_reset(struct table_cursor *c)
{
	struct diff *d = (struct diff *)c;

	diff_side_release(&d->a);
	diff_side_release(&d->b);
	free(d->a_in_b);
	free(d->sorted);
	text_release(&d->models);
	d->a_in_b = NULL;
	d->sorted = NULL;
}

/*
 * Stand on row `at`, or go on to what only b has.  The numbers of the two are read by the first
 * column that tells of them: who asks for one point of a recording reads no other.
 */
static void stand(struct diff *d)
{
	while (d->at >= d->a.n_values && d->at - d->a.n_values < d->b.n_values &&
	       d->b.values[d->at - d->a.n_values].is_met)
		d->at++;
	d->base.eof = d->at >= d->a.n_values + d->b.n_values;
	if (d->base.eof)
		return;
	d->row.x = d->at < d->a.n_values ? &d->a.values[d->at] : NULL;
	d->row.y = d->row.x ? diff_partner(d, d->row.x) : &d->b.values[d->at - d->a.n_values];
	d->row.is_judged = false;
	if (d->row.x && d->row.y)
		d->row.y->is_met = true;
}

static int diff_filter(struct table_cursor *c, sqlite3_value **args, struct err *err)
{
	struct diff *d = (struct diff *)c;

	d->at = 0;
	d->times = 1;
	if (args[DIFF_TIMES] && sqlite3_value_type(args[DIFF_TIMES]) != SQLITE_NULL)
		d->times = sqlite3_value_double(args[DIFF_TIMES]);
	if (!(d->times > 0))
		return err_set(err, ERR_USAGE,
			       "times is how many times the tolerance passes: a number above 0");
	if (diff_open_sides(&d->a, &d->b, d->base.in, args[DIFF_A], args[DIFF_B], err) ||
	    diff_side_read(&d->a, err) || diff_side_read(&d->b, err))
		return err->code;
	if (diff_compare_models(d, err))
		return err->code;
	diff_compare_tokens(d);
	diff_match(d);
	stand(d);
	return 0;
}

static int diff_next(struct table_cursor *c, struct err *err)
{
	struct diff *d = (struct diff *)c;

	(void)err;
	d->at++;
	stand(d);
	return 0;
}

static void result_name(const struct diff *d, sqlite3_context *ctx, int column)
{
	const struct diff_side *s = d->row.x ? &d->a : &d->b;
	const struct diff_value *v = d->row.x ? d->row.x : d->row.y;
	const struct diff_point *p = &s->points[v->point];

	if (column == DIFF_PASS && v->pass >= 0)
		sqlite3_result_int64(ctx, v->pass);
	else if (column == DIFF_FQN)
		sqlite3_result_text(ctx, p->fqn, -1, SQLITE_TRANSIENT);
	else if (column == DIFF_ROLE)
		sqlite3_result_text(ctx, p->role, -1, SQLITE_TRANSIENT);
	else if (column == DIFF_LAYER && p->layer >= 0)
		sqlite3_result_int64(ctx, p->layer);
}

static void result_sums(const struct diff *d, sqlite3_context *ctx, int column)
{
	bool equal = d->row.verdict && !strcmp(d->row.verdict, "equal");

	if (column == DIFF_MAX_AT) {
		if (d->row.has_sums && d->row.sums.max_at >= 0)
			sqlite3_result_text(ctx, d->row.max_at, -1, SQLITE_TRANSIENT);
	} else if (d->row.has_sums) {
		sqlite3_result_double(ctx, column == DIFF_NMSE     ? pair_nmse(&d->row.sums)
					   : column == DIFF_COSINE ? pair_cosine(&d->row.sums)
								   : d->row.sums.max_abs);
	} else if (equal) {
		sqlite3_result_double(ctx, column == DIFF_COSINE);
	}
}

/* What a value is, without the other: shapes and means. */
static void result_own(const struct diff_value *v, sqlite3_context *ctx, bool is_shape)
{
	char shape[96];

	if (v && is_shape)
		sqlite3_result_text(ctx, diff_shape_text(v, shape, sizeof(shape)), -1,
				    SQLITE_TRANSIENT);
	else if (v && v->has_mean)
		sqlite3_result_double(ctx, v->mean);
}

static void result_value(const struct diff_value *v, sqlite3_context *ctx, bool l2)
{
	if (v && !l2)
		sqlite3_result_int64(ctx, v->id);
	else if (v && v->has_l2)
		sqlite3_result_double(ctx, v->l2);
}

/* The columns about the tolerance. */
static void result_judged(const struct diff *d, sqlite3_context *ctx, int column)
{
	const char *text = NULL;
	char buf[256];

	if (column == DIFF_WITHIN && diff_within(&d->row) >= 0)
		sqlite3_result_int(ctx, diff_within(&d->row));
	else if (column == DIFF_PROBLEM)
		text = diff_problem(&d->row, buf, sizeof(buf));
	else if (column == DIFF_GATE)
		text = diff_gate(d, buf, sizeof(buf));
	else if (column == DIFF_MODELS && d->models.len)
		text = d->models.data;
	else if (column == DIFF_PLACE && d->row.judged.max_abs > 0)
		text = d->row.place;
	else if (column == DIFF_ELEMENT_A && d->row.judged.max_abs > 0)
		sqlite3_result_double(ctx, d->row.element_a);
	else if (column == DIFF_ELEMENT_B && d->row.judged.max_abs > 0)
		sqlite3_result_double(ctx, d->row.element_b);
	if (text)
		sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
}

static bool needs_numbers(int column)
{
	return (column >= DIFF_VERDICT && column <= DIFF_MAX_AT) ||
	       (column >= DIFF_WITHIN && column <= DIFF_ELEMENT_B);
}

static int diff_column(struct table_cursor *c, sqlite3_context *ctx, int column, struct err *err)
{
	struct diff *d = (struct diff *)c;

	if (needs_numbers(column) && diff_judge(d, err))
		return err->code;
	if (column == DIFF_ORD)
		sqlite3_result_int64(ctx, c->rowid);
	else if (column <= DIFF_ROLE)
		result_name(d, ctx, column);
	else if (column == DIFF_VERDICT && d->row.verdict)
		sqlite3_result_text(ctx, d->row.verdict, -1, SQLITE_STATIC);
	else if (column >= DIFF_NMSE && column <= DIFF_MAX_AT)
		result_sums(d, ctx, column);
	else if (column == DIFF_L2_A || column == DIFF_VALUE_A)
		result_value(d->row.x, ctx, column == DIFF_L2_A);
	else if (column == DIFF_L2_B || column == DIFF_VALUE_B)
		result_value(d->row.y, ctx, column == DIFF_L2_B);
	else if (column == DIFF_SHAPE_A || column == DIFF_MEAN_A)
		result_own(d->row.x, ctx, column == DIFF_SHAPE_A);
	else if (column == DIFF_SHAPE_B || column == DIFF_MEAN_B)
		result_own(d->row.y, ctx, column == DIFF_SHAPE_B);
	else if (column == DIFF_A || column == DIFF_B)
		sqlite3_result_int64(ctx, column == DIFF_A ? d->a.run : d->b.run);
	else if (column == DIFF_TIMES)
		sqlite3_result_double(ctx, d->times);
	else
		result_judged(d, ctx, column);
	return 0;
}

const struct sql_table trace_diff_table = {
	.declaration =
		"CREATE TABLE x(ord INT, pass INT, fqn TEXT, layer INT, role TEXT, "
		"verdict TEXT, nmse REAL, cosine REAL, max_abs REAL, max_at TEXT, "
		"l2_a REAL, l2_b REAL, value_a INT, value_b INT, within INT, problem TEXT, "
		"place TEXT, element_a REAL, element_b REAL, gate TEXT, models TEXT, shape_a TEXT, shape_b TEXT, mean_a REAL, mean_b REAL, a HIDDEN, b HIDDEN, "
		"times HIDDEN)",
	.n_columns = DIFF_COLUMNS,
	.n_hidden = 3,
	.opens = true,
	.rows = 1e4,
	.cursor_bytes = sizeof(struct diff),
	.filter = diff_filter,
	.next = diff_next,
	.column = diff_column,
	.reset = diff_reset,
};
