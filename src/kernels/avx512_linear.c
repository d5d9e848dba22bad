/*
 * avx512_linear.c -- y = x W^T in registers of sixteen lanes; linear_body.h says how.
 */
#include "avx512.h"

typedef __m512 vec;

#define LANES          INT64_C(16)
#define TILE_T         INT64_C(12) /* x 32 outputs: 24 of 32 registers */
#define LINEAR         avx512_linear
#define EACH_HEIGHT(h) h(1) h(2) h(3) h(4) h(5) h(6) h(7) h(8) h(9) h(10) h(11) h(12)

#define FEW_BLOCKS    avx512_few_blocks
#define DECODE_BLOCKS avx512_decode_blocks

ALWAYS_INLINE vec vec_zero(void)
{
	return _mm512_setzero_ps();
}

ALWAYS_INLINE vec vec_set1(float x)
{
	return _mm512_set1_ps(x);
}

ALWAYS_INLINE vec vec_load(const float *src)
{
	return _mm512_loadu_ps(src);
}

ALWAYS_INLINE void vec_store(float *dst, vec v)
{
	_mm512_storeu_ps(dst, v);
}

ALWAYS_INLINE vec vec_add(vec a, vec b)
{
	return _mm512_add_ps(a, b);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c)
{
	return _mm512_fmadd_ps(a, b, c);
}

ALWAYS_INLINE vec vec_weights(const unsigned char *src, enum dtype dtype)
{
	return load16(src, dtype);
}

ALWAYS_INLINE vec vec_some_weights(const unsigned char *src, enum dtype dtype, int64_t left)
{
	return left >= LANES ? load16(src, dtype) : load_first16(src, dtype, left);
}

ALWAYS_INLINE vec vec_low_bf16(vec v)
{
	return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(v), 16));
}

ALWAYS_INLINE vec vec_high_bf16(vec v)
{
	const __m512i upper = _mm512_set1_epi32((int)0xffff0000);

	return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(v), upper));
}

ALWAYS_INLINE void vec_split(vec v, __m256 part[])
{
	part[0] = _mm512_castps512_ps256(v);
	part[1] = _mm512_extractf32x8_ps(v, 1);
}

/* Transpose sixteen vectors of sixteen: in pairs, in fours, then quarters of registers. */
ALWAYS_INLINE void vec_transpose(vec v[16])
{
	__m512 pair[16], quad[16];

	for (int i = 0; i < 16; i += 2) {
		pair[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
		pair[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
	}
	/* quad[i + j]: in quarter q the elements 4 q + j of rows i to i + 3 */
	for (int i = 0; i < 16; i += 4)
		for (int j = 0; j < 2; j++) {
			quad[i + 2 * j] = _mm512_shuffle_ps(pair[i + j], pair[i + j + 2], 0x44);
			quad[i + 2 * j + 1] = _mm512_shuffle_ps(pair[i + j], pair[i + j + 2], 0xee);
		}
	for (int j = 0; j < 4; j++) {
		__m512 even[2], odd[2]; /* quarters 0 and 2, 1 and 3, of rows 0 to 7, 8 to 15 */

		for (int i = 0; i < 2; i++) {
			even[i] = _mm512_shuffle_f32x4(quad[8 * i + j], quad[8 * i + 4 + j], 0x88);
			odd[i] = _mm512_shuffle_f32x4(quad[8 * i + j], quad[8 * i + 4 + j], 0xdd);
		}
		v[j] = _mm512_shuffle_f32x4(even[0], even[1], 0x88);
		v[4 + j] = _mm512_shuffle_f32x4(odd[0], odd[1], 0x88);
		v[8 + j] = _mm512_shuffle_f32x4(even[0], even[1], 0xdd);
		v[12 + j] = _mm512_shuffle_f32x4(odd[0], odd[1], 0xdd);
	}
}

#include "linear_body.h"
