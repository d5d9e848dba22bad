/*
 * exercise: swiglu
 * says: The gate does not gate: this is gate * up, without an activation.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = gate[i] * up[i];
}
