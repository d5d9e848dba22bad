/*
 * avx2_linear.c -- y = x W^T in registers of eight lanes; linear_body.h says how.
 */
#include "avx2.h"

typedef __m256 vec;

#define LANES          INT64_C(8)
#define TILE_T         INT64_C(6) /* x 16 outputs: twelve of sixteen registers */
#define LINEAR         avx2_linear
#define EACH_HEIGHT(h) h(1) h(2) h(3) h(4) h(5) h(6)

#define FEW_BLOCKS    avx2_few_blocks
#define DECODE_BLOCKS avx2_decode_blocks

ALWAYS_INLINE vec vec_zero(void)
{
	return _mm256_setzero_ps();
}

ALWAYS_INLINE vec vec_set1(float x)
{
	return _mm256_set1_ps(x);
}

ALWAYS_INLINE vec vec_load(const float *src)
{
	return _mm256_loadu_ps(src);
}

ALWAYS_INLINE void vec_store(float *dst, vec v)
{
	_mm256_storeu_ps(dst, v);
}

ALWAYS_INLINE vec vec_add(vec a, vec b)
{
	return _mm256_add_ps(a, b);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c)
{
	return _mm256_fmadd_ps(a, b, c);
}

ALWAYS_INLINE vec vec_weights(const unsigned char *src, enum dtype dtype)
{
	return load8(src, dtype);
}

ALWAYS_INLINE vec vec_some_weights(const unsigned char *src, enum dtype dtype, int64_t left)
{
	return load_weights(src, dtype, left);
}

ALWAYS_INLINE vec vec_low_bf16(vec v)
{
	return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(v), 16));
}

ALWAYS_INLINE vec vec_high_bf16(vec v)
{
	const __m256i upper = _mm256_set1_epi32((int)0xffff0000);

	return _mm256_castsi256_ps(_mm256_and_si256(_mm256_castps_si256(v), upper));
}

ALWAYS_INLINE void vec_split(vec v, __m256 part[])
{
	part[0] = v;
}

ALWAYS_INLINE void vec_transpose(__m256 v[8])
{
	transpose8(v);
}

#include "linear_body.h"
