/*
 * exercise: embed
 */
#include "torchless/lesson_kernels.h"

void tl_embed(float *out, const tl_bf16 *table, const int *ids, int n, int d)
{
	union {
		uint32_t bits;
		float x;
	} u;

	for (long k = (long)n * d - 1; k >= 0; k--) {
		u.bits = (uint32_t)table[(long)ids[k / d] * d + k % d] * 65536u;
		out[k] = u.x;
	}
}
