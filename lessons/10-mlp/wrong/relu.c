/*
 * exercise: swiglu
 * says: This is ReLU on the gate: nothing passes below 0. silu lets a little through
 *   there, down to -0.28.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (gate[i] > 0 ? gate[i] : 0) * up[i];
}
