/*
 * order.c -- the same elements in another order.
 */
#include "functions.h"

#include "torchless/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- sorting ------------------------------------------------------------------------------- */

/* Whether x may stand before y: NaN comes last, as in numpy. */
static bool in_order(float x, float y)
{
	return x <= y || isnan(y);
}

/* Merge two sorted runs, x[from..mid) and x[mid..to). */
static void merge(const float *x, float *out, int64_t from, int64_t mid, int64_t to)
{
	int64_t i = from, k = mid;

	for (int64_t at = from; at < to; at++)
		out[at] = i < mid && (k == to || in_order(x[i], x[k])) ? x[i++] : x[k++];
}

/* Runs of 1, 2, 4 ...: x is sorted then, `other` has room for as many. */
static int sort_row(float *x, float *other, int64_t n, const struct array_value *result,
		    struct err *err)
{
	const struct text none = { 0 };
	float *from = x, *to = other;

	for (int64_t width = 1; width < n; width *= 2) {
		float *swap = from;

		for (int64_t at = 0; at < n; at += 2 * width) {
			if (at % LOOK_EVERY == 0 && array_go_on(result, &none, err))
				return err->code;
			merge(from, to, at, int64_min(at + width, n), int64_min(at + 2 * width, n));
		}
		from = to;
		to = swap;
	}
	if (from != x)
		memcpy(x, from, (size_t)n * sizeof(*x));
	return 0;
}

static int sort_axis(const struct array *a, int axis, struct array *out,
		     const struct array_value *result, struct err *err)
{
	int64_t n = axis >= 0 ? a->shape[axis] : 1, inner = 1;
	float *row = array_numbers(n, err), *other = row ? array_numbers(n, err) : NULL;
	int ret = 0;

	if (!other) {
		free(row);
		return err->code;
	}
	for (int i = axis + 1; i < a->n_dims; i++)
		inner *= a->shape[i];
	for (int64_t i = 0; !ret && n > 0 && i < a->numel / n; i++) {
		int64_t at = i / inner * inner * n + i % inner;

		for (int64_t k = 0; k < n; k++)
			row[k] = a->data[at + k * inner];
		ret = sort_row(row, other, n, result, err);
		for (int64_t k = 0; k < n; k++)
			out->data[at + k * inner] = row[k];
	}
	free(row);
	free(other);
	return ret;
}

int array_fn_sort(struct array_value *args, int n, struct array_value *result, struct err *err)
{
	const struct array *a = args[0].array;
	int axis = a->n_dims - 1;
	struct array *out;

	if (n > 1 && array_axis(a, &args[1], &axis, err))
		return err->code;
	out = array_like(a, err);
	if (!out)
		return err->code;
	if (!sort_axis(a, axis, out, result, err)) {
		/* The places of a sorted axis are no positions any more. */
		if (axis >= 0)
			out->base[axis] = 0;
		return result_array(result, out);
	}
	array_release(out);
	return err->code;
}

/* ---- axes ---------------------------------------------------------------------------------- */

/* The names of the axes, the last one first. */
static void reverse_axes(const struct array *a, struct array *out)
{
	char name[sizeof(a->axes)];
	struct text axes = { 0 };

	for (int i = a->n_dims - 1; i >= 0; i--)
		if (axis_name(a->axes, i, name, sizeof(name)))
			text_addf(&axes, "%s%s", axes.len ? "," : "", name);
	if (axes.len && axes.len < sizeof(out->axes))
		memcpy(out->axes, axes.data, axes.len + 1);
	text_release(&axes);
}

/* Copy axis by axis of the result; `from` moves by the strides of the other order. */
static float *copy_reversed(float *out, const struct array *to, const float *from,
			    const int64_t *strides, int axis)
{
	if (axis == to->n_dims || axis == TENSOR_MAX_DIMS) {
		*out = *from;
		return out + 1;
	}
	for (int64_t i = 0; i < to->shape[axis]; i++)
		out = copy_reversed(out, to, from + i * strides[axis], strides, axis + 1);
	return out;
}

int array_fn_transpose(struct array_value *args, int n_args, struct array_value *result,
		       struct err *err)
{
	const struct array *a = args[0].array;
	int64_t shape[TENSOR_MAX_DIMS] = { 0 }, strides[TENSOR_MAX_DIMS] = { 0 }, stride = 1;
	struct array *out;
	int n = a->n_dims;

	(void)n_args;
	for (int i = 0; i < n; i++) {
		shape[i] = a->shape[n - 1 - i];
		strides[i] = stride;
		stride *= shape[i];
	}
	out = array_new(n, shape, err);
	if (!out)
		return err->code;
	out->dtype = a->dtype;
	for (int i = 0; i < n; i++)
		out->base[i] = a->base[n - 1 - i];
	reverse_axes(a, out);
	memcpy(out->name, "a result", sizeof("a result"));
	if (out->numel)
		copy_reversed(out->data, out, a->data, strides, 0);
	return result_array(result, out);
}
