/*
 * exercise: softmax
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float max = -INFINITY, sum = 0;

	/* Maximum and sum in one pass: what was summed so far shrinks when the maximum grows. */
	for (int i = 0; i < n; i++) {
		float larger = fmaxf(max, x[i]);

		if (larger == -INFINITY)
			continue;
		sum = sum * expf(max - larger) + expf(x[i] - larger);
		max = larger;
	}
	for (int i = 0; i < n; i++)
		x[i] = expf(x[i] - max) / sum;
}
