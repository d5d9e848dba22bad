/*
 * exercise: softmax
 * says: The scores themselves were divided by their sum, without exp. Shares would be
 *   negative where scores are.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i];
	for (int i = 0; i < n; i++)
		x[i] /= sum;
}
