/*
 * exercise: softmax
 * says: The sign is the wrong way round: the smallest score got the largest share.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float min = INFINITY, sum = 0;

	for (int i = 0; i < n; i++)
		min = fminf(min, x[i]);
	for (int i = 0; i < n; i++) {
		x[i] = expf(min - x[i]);
		sum += x[i];
	}
	for (int i = 0; i < n; i++)
		x[i] /= sum;
}
