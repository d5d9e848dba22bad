/*
 * exercise: swiglu
 * says: This is silu(gate) alone. up is not in it, so one of the three matrices has no
 *   effect.
 * seen: google-research/timesfm#493
 */
#include "torchless/lesson_kernels.h"

static float silu(float x)
{
	return x / (1 + expf(-x));
}

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	(void)up;
	for (int i = 0; i < n; i++)
		out[i] = silu(gate[i]);
}
