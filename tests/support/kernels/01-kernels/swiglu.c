#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_swiglu(float *out, const float *gate, const float *up, int n)
{
	/* BEGIN SOLUTION: what tl_swiglu is to do */
	/* STARTER: (void)out, (void)gate, (void)up, (void)n; */
	for (int i = 0; i < n; i++)
		out[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
	/* END SOLUTION */
}
