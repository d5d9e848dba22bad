/*
 * exercise: fast-linear
 *
 * Four rows at a time, a sum each: x is read once for all four, and no sum waits for
 * another.
 */
#include "torchless/lesson_kernels.h"

void tl_linear_fast(float *y, const float *x, const float *w, int n_in, int n_out)
{
	int o = 0;

	for (; o + 4 <= n_out; o += 4) {
		const float *a = w + (size_t)o * (size_t)n_in, *b = a + n_in, *c = b + n_in;
		const float *d = c + n_in;
		float sa = 0, sb = 0, sc = 0, sd = 0;

		for (int i = 0; i < n_in; i++) {
			sa += a[i] * x[i];
			sb += b[i] * x[i];
			sc += c[i] * x[i];
			sd += d[i] * x[i];
		}
		y[o] = sa;
		y[o + 1] = sb;
		y[o + 2] = sc;
		y[o + 3] = sd;
	}
	for (; o < n_out; o++) {
		const float *a = w + (size_t)o * (size_t)n_in;
		float s = 0;

		for (int i = 0; i < n_in; i++)
			s += a[i] * x[i];
		y[o] = s;
	}
}
