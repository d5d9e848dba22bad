/*
 * exercise: swiglu
 */
#include "torchless/lesson_kernels.h"

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	while (n-- > 0) {
		float opens = 1 / (1 + expf(-*gate));

		*out++ = *gate++ * opens * *up++;
	}
}
