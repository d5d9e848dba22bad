/*
 * Lesson 07, exercise `softmax`: from scores to shares.
 *
 * x[n] becomes exp(x[i]) / sum of all exp(x[j]), in place, whatever the size of the scores: exp of
 * much more than 88 is no float any more.  Some may be -INFINITY, which gives a share of 0; never
 * all of them.
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	/* BEGIN SOLUTION: exp(x[i] - max) over the sum of all of them. */
	/* STARTER: (void)x, (void)n; */
	float max = -INFINITY, sum = 0;

	for (int i = 0; i < n; i++)
		max = fmaxf(max, x[i]);
	for (int i = 0; i < n; i++) {
		x[i] = expf(x[i] - max);
		sum += x[i];
	}
	for (int i = 0; i < n; i++)
		x[i] /= sum;
	/* END SOLUTION */
}
