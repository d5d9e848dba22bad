/*
 * exercise: softmax
 * says: The maximum is not subtracted. exp of much more than 88 is infinity as a
 *   float, and infinity over infinity is NaN. This model's scores stay below that,
 *   others' do not.
 * seen: commonly believed; no prompt of the teaching model shows it
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float sum = 0;

	for (int i = 0; i < n; i++) {
		x[i] = expf(x[i]);
		sum += x[i];
	}
	for (int i = 0; i < n; i++)
		x[i] /= sum;
}
