/*
 * tl_linear_bf16: each output is the product of a row of w with x.
 *
 * y = w x for w[n_out][n_in], row after row as PyTorch stores it: w[o][i] stands at o * n_in + i.
 * The weights are bf16, the upper halves of floats; x, y and the sum are floats.
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_linear_bf16(float *y, const float *x, const tl_bf16 *w, int n_in, int n_out)
{
	/* BEGIN SOLUTION: for each output, sum the products of its row with x */
	/* STARTER: (void)y, (void)x, (void)w, (void)n_in, (void)n_out; */
	for (int o = 0; o < n_out; o++) {
		const tl_bf16 *row = w + (size_t)o * (size_t)n_in;
		float sum = 0;

		for (int i = 0; i < n_in; i++) {
			uint32_t bits = (uint32_t)row[i] << 16;
			float weight;

			memcpy(&weight, &bits, sizeof weight);
			sum += weight * x[i];
		}
		y[o] = sum;
	}
	/* END SOLUTION */
}
