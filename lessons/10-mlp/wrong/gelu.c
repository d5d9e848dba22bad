/*
 * exercise: swiglu
 * says: This is GELU, x times the normal distribution. It looks like silu and is steeper.
 *   This model says "hidden_act": "silu".
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = 0.5f * gate[i] * (1 + erff(gate[i] * 0.7071067812f)) * up[i];
}
