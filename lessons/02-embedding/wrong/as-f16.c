/*
 * exercise: embed
 * says: This reads the 16 bits as an f16, with 5 bits of exponent. A bf16 has the 8 of a
 *   float, so the numbers come out wrong in size, each in its own way.
 * seen: commonly believed; bf16 taken for another type: microsoft/onnxruntime-genai#2202
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

/* The value of an IEEE half. */
static float half(uint16_t h)
{
	int exponent = h >> 10 & 31, fraction = h & 1023;
	float x = exponent ? ldexpf((float)(fraction + 1024), exponent - 25)
			   : ldexpf((float)fraction, -24);

	return h & 0x8000 ? -x : x;
}

void tl_embed(float *out, const tl_bf16 *table, const int *ids, int n, int d)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < d; j++)
			out[(size_t)i * (size_t)d + (size_t)j] =
				half(table[(size_t)ids[i] * (size_t)d + (size_t)j]);
}
