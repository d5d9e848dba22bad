/*
 * exercise: softmax
 * says: These are the logarithms of the shares, what log_softmax gives.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float max = -INFINITY, sum = 0;

	for (int i = 0; i < n; i++)
		max = fmaxf(max, x[i]);
	for (int i = 0; i < n; i++)
		sum += expf(x[i] - max);
	for (int i = 0; i < n; i++)
		x[i] = x[i] - max - logf(sum);
}
