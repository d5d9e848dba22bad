/*
 * exercise: swiglu
 * says: This is x * sigmoid(1.702 x), the quick GELU of CLIP. silu has no factor in its
 *   sigmoid.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = gate[i] / (1 + expf(-1.702f * gate[i])) * up[i];
}
