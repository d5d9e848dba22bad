/*
 * exercise: softmax
 * says: The exponentials are divided by the sum of the scores. They have to be divided
 *   by their own sum, so that they add up to 1.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float max = -INFINITY, sum = 0;

	for (int i = 0; i < n; i++) {
		max = fmaxf(max, x[i]);
		sum += x[i];
	}
	for (int i = 0; i < n; i++)
		x[i] = expf(x[i] - max) / sum;
}
