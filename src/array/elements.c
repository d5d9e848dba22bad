/*
 * elements.c -- the functions that say what an array is, and hand out its elements as they are.
 */
#include "functions.h"

#include <string.h>

int array_fn_shape(struct array_value *args, int n, struct array_value *result, struct err *err)
{
	const struct array *a = args[0].array;
	struct text shape = { 0 };

	(void)n, (void)err;
	for (int i = 0; i < a->n_dims; i++)
		text_addf(&shape, "%s%lld", i ? "," : "", (long long)a->shape[i]);
	return result_text(result, &shape);
}

int array_fn_dtype(struct array_value *args, int n, struct array_value *result, struct err *err)
{
	struct text name = { 0 };

	(void)n, (void)err;
	text_adds(&name, dtype_table[args[0].array->dtype].name);
	return result_text(result, &name);
}

/* The row that an index of axis i means; ERR_USAGE when it is not there. */
static int row_of(const struct array *a, int i, const struct array_value *arg, int64_t *row,
		  struct err *err)
{
	const char *axes = array_axes(a);

	if (arg->kind != ARRAY_WHOLE)
		return err_set(err, ERR_USAGE, "'%.40s' is no index", array_value_text(arg));
	if (array_row(a, i, arg->whole, row))
		return 0;
	for (int k = 0; k < i; k++)
		axes += strcspn(axes, ",") + 1;
	return err_set(err, ERR_USAGE, "%.*s %lld of %s is not there: it has %lld to %lld",
		       (int)strcspn(axes, ","), axes, (long long)arg->whole, a->name,
		       (long long)a->base[i], (long long)(a->base[i] + a->shape[i] - 1));
}

int array_fn_at(struct array_value *args, int n, struct array_value *result, struct err *err)
{
	const struct array *a = args[0].array;
	int64_t at = 0, row = 0;

	if (n - 1 != a->n_dims)
		return err_set(err, ERR_USAGE, "%s has [%s]: it takes %d indices, not %d", a->name,
			       array_axes(a), a->n_dims, n - 1);
	for (int i = 0; i < a->n_dims; i++) {
		if (row_of(a, i, &args[i + 1], &row, err))
			return err->code;
		at = at * a->shape[i] + row;
	}
	return result_real(result, a->data[at]);
}

int array_fn_slice(struct array_value *args, int n, struct array_value *result, struct err *err)
{
	struct array *part = array_select(args[0].array, array_value_text(&args[1]), err);

	(void)n;
	return part ? result_array(result, part) : err->code;
}

/* The array itself: whoever takes the result writes it as .npy where it leaves the program. */
int array_fn_npy(struct array_value *args, int n, struct array_value *result, struct err *err)
{
	(void)n, (void)err;
	return result_array(result, array_ref(args[0].array));
}
