/*
 * exercise: rmsnorm
 * says: The weight was left out. It is part of the norm: each element has a factor of its
 *   own.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	float sum = 0;

	(void)w;
	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];

	float rms = sqrtf(sum / (float)n + eps);

	for (int i = 0; i < n; i++)
		out[i] = x[i] / rms;
}
