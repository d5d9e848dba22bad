/*
 * exercise: softmax
 * says: There is a 1 more in the sum, so that the shares add up to less than 1. It is
 *   a variant that lets a head say nothing; this model was not trained with it.
 * seen: Evan Miller, "Attention Is Off By One", 2023, as a proposal
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float max = 0, sum;

	for (int i = 0; i < n; i++)
		max = fmaxf(max, x[i]);
	sum = expf(-max);
	for (int i = 0; i < n; i++) {
		x[i] = expf(x[i] - max);
		sum += x[i];
	}
	for (int i = 0; i < n; i++)
		x[i] /= sum;
}
