/*
 * exercise: swiglu
 * says: Right for small gates. exp(gate) is infinite from 89 on, and infinity over
 *   infinity is NaN: write it with exp(-gate).
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = gate[i] * expf(gate[i]) / (1 + expf(gate[i])) * up[i];
}
