/*
 * avx2_blocks.h -- blocks in registers: their small integers, sixteen at a time, and their scales.
 *
 * Included by avx2_blocks.c and avx512_blocks.c, which make f32 of both in registers as wide as
 * theirs.  The layouts are told in blocks.h.  What a shift of 16-bit lanes brings in from the
 * neighbouring byte is always masked away.
 */
#ifndef TORCHLESS_KERNELS_AVX2_BLOCKS_H
#define TORCHLESS_KERNELS_AVX2_BLOCKS_H

#include "avx2.h"
#include "blocks.h"

#define EACH_BLOCK_TYPE(call)                                                                      \
	call(DTYPE_Q8_0) call(DTYPE_Q4_0) call(DTYPE_Q4_1) call(DTYPE_Q5_0) call(DTYPE_Q5_1)       \
		call(DTYPE_Q2_K) call(DTYPE_Q3_K) call(DTYPE_Q4_K) call(DTYPE_Q5_K)                \
			call(DTYPE_Q6_K) call(DTYPE_IQ4_NL)

/*
 * Blocks whose scales are prepared together: one of 256 elements, which has up to sixteen, or
 * sixteen of 32.  To broadcast a float from memory takes no port that shuffles, and those are
 * scarce.
 */
#define SCALES 16

/* For a switch that has a function of each type. */
#define EACH_BLOCK_TYPE(call)                                                                      \
	call(DTYPE_Q8_0) call(DTYPE_Q4_0) call(DTYPE_Q4_1) call(DTYPE_Q5_0) call(DTYPE_Q5_1)       \
		call(DTYPE_Q2_K) call(DTYPE_Q3_K) call(DTYPE_Q4_K) call(DTYPE_Q5_K)                \
			call(DTYPE_Q6_K) call(DTYPE_IQ4_NL)

/* What the scales come to: weight = d q + m, of a group or of 16 elements. */
struct scales {
	_Alignas(64) float d[SCALES], m[SCALES];
};

/* ---- integers ------------------------------------------------------------------------------- */

ALWAYS_INLINE __m128i load_bytes16(const unsigned char *at)
{
	return _mm_loadu_si128((const __m128i *)(const void *)at);
}

ALWAYS_INLINE __m128i load_nibbles(const unsigned char *at, bool high)
{
	__m128i q = load_bytes16(at);

	return _mm_and_si128(high ? _mm_srli_epi16(q, 4) : q, _mm_set1_epi8(15));
}

ALWAYS_INLINE __m128i load_twos(const unsigned char *at, int64_t i)
{
	return _mm_and_si128(_mm_srli_epi16(load_bytes16(at), (int)i * 2), _mm_set1_epi8(3));
}

/* `value` where bit `i` of the 16 bytes is set. */
ALWAYS_INLINE __m128i where_bit(const unsigned char *at, int64_t i, int value)
{
	__m128i bit = _mm_set1_epi8((char)(1 << i)), q = _mm_and_si128(load_bytes16(at), bit);

	return _mm_and_si128(_mm_cmpeq_epi8(q, bit), _mm_set1_epi8((char)value));
}

/* 16 where the bit of the lane is set, of 16 bits in two bytes. */
ALWAYS_INLINE __m128i spread_bits(const unsigned char *at)
{
	const __m128i byte_of = _mm_set_epi64x(0x0101010101010101, 0);
	const __m128i bit = _mm_set1_epi64x((long long)0x8040201008040201u);
	uint16_t bits;
	__m128i q;

	memcpy(&bits, at, sizeof(bits));
	q = _mm_and_si128(_mm_shuffle_epi8(_mm_cvtsi32_si128(bits), byte_of), bit);
	return _mm_and_si128(_mm_cmpeq_epi8(q, bit), _mm_set1_epi8(16));
}

ALWAYS_INLINE __m128i sixteen_of_iq4_nl(__m128i nibbles)
{
	const __m128i values = _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25,
					     38, 53, 69, 89, 113);

	return _mm_shuffle_epi8(values, nibbles);
}

