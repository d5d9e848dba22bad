/*
 * exercise: linear-q8
 * says: This takes the first scale for every row, as if the matrix had one. Each row was
 *   divided by a number of its own.
 * seen: huggingface/optimum-quanto#137
 */
#include "torchless/lesson_kernels.h"

void tl_linear_q8(float *y, const float *x, const int8_t *w, const float *scale, int n_in,
		  int n_out)
{
	for (int o = 0; o < n_out; o++) {
		float sum = 0;

		for (int i = 0; i < n_in; i++)
			sum += (float)w[(size_t)o * (size_t)n_in + (size_t)i] * x[i];
		y[o] = scale[0] * sum;
	}
}
