/*
 * exercise: swiglu
 */
#include "torchless/lesson_kernels.h"

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (float)(gate[i] / (1 + exp(-(double)gate[i])) * up[i]);
}
