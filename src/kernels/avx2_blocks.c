/*
 * avx2_blocks.c -- rows of GGUF's blocks times a few tokens, in registers of eight lanes;
 * blocks_body.h says how.
 *
 * q8_0, q4_0, q4_k and q6_k, which most files are made of, go from bytes to f32 in registers.  The
 * other types are decoded by the loops of blocks.h, which the compiler makes vectors of.
 */
#include "avx2.h"
#include "blocks.h"

typedef __m256 vec;

#define LANES         8
#define FEW_BLOCKS    avx2_few_blocks
#define DECODE_BLOCKS avx2_decode_blocks

ALWAYS_INLINE vec vec_load(const float *src)
{
	return _mm256_loadu_ps(src);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c)
{
	return _mm256_fmadd_ps(a, b, c);
}

ALWAYS_INLINE void vec_split(vec v, __m256 part[])
{
	part[0] = v;
}

#include "avx2_scales.h"

/* 16 small integers as f32. */
ALWAYS_INLINE void widen_i8(vec v[2], __m128i q)
{
	v[0] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q));
	v[1] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(q, q)));
}

ALWAYS_INLINE void scale_half(vec v[2], __m128i q, __m256 d)
{
	widen_i8(v, q);
	v[0] = _mm256_mul_ps(d, v[0]);
	v[1] = _mm256_mul_ps(d, v[1]);
}

ALWAYS_INLINE void load_q8_0(vec v[4], const unsigned char *b, const struct scales *s)
{
	__m256 d = _mm256_broadcastss_ps(s->d1);

	scale_half(v, load_bytes16(b + 2), d);
	scale_half(v + 2, load_bytes16(b + 18), d);
}

ALWAYS_INLINE void load_q4_0(vec v[4], const unsigned char *b, const struct scales *s)
{
	const __m128i low = _mm_set1_epi8(15), eight = _mm_set1_epi8(8);
	__m256 d = _mm256_broadcastss_ps(s->d1);
	__m128i q = load_bytes16(b + 2);

	scale_half(v, _mm_sub_epi8(_mm_and_si128(q, low), eight), d);
	q = _mm_and_si128(_mm_srli_epi16(q, 4), low);
	scale_half(v + 2, _mm_sub_epi8(q, eight), d);
}

ALWAYS_INLINE void load_q4_k(vec v[4], const unsigned char *b, int64_t group,
			     const struct scales *s)
{
	const __m128i low = _mm_set1_epi8(15);
	__m256 d = _mm256_broadcast_ss(s->d + group), m = _mm256_broadcast_ss(s->m + group);

	for (int h = 0; h < 2; h++) {
		__m128i q = load_bytes16(b + 16 + group / 2 * 32 + 16 * h);

		widen_i8(v + 2 * h, _mm_and_si128(group % 2 ? _mm_srli_epi16(q, 4) : q, low));
	}
	for (int i = 0; i < 4; i++)
		v[i] = _mm256_fmsub_ps(d, v[i], m);
}

ALWAYS_INLINE void load_q6_k(vec v[4], const unsigned char *b, int64_t group,
			     const struct scales *s)
{
	__m256i q = q6_k_group(b, group);

	scale_half(v, _mm256_castsi256_si128(q), _mm256_broadcast_ss(s->d + 2 * group));
	scale_half(v + 2, _mm256_extracti128_si256(q, 1),
		   _mm256_broadcast_ss(s->d + 2 * group + 1));
}

ALWAYS_INLINE void load_group(vec v[4], const unsigned char *b, int64_t group,
			      const struct scales *s, enum dtype dtype)
{
	_Alignas(32) float x[GROUP];

	if (dtype == DTYPE_Q8_0)
		load_q8_0(v, b, s);
	else if (dtype == DTYPE_Q4_0)
		load_q4_0(v, b, s);
	else if (dtype == DTYPE_Q4_K)
		load_q4_k(v, b, group, s);
	else if (dtype == DTYPE_Q6_K)
		load_q6_k(v, b, group, s);
	else {
		decoder_of(dtype)(x, b, group);
		for (int64_t i = 0; i < 4; i++)
			v[i] = _mm256_load_ps(x + 8 * i);
	}
}

#include "blocks_body.h"
