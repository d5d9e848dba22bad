/*
 * exercise: embed
 * says: This is row i of the table for place i. The id decides the row: the same token has the same
 *   row, wherever it stands.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

static float widen(tl_bf16 b)
{
	uint32_t bits = (uint32_t)b << 16;
	float x;

	memcpy(&x, &bits, sizeof x);
	return x;
}

void tl_embed(float *out, const tl_bf16 *table, const int *ids, int n, int d)
{
	(void)ids;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < d; j++)
			out[(size_t)i * (size_t)d + (size_t)j] =
				widen(table[(size_t)i * (size_t)d + (size_t)j]);
}
