/*
 * exercise: embed
 * says: Here a sine of the position is added to each row, as the models of 2017 do. This
 *   family adds nothing: position comes with RoPE, inside attention.
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

/* The position as a sine, or a cosine in odd columns. */
static float wave(int pos, int j, int d)
{
	float angle = (float)pos / powf(10000.0f, (float)(j - j % 2) / (float)d);

	return j % 2 ? cosf(angle) : sinf(angle);
}

void tl_embed(float *out, const tl_bf16 *table, const int *ids, int n, int d)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < d; j++)
			out[(size_t)i * (size_t)d + (size_t)j] =
				widen(table[(size_t)ids[i] * (size_t)d + (size_t)j]) +
				wave(i, j, d);
}
