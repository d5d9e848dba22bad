/*
 * exercise: softmax
 * says: This takes powers of 2. A score that is 1 larger gets e times the share, not
 *   twice: exp, not exp2.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float max = -INFINITY, sum = 0;

	for (int i = 0; i < n; i++)
		max = fmaxf(max, x[i]);
	for (int i = 0; i < n; i++) {
		x[i] = exp2f(x[i] - max);
		sum += x[i];
	}
	for (int i = 0; i < n; i++)
		x[i] /= sum;
}
