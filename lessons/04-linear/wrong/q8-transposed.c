/*
 * exercise: linear-q8
 * says: This reads the matrix by columns. w[o][i] stands at o * n_in + i, in bytes as in
 *   bf16.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_linear_q8(float *y, const float *x, const int8_t *w, const float *scale, int n_in,
		  int n_out)
{
	for (int o = 0; o < n_out; o++) {
		float sum = 0;

		for (int i = 0; i < n_in; i++)
			sum += (float)w[(size_t)i * (size_t)n_out + (size_t)o] * x[i];
		y[o] = scale[o] * sum;
	}
}
