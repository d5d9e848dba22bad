/*
 * exercise: fast-linear
 * key: tail-lost
 * says: This leaves out what is behind the last whole group of eight. A row need not
 *   be a multiple of eight long: add the rest one by one.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_linear_fast(float *y, const float *x, const float *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++) {
		const float *row = w + (size_t)o * (size_t)n_in;
		float lane[8] = { 0 }, sum = 0;

		for (int i = 0; i + 8 <= n_in; i += 8)
			for (int l = 0; l < 8; l++)
				lane[l] += row[i + l] * x[i + l];
		for (int l = 0; l < 8; l++)
			sum += lane[l];
		y[o] = sum;
	}
}
