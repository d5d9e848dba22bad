/* slice.c -- the shape of a tensor, and parts of it. */
#include "inspect_impl.h"

#include "torchless/text.h"

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

/* The index of an argument along an axis, negative ones from the end. */
static int index_along(const struct sql_tensor *t, int axis, sqlite3_value *arg, int64_t *out,
		       struct err *err)
{
	int64_t i = sqlite3_value_int64(arg);

	if (sqlite3_value_numeric_type(arg) != SQLITE_INTEGER)
		return err_set(err, ERR_USAGE, "an index is a whole number");
	*out = i < 0 ? i + t->shape[axis] : i;
	if (*out >= 0 && *out < t->shape[axis])
		return 0;
	return err_set(err, ERR_USAGE, "index %lld is outside axis %d, which has %lld",
		       (long long)i, axis, (long long)t->shape[axis]);
}

int scalar_at(struct inspect *in, sqlite3_context *ctx, int n, sqlite3_value **args,
	      struct err *err)
{
	struct sql_tensor *t = inspect_tensor(in, args[0], err);
	int64_t at = 0, index = 0;
	int ret = t ? 0 : err->code;

	if (t && n - 1 != t->n_dims)
		ret = err_set(err, ERR_USAGE, "the tensor has %d dimensions, %d indices are given",
			      t->n_dims, n - 1);
	for (int i = 0; !ret && i < t->n_dims; i++) {
		ret = index_along(t, i, args[i + 1], &index, err);
		at = at * t->shape[i] + index;
	}
	if (!ret)
		sqlite3_result_double(ctx, (double)t->data[at]);
	tensor_release(in, t);
	return ret;
}
