/*
 * avx512.h -- what the AVX-512 files share: the AVX2 header, and loads twice as wide.
 *
 * Included by avx512*.c only, which are compiled with the flags of AVX2 and
 * -mavx512f -mavx512bw -mavx512dq -mavx512vl.
 */
#ifndef TORCHLESS_KERNELS_AVX512_H
#define TORCHLESS_KERNELS_AVX512_H

#include "avx2.h"

/* The functions of the tier that live in files of their own. */
void avx512_linear(struct threads *pool, float *y, const float *x, const struct tensor *w,
		   int64_t T);

void avx512_scores(float *scores, int64_t stride, const struct attention *a,
		   struct attention_tile tile);
void avx512_softmax(float *x, int64_t n);
void avx512_mix(float *z, int64_t z_stride, const float *p, int64_t stride,
		const struct attention *a, struct attention_tile tile);

/* As avx2_few_blocks() and avx2_decode_blocks(). */
void avx512_few_blocks(float *y, const float *x, const struct tensor *w, int64_t T, int64_t n0,
		       int64_t n1);
void avx512_decode_blocks(float *dst, const void *row, enum dtype dtype, int64_t from, int64_t n);

/*
 * panel[i * stride + r] = W[n0 + r][k0 + i] of a matrix of blocks, for kc weights of sixteen rows;
 * k0 and kc are multiples of 4.
 */
void avx512_pack_blocks(float *panel, int64_t stride, const struct tensor *w, int64_t n0,
			int64_t k0, int64_t kc);

/* Sixteen weights of two bytes as f32. */
ALWAYS_INLINE __m512 widen16(__m256i half, enum dtype dtype)
{
	if (dtype == DTYPE_F16)
		return _mm512_cvtph_ps(half);
	if (dtype != DTYPE_BF16)
		kernels_refuse();
	return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* Sixteen consecutive weights as f32; `src` may have any alignment. */
ALWAYS_INLINE __m512 load16(const unsigned char *src, enum dtype dtype)
{
	if (dtype == DTYPE_F32)
		return _mm512_loadu_ps(src);
	return widen16(_mm256_loadu_si256((const __m256i *)(const void *)src), dtype);
}

/* The first n < 16 weights with zeros behind them; nothing beyond is touched. */
ALWAYS_INLINE __m512 load_first16(const unsigned char *src, enum dtype dtype, int64_t n)
{
	__mmask16 first = (__mmask16)((1u << n) - 1);

	if (dtype == DTYPE_F32)
		return _mm512_maskz_loadu_ps(first, src);
	return widen16(_mm256_maskz_loadu_epi16(first, src), dtype);
}

/* Transpose sixteen vectors of sixteen: in pairs, in fours, then quarters of registers. */
ALWAYS_INLINE void transpose16(__m512 v[16])
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

/* (a & mask_a | b & mask_b) - less, in bytes. */
ALWAYS_INLINE __m512i join_bytes(__m512i a, int mask_a, __m512i b, int mask_b, int less)
{
	b = _mm512_and_si512(b, _mm512_set1_epi8((char)mask_b));
	a = _mm512_ternarylogic_epi32(a, _mm512_set1_epi8((char)mask_a), b, 0xea);
	return less ? _mm512_sub_epi8(a, _mm512_set1_epi8((char)less)) : a;
}

#endif
