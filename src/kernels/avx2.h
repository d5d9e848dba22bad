/*
 * avx2.h -- what the AVX2 files share: loads of any weight type, tails, sums, exp.
 *
 * Included by avx2*.c, which are compiled with -mavx2 -mfma -mf16c, and through avx512.h by
 * avx512*.c.  On AArch64 the same files are the NEON tier: neon.h says what their words mean there.
 */
#ifndef TORCHLESS_KERNELS_AVX2_H
#define TORCHLESS_KERNELS_AVX2_H

#include "kv.h"

#ifdef __aarch64__
#include "neon.h"
#else
#include <immintrin.h>
#endif
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* The functions of the tier; those of AVX-512 are the same ones where width does not help. */
void avx2_convert(float *dst, const void *src, enum dtype dtype, int64_t n);
void avx2_linear(struct threads *pool, float *y, const float *x, const struct tensor *w, int64_t T);
void avx2_rmsnorm(struct threads *pool, float *rms, float *normed, float *out, const float *x,
		  const struct tensor *w, float eps, int64_t T);
void avx2_rope(struct threads *pool, float *y, const float *x, const float *cos, const float *sin,
	       int64_t T, int64_t H, int64_t E);
void avx2_silu(struct threads *pool, float *y, const float *x, int64_t n);
void avx2_mul(struct threads *pool, float *y, const float *a, const float *b, int64_t n);
void avx2_add(struct threads *pool, float *y, const float *a, const float *b, int64_t n);
void avx2_softmax(float *x, int64_t n);
void avx2_scores(float *scores, int64_t stride, const struct attention *a,
		 struct attention_tile tile);
void avx2_mix(float *z, int64_t z_stride, const float *p, int64_t stride, const struct attention *a,
	      struct attention_tile tile);
void avx2_sum(struct stats_sum *s, const float *x, int64_t n, int64_t at);

/* y[T, n0..n1) for T <= 4 tokens and a matrix of blocks: linear() of a few rows. */
void avx2_few_blocks(float *y, const float *x, const struct tensor *w, int64_t T, int64_t n0,
		     int64_t n1);
/* As blocks_decode() of blocks.h. */
void avx2_decode_blocks(float *dst, const void *row, enum dtype dtype, int64_t from, int64_t n);

/* The first n of eight lanes, 0 <= n <= 8. */
ALWAYS_INLINE __m256i first_lanes(int64_t n)
{
	static const int32_t lanes[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };

	return _mm256_loadu_si256((const __m256i *)(lanes + 8 - n));
}

/*
 * The next eight of `left` floats, or all that are left with zeros behind them; nothing beyond is
 * touched.  Masked moves only at the end: a masked store costs ten plain ones on some CPUs.
 */
ALWAYS_INLINE __m256 load_lanes(const float *src, int64_t left)
{
	return left >= 8 ? _mm256_loadu_ps(src) : _mm256_maskload_ps(src, first_lanes(left));
}

ALWAYS_INLINE void store_lanes(float *dst, int64_t left, __m256 v)
{
	if (left >= 8)
		_mm256_storeu_ps(dst, v);
	else
		_mm256_maskstore_ps(dst, first_lanes(left), v);
}

/* Eight bf16 as f32: each is the upper half of one. */
ALWAYS_INLINE __m256 widen_bf16(__m128i half)
{
	return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

/* Eight consecutive weights as f32; `src` may have any alignment. */
ALWAYS_INLINE __m256 load8(const unsigned char *src, enum dtype dtype)
{
	switch (dtype) {
	case DTYPE_F32:
		return _mm256_loadu_ps((const float *)(const void *)src);
	case DTYPE_F16:
		return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)src));
	case DTYPE_BF16:
		return widen_bf16(_mm_loadu_si128((const __m128i *)(const void *)src));
	case DTYPE_F64:
	case DTYPE_I32:
	case DTYPE_U8:
	case DTYPE_I64:
	DTYPE_BLOCK_CASES:
	case DTYPE_COUNT:
		break;
	}
	kernels_refuse();
}

/* As load_lanes, for weights. */
ALWAYS_INLINE __m256 load_weights(const unsigned char *src, enum dtype dtype, int64_t left)
{
	unsigned char buf[32] = { 0 };

	if (left >= 8)
		return load8(src, dtype);
	memcpy(buf, src, (size_t)(left * (dtype == DTYPE_F32 ? 4 : 2)));
	return load8(buf, dtype);
}

