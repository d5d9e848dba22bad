/*
 * exercise: softmax
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float max = x[0], sum = 0, scale;

	for (int i = 1; i < n; i++)
		max = x[i] > max ? x[i] : max;
	for (int i = 0; i < n; i++)
		sum += expf(x[i] - max);
	scale = 1 / sum;
	for (int i = 0; i < n; i++)
		x[i] = expf(x[i] - max) * scale;
}
