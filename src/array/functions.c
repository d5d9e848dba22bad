/*
 * functions.c -- the one table of functions over arrays; they stand beside what they are made of,
 * in elements.c, map.c, reduce.c, order.c, compare.c, topk.c and render.c.
 */
#include "functions.h"

#include <string.h>

const struct array_function array_functions[] = {
#define ARRAY(name, args, min, params, doc, example)                                               \
	{ #name, args, min, params, array_fn_##name, doc, example },
#include "torchless/array_functions.def"
#undef ARRAY
};
const int array_functions_len = (int)(sizeof(array_functions) / sizeof(array_functions[0]));

const struct array_function *array_function_find(const char *name)
{
	for (int i = 0; i < array_functions_len; i++)
		if (!strcmp(array_functions[i].name, name))
			return &array_functions[i];
	return NULL;
}
