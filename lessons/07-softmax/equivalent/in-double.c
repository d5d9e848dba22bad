/*
 * exercise: softmax
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	double max = x[0], sum = 0;

	for (int i = 1; i < n; i++)
		if (x[i] > max)
			max = x[i];
	for (int i = n - 1; i >= 0; i--)
		sum += exp(x[i] - max);
	for (int i = 0; i < n; i++)
		x[i] = (float)(exp(x[i] - max) / sum);
}
