/*
 * exercise: rmsnorm
 */
#include "torchless/lesson_kernels.h"

/* Four sums side by side, as vector units have it, and the weight last of all. */
void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	float lane[4] = { 0, 0, 0, 0 };

	for (int i = 0; i < n; i++)
		lane[i % 4] += x[i] * x[i];

	float sum = (lane[0] + lane[1]) + (lane[2] + lane[3]);
	float scale = sqrtf((float)n) / sqrtf(sum + (float)n * eps);

	for (int i = 0; i < n; i++)
		out[i] = x[i] * scale * w[i];
}
