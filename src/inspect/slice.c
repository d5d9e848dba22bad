/* slice.c -- what a tensor is, its parts, and its elements through a softmax. */
#include "inspect_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int scalar_shape(struct inspect *in, sqlite3_context *ctx, int n, sqlite3_value **args,
		 struct err *err)
{
	struct text shape = { 0 };
	struct sql_tensor t;

	(void)n;
	if (inspect_shape(in, args[0], &t, err))
		return err->code;
	for (int i = 0; i < t.n_dims; i++)
		text_addf(&shape, "%s%lld", i ? "," : "", (long long)t.shape[i]);
	sqlite3_result_text(ctx, shape.data ? shape.data : "", -1, SQLITE_TRANSIENT);
	text_release(&shape);
	return 0;
}

int scalar_dtype(struct inspect *in, sqlite3_context *ctx, int n, sqlite3_value **args,
		 struct err *err)
{
	struct sql_tensor t;

	(void)n;
	if (inspect_shape(in, args[0], &t, err))
		return err->code;
	sqlite3_result_text(ctx, dtype_table[t.dtype].name, -1, SQLITE_STATIC);
	return 0;
}

/* The row that an index of axis i means; ERR_USAGE when it is not stored. */
static int row_of(const struct sql_tensor *t, int i, sqlite3_value *arg, int64_t *row,
		  struct err *err)
{
	const char *axes = tensor_axes(t);
	int64_t n = sqlite3_value_int64(arg);
	int k;

	if (sqlite3_value_numeric_type(arg) != SQLITE_INTEGER)
		return err_set(err, ERR_USAGE, "'%.40s' is no index",
			       (const char *)sqlite3_value_text(arg));
	*row = n < 0 ? n + t->shape[i] : n - t->base[i];
	if (*row >= 0 && *row < t->shape[i])
		return 0;
	for (k = 0; k < i; k++)
		axes += strcspn(axes, ",") + 1;
	return err_set(err, ERR_USAGE, "%.*s %lld of %s is not there: it has %lld to %lld",
		       (int)strcspn(axes, ","), axes, (long long)n, t->name, (long long)t->base[i],
		       (long long)(t->base[i] + t->shape[i] - 1));
}

/* The flat index of the element that the arguments from 1 on name. */
static int element_of(const struct sql_tensor *t, int n_args, sqlite3_value **args, int64_t *at,
		      struct err *err)
{
	int64_t row = 0;

	*at = 0;
	if (n_args - 1 != t->n_dims)
		return err_set(err, ERR_USAGE, "%s has [%s]: it takes %d indices, not %d", t->name,
			       tensor_axes(t), t->n_dims, n_args - 1);
	for (int i = 0; i < t->n_dims; i++) {
		if (row_of(t, i, args[i + 1], &row, err))
			return err->code;
		*at = *at * t->shape[i] + row;
	}
	return 0;
}

int scalar_at(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,
	      struct err *err)
{
	struct sql_tensor *t = inspect_tensor(in, args[0], err);
	int64_t at;
	int ret;

	if (!t)
		return err->code;
	ret = element_of(t, n_args, args, &at, err);
	if (!ret)
		sqlite3_result_double(ctx, t->data[at]);
	tensor_release(in, t);
	return ret;
}

int scalar_slice(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,
		 struct err *err)
{
	const char *sel = (const char *)sqlite3_value_text(args[1]);
	struct sql_tensor *t = inspect_tensor(in, args[0], err);

	(void)n_args;
	t = t ? tensor_select(in, t, sel ? sel : "", err) : NULL;
	if (!t)
		return err->code;
	result_tensor(ctx, t->data, t->n_dims, t->shape);
	tensor_release(in, t);
	return 0;
}

int scalar_npy(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,
	       struct err *err)
{
	struct sql_tensor *t = inspect_tensor(in, args[0], err);

	(void)n_args;
	if (!t)
		return err->code;
	result_tensor(ctx, t->data, t->n_dims, t->shape);
	tensor_release(in, t);
	return 0;
}

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

static int softmax_axis(sqlite3_context *ctx, const struct sql_tensor *t, int axis, struct err *err)
{
	int64_t inner = 1, n = axis >= 0 ? t->shape[axis] : 1;
	float *out = numbers_new(t->numel, err);

	if (!out)
		return err->code;
	for (int d = axis + 1; d < t->n_dims; d++)
		inner *= t->shape[d];
	for (int64_t row = 0; n > 0 && row < t->numel / n; row++) {
		int64_t at = row / inner * inner * n + row % inner;

		softmax(t->data + at, out + at, n, inner);
	}
	result_tensor(ctx, out, t->n_dims, t->shape);
	free(out);
	return 0;
}

int scalar_softmax(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,
		   struct err *err)
{
	struct sql_tensor *t = inspect_tensor(in, args[0], err);
	int axis, ret = 0;

	if (!t)
		return err->code;
	axis = t->n_dims - 1;
	if (n_args > 1)
		ret = axis_argument(t, args[1], &axis, err);
	if (!ret)
		ret = softmax_axis(ctx, t, axis, err);
	tensor_release(in, t);
	return ret;
}
