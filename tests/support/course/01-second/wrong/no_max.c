/*
 * exercise: softmax
 * says: This overflows where logits are large; take the largest away first.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] = expf(x[i]);
	for (int i = 0; i < n; i++)
		x[i] /= sum;
}
