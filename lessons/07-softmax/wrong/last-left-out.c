/*
 * exercise: softmax
 * says: The last score was left out. x has n of them: i < n.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float max = -INFINITY, sum = 0;

	for (int i = 0; i < n - 1; i++)
		max = fmaxf(max, x[i]);
	for (int i = 0; i < n - 1; i++) {
		x[i] = expf(x[i] - max);
		sum += x[i];
	}
	for (int i = 0; i < n - 1; i++)
		x[i] /= sum;
}
