/*
 * avx512_blocks.h -- what the files that read blocks with AVX-512 share.
 *
 * Included by avx512_blocks.c and avx512_pack.c.
 */
#ifndef TORCHLESS_KERNELS_AVX512_BLOCKS_H
#define TORCHLESS_KERNELS_AVX512_BLOCKS_H

#include "avx2_blocks.h"
#include "avx512.h"

/* d q + m, or d q. */
ALWAYS_INLINE __m512 scaled(__m512 d, __m512 q, __m512 m, enum dtype t)
{
	return type_has_minima(t) ? _mm512_fmadd_ps(d, q, m) : _mm512_mul_ps(d, q);
}

/* Whether a block has six-bit scales and minima of eight groups. */
ALWAYS_INLINE bool has_eight_scales(enum dtype t)
{
	return t == DTYPE_Q4_K || t == DTYPE_Q5_K;
}

/* As scales_of_q4_k(), in one register: the scales of eight groups in d, the minima behind them. */
ALWAYS_INLINE void scales_of_eight(float d[16], const unsigned char *b)
{
	const __m512i which = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi32(1), 1);
	uint32_t a = load_u32(b + 4), m = load_u32(b + 8), both = load_u32(b + 12);
	__m128i q = _mm_unpacklo_epi64(
		two_words(a & 0x3f3f3f3f, (both & 0x0f0f0f0f) | (a >> 2 & 0x30303030)),
		two_words(m & 0x3f3f3f3f, (both >> 4 & 0x0f0f0f0f) | (m >> 2 & 0x30303030)));
	__m128 factors = _mm_cvtph_ps(_mm_cvtsi32_si128((int)(load_u32(b) ^ 0x80000000)));

	_mm512_store_ps(d,
			_mm512_mul_ps(_mm512_permutexvar_ps(which, _mm512_castps128_ps512(factors)),
				      _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(q))));
}

#endif
