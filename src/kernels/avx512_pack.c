/*
 * avx512_pack.c -- blocks of sixteen rows, decoded across: a lane is a row.
 *
 * A panel of linear_body.h wants the same element of many rows side by side.  To decode rows first
 * and transpose f32 moves eight times the bytes that a nibble has; here the packed bytes change
 * places, four of a row at a time, and what comes out of the arithmetic already lies where it is
 * wanted.  A scale is a vector then: one of each row.
 *
 * A byte becomes f32 as the upper byte of an integer, 2^24 times too large, with a scale that is
 * 2^24 times too small: both are exact, and the product is rounded as the definition's is.
 */
#include "avx512_blocks.h"

#define ROWS 16

/* The blocks that are decoded, one of each row, and their scales: [group or half of one][row]. */
struct across {
	const unsigned char *first;
	int64_t stride;
	__m512 d[16], m[16];
};

ALWAYS_INLINE const unsigned char *row_at(const struct across *a, int r)
{
	return a->first + r * a->stride;
}

/* Bytes [at, at + 16) of each row: column j holds four of them, from 4 j on, a lane a row. */
ALWAYS_INLINE void columns_of(__m512i c[4], const struct across *a, int64_t at)
{
	__m512i quad[4], low[2], high[2];

	for (int i = 0; i < 4; i++) {
		quad[i] = _mm512_castsi128_si512(load_bytes16(row_at(a, i) + at));
		quad[i] = _mm512_inserti32x4(quad[i], load_bytes16(row_at(a, 4 + i) + at), 1);
		quad[i] = _mm512_inserti32x4(quad[i], load_bytes16(row_at(a, 8 + i) + at), 2);
		quad[i] = _mm512_inserti32x4(quad[i], load_bytes16(row_at(a, 12 + i) + at), 3);
	}
	for (int64_t i = 0; i < 2; i++) {
		low[i] = _mm512_unpacklo_epi32(quad[2 * i], quad[2 * i + 1]);
		high[i] = _mm512_unpackhi_epi32(quad[2 * i], quad[2 * i + 1]);
	}
	c[0] = _mm512_unpacklo_epi64(low[0], low[1]);
	c[1] = _mm512_unpackhi_epi64(low[0], low[1]);
	c[2] = _mm512_unpacklo_epi64(high[0], high[1]);
	c[3] = _mm512_unpackhi_epi64(high[0], high[1]);
}

/* The 32 bytes from `at` on. */
ALWAYS_INLINE void columns_of_32(__m512i c[8], const struct across *a, int64_t at)
{
	columns_of(c, a, at);
	columns_of(c + 4, a, at + 16);
}

/* Bits turned to the left, to the right if n is negative. */
ALWAYS_INLINE __m512i turned(__m512i x, int64_t n)
{
	return _mm512_rolv_epi32(x, _mm512_set1_epi32((int)(n & 31)));
}

/* ---- integers: q[i] holds elements 4 i to 4 i + 3 of a group, a byte each ------------------- */

/* 16 bytes: the first half of the elements in the low nibbles, the second in the high ones. */
ALWAYS_INLINE void nibbles_across(__m512i q[8], const struct across *a, int64_t at)
{
	const __m512i mask = _mm512_set1_epi8(15);

	columns_of(q, a, at);
	for (int i = 0; i < 4; i++) {
		q[4 + i] = _mm512_and_si512(_mm512_srli_epi32(q[i], 4), mask);
		q[i] = _mm512_and_si512(q[i], mask);
	}
}

ALWAYS_INLINE void less(__m512i q[8], int n)
{
	for (int i = 0; i < 8; i++)
		q[i] = _mm512_sub_epi8(q[i], _mm512_set1_epi8((char)n));
}

