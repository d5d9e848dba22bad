/*
 * tl_embed: the row of each token, widened from bf16 to float.
 *
 * out[n][d] gets, at place i, row ids[i] of table[n_vocab][d].  A bf16 is the upper half of a
 * float: the same sign, the same exponent, and the first 7 bits of the fraction.  So widening loses
 * nothing: move the 16 bits to the upper half of 32, and let the lower half be zero.
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_embed(float *out, const tl_bf16 *table, const int *ids, int n, int d)
{
	/* BEGIN SOLUTION: row ids[i] of table to row i of out, each bf16 widened to a float */
	/* STARTER: (void)out, (void)table, (void)ids, (void)n, (void)d; */
	for (int i = 0; i < n; i++) {
		const tl_bf16 *row = table + (size_t)ids[i] * (size_t)d;

		for (int j = 0; j < d; j++) {
			uint32_t bits = (uint32_t)row[j] << 16;

			memcpy(&out[(size_t)i * (size_t)d + (size_t)j], &bits, sizeof bits);
		}
	}
	/* END SOLUTION */
}
