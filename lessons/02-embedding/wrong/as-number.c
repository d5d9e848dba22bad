/*
 * exercise: embed
 * says: The 16 bits were read as a whole number. They are the upper half of a float: its sign, its
 *   exponent and the beginning of its fraction.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_embed(float *out, const tl_bf16 *table, const int *ids, int n, int d)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < d; j++)
			out[(size_t)i * (size_t)d + (size_t)j] =
				(float)table[(size_t)ids[i] * (size_t)d + (size_t)j];
}
