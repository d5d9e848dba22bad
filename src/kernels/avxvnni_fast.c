/*
 * avxvnni_fast.c -- products with activations of sixteen bits, by dot products of bytes in
 * registers of 32 of them; fast_body.h says how.
 */
#include "avx2_fast.h"
#include "fast.h"

#include <cpuid.h>

#define ANY_BYTES   1
#define LINEAR_FAST avxvnni_linear_fast

ALWAYS_INLINE ivec ivec_dot(ivec sum, ivec w, ivec x)
{
	return _mm256_dpbusd_avx_epi32(sum, w, x);
}

ALWAYS_INLINE ivec ivec_dot2(ivec sum, ivec w, ivec x, ivec v, ivec y, bool is_signed)
{
	(void)is_signed;
	return ivec_dot(ivec_dot(sum, w, x), v, y);
}

/* The registers are those of AVX2. */
bool avxvnni_supported(void)
{
	unsigned eax, ebx, ecx, edx;

	return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax & 1u << 4);
}

#include "fast_body.h"
