/*
 * avx2_blocks.c -- rows of GGUF's blocks times a few tokens, in registers of eight lanes;
 * blocks_body.h says how.
 */
#include "avx2_blocks.h"

typedef __m256 vec;

#define LANES         INT64_C(8)
#define FEW_BLOCKS    avx2_few_blocks
#define DECODE_BLOCKS avx2_decode_blocks

ALWAYS_INLINE vec vec_load(const float *src)
{
	return _mm256_loadu_ps(src);
}

ALWAYS_INLINE void vec_store(float *dst, vec v)
{
	_mm256_storeu_ps(dst, v);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c)
{
	return _mm256_fmadd_ps(a, b, c);
}

ALWAYS_INLINE void vec_split(vec v, __m256 part[])
{
	part[0] = v;
}

ALWAYS_INLINE void load_group(vec v[4], const unsigned char *b, int64_t group, const float *ds,
			      const float *ms, enum dtype t)
{
	bool both = type_scales_sixteens(t);

	for (int64_t h = 0; h < 2; h++) {
		__m128i q = sixteen_of(b, group, h, t);
		__m256 d = _mm256_broadcast_ss(ds + (both ? h : 0));
		__m256 m = _mm256_broadcast_ss(ms + (both ? h : 0));

		v[2 * h] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q));
		v[2 * h + 1] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(q, q)));
		for (int64_t i = 2 * h; i < 2 * h + 2; i++)
			v[i] = type_has_minima(t) ? _mm256_fmadd_ps(d, v[i], m)
						  : _mm256_mul_ps(d, v[i]);
	}
}

#include "blocks_body.h"

/* Measured: none; twice the accumulators and scales cost more than the waiting. */
ALWAYS_INLINE int64_t dot_together(float *y, const float *x, const struct tensor *weights,
				   int64_t n0, int64_t n1, enum dtype dtype)
{
	(void)y;
	(void)x;
	(void)weights;
	(void)n1;
	(void)dtype;
	return n0;
}
