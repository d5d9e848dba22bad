/*
 * avx2_fast.c -- products with activations of sixteen bits, for CPUs without dot products of bytes;
 * fast_body.h says how.
 *
 * vpmaddubsw adds two products of an unsigned and a signed byte in 16 bits, and saturates: weights
 * below 64 leave room for two such sums.  Wider ones are multiplied by their magnitude, which is
 * 128 at most, with the sign moved to x, which is never -128: 2 * 128 * 127 fits.
 */
#include "avx2_fast.h"

#define ANY_BYTES   0
#define LINEAR_FAST avx2_linear_fast

ALWAYS_INLINE ivec add_pairs(ivec sum, ivec pairs)
{
	return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

ALWAYS_INLINE ivec ivec_dot(ivec sum, ivec w, ivec x)
{
	return add_pairs(sum, _mm256_maddubs_epi16(w, x));
}

ALWAYS_INLINE ivec ivec_dot2(ivec sum, ivec w, ivec x, ivec v, ivec y, bool is_signed)
{
	if (is_signed) {
		sum = ivec_dot(sum, _mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
		return ivec_dot(sum, _mm256_abs_epi8(v), _mm256_sign_epi8(y, v));
	}
	return add_pairs(sum,
			 _mm256_add_epi16(_mm256_maddubs_epi16(w, x), _mm256_maddubs_epi16(v, y)));
}

#include "fast_body.h"
