/*
 * exercise: fast-linear
 *
 * Four sums in double: slower than floats, and nearer to the truth.
 */
#include "torchless/lesson_kernels.h"

void tl_linear_fast(float *y, const float *x, const float *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++) {
		const float *row = w + (size_t)o * (size_t)n_in;
		double s[4] = { 0 };

		for (int i = 0; i < n_in; i++)
			s[i & 3] += (double)row[i] * x[i];
		y[o] = (float)((s[0] + s[1]) + (s[2] + s[3]));
	}
}
