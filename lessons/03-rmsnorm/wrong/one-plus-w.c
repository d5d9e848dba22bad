/*
 * exercise: rmsnorm
 * says: This multiplies by 1 + w. Gemma stores its weights so; Mistral and Llama store
 *   the factor itself.
 * seen: linkedin/Liger-Kernel#74
 */
#include "torchless/lesson_kernels.h"

void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	float sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];

	float rms = sqrtf(sum / (float)n + eps);

	for (int i = 0; i < n; i++)
		out[i] = x[i] / rms * (1 + w[i]);
}
