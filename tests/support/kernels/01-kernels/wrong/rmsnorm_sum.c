/*
 * exercise: rmsnorm
 * says: The mean is divided by n.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	float sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];
	for (int i = 0; i < n; i++)
		out[i] = x[i] / sqrtf(sum + eps) * w[i];
}
