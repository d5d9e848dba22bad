/*
 * Lesson 10: the gate of the MLP.
 *
 * out[n] = silu(gate) * up, element by element, where silu(x) = x / (1 + exp(-x)).
 *
 * Gates of this model stay within 20 or so, but a kernel has to hold: at a gate of 100 the result
 * is 100 * up, at -100 it is as good as 0, and neither may become NaN or infinite.
 */
#include "torchless/lesson_kernels.h"

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	/* BEGIN SOLUTION: for each i, pass up[i] through the gate silu(gate[i]) */
	/* STARTER: (void)out, (void)gate, (void)up, (void)n; */
	for (int i = 0; i < n; i++)
		out[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
	/* END SOLUTION */
}
