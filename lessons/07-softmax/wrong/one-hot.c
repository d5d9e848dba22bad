/*
 * exercise: softmax
 * says: The largest score got everything. That is the maximum itself; softmax is what
 *   is soft about it.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	int best = 0;

	for (int i = 1; i < n; i++)
		if (x[i] > x[best])
			best = i;
	for (int i = 0; i < n; i++)
		x[i] = i == best ? 1 : 0;
}
