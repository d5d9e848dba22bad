/*
 * map.c -- functions of each element by itself.
 */
#include "functions.h"

#include <math.h>

typedef double map_fn(double x);

/* Of a number or of every element of an array, which keeps its axes. */
static int map(const struct array_value *arg, map_fn *fn, struct array_value *result,
	       struct err *err)
{
	struct array *out;

	if (arg->kind != ARRAY_TENSOR)
		return result_real(result, fn(arg->real));
	out = array_like(arg->array, err);
	if (!out)
		return err->code;
	for (int64_t i = 0; i < out->numel; i++)
		out->data[i] = (float)fn((double)arg->array->data[i]);
	return result_array(result, out);
}

#define MAP(name, fn)                                                                              \
	int array_fn_##name(struct array_value *args, int n, struct array_value *result,           \
			    struct err *err)                                                       \
	{                                                                                          \
		(void)n;                                                                           \
		return map(&args[0], fn, result, err);                                             \
	}

MAP(abs, fabs)
MAP(sqrt, sqrt)
MAP(exp, exp)
MAP(log, log)
