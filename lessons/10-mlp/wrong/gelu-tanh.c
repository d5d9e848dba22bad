/*
 * exercise: swiglu
 * says: This is GELU (its tanh form), as in GPT-2 and Gemma. This model says "hidden_act":
 *   "silu".
 * seen: huggingface/candle#3745 (the other way round)
 */
#include "torchless/lesson_kernels.h"

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = 0.5f * gate[i] *
			 (1 + tanhf(0.7978845608f *
				    (gate[i] + 0.044715f * gate[i] * gate[i] * gate[i]))) *
			 up[i];
}