ALWAYS_INLINE __m128i sixteen_of_q6_k(const unsigned char *b, int64_t group, int64_t half)
{
	__m128i low = load_nibbles(b + group / 4 * 64 + group % 2 * 32 + half * 16, group % 4 >= 2);
	__m128i high = load_bytes16(b + 128 + group / 4 * 32 + half * 16);
	int64_t i = group % 4;

	high = i == 0   ? _mm_slli_epi16(high, 4)
	       : i == 1 ? _mm_slli_epi16(high, 2)
	       : i == 2 ? high
			: _mm_srli_epi16(high, 2);
	high = _mm_and_si128(high, _mm_set1_epi8(0x30));
	return _mm_sub_epi8(_mm_or_si128(low, high), _mm_set1_epi8(32));
}

/* Elements [16 half, 16 half + 16) of a group: q, small and signed. */
ALWAYS_INLINE __m128i sixteen_of(const unsigned char *b, int64_t group, int64_t half, enum dtype t)
{
	const unsigned char *k_nibbles = b + group / 2 * 32 + half * 16;
	const unsigned char *k_twos = b + group / 4 * 32 + half * 16;

	if (t == DTYPE_Q8_0)
		return load_bytes16(b + 2 + 16 * half);
	if (t == DTYPE_Q4_0)
		return _mm_sub_epi8(load_nibbles(b + 2, half), _mm_set1_epi8(8));
	if (t == DTYPE_Q4_1)
		return load_nibbles(b + 4, half);
	if (t == DTYPE_Q5_0)
		return _mm_sub_epi8(
			_mm_or_si128(load_nibbles(b + 6, half), spread_bits(b + 2 + 2 * half)),
			_mm_set1_epi8(16));
	if (t == DTYPE_Q5_1)
		return _mm_or_si128(load_nibbles(b + 8, half), spread_bits(b + 4 + 2 * half));
	if (t == DTYPE_Q2_K)
		return load_twos(k_twos + 16, group % 4);
	if (t == DTYPE_Q3_K)
		return _mm_sub_epi8(_mm_or_si128(load_twos(k_twos + 32, group % 4),
						 where_bit(b + 16 * half, group, 4)),
				    _mm_set1_epi8(4));
	if (t == DTYPE_Q4_K)
		return load_nibbles(k_nibbles + 16, group % 2);
	if (t == DTYPE_Q5_K)
		return _mm_or_si128(load_nibbles(k_nibbles + 48, group % 2),
				    where_bit(b + 16 + 16 * half, group, 16));
	if (t == DTYPE_Q6_K)
		return sixteen_of_q6_k(b, group, half);
	if (t == DTYPE_IQ4_NL)
		return sixteen_of_iq4_nl(load_nibbles(b + 2, half));
	kernels_refuse();
}

/* ---- scales --------------------------------------------------------------------------------- */

ALWAYS_INLINE uint32_t load_u32(const unsigned char *at)
{
	uint32_t x;

	memcpy(&x, at, sizeof(x));
	return x;
}

ALWAYS_INLINE uint64_t load_u16(const unsigned char *at)
{
	uint16_t x;

	memcpy(&x, at, sizeof(x));
	return x;
}

/* An f16 as f32, in lane 0. */
ALWAYS_INLINE __m128 load_f16(const unsigned char *at)
{
	uint16_t h;

	memcpy(&h, at, sizeof(h));
	return _mm_cvtph_ps(_mm_cvtsi32_si128(h));
}

/* dst[8] = factor q, for the first eight of 16 small signed integers; and for all of them. */
ALWAYS_INLINE void scale8(float *dst, __m128 factor, __m128i q)
{
	_mm256_store_ps(dst, _mm256_mul_ps(_mm256_broadcastss_ps(factor),
					   _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q))));
}

