/*
 * value.c -- values as instructions see them, and how much an evaluation may take.
 */
#include "expression_impl.h"

#include <math.h>

int budget_look(const struct budget *b, struct err *err)
{
	if (b->watch && b->watch->is_over(b->watch->ctx))
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	return 0;
}

int budget_take(struct budget *b, int64_t n, struct err *err)
{
	if (n > b->left)
		return err_set(err, ERR_USAGE,
			       "this takes %lld elements, and %lld are left of the %lld that an "
			       "expression may use: take a part",
			       (long long)n, (long long)b->left,
			       (long long)EXPRESSION_MAX_ELEMENTS);
	b->left -= n;
	return budget_look(b, err);
}

void value_settle(struct array_value *v)
{
	double x;

	if (v->kind != ARRAY_TENSOR || v->array->n_dims > 0 || !v->array->data)
		return;
	x = v->array->data[0];
	array_value_release(v);
	*v = (struct array_value){ .kind = ARRAY_REAL, .real = x };
}

bool value_is_number(const struct array_value *v)
{
	return v->kind == ARRAY_WHOLE || v->kind == ARRAY_REAL || v->kind == ARRAY_NULL;
}

double value_number(const struct array_value *v)
{
	return v->kind == ARRAY_WHOLE ? (double)v->whole : v->kind == ARRAY_REAL ? v->real : NAN;
}

const char *value_kind(const struct array_value *v)
{
	static const char *const names[] = {
		[ARRAY_NULL] = "nothing", [ARRAY_WHOLE] = "a number",  [ARRAY_REAL] = "a number",
		[ARRAY_TEXT] = "a text",  [ARRAY_TENSOR] = "a tensor",
	};

	return names[v->kind];
}

#define WHOLE_END 9223372036854775808.0 /* 2^63, the first f64 that is no int64_t */

int value_whole(const struct array_value *v, const char *what, int64_t *n, struct err *err)
{
	if (v->kind == ARRAY_WHOLE) {
		*n = v->whole;
		return 0;
	}
	if (v->kind != ARRAY_REAL)
		return err_set(err, ERR_USAGE, "%s is a whole number, not %s", what, value_kind(v));
	if (v->real != trunc(v->real) || !(fabs(v->real) < WHOLE_END))
		return err_set(err, ERR_USAGE, "%s is a whole number, not %g", what, v->real);
	*n = (int64_t)v->real;
	return 0;
}
