/*
 * exercise: softmax
 * says: These are exponentials that nobody divided by their sum: the largest is 1, and
 *   together they are more.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float max = -INFINITY;

	for (int i = 0; i < n; i++)
		max = fmaxf(max, x[i]);
	for (int i = 0; i < n; i++)
		x[i] = expf(x[i] - max);
}
