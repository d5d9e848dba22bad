/* look.c -- values as numbers, for whoever watches. */
#include "executor_impl.h"

#include <assert.h>

static int not_there(const struct executor *ex, value_id v, struct err *err)
{
	const struct value *value = &ex->program->values[v];
	const char *why = "its memory was reused";

	if (ex->state == EX_EMPTY)
		why = "no pass has begun";
	else if (value->op >= ex->pc)
		why = "it was not computed yet";
	return err_set(err, ERR_USAGE, "%s is not there: %s", value->name, why);
}

int executor_fetch(struct executor *ex, value_id v, int64_t i0, int64_t i1, float *dst,
		   struct err *err)
{
	struct tensor t = executor_tensor(ex, v);
	int64_t row;

	if (!executor_has(ex, v))
		return not_there(ex, v, err);
	assert(i0 >= 0 && i0 <= i1 && i1 <= t.shape[0]);
	row = t.shape[0] > 0 ? tensor_numel(&t) / t.shape[0] : 0;
	if (ex->program->values[v].storage == STORAGE_LAZY)
		return lazy_fetch(ex, v, i0, i1, dst, err);
	for (int64_t i = i0; i < i1; i++)
		if (t.dtype == DTYPE_I32)
			for (int64_t k = 0; k < row; k++)
				dst[(i - i0) * row + k] = (float)((int32_t *)tensor_row(&t, i))[k];
		else
			ex->opt.kernels->convert(dst + (i - i0) * row, tensor_row(&t, i), t.dtype,
						 row);
	return 0;
}
