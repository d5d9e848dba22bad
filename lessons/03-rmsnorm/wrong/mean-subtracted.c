/*
 * exercise: rmsnorm
 * says: This is LayerNorm: the mean is subtracted first. RMSNorm subtracts nothing; it
 *   divides by the root of the mean square, whatever the mean is.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	float sum = 0;

	float mean = 0;

	for (int i = 0; i < n; i++)
		mean += x[i] / (float)n;
	for (int i = 0; i < n; i++)
		sum += (x[i] - mean) * (x[i] - mean);

	float rms = sqrtf(sum / (float)n + eps);

	for (int i = 0; i < n; i++)
		out[i] = (x[i] - mean) / rms * w[i];
}
