/*
 * exercise: embed
 * says: The 16 bits stand in the lower half of the float, so every number is all but
 *   zero. A bf16 is the upper half: shift by 16.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

static float widen(tl_bf16 b)
{
	uint32_t bits = b;
	float x;

	memcpy(&x, &bits, sizeof x);
	return x;
}

void tl_embed(float *out, const tl_bf16 *table, const int *ids, int n, int d)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < d; j++)
			out[(size_t)i * (size_t)d + (size_t)j] =
				widen(table[(size_t)ids[i] * (size_t)d + (size_t)j]);
}
