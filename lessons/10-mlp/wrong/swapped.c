/*
 * exercise: swiglu
 * says: The activation is on up here. silu goes on the gate; up is multiplied as it is.
 * seen: ooples/AiDotNet.Tensors#46
 */
#include "torchless/lesson_kernels.h"

static float silu(float x)
{
	return x / (1 + expf(-x));
}

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = gate[i] * silu(up[i]);
}
