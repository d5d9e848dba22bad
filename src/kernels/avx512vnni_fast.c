/*
 * avx512vnni_fast.c -- products with activations of sixteen bits, by dot products of bytes in
 * registers of 64 of them; fast_body.h says how.
 */
#include "avx2_blocks.h"
#include "fast.h"

#include <cpuid.h>

typedef __m512i ivec;
typedef __m512 vec;

#define LANES       INT64_C(16)
#define TILE_T      6 /* x 32 outputs: 12 registers of integers and 12 of floats, of 32 */
#define ANY_BYTES   1
#define LINEAR_FAST avx512vnni_linear_fast

ALWAYS_INLINE ivec ivec_dot(ivec sum, ivec w, ivec x)
{
	return _mm512_dpbusd_epi32(sum, w, x);
}

ALWAYS_INLINE ivec ivec_dot2(ivec sum, ivec w, ivec x, ivec v, ivec y, bool is_signed)
{
	(void)is_signed;
	return ivec_dot(ivec_dot(sum, w, x), v, y);
}

ALWAYS_INLINE ivec ivec_zero(void)
{
	return _mm512_setzero_si512();
}

ALWAYS_INLINE ivec ivec_set8(int x)
{
	return _mm512_set1_epi8((char)x);
}

ALWAYS_INLINE ivec ivec_set32(int32_t x)
{
	return _mm512_set1_epi32(x);
}

ALWAYS_INLINE ivec ivec_load(const void *at)
{
	return _mm512_load_si512(at);
}

ALWAYS_INLINE void ivec_store(void *at, ivec v)
{
	_mm512_store_si512(at, v);
}

/* 4 or 16 bytes, over and over. */
ALWAYS_INLINE ivec ivec_repeat4(const int8_t *at)
{
	int32_t x;

	memcpy(&x, at, sizeof(x));
	return _mm512_set1_epi32(x);
}

ALWAYS_INLINE ivec ivec_repeat16(const int8_t *at)
{
	return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)at));
}

ALWAYS_INLINE ivec ivec_of(const __m128i part[4])
{
	ivec v = _mm512_inserti32x4(_mm512_castsi128_si512(part[0]), part[1], 1);

	return _mm512_inserti32x4(_mm512_inserti32x4(v, part[2], 2), part[3], 3);
}

ALWAYS_INLINE ivec ivec_and(ivec a, ivec b)
{
	return _mm512_and_si512(a, b);
}

ALWAYS_INLINE ivec ivec_or(ivec a, ivec b)
{
	return _mm512_or_si512(a, b);
}

ALWAYS_INLINE ivec ivec_xor(ivec a, ivec b)
{
	return _mm512_xor_si512(a, b);
}

ALWAYS_INLINE ivec ivec_add8(ivec a, ivec b)
{
	return _mm512_add_epi8(a, b);
}

ALWAYS_INLINE ivec ivec_add32(ivec a, ivec b)
{
	return _mm512_add_epi32(a, b);
}

ALWAYS_INLINE ivec ivec_sub32(ivec a, ivec b)
{
	return _mm512_sub_epi32(a, b);
}

ALWAYS_INLINE ivec ivec_sll32(ivec v, int n)
{
	return _mm512_slli_epi32(v, (unsigned)n);
}

/* By 2, 4 or 6, which must be constants of the instruction. */
ALWAYS_INLINE ivec ivec_srl16(ivec v, int n)
{
	return n == 2   ? _mm512_srli_epi16(v, 2)
	       : n == 4 ? _mm512_srli_epi16(v, 4)
			: _mm512_srli_epi16(v, 6);
}

ALWAYS_INLINE ivec ivec_sll16(ivec v, int n)
{
	return n == 2 ? _mm512_slli_epi16(v, 2) : _mm512_slli_epi16(v, 4);
}

ALWAYS_INLINE ivec ivec_shuffle8(ivec table, ivec i)
{
	return _mm512_shuffle_epi8(table, i);
}

/* `value` in the bytes whose bit `bit` is set. */
ALWAYS_INLINE ivec ivec_where_bit(ivec v, int bit, int value)
{
	return _mm512_maskz_mov_epi8(_mm512_test_epi8_mask(v, ivec_set8(1 << bit)),
				     ivec_set8(value));
}

ALWAYS_INLINE ivec ivec_low32(ivec a, ivec b)
{
	return _mm512_unpacklo_epi32(a, b);
}

ALWAYS_INLINE ivec ivec_high32(ivec a, ivec b)
{
	return _mm512_unpackhi_epi32(a, b);
}

ALWAYS_INLINE ivec ivec_low64(ivec a, ivec b)
{
	return _mm512_unpacklo_epi64(a, b);
}

ALWAYS_INLINE ivec ivec_high64(ivec a, ivec b)
{
	return _mm512_unpackhi_epi64(a, b);
}

ALWAYS_INLINE vec ivec_to_f32(ivec v)
{
	return _mm512_cvtepi32_ps(v);
}

ALWAYS_INLINE vec vec_zero(void)
{
	return _mm512_setzero_ps();
}

ALWAYS_INLINE vec vec_set1(float x)
{
	return _mm512_set1_ps(x);
}

ALWAYS_INLINE vec vec_load(const float *at)
{
	return _mm512_loadu_ps(at);
}

ALWAYS_INLINE void vec_store(float *at, vec v)
{
	_mm512_storeu_ps(at, v);
}

ALWAYS_INLINE vec vec_mul(vec a, vec b)
{
	return _mm512_mul_ps(a, b);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c)
{
	return _mm512_fmadd_ps(a, b, c);
}

ALWAYS_INLINE vec vec_of_f16(const uint16_t h[16])
{
	return _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)(const void *)h));
}

/* The registers are those of AVX-512. */
bool avx512vnni_supported(void)
{
	unsigned eax, ebx, ecx, edx;

	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ecx & bit_AVX512VNNI);
}

#include "fast_body.h"
