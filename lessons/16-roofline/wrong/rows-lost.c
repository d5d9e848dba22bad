/*
 * exercise: fast-linear
 * key: rows-lost
 * says: This computes four rows at a time and sets those that are left over to 0. When
 *   n_out is no multiple of four, they have to be computed as well.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_linear_fast(float *y, const float *x, const float *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++)
		y[o] = 0;
	for (int o = 0; o + 4 <= n_out; o += 4)
		for (int r = 0; r < 4; r++) {
			const float *row = w + (size_t)(o + r) * (size_t)n_in;
			float even = 0, odd = 0;
			int i = 0;

			for (; i + 2 <= n_in; i += 2) {
				even += row[i] * x[i];
				odd += row[i + 1] * x[i + 1];
			}
			y[o + r] = even + odd + (i < n_in ? row[i] * x[i] : 0.0f);
		}
}
