/*
 * avx512_blocks.c -- rows of GGUF's blocks times a few tokens, in registers of sixteen lanes;
 * blocks_body.h says how.
 *
 * Where an element is a nibble the sixteen values that it can have fit into one register: they are
 * made once a group, and a weight is a look-up in it.
 */
#include "avx512_blocks.h"

typedef __m512 vec;

#define LANES         INT64_C(16)
#define FEW_BLOCKS    avx512_few_blocks
#define DECODE_BLOCKS avx512_decode_blocks

ALWAYS_INLINE vec vec_load(const float *src)
{
	return _mm512_loadu_ps(src);
}

ALWAYS_INLINE void vec_store(float *dst, vec v)
{
	_mm512_storeu_ps(dst, v);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c)
{
	return _mm512_fmadd_ps(a, b, c);
}

ALWAYS_INLINE void vec_split(vec v, __m256 part[])
{
	part[0] = _mm512_castps512_ps256(v);
	part[1] = _mm512_extractf32x8_ps(v, 1);
}

ALWAYS_INLINE bool has_nibbles(enum dtype t)
{
	return t == DTYPE_Q4_0 || t == DTYPE_Q4_1 || t == DTYPE_Q4_K || t == DTYPE_IQ4_NL;
}

ALWAYS_INLINE bool has_fives(enum dtype t)
{
	return t == DTYPE_Q5_0 || t == DTYPE_Q5_1;
}

/* What the nibbles 0 to 15 stand for, and with a fifth bit. */
ALWAYS_INLINE vec nibble_values(enum dtype t, bool fifth)
{
	static const float from_0[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	static const float iq4_nl[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
					  1,    13,   25,  38,  53,  69,  89,  113 };
	float less = t == DTYPE_Q4_0 ? 8 : t == DTYPE_Q5_0 ? 16 : 0;

	if (t == DTYPE_IQ4_NL)
		return _mm512_loadu_ps(iq4_nl);
	return _mm512_sub_ps(_mm512_loadu_ps(from_0), _mm512_set1_ps(less - (fifth ? 16 : 0)));
}

/* The nibbles of sixteen bytes, in lanes whose upper bits a look-up does not read. */
ALWAYS_INLINE __m512i wide_nibbles(const unsigned char *at, bool high)
{
	__m512i q = _mm512_cvtepu8_epi32(load_bytes16(at));

	return high ? _mm512_srli_epi32(q, 4) : q;
}

ALWAYS_INLINE void look_up(vec v[2], const unsigned char *b, int64_t group, vec values,
			   enum dtype t)
{
	const unsigned char *qs = b + (t == DTYPE_Q4_1 ? 4 : 2);

	for (int64_t h = 0; h < 2; h++) {
		__m512i q = t == DTYPE_Q4_K
				    ? wide_nibbles(b + 16 + group / 2 * 32 + 16 * h, group % 2)
				    : wide_nibbles(qs, h);

		v[h] = _mm512_permutexvar_ps(q, values);
	}
}

/* Where the fifth bit is set, the look-up is in another register. */
ALWAYS_INLINE void look_up_fives(vec v[2], const unsigned char *b, vec d, vec m, enum dtype t)
{
	const unsigned char *fifths = b + (t == DTYPE_Q5_1 ? 4 : 2);
	vec low = scaled(d, nibble_values(t, false), m, t);
	vec high = scaled(d, nibble_values(t, true), m, t);

	for (int64_t h = 0; h < 2; h++) {
		__m512i q = wide_nibbles(fifths + 4, h);
		__mmask16 fifth = (__mmask16)load_u16(fifths + 2 * h);

		v[h] = _mm512_permutexvar_ps(q, low);
		v[h] = _mm512_mask_permutexvar_ps(v[h], fifth, q, high);
	}
}

ALWAYS_INLINE void load_group(vec v[2], const unsigned char *b, int64_t group, const float *ds,
			      const float *ms, enum dtype t)
{
	bool both = type_scales_sixteens(t);
	vec d = _mm512_set1_ps(ds[0]), m = _mm512_set1_ps(ms[0]);

	if (has_nibbles(t)) {
		look_up(v, b, group, scaled(d, nibble_values(t, false), m, t), t);
		return;
	}
	if (has_fives(t)) {
		look_up_fives(v, b, d, m, t);
		return;
	}
	for (int h = 0; h < 2; h++) {
		if (both) {
			d = _mm512_set1_ps(ds[h]);
			m = _mm512_set1_ps(ms[h]);
		}
		v[h] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(sixteen_of(b, group, h, t)));
		v[h] = scaled(d, v[h], m, t);
	}
}

#include "blocks_body.h"

#include "avx512_together.h"
