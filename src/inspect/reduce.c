/*
 * reduce.c -- how large a tensor's elements are, and where: over all of them or along one
 * axis.
 *
 * Sums are f64.  As in v_value, means and extremes are over the finite elements, so that a NaN or
 * the -inf of a mask does not hide the rest.
 */
#include "inspect_impl.h"

#include "torchless/stats.h"

#include <math.h>
#include <stdlib.h>

/* Reduce n elements of which the first counts as index `base`. */
typedef double reduce_fn(const float *x, int64_t n, int64_t base);

/* Along an axis of several: a tensor without it. */
static int reduce_axis(sqlite3_context *ctx, const struct sql_tensor *t, int axis, reduce_fn *fn,
		       struct err *err)
{
	int64_t shape[TENSOR_MAX_DIMS], outer = 1, inner = 1, n = t->shape[axis];
	float *row, *out;
	int n_dims = 0;

	for (int i = 0; i < t->n_dims; i++) {
		outer *= i < axis ? t->shape[i] : 1;
		inner *= i > axis ? t->shape[i] : 1;
		if (i != axis)
			shape[n_dims++] = t->shape[i];
	}
	row = numbers_new(n, err);
	if (!row)
		return err->code;
	out = numbers_new(outer * inner, err);
	if (!out) {
		free(row);
		return err->code;
	}
	for (int64_t i = 0; i < outer * inner; i++) {
		for (int64_t k = 0; k < n; k++)
			row[k] = t->data[(i / inner * n + k) * inner + i % inner];
		out[i] = (float)fn(row, n, t->base[axis]);
	}
	result_tensor(ctx, out, n_dims, shape);
	free(row);
	free(out);
	return 0;
}

/* A function of (t[, axis]); without an axis it is over everything, or the last. */
static int reduce_arguments(struct inspect *in, sqlite3_context *ctx, int n_args,
			    sqlite3_value **args, bool last_axis, reduce_fn *fn, struct err *err)
{
	struct sql_tensor *t = inspect_tensor(in, args[0], err);
	int axis = -1, ret = 0;

	if (!t)
		return err->code;
	if (n_args > 1)
		ret = axis_argument(t, args[1], &axis, err);
	else if (last_axis)
		axis = t->n_dims - 1;
	if (!ret && t->n_dims > 1 && axis >= 0)
		ret = reduce_axis(ctx, t, axis, fn, err);
	else if (!ret)
		sqlite3_result_double(ctx, fn(t->data, t->numel, axis >= 0 ? t->base[0] : 0));
	tensor_release(in, t);
	return ret;
}

/* What stats_of() knows by that name. */
#define STATISTIC(name)                                                                            \
	static double of_##name(const float *x, int64_t n, int64_t base)                           \
	{                                                                                          \
		(void)base;                                                                        \
		return stats_of(x, n).name;                                                        \
	}

STATISTIC(mean)
STATISTIC(std)
STATISTIC(min)
STATISTIC(max)
STATISTIC(l2)
STATISTIC(absmax)

static double of_sum(const float *x, int64_t n, int64_t base)
{
	struct stats s = stats_of(x, n);

	(void)base;
	return s.mean * (double)(n - s.n_nan - s.n_pinf - s.n_ninf);
}

/* The index of the first largest; a NaN is never it. */
static double of_argmax(const float *x, int64_t n, int64_t base)
{
	int64_t i, best = -1;

	for (i = 0; i < n; i++) {
		if (!isnan(x[i]) && (best < 0 || x[i] > x[best]))
			best = i;
	}
	return best < 0 ? NAN : (double)(base + best);
}

/* -Σ p ln p, in nats; NaN when a p is no probability. */
static double of_entropy(const float *x, int64_t n, int64_t base)
{
	double sum = 0;
	int64_t i;

	(void)base;
	for (i = 0; i < n; i++) {
		if (!(x[i] >= 0))
			return NAN;
		if (x[i] > 0)
			sum -= (double)x[i] * log((double)x[i]);
	}
	return sum;
}

#define REDUCTION(name, last_axis, of)                                                             \
	int name(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,       \
		 struct err *err)                                                                  \
	{                                                                                          \
		return reduce_arguments(in, ctx, n_args, args, last_axis, of, err);                \
	}

REDUCTION(scalar_mean, false, of_mean)
REDUCTION(scalar_std, false, of_std)
REDUCTION(scalar_min, false, of_min)
REDUCTION(scalar_max, false, of_max)
REDUCTION(scalar_l2, false, of_l2)
REDUCTION(scalar_absmax, false, of_absmax)
REDUCTION(scalar_sum, false, of_sum)
REDUCTION(scalar_entropy, true, of_entropy)

/* Over all elements the index is a whole number, which a REAL column would not say. */
int scalar_argmax(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,
		  struct err *err)
{
	struct sql_tensor *t;
	double at;

	if (n_args > 1)
		return reduce_arguments(in, ctx, n_args, args, false, of_argmax, err);
	t = inspect_tensor(in, args[0], err);
	if (!t)
		return err->code;
	at = of_argmax(t->data, t->numel, t->n_dims == 1 ? t->base[0] : 0);
	if (!isnan(at))
		sqlite3_result_int64(ctx, (sqlite3_int64)at);
	tensor_release(in, t);
	return 0;
}
