/*
 * exercise: softmax
 * says: The exponentials were divided by their length, the root of the sum of their
 *   squares. Divide by their sum.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float max = -INFINITY, sum = 0;

	for (int i = 0; i < n; i++)
		max = fmaxf(max, x[i]);
	for (int i = 0; i < n; i++) {
		x[i] = expf(x[i] - max);
		sum += x[i] * x[i];
	}
	for (int i = 0; i < n; i++)
		x[i] /= sqrtf(sum);
}
