/*
 * avx2_fast.h -- what fast_body.h asks of registers of 32 bytes; included by avx2_fast.c and
 * avxvnni_fast.c, which add their dot products.
 */
#ifndef TORCHLESS_KERNELS_AVX2_FAST_H
#define TORCHLESS_KERNELS_AVX2_FAST_H

#include "avx2_blocks.h"

typedef __m256i ivec;
typedef __m256 vec;

#define LANES  INT64_C(8)
#define TILE_T 4 /* x 16 outputs: 8 of 16 registers, beside weights, x and what is on its way */

ALWAYS_INLINE ivec ivec_zero(void)
{
	return _mm256_setzero_si256();
}

ALWAYS_INLINE ivec ivec_set8(int x)
{
	return _mm256_set1_epi8((char)x);
}

ALWAYS_INLINE ivec ivec_set32(int32_t x)
{
	return _mm256_set1_epi32(x);
}

ALWAYS_INLINE ivec ivec_load(const void *at)
{
	return _mm256_load_si256(at);
}

ALWAYS_INLINE void ivec_store(void *at, ivec v)
{
	_mm256_store_si256(at, v);
}

/* 4 or 16 bytes, over and over. */
ALWAYS_INLINE ivec ivec_repeat4(const int8_t *at)
{
	int32_t x;

	memcpy(&x, at, sizeof(x));
	return _mm256_set1_epi32(x);
}

ALWAYS_INLINE ivec ivec_repeat16(const int8_t *at)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)at));
}

ALWAYS_INLINE ivec ivec_of(const __m128i part[2])
{
	return _mm256_inserti128_si256(_mm256_castsi128_si256(part[0]), part[1], 1);
}

ALWAYS_INLINE ivec ivec_and(ivec a, ivec b)
{
	return _mm256_and_si256(a, b);
}

ALWAYS_INLINE ivec ivec_or(ivec a, ivec b)
{
	return _mm256_or_si256(a, b);
}

ALWAYS_INLINE ivec ivec_xor(ivec a, ivec b)
{
	return _mm256_xor_si256(a, b);
}

ALWAYS_INLINE ivec ivec_add8(ivec a, ivec b)
{
	return _mm256_add_epi8(a, b);
}

ALWAYS_INLINE ivec ivec_add32(ivec a, ivec b)
{
	return _mm256_add_epi32(a, b);
}

ALWAYS_INLINE ivec ivec_sub32(ivec a, ivec b)
{
	return _mm256_sub_epi32(a, b);
}

ALWAYS_INLINE ivec ivec_sll32(ivec v, int n)
{
	return _mm256_slli_epi32(v, n);
}

ALWAYS_INLINE ivec ivec_srl16(ivec v, int n)
{
	return _mm256_srli_epi16(v, n);
}

ALWAYS_INLINE ivec ivec_sll16(ivec v, int n)
{
	return _mm256_slli_epi16(v, n);
}

ALWAYS_INLINE ivec ivec_shuffle8(ivec table, ivec i)
{
	return _mm256_shuffle_epi8(table, i);
}

/* `value` in the bytes whose bit `bit` is set. */
ALWAYS_INLINE ivec ivec_where_bit(ivec v, int bit, int value)
{
	ivec mask = ivec_set8(1 << bit);

	return ivec_and(_mm256_cmpeq_epi8(ivec_and(v, mask), mask), ivec_set8(value));
}

ALWAYS_INLINE ivec ivec_low32(ivec a, ivec b)
{
	return _mm256_unpacklo_epi32(a, b);
}

ALWAYS_INLINE ivec ivec_high32(ivec a, ivec b)
{
	return _mm256_unpackhi_epi32(a, b);
}

ALWAYS_INLINE ivec ivec_low64(ivec a, ivec b)
{
	return _mm256_unpacklo_epi64(a, b);
}

ALWAYS_INLINE ivec ivec_high64(ivec a, ivec b)
{
	return _mm256_unpackhi_epi64(a, b);
}

ALWAYS_INLINE vec ivec_to_f32(ivec v)
{
	return _mm256_cvtepi32_ps(v);
}

ALWAYS_INLINE vec vec_zero(void)
{
	return _mm256_setzero_ps();
}

ALWAYS_INLINE vec vec_set1(float x)
{
	return _mm256_set1_ps(x);
}

ALWAYS_INLINE vec vec_load(const float *at)
{
	return _mm256_loadu_ps(at);
}

ALWAYS_INLINE void vec_store(float *at, vec v)
{
	_mm256_storeu_ps(at, v);
}

ALWAYS_INLINE vec vec_mul(vec a, vec b)
{
	return _mm256_mul_ps(a, b);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c)
{
	return _mm256_fmadd_ps(a, b, c);
}

ALWAYS_INLINE vec vec_of_f16(const uint16_t h[8])
{
	return _mm256_cvtph_ps(_mm_load_si128((const __m128i *)(const void *)h));
}

#endif
