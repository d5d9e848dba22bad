/*
 * exercise: rmsnorm
 * says: Without eps a vector of zeros is divided by zero.
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
		out[i] = x[i] / sqrtf(sum / n + 0 * eps) * w[i];
}
