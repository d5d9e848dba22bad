/*
 * exercise: rmsnorm
 * says: This is the norm without eps. It can hardly be told from the right one, until x
 *   is very small; for x = 0 it divides by 0.
 * seen: tenstorrent/tt-metal#55347
 */
#include "torchless/lesson_kernels.h"

void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	float sum = 0;

	(void)eps;
	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];

	float rms = sqrtf(sum / (float)n);

	for (int i = 0; i < n; i++)
		out[i] = x[i] / rms * w[i];
}