/*
 * The sums of the lanes of four vectors, each ((0+1)+(2+3)) + ((4+5)+(6+7)): one order, so that a
 * sum does not depend on what is summed beside it.
 */
ALWAYS_INLINE __m128 sum_lanes4(__m256 a, __m256 b, __m256 c, __m256 d)
{
	__m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));

	return _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
}

ALWAYS_INLINE float sum_lanes(__m256 a)
{
	__m256 zero = _mm256_setzero_ps();

	return _mm_cvtss_f32(sum_lanes4(a, zero, zero, zero));
}

/* Transpose eight vectors of eight. */
ALWAYS_INLINE void transpose8(__m256 v[8])
{
	__m256 pair[8], quad[8];

	for (int i = 0; i < 8; i += 2) {
		pair[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
		pair[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
	}
	for (int i = 0; i < 8; i += 4)
		for (int j = 0; j < 2; j++) {
			quad[i + 2 * j] = _mm256_shuffle_ps(pair[i + j], pair[i + j + 2], 0x44);
			quad[i + 2 * j + 1] = _mm256_shuffle_ps(pair[i + j], pair[i + j + 2], 0xee);
		}
	for (int i = 0; i < 4; i++) {
		v[i] = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x20);
		v[i + 4] = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x31);
	}
}

/* Of exp_split(). */
#define EXP_LOG2E    1.44269504f
#define EXP_LN2_HIGH 0x1.62e4p-1f
#define EXP_LN2_LOW  0x1.7f7d1cp-20f
#define EXP_Q4       0.00138145837f
#define EXP_Q3       0.00836872403f
#define EXP_Q2       0.041668389f
#define EXP_Q1       0.166665211f
#define EXP_Q0       0.49999994f

/*
 * exp(x) = p 2^n with p in [0.7, 1.42): n = round(x / ln 2), p = exp(r), r = x - n ln 2, with
 * ln 2 in two parts so that the subtraction is exact.  exp(r) = 1 + r + r^2 q(r), q a polynomial
 * of degree 4 fitted to the least relative error on |r| <= ln 2 / 2, which is 4e-9.
 * Keeping n apart lets a caller divide or multiply before the result may underflow.
 */
ALWAYS_INLINE __m256 exp_split(__m256 x, __m256i *n)
{
	__m256 rounded = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(EXP_LOG2E)),
					 _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
	__m256 r = _mm256_fnmadd_ps(rounded, _mm256_set1_ps(EXP_LN2_HIGH), x);
	__m256 q = _mm256_set1_ps(EXP_Q4);

	r = _mm256_fnmadd_ps(rounded, _mm256_set1_ps(EXP_LN2_LOW), r);
	q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(EXP_Q3));
	q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(EXP_Q2));
	q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(EXP_Q1));
	q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(EXP_Q0));
	*n = _mm256_cvtps_epi32(rounded);
	return _mm256_add_ps(_mm256_fmadd_ps(_mm256_mul_ps(r, r), q, r), _mm256_set1_ps(1));
}

/* p 2^n for |n| <= 252, in two steps because 2^n alone may not be an f32; rounded once. */
ALWAYS_INLINE __m256 scale_by_power(__m256 p, __m256i n)
{
	__m256i bias = _mm256_set1_epi32(127);
	__m256i a = _mm256_srai_epi32(n, 1), b = _mm256_sub_epi32(n, a);
	__m256 pow_a = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(a, bias), 23));
	__m256 pow_b = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(b, bias), 23));

	return _mm256_mul_ps(_mm256_mul_ps(p, pow_a), pow_b);
}

/*
 * exp(x) within 1 ulp; inf above 88.7, subnormal below -87.3, 0 below -104, NaN for NaN: min and
 * max return their second operand when one is NaN.
 */
ALWAYS_INLINE __m256 exp8(__m256 x)
{
	__m256i n;
	__m256 p;

	x = _mm256_min_ps(_mm256_set1_ps(89), x);
	x = _mm256_max_ps(_mm256_set1_ps(-105), x);
	p = exp_split(x, &n);
	return scale_by_power(p, n);
}

#endif
