#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_embed(float *out, const tl_bf16 *table, const int *ids, int n, int d)
{
	/* BEGIN SOLUTION: what tl_embed is to do */
	/* STARTER: (void)out, (void)table, (void)ids, (void)n, (void)d; */
	for (int t = 0; t < n; t++)
		for (int i = 0; i < d; i++) {
			uint32_t bits = (uint32_t)table[ids[t] * d + i] << 16;

			memcpy(&out[t * d + i], &bits, sizeof(bits));
		}
	/* END SOLUTION */
}
