/*
 * fast.c -- y = w x for w[n_out][n_in] in floats: as in lesson 04, and fast.
 *
 * The plain loop adds each product to one sum.  An addition takes the processor a few cycles, and
 * the next one needs its result: so it waits, and does nothing with the units it has for eight
 * additions at a time.  Sums that do not wait for each other are what it takes.
 */
#include "torchless/lesson_kernels.h"

void tl_linear_fast(float *y, const float *x, const float *w, int n_in, int n_out)
{
	/* BEGIN SOLUTION: y[o] = sum over i of w[o * n_in + i] * x[i], in several sums at once */
	/* STARTER: (void)y, (void)x, (void)w, (void)n_in, (void)n_out; */
	for (int o = 0; o < n_out; o++) {
		const float *row = w + (size_t)o * (size_t)n_in;
		float lane[8] = { 0 }, sum = 0;
		int i = 0;

		for (; i + 8 <= n_in; i += 8)
			for (int l = 0; l < 8; l++)
				lane[l] += row[i + l] * x[i + l];
		for (int l = 0; l < 8; l++)
			sum += lane[l];
		for (; i < n_in; i++)
			sum += row[i] * x[i];
		y[o] = sum;
	}
	/* END SOLUTION */
}
