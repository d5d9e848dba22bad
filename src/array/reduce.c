/*
 * reduce.c -- how large an array's elements are, and where: over all of them or along one axis; and
 * softmax, which keeps the axis.
 *
 * Sums are f64.  As in v_value, means and extremes are over the finite elements, so that a NaN or
 * the -inf of a mask does not hide the rest.
 */
#include "functions.h"

#include "torchless/stats.h"

#include <math.h>
#include <stdlib.h>

/* Reduce n elements of which the first counts as index `base`. */
typedef double reduce_fn(const float *x, int64_t n, int64_t base);

/* Along an axis of several: an array without it. */
static int reduce_axis(const struct array *a, int axis, reduce_fn *fn, struct array_value *result,
		       struct err *err)
{
	int64_t inner = 1, n = a->shape[axis];
	struct array *out = array_without_axis(a, axis, err);
	float *row = out ? array_numbers(n, err) : NULL;

	if (!row) {
		array_release(out);
		return err->code;
	}
	for (int i = axis + 1; i < a->n_dims; i++)
		inner *= a->shape[i];
	for (int64_t i = 0; i < out->numel; i++) {
		for (int64_t k = 0; k < n; k++)
			row[k] = a->data[(i / inner * n + k) * inner + i % inner];
		out->data[i] = (float)fn(row, n, a->base[axis]);
	}
	free(row);
	return result_array(result, out);
}

/* A function of (t[, axis]); without an axis it is over everything, or the last. */
static int reduce(struct array_value *args, int n, bool last_axis, reduce_fn *fn,
		  struct array_value *result, struct err *err)
{
	const struct array *a = args[0].array;
	int axis = last_axis ? a->n_dims - 1 : -1;

	if (n > 1 && array_axis(a, &args[1], &axis, err))
		return err->code;
	if (a->n_dims > 1 && axis >= 0)
		return reduce_axis(a, axis, fn, result, err);
	return result_real(result, fn(a->data, a->numel, axis >= 0 ? a->base[0] : 0));
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
#define of_norm of_l2

static double of_sum(const float *x, int64_t n, int64_t base)
{
	struct stats s = stats_of(x, n);

	(void)base;
	return s.mean * (double)(n - s.n_nan - s.n_pinf - s.n_ninf);
}

static double of_absmean(const float *x, int64_t n, int64_t base)
{
	double sum = 0;
	int64_t i, finite = 0;

	(void)base;
	for (i = 0; i < n; i++) {
		sum += isfinite(x[i]) ? fabs((double)x[i]) : 0;
		finite += isfinite(x[i]) != 0;
	}
	return finite ? sum / (double)finite : NAN;
}

static double of_nan(const float *x, int64_t n, int64_t base)
{
	(void)base;
	return (double)stats_of(x, n).n_nan;
}

static double of_inf(const float *x, int64_t n, int64_t base)
{
	struct stats s = stats_of(x, n);

	(void)base;
	return (double)(s.n_pinf + s.n_ninf);
}

/* A NaN is not 0. */
static double of_count(const float *x, int64_t n, int64_t base)
{
	int64_t i, count = 0;

	(void)base;
	for (i = 0; i < n; i++)
		count += x[i] != 0;
	return (double)count;
}

static double of_any(const float *x, int64_t n, int64_t base)
{
	return of_count(x, n, base) > 0;
}

static double of_all(const float *x, int64_t n, int64_t base)
{
	return of_count(x, n, base) == (double)n;
}

/* The index of the first largest, or smallest; a NaN is never it. */
static double of_argmax(const float *x, int64_t n, int64_t base)
{
	int64_t i, best = -1;

	for (i = 0; i < n; i++) {
		if (!isnan(x[i]) && (best < 0 || x[i] > x[best]))
			best = i;
	}
	return best < 0 ? NAN : (double)(base + best);
}

static double of_argmin(const float *x, int64_t n, int64_t base)
{
	int64_t i, best = -1;

	for (i = 0; i < n; i++) {
		if (!isnan(x[i]) && (best < 0 || x[i] < x[best]))
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

#define REDUCTION(name, last_axis)                                                                 \
	int array_fn_##name(struct array_value *args, int n, struct array_value *result,           \
			    struct err *err)                                                       \
	{                                                                                          \
		return reduce(args, n, last_axis, of_##name, result, err);                         \
	}

REDUCTION(mean, false)
REDUCTION(std, false)
REDUCTION(min, false)
REDUCTION(max, false)
REDUCTION(l2, false)
REDUCTION(absmax, false)
REDUCTION(norm, false)
REDUCTION(absmean, false)
REDUCTION(sum, false)
REDUCTION(entropy, true)

/* Over all elements an index or a count is a whole number, which a REAL column would not say. */
static int reduce_to_whole(struct array_value *args, int n, reduce_fn *fn,
			   struct array_value *result, struct err *err)
{
	const struct array *a = args[0].array;
	double x;

	if (n > 1)
		return reduce(args, n, false, fn, result, err);
	x = fn(a->data, a->numel, a->n_dims == 1 ? a->base[0] : 0);
	if (!isnan(x))
		*result = (struct array_value){ .kind = ARRAY_WHOLE, .whole = (int64_t)x };
	return 0;
}

#define WHOLE(name)                                                                                \
	int array_fn_##name(struct array_value *args, int n, struct array_value *result,           \
			    struct err *err)                                                       \
	{                                                                                          \
		return reduce_to_whole(args, n, of_##name, result, err);                           \
	}

WHOLE(nan)
WHOLE(inf)
WHOLE(count)
WHOLE(any)
WHOLE(all)
WHOLE(argmax)
WHOLE(argmin)

/* Softmax of n elements that are `step` apart; f64, the largest taken off first. */
static void softmax(const float *x, float *out, int64_t n, int64_t step)
{
	double max = -INFINITY, sum = 0;
	int64_t i;

	for (i = 0; i < n; i++)
		max = x[i * step] > max ? (double)x[i * step] : max;
	for (i = 0; i < n; i++)
		sum += exp((double)x[i * step] - max);
	for (i = 0; i < n; i++)
		out[i * step] = (float)(exp((double)x[i * step] - max) / sum);
}

int array_fn_softmax(struct array_value *args, int n_args, struct array_value *result,
		     struct err *err)
{
	const struct array *a = args[0].array;
	int axis = a->n_dims - 1;
	int64_t inner = 1, n;
	struct array *out;

	if (n_args > 1 && array_axis(a, &args[1], &axis, err))
		return err->code;
	out = array_like(a, err);
	if (!out)
		return err->code;
	n = axis >= 0 ? a->shape[axis] : 1;
	for (int d = axis + 1; d < a->n_dims; d++)
		inner *= a->shape[d];
	for (int64_t row = 0; n > 0 && row < a->numel / n; row++) {
		int64_t at = row / inner * inner * n + row % inner;

		softmax(a->data + at, out->data + at, n, inner);
	}
	return result_array(result, out);
}
