/*
 * exercise: softmax
 * says: The mean is subtracted here and not the maximum. It shifts the scores, but one
 *   that stands far above the others still overflows.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_softmax(float *x, int n)
{
	float mean = 0, sum = 0;
	int seen = 0;

	for (int i = 0; i < n; i++)
		if (x[i] > -INFINITY) {
			mean += x[i];
			seen++;
		}
	mean /= (float)seen;
	for (int i = 0; i < n; i++) {
		x[i] = expf(x[i] - mean);
		sum += x[i];
	}
	for (int i = 0; i < n; i++)
		x[i] /= sum;
}
