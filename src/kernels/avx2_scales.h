/*
 * avx2_scales.h -- the scales of a block, prepared for all of its groups.
 *
 * Included by avx2_blocks.c and avx512_blocks.c.
 */
#ifndef TORCHLESS_KERNELS_AVX2_SCALES_H
#define TORCHLESS_KERNELS_AVX2_SCALES_H

/* What the scales of a block come to, by type; those of other types are read a group at a time. */
struct scales {
	__m128 d1;                /* q8_0, q4_0: lane 0 */
	_Alignas(32) float d[16]; /* q4_k: a group; q6_k: 16 elements */
	_Alignas(32) float m[8];  /* q4_k: what is taken away, a group */
};

ALWAYS_INLINE __m128i load_bytes16(const unsigned char *at)
{
	return _mm_loadu_si128((const __m128i *)(const void *)at);
}

ALWAYS_INLINE __m256i load_bytes32(const unsigned char *at)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

ALWAYS_INLINE uint32_t load_u32(const unsigned char *at)
{
	uint32_t x;

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

/* dst = factor (low, high): eight small integers. */
ALWAYS_INLINE void scale_bytes(float *dst, __m128 factor, uint32_t low, uint32_t high)
{
	__m128i bytes = _mm_cvtsi64_si128((long long)(low | (uint64_t)high << 32));

	_mm256_store_ps(dst, _mm256_mul_ps(_mm256_broadcastss_ps(factor),
					   _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))));
}

/* As q4_k_scale() of blocks.h, for the eight groups at once: six bits each. */
ALWAYS_INLINE void scales_of_q4_k(struct scales *s, const unsigned char *b)
{
	uint32_t a = load_u32(b + 4), m = load_u32(b + 8), both = load_u32(b + 12);

	scale_bytes(s->d, load_f16(b), a & 0x3f3f3f3f, (both & 0x0f0f0f0f) | (a >> 2 & 0x30303030));
	scale_bytes(s->m, load_f16(b + 2), m & 0x3f3f3f3f,
		    (both >> 4 & 0x0f0f0f0f) | (m >> 2 & 0x30303030));
}

ALWAYS_INLINE void scales_of_q6_k(struct scales *s, const unsigned char *b)
{
	__m256 d = _mm256_broadcastss_ps(load_f16(b + 208));
	__m128i q = load_bytes16(b + 192);

	_mm256_store_ps(s->d, _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q))));
	q = _mm_unpackhi_epi64(q, q);
	_mm256_store_ps(s->d + 8, _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q))));
}

ALWAYS_INLINE void scales_of(struct scales *s, const unsigned char *b, enum dtype dtype)
{
	if (dtype == DTYPE_Q8_0 || dtype == DTYPE_Q4_0)
		s->d1 = load_f16(b);
	else if (dtype == DTYPE_Q4_K)
		scales_of_q4_k(s, b);
	else if (dtype == DTYPE_Q6_K)
		scales_of_q6_k(s, b);
}

/* The 32 integers of a group of q6_k, as decode_q6_k() of blocks.h puts them together. */
ALWAYS_INLINE __m256i q6_k_group(const unsigned char *b, int64_t group)
{
	const __m256i nibble = _mm256_set1_epi8(15), upper = _mm256_set1_epi8(0x30);
	__m256i low = load_bytes32(b + group / 4 * 64 + group % 2 * 32);
	__m256i high = load_bytes32(b + 128 + group / 4 * 32);
	int64_t i = group % 4;

	/* What a shift brings in from the neighbouring byte is masked away. */
	low = _mm256_and_si256(i >= 2 ? _mm256_srli_epi16(low, 4) : low, nibble);
	high = i == 0   ? _mm256_slli_epi16(high, 4)
	       : i == 1 ? _mm256_slli_epi16(high, 2)
	       : i == 2 ? high
			: _mm256_srli_epi16(high, 2);
	high = _mm256_and_si256(high, upper);
	return _mm256_sub_epi8(_mm256_or_si256(low, high), _mm256_set1_epi8(32));
}

#endif
