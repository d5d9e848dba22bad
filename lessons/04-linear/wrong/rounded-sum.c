/*
 * exercise: linear-bf16
 * says: Here the sum is kept in bf16, and what is small beside it is lost at every step.
 *   Weights may have few bits; sums may not.
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

/* x as the bf16 that is nearest to it. */
static float rounded(float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof bits);
	bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
	memcpy(&x, &bits, sizeof x);
	return x;
}

void tl_linear_bf16(float *y, const float *x, const tl_bf16 *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++) {
		float sum = 0;

		for (int i = 0; i < n_in; i++)
			sum = rounded(sum + widen(w[(size_t)o * (size_t)n_in + (size_t)i]) * x[i]);
		y[o] = sum;
	}
}
