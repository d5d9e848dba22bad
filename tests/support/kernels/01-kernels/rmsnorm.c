#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	/* BEGIN SOLUTION: what tl_rmsnorm is to do */
	/* STARTER: (void)out, (void)x, (void)w, (void)n, (void)eps; */
	float sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];
	for (int i = 0; i < n; i++)
		out[i] = x[i] / sqrtf(sum / n + eps) * w[i];
	/* END SOLUTION */
}
