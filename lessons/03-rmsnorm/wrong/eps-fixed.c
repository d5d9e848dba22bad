/*
 * exercise: rmsnorm
 * says: This is what eps = 1e-6 gives, whatever is asked for. eps comes from the
 *   configuration, rms_norm_eps, and is another one in other models.
 * seen: apache/tvm#15856
 */
#include "torchless/lesson_kernels.h"

void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	float sum = 0;

	(void)eps;
	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];

	float rms = sqrtf(sum / (float)n + 1e-6f);

	for (int i = 0; i < n; i++)
		out[i] = x[i] / rms * w[i];
}
