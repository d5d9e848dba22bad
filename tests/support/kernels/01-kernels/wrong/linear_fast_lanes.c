/*
 * exercise: linear-fast
 * says: One of the sums is not added.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_linear_fast(float *y, const float *x, const float *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++) {
		const float *row = w + (size_t)o * (size_t)n_in;
		float lane[8] = { 0 }, sum = 0;
		int i = 0;

		for (; i + 8 <= n_in; i += 8)
			for (int l = 0; l < 8; l++)
				lane[l] += row[i + l] * x[i + l];
		for (; i < n_in; i++)
			sum += row[i] * x[i];
		for (int l = 1; l < 8; l++)
			sum += lane[l];
		y[o] = sum;
	}
}
