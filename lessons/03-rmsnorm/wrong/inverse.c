/*
 * exercise: rmsnorm
 * says: This multiplies by the rms. It comes of dividing by a reciprocal root: x is
 *   divided by the rms, or multiplied by 1 / rms, not both.
 * seen: mosaicml/llm-foundry#371
 */
#include "torchless/lesson_kernels.h"

void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	float sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];

	float inverse = 1 / sqrtf(sum / (float)n + eps);

	for (int i = 0; i < n; i++)
		out[i] = x[i] / inverse * w[i];
}
