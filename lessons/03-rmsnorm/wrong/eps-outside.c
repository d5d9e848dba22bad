/*
 * exercise: rmsnorm
 * says: Here eps is added after the root. It belongs inside: sqrt(mean + eps). For a
 *   small x that is another number by far, since the root of eps is much more than eps.
 * seen: allenai/OLMo#281
 */
#include "torchless/lesson_kernels.h"

void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	float sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];

	float rms = sqrtf(sum / (float)n) + eps;

	for (int i = 0; i < n; i++)
		out[i] = x[i] / rms * w[i];
}
