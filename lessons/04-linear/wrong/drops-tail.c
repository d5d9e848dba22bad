/*
 * exercise: linear-bf16
 * says: This sums groups of eight and leaves out what remains. It is right wherever n_in
 *   is a multiple of 8, so in all of this model, and wrong elsewhere.
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

void tl_linear_bf16(float *y, const float *x, const tl_bf16 *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++) {
		float sum = 0;

		for (int i = 0; i < n_in / 8 * 8; i++)
			sum += widen(w[(size_t)o * (size_t)n_in + (size_t)i]) * x[i];
		y[o] = sum;
	}
}
