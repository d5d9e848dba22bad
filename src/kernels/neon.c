/*
 * neon.c -- the NEON tier: that of AVX2, whose files neon.h translates.
 *
 * Every CPU of AArch64 has these instructions.  Nobody has measured yet what they could do better
 * than in the pattern of AVX2: see docs/performance.md.
 */
#include "avx2.h"
#include "fast.h"

static bool always(void)
{
	return true;
}

static void linear_fast(struct threads *pool, float *y, const float *x, const struct tensor *w,
			int64_t T, void *scratch)
{
	if (dtype_is_block(w->dtype))
		avx2_linear_fast(pool, y, x, w, T, scratch);
	else
		avx2_linear(pool, y, x, w, T);
}

const struct kernels kernels_neon = {
	.isa = "neon",
	.bits = "avx2",
	.supported = always,
	.convert = avx2_convert,
	.linear = avx2_linear,
	.linear_fast = linear_fast,
	.linear_fast_scratch = fast_scratch,
	.linear_fast_dtype = fast_dtype,
	.rmsnorm = avx2_rmsnorm,
	.rope = avx2_rope,
	.silu = avx2_silu,
	.mul = avx2_mul,
	.add = avx2_add,
	.scores = avx2_scores,
	.softmax = avx2_softmax,
	.mix = avx2_mix,
	.sum = avx2_sum,
};