ALWAYS_INLINE void scale16(float *dst, __m128 factor, __m128i q)
{
	scale8(dst, factor, q);
	scale8(dst + 8, factor, _mm_unpackhi_epi64(q, q));
}

ALWAYS_INLINE __m128 negative(__m128 x)
{
	return _mm_xor_ps(x, _mm_set1_ps(-0.0f));
}

ALWAYS_INLINE __m128i two_words(uint32_t low, uint32_t high)
{
	return _mm_cvtsi64_si128((long long)(low | (uint64_t)high << 32));
}

/* As q4_k_scale() of blocks.h, for the eight groups at once: six bits each. */
ALWAYS_INLINE void scales_of_q4_k(struct scales *s, const unsigned char *b)
{
	uint32_t a = load_u32(b + 4), m = load_u32(b + 8), both = load_u32(b + 12);

	scale8(s->d, load_f16(b),
	       two_words(a & 0x3f3f3f3f, (both & 0x0f0f0f0f) | (a >> 2 & 0x30303030)));
	scale8(s->m, negative(load_f16(b + 2)),
	       two_words(m & 0x3f3f3f3f, (both >> 4 & 0x0f0f0f0f) | (m >> 2 & 0x30303030)));
}

/* As q3_k_scale() of blocks.h: four bits of eight bytes, two of four. */
ALWAYS_INLINE void scales_of_q3_k(struct scales *s, const unsigned char *b)
{
	uint32_t low0 = load_u32(b + 96), low1 = load_u32(b + 100), high = load_u32(b + 104);
	const uint32_t four = 0x0f0f0f0f, two = 0x30303030;
	__m128i q = two_words((low0 & four) | (high << 4 & two), (low1 & four) | (high << 2 & two));
	__m128i r = two_words((low0 >> 4 & four) | (high & two),
			      (low1 >> 4 & four) | (high >> 2 & two));

	scale16(s->d, load_f16(b + 108), _mm_sub_epi8(_mm_unpacklo_epi64(q, r), _mm_set1_epi8(32)));
}

/*
 * The f16 at `at` in each of n <= SCALES blocks, four at a time: a word that is put together in an
 * integer register can be read back at once, four halves that were stored one by one cannot.
 */
ALWAYS_INLINE void scales_of_blocks(float *dst, const unsigned char *at, int64_t bytes, int64_t n)
{
	for (int64_t i = 0; i < n; i += 4) {
		uint64_t four = 0;

		if (n - i >= 4)
			four = load_u16(at) | load_u16(at + bytes) << 16 |
			       load_u16(at + 2 * bytes) << 32 | load_u16(at + 3 * bytes) << 48;
		else
			for (int64_t j = 0; j < n - i; j++)
				four |= load_u16(at + j * bytes) << 16 * j;
		_mm_store_ps(dst + i, _mm_cvtph_ps(_mm_cvtsi64_si128((long long)four)));
		at += 4 * bytes;
	}
}

/* Of one block of 256 elements, or of n of 32. */
ALWAYS_INLINE void scales_of(struct scales *s, const unsigned char *b, int64_t n, enum dtype t)
{
	int64_t bytes = dtype_table[t].block_bytes;

	if (t == DTYPE_Q2_K) {
		scale16(s->d, load_f16(b + 80), load_nibbles(b, false));
		scale16(s->m, negative(load_f16(b + 82)), load_nibbles(b, true));
	} else if (t == DTYPE_Q3_K) {
		scales_of_q3_k(s, b);
	} else if (t == DTYPE_Q4_K || t == DTYPE_Q5_K) {
		scales_of_q4_k(s, b);
	} else if (t == DTYPE_Q6_K) {
		scale16(s->d, load_f16(b + 208), load_bytes16(b + 192));
	} else {
		scales_of_blocks(s->d, b, bytes, n);
		if (type_has_minima(t))
			scales_of_blocks(s->m, b + 2, bytes, n);
	}
}

#endif
