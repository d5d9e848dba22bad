/*
 * exercise: swiglu
 * says: silu is of the gate.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = up[i] / (1 + expf(-up[i])) * gate[i];
}
