/*
 * exercise: softmax
 * says: The search for the maximum begins with 0. When all scores are far below 0, it
 *   stays there, every exp is 0, and 0 over 0 is NaN. Begin with x[0] or
 *   -INFINITY.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float max = 0, sum = 0;

	for (int i = 0; i < n; i++)
		max = fmaxf(max, x[i]);
	for (int i = 0; i < n; i++) {
		x[i] = expf(x[i] - max);
		sum += x[i];
	}
	for (int i = 0; i < n; i++)
		x[i] /= sum;
}