/* Add 16 where an element's bit is set, of 32 in the four bytes from `at` on. */
ALWAYS_INLINE void add_fives(__m512i q[8], const struct across *a, int64_t at)
{
	const __m512i bit = _mm512_set1_epi64((long long)0x8040201008040201u);
	_Alignas(64) uint32_t bits[ROWS];
	__m512i all;

	for (int r = 0; r < ROWS; r++)
		bits[r] = load_u32(row_at(a, r) + at);
	all = _mm512_load_si512(bits);
	for (int i = 0; i < 8; i++) {
		const __m512i from = _mm512_set4_epi32(
			0x0c0c0c0c + i / 2 * 0x01010101, 0x08080808 + i / 2 * 0x01010101,
			0x04040404 + i / 2 * 0x01010101, i / 2 * 0x01010101);
		__m512i which = i % 2 ? _mm512_shuffle_epi32(bit, _MM_PERM_DDBB)
				      : _mm512_shuffle_epi32(bit, _MM_PERM_CCAA);
		__mmask64 set = _mm512_test_epi8_mask(_mm512_shuffle_epi8(all, from), which);

		q[i] = _mm512_mask_add_epi8(q[i], set, q[i], _mm512_set1_epi8(16));
	}
}

/* Those of blocks of 32. */
ALWAYS_INLINE void small_across(__m512i q[8], const struct across *a, enum dtype t)
{
	const __m512i values = _mm512_broadcast_i32x4(sixteen_of_iq4_nl(
		_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));

	if (t == DTYPE_Q8_0) {
		columns_of_32(q, a, 2);
	} else if (t == DTYPE_Q5_0 || t == DTYPE_Q5_1) {
		nibbles_across(q, a, t == DTYPE_Q5_0 ? 6 : 8);
		add_fives(q, a, t == DTYPE_Q5_0 ? 2 : 4);
	} else {
		nibbles_across(q, a, t == DTYPE_Q4_1 ? 4 : 2);
	}
	if (t == DTYPE_Q4_0 || t == DTYPE_Q5_0)
		less(q, t == DTYPE_Q4_0 ? 8 : 16);
	for (int i = 0; t == DTYPE_IQ4_NL && i < 8; i++)
		q[i] = _mm512_shuffle_epi8(values, q[i]);
}

/* Those of blocks of 256; blocks.h says where they lie. */
ALWAYS_INLINE void large_across(__m512i q[8], const struct across *a, int64_t group, enum dtype t)
{
	int64_t pair = group / 2, four = group / 4, of_four = group % 4;
	__m512i high[8] = { 0 };

	if (t == DTYPE_Q2_K) {
		columns_of_32(q, a, 16 + 32 * four);
	} else if (t == DTYPE_Q3_K) {
		columns_of_32(q, a, 32 + 32 * four);
		columns_of_32(high, a, 0);
	} else if (t == DTYPE_Q4_K) {
		columns_of_32(q, a, 16 + 32 * pair);
	} else if (t == DTYPE_Q5_K) {
		columns_of_32(q, a, 48 + 32 * pair);
		columns_of_32(high, a, 16);
	} else {
		columns_of_32(q, a, 64 * four + group % 2 * 32);
		columns_of_32(high, a, 128 + 32 * four);
	}
	for (int i = 0; i < 8; i++)
		if (t == DTYPE_Q2_K)
			q[i] = _mm512_and_si512(turned(q[i], -2 * of_four), _mm512_set1_epi8(3));
		else if (t == DTYPE_Q3_K)
			q[i] = join_bytes(turned(q[i], -2 * of_four), 3, turned(high[i], 2 - group),
					  4, 4);
		else if (t == DTYPE_Q4_K)
			q[i] = _mm512_and_si512(turned(q[i], group % 2 * -4), _mm512_set1_epi8(15));
		else if (t == DTYPE_Q5_K)
			q[i] = join_bytes(turned(q[i], group % 2 * -4), 15,
					  turned(high[i], 4 - group), 16, 0);
		else
			q[i] = join_bytes(turned(q[i], of_four / 2 * -4), 15,
					  turned(high[i], 4 - 2 * of_four), 0x30, 32);
}

/* ---- scales --------------------------------------------------------------------------------- */

ALWAYS_INLINE __m512 smaller(__m512 d)
{
	return _mm512_mul_ps(d, _mm512_set1_ps(0x1p-24f));
}

/* The f16 at `at` in each of four rows from r on. */
ALWAYS_INLINE long long four_halves(const struct across *a, int r, int64_t at)
{
	return (long long)(load_u16(row_at(a, r) + at) | load_u16(row_at(a, r + 1) + at) << 16 |
			   load_u16(row_at(a, r + 2) + at) << 32 |
			   load_u16(row_at(a, r + 3) + at) << 48);
}

