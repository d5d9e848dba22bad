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
#define PACK_BLOCKS   avx512_pack_blocks

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

ALWAYS_INLINE void vec_transpose(vec v[16])
{
	transpose16(v);
}

#include "linear_body.h"
