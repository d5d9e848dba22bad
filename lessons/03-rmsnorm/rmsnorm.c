/*
 * tl_rmsnorm: a vector brought to a size that the next module is used to.
 *
 * out = x / rms * w with rms = sqrt(mean(x^2) + eps).  The mean is over the n elements; nothing is
 * subtracted from x.  eps stands inside of the root: it keeps a vector of zeros from being divided
 * by zero.  w has a factor for each element.
 */
#include "torchless/lesson_kernels.h"

void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	/* BEGIN SOLUTION: the mean of the squares, the root of it and eps, then x / rms * w */
	/* STARTER: (void)out, (void)x, (void)w, (void)n, (void)eps; */
	float sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];

	float rms = sqrtf(sum / (float)n + eps);

	for (int i = 0; i < n; i++)
		out[i] = x[i] / rms * w[i];
	/* END SOLUTION */
}
