/*
 * exercise: softmax
 * says: The scores were divided by a root once more. They come divided: softmax takes
 *   them as they are.
 * seen: scale applied in two places
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float max = -INFINITY, sum = 0;

	for (int i = 0; i < n; i++)
		max = fmaxf(max, x[i]);
	for (int i = 0; i < n; i++) {
		x[i] = expf((x[i] - max) / sqrtf((float)n));
		sum += x[i];
	}
	for (int i = 0; i < n; i++)
		x[i] /= sum;
}
