/*
 * exercise: swiglu
 * says: This is ReLU.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = fmaxf(gate[i], 0) * up[i];
}
