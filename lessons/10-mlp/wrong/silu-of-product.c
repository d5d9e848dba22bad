/*
 * exercise: swiglu
 * says: This is silu(gate * up). The activation comes first, then the product.
 * seen: Nijikadesu/breakdown-minimind#3
 */
#include "torchless/lesson_kernels.h"

static float silu(float x)
{
	return x / (1 + expf(-x));
}

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = silu(gate[i] * up[i]);
}
