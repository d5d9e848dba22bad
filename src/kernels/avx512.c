/*
 * avx512.c -- the AVX-512 tier: the AVX2 tier's arithmetic in registers twice as wide.
 *
 * Its bits are those of AVX2: a register of sixteen lanes is two of AVX2's chains, and whatever is
 * added across lanes is added in AVX2's order.  So nothing that was computed shows which of the
 * two a CPU has.  Functions that a wider register does not make faster are the same functions.
 */
#include "avx512.h"
#include "fast.h"

#include <cpuid.h>

/* The registers that the system saves when it changes threads: xmm, ymm, masks and both zmm. */
#define SAVED 0xe6u

/* A CPU may have the instructions while the system, or whoever plays the machine, hides them. */
static bool avx512_supported(void)
{
	const unsigned wanted = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
	unsigned eax, ebx, ecx, edx, low, high;

	if (!kernels_avx2.supported() || !__get_cpuid(1, &eax, &ebx, &ecx, &edx) ||
	    !(ecx & bit_OSXSAVE))
		return false;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (low & SAVED) == SAVED && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
	       (ebx & wanted) == wanted;
}

static void avx512_convert(float *dst, const void *src, enum dtype dtype, int64_t n)
{
	if (dtype_is_block(dtype))
		avx512_decode_blocks(dst, src, dtype, 0, n);
	else
		avx2_convert(dst, src, dtype, n);
}

static bool has_vnni(void)
{
	static _Atomic signed char known;

	if (!known)
		known = avx512vnni_supported() ? 1 : -1;
	return known > 0;
}

static void linear_fast(struct threads *pool, float *y, const float *x, const struct tensor *w,
			int64_t T, void *scratch)
{
	if (!dtype_is_block(w->dtype))
		avx512_linear(pool, y, x, w, T);
	else if (has_vnni())
		avx512vnni_linear_fast(pool, y, x, w, T, scratch);
	else
		avx2_best_fast(pool, y, x, w, T, scratch);
}

const struct kernels kernels_avx512 = {
	.isa = "avx512",
	.bits = "avx2",
	.supported = avx512_supported,
	.convert = avx512_convert,
	.linear = avx512_linear,
	.linear_fast = linear_fast,
	.linear_fast_scratch = fast_scratch,
	.linear_fast_dtype = fast_dtype,
	.rmsnorm = avx2_rmsnorm,
	.rope = avx2_rope,
	.silu = avx2_silu,
	.mul = avx2_mul,
	.add = avx2_add,
	.scores = avx512_scores,
	.softmax = avx512_softmax,
	.mix = avx512_mix,
	.sum = avx2_sum,
};
