/*
 * exercise: softmax
 * says: Each score became 1 / (1 + exp(-x)) by itself. Shares know of each other: they
 *   add up to 1.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	for (int i = 0; i < n; i++)
		x[i] = 1 / (1 + expf(-x[i]));
}