ALWAYS_INLINE __m512 halves_of(const struct across *a, int64_t at)
{
	return _mm512_cvtph_ps(_mm256_set_epi64x(four_halves(a, 12, at), four_halves(a, 8, at),
						 four_halves(a, 4, at), four_halves(a, 0, at)));
}

/* Rows of sixteen scales become scales of sixteen rows. */
ALWAYS_INLINE void turn_scales(__m512 to[16], const struct scales s[ROWS], bool minima)
{
	for (int r = 0; r < ROWS; r++)
		to[r] = _mm512_load_ps(minima ? s[r].m : s[r].d);
	transpose16(to);
}

ALWAYS_INLINE void scales_across(struct across *a, enum dtype t)
{
	struct scales s[ROWS];

	if (dtype_table[t].block_elements == GROUP) {
		a->d[0] = smaller(halves_of(a, 0));
		a->m[0] = type_has_minima(t) ? halves_of(a, 2) : _mm512_setzero_ps();
		return;
	}
	for (int r = 0; r < ROWS; r++)
		if (has_eight_scales(t))
			scales_of_eight(s[r].d, row_at(a, r));
		else
			scales_of(&s[r], row_at(a, r), 1, t);
	turn_scales(a->d, s, false);
	if (t == DTYPE_Q2_K)
		turn_scales(a->m, s, true);
	for (int i = 0; has_eight_scales(t) && i < 8; i++)
		a->m[i] = a->d[8 + i];
	for (int i = 0; i < 16; i++)
		a->d[i] = smaller(a->d[i]);
}

/* ---- panels --------------------------------------------------------------------------------- */

/* Four elements of each row. */
ALWAYS_INLINE void store_four(float *panel, int64_t stride, __m512i q, __m512 d, __m512 m,
			      enum dtype t)
{
	for (int c = 0; c < 4; c++) {
		/* byte c to the top, zeros below it */
		const __m512i top = _mm512_set4_epi32((int)((uint32_t)(12 + c) << 24 | 0x808080),
						      (int)((uint32_t)(8 + c) << 24 | 0x808080),
						      (int)((uint32_t)(4 + c) << 24 | 0x808080),
						      (int)((uint32_t)c << 24 | 0x808080));
		__m512 f = _mm512_cvtepi32_ps(_mm512_shuffle_epi8(q, top));

		_mm512_storeu_ps(panel + c * stride, scaled(d, f, m, t));
	}
}

ALWAYS_INLINE void pack_type(float *panel, int64_t stride, const struct tensor *w, int64_t n0,
			     int64_t k0, int64_t kc, enum dtype t)
{
	int64_t groups = dtype_table[t].block_elements / GROUP, prepared = -1;
	const unsigned char *first = tensor_row(w, n0);
	struct across a = { .stride = w->stride[0] };
	__m512i q[8];

	for (int64_t at = k0 / GROUP * GROUP; at < k0 + kc; at += GROUP) {
		int64_t block = at / GROUP / groups, group = at / GROUP % groups;
		int64_t i = type_scales_sixteens(t) ? 2 * group : group;

		a.first = first + block * dtype_table[t].block_bytes;
		if (block != prepared)
			scales_across(&a, t);
		prepared = block;
		if (groups == 1)
			small_across(q, &a, t);
		else
			large_across(q, &a, group, t);
		for (int64_t j = 0; j < 8; j++) {
			int64_t k = at + 4 * j - k0, s = i + (type_scales_sixteens(t) ? j / 4 : 0);

			if (k >= 0 && k < kc)
				store_four(panel + k * stride, stride, q[j], a.d[s], a.m[s], t);
		}
	}
}

void avx512_pack_blocks(float *panel, int64_t stride, const struct tensor *w, int64_t n0,
			int64_t k0, int64_t kc)
{
#define PACK_OF(type)                                                                              \
	case type:                                                                                 \
		pack_type(panel, stride, w, n0, k0, kc, type);                                     \
		break;

	switch (w->dtype) {
		EACH_BLOCK_TYPE(PACK_OF)
	case DTYPE_F32:
	case DTYPE_F16:
	case DTYPE_BF16:
	case DTYPE_F64:
	case DTYPE_I32:
	case DTYPE_U8:
	case DTYPE_I64:
	case DTYPE_COUNT:
		kernels_refuse();
	}
}
