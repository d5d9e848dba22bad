/*
 * exercise: linear-bf16
 * says: This reads the matrix by columns, as w[n_in][n_out]. PyTorch stores a row for
 *   each output: w[o][i] stands at o * n_in + i.
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

		for (int i = 0; i < n_in; i++)
			sum += widen(w[(size_t)i * (size_t)n_out + (size_t)o]) * x[i];
		y[o] = sum;
	}
}
