/*
 * exercise: rmsnorm
 * says: This divides by the length of x, the root of the sum of squares. The mean is
 *   asked for: divide the sum by n first.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	float sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];

	float rms = sqrtf(sum + eps);

	for (int i = 0; i < n; i++)
		out[i] = x[i] / rms * w[i];
}
