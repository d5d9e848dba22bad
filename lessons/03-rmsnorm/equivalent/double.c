/*
 * exercise: rmsnorm
 */
#include "torchless/lesson_kernels.h"

void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	double mean = 0;

	for (int i = n - 1; i >= 0; i--)
		mean += (double)x[i] * (double)x[i] / n;

	double scale = 1 / sqrt(mean + (double)eps);

	for (int i = 0; i < n; i++)
		out[i] = (float)((double)w[i] * ((double)x[i] * scale));
}
