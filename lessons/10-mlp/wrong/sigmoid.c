/*
 * exercise: swiglu
 * says: This is a plain gated linear unit, sigmoid(gate) * up. silu(gate) is
 *   gate * sigmoid(gate): a factor gate is missing.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = up[i] / (1 + expf(-gate[i]));
}
