/*
 * exercise: fast-linear
 *
 * Two sums, from the end: the order of a sum is nobody's business within the noise
 * floor.
 */
#include "torchless/lesson_kernels.h"

void tl_linear_fast(float *y, const float *x, const float *w, int n_in, int n_out)
{
	for (int o = n_out - 1; o >= 0; o--) {
		const float *row = w + (size_t)o * (size_t)n_in;
		float even = 0, odd = 0;
		int i = n_in - 1;

		for (; i >= 1; i -= 2) {
			odd += row[i] * x[i];
			even += row[i - 1] * x[i - 1];
		}
		if (i == 0)
			even += row[0] * x[0];
		y[o] = even + odd;
	}
}
