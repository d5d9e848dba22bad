/*
 * fast.h -- products whose activations are rounded to sixteen bits: what is computed.
 *
 * GGUF's blocks hold small integers and a few scales.  Where x becomes integers with a scale as
 * well, 32 products are a sum of integers, which is exact in any order, and one product of floats.
 * So the definition fixes the order of the floats only, and every set of kernels has the same bits:
 *
 *	for each 32 elements of x: a = max |x|, dx = a / 32512
 *		qx = round(x * (32512 / a)), half to even
 *		dx = NaN and qx = 0 where an x is infinite or NaN
 *		dx = 0 and qx = 0 where a / 32512 is not a normal number
 *
 *	y = 0; for each part of a row of W, from left to right
 *		y = fma((float)sum(qw * qx), dw * dx, y)
 *		y = fma((float)sum(qx), mw * dx, y)         for types with minima
 *
 * A part is a group of 32 elements, or 16 where the type has a scale for 16; qw, dw, mw are those
 * of blocks.h.  One chain an output, whatever T is: a token has the same bits in a prompt and by
 * itself.  The sums are smaller than 2^27, and those of x than 2^20.
 *
 * 32512 is 255 * 127 + 127, and less than 256 * 127 + 128: an integer up to it is 255 times a byte
 * and another byte, neither of them -128, and 256 times one and another; so dot products of bytes
 * do for it.
 */
#ifndef TORCHLESS_KERNELS_FAST_H
#define TORCHLESS_KERNELS_FAST_H

#include "torchless/kernels.h"

#define FAST_MOST 32512 /* the largest |qx| */

/* Members of struct kernels, of every set; for weights that are no blocks nothing is rounded. */
size_t fast_scratch(enum dtype w, int64_t T, int64_t K);
const char *fast_dtype(enum dtype w);

/* By the best instructions for it of a CPU that has AVX2. */
void avx2_best_fast(struct threads *pool, float *y, const float *x, const struct tensor *w,
		    int64_t T, void *scratch);

/* In plain loops, and by one kind of instructions each, of blocks only: the same bits. */
void ref_linear_fast(struct threads *pool, float *y, const float *x, const struct tensor *w,
		     int64_t T, void *scratch);
void avx2_linear_fast(struct threads *pool, float *y, const float *x, const struct tensor *w,
		      int64_t T, void *scratch);
void avxvnni_linear_fast(struct threads *pool, float *y, const float *x, const struct tensor *w,
			 int64_t T, void *scratch);
void avx512vnni_linear_fast(struct threads *pool, float *y, const float *x, const struct tensor *w,
			    int64_t T, void *scratch);

/* Whether this CPU has them beside what the set, avx2 or avx512, asks for. */
bool avxvnni_supported(void);
bool avx512vnni_supported(void);

#endif
