/*
 * avx512_together.h -- several rows of blocks times one token, side by side.
 *
 * A chain of additions waits for itself, scales are made by long ways round, and both take turns
 * with the products of other rows.  What limits then is the two ports that work on 512 bits: seven
 * instructions for the 32 weights of a nibble type, about as fast as a core reads memory.
 *
 * Included by avx512_blocks.c.
 */
#ifndef TORCHLESS_KERNELS_AVX512_TOGETHER_H
#define TORCHLESS_KERNELS_AVX512_TOGETHER_H

#define TOGETHER   4   /* rows */
#define EACH_AHEAD 768 /* bytes of each that are fetched ahead */

/*
 * Where to fetch from: each row goes on in the row that follows TOGETHER rows later, so that what
 * is ahead of a row may lie behind that.
 */
struct ahead {
	int64_t near, far; /* bytes from where a row is now */
	int64_t turn;      /* a position in the row: from here on it is `far` */
};

ALWAYS_INLINE struct ahead look_ahead(int64_t row_bytes, int64_t stride)
{
	int64_t rows = EACH_AHEAD / row_bytes;
	int64_t near = EACH_AHEAD + rows * (TOGETHER * stride - row_bytes);

	return (struct ahead){ near, near + TOGETHER * stride - row_bytes,
			       row_bytes - EACH_AHEAD % row_bytes };
}

/* As sum_chains() of each. */
ALWAYS_INLINE void store_sums(float *y, vec sum[TOGETHER][FEW_TOKENS][2])
{
	__m256 c[TOGETHER];

	for (int r = 0; r < TOGETHER; r++) {
		__m256 part[4];

		vec_split(sum[r][0][0], part);
		vec_split(sum[r][0][1], part + 2);
		c[r] = _mm256_add_ps(_mm256_add_ps(part[0], part[1]),
				     _mm256_add_ps(part[2], part[3]));
	}
	_mm_storeu_ps(y, sum_lanes4(c[0], c[1], c[2], c[3]));
}

/* ---- blocks of 32 --------------------------------------------------------------------------- */

/* The scales of a block in each of the rows. */
struct row_scales {
	_Alignas(16) float d[TOGETHER], m[TOGETHER];
};

ALWAYS_INLINE void scales_of_rows(struct row_scales *s, const unsigned char *w, int64_t stride,
				  enum dtype t)
{
	scales_of_blocks(s->d, w, stride, TOGETHER);
	if (type_has_minima(t))
		scales_of_blocks(s->m, w + 2, stride, TOGETHER);
}

/*
 * y[n0 + r] = x . W[n0 + r] for rows of blocks of 32.  The scales of the next blocks are made
 * beside the products of these, in integer registers that have nothing else to do.
 */
ALWAYS_INLINE void dot_small_blocks(float *y, const float *x, const struct tensor *weights,
				    int64_t n0, enum dtype dtype)
{
	const unsigned char *w = tensor_row(weights, n0);
	int64_t n = weights->shape[1] / GROUP, stride = weights->stride[0];
	int64_t bytes = dtype_table[dtype].block_bytes;
	vec sum[TOGETHER][FEW_TOKENS][2] = { 0 };
	struct row_scales s[2];
	struct ahead ahead = look_ahead(n * bytes, stride);

	scales_of_rows(&s[0], w, stride, dtype);
	for (int64_t g = 0; g < n; g++, w += bytes, x += GROUP) {
		const struct row_scales *now = &s[g & 1];
		const unsigned char *next = w + (g * bytes < ahead.turn ? ahead.near : ahead.far);

		if (g + 1 < n)
			scales_of_rows(&s[~g & 1], w + bytes, stride, dtype);
		for (int64_t r = 0; r < TOGETHER; r++) {
			vec v[2];

			_mm_prefetch((const char *)next + r * stride, _MM_HINT_T0);
			load_group(v, w + r * stride, 0, now->d + r, now->m + r, dtype);
			add_group(sum[r], v, x, 0, 1, 2);
		}
	}
	store_sums(y + n0, sum);
}

/* ---- blocks of 256 -------------------------------------------------------------------------- */

/* The 64 weights of groups 2 p and 2 p + 1. */
ALWAYS_INLINE void load_pair(vec v[4], const unsigned char *b, const int8_t *q, int64_t p,
			     const struct scales *s, enum dtype t)
{
	const float *ms = has_eight_scales(t) ? s->d + 8 : s->m;

	if (t == DTYPE_Q4_K) {
		vec values = nibble_values(t, false);
		vec low = scaled(_mm512_set1_ps(s->d[2 * p]), values, _mm512_set1_ps(ms[2 * p]), t);
		vec high = scaled(_mm512_set1_ps(s->d[2 * p + 1]), values,
				  _mm512_set1_ps(ms[2 * p + 1]), t);

		for (int h = 0; h < 2; h++) {
			__m512i i = _mm512_cvtepu8_epi32(
				load_bytes16(b + 16 + INT64_C(32) * p + INT64_C(16) * h));

			v[h] = _mm512_permutexvar_ps(i, low);
			v[2 + h] = _mm512_permutexvar_ps(_mm512_srli_epi32(i, 4), high);
		}
		return;
	}
	for (int64_t i = 0; i < 4; i++) {
		int64_t at = type_scales_sixteens(t) ? 4 * p + i : 2 * p + i / 2;
		__m128i some = _mm_load_si128((const __m128i *)(const void *)(q + 64 * p + 16 * i));

		v[i] = scaled(_mm512_set1_ps(s->d[at]),
			      _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(some)),
			      _mm512_set1_ps(ms[at]), t);
	}
}

ALWAYS_INLINE __m512i both_halves(const unsigned char *at)
{
	return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(const void *)at));
}

/* Bits of `x` turned to the left by one number in the lower half, by another in the upper. */
ALWAYS_INLINE __m512i turn(__m512i x, int low, int high)
{
	return _mm512_rolv_epi32(x, _mm512_inserti64x4(_mm512_set1_epi32(low & 31),
						       _mm256_set1_epi32(high & 31), 1));
}

/* The integers of groups 2 p and 2 p + 1; blocks.h says where they lie. */
ALWAYS_INLINE __m512i pair_of(const unsigned char *b, int p, enum dtype t)
{
	int twos = p % 2 * 4;

	if (t == DTYPE_Q2_K)
		return _mm512_and_si512(
			turn(both_halves(b + 16 + p / 2 * INT64_C(32)), -twos, -twos - 2),
			_mm512_set1_epi8(3));
	if (t == DTYPE_Q3_K)
		return join_bytes(turn(both_halves(b + 32 + p / 2 * INT64_C(32)), -twos, -twos - 2),
				  3, turn(both_halves(b), 2 - 2 * p, 1 - 2 * p), 4, 4);
	if (t == DTYPE_Q5_K)
		return join_bytes(turn(both_halves(b + 48 + p * INT64_C(32)), 0, -4), 15,
				  turn(both_halves(b + 16), 4 - 2 * p, 3 - 2 * p), 16, 0);
	if (t == DTYPE_Q6_K)
		return join_bytes(
			_mm512_srli_epi32(_mm512_loadu_si512(b + p / 2 * INT64_C(64)), p % 2 * 4),
			15, turn(both_halves(b + 128 + p / 2 * INT64_C(32)), 4 - twos, 2 - twos),
			0x30, 32);
	kernels_refuse();
}

/* As dot_small_blocks(), for rows of blocks of 256. */
ALWAYS_INLINE void dot_large_blocks(float *y, const float *x, const struct tensor *weights,
				    int64_t n0, enum dtype dtype)
{
	const unsigned char *w = tensor_row(weights, n0);
	int64_t n = weights->shape[1] / (INT64_C(8) * GROUP), stride = weights->stride[0];
	int64_t bytes = dtype_table[dtype].block_bytes;
	vec sum[TOGETHER][FEW_TOKENS][2] = { 0 };
	_Alignas(64) int8_t q[TOGETHER][8 * GROUP];
	struct scales s[TOGETHER];
	struct ahead ahead = look_ahead(n * bytes, stride);

	for (int64_t i = 0; i < n; i++, w += bytes, x += INT64_C(8) * GROUP) {
		const unsigned char *next = w + (i * bytes < ahead.turn ? ahead.near : ahead.far);

		for (int64_t r = 0; r < TOGETHER; r++) {
			for (int64_t at = 0; at < bytes; at += 64)
				_mm_prefetch((const char *)next + r * stride + at, _MM_HINT_T0);
			if (has_eight_scales(dtype))
				scales_of_eight(s[r].d, w + r * stride);
			else
				scales_of(&s[r], w + r * stride, 1, dtype);
			for (int p = 0; dtype != DTYPE_Q4_K && p < 4; p++)
				_mm512_store_si512(q[r] + INT64_C(64) * p,
						   pair_of(w + r * stride, p, dtype));
		}
		for (int64_t p = 0; p < 4; p++)
			for (int64_t r = 0; r < TOGETHER; r++) {
				vec v[4];

				load_pair(v, w + r * stride, q[r], p, &s[r], dtype);
				add_group(sum[r], v, x + 64 * p, 0, 1, 2);
				add_group(sum[r], v + 2, x + 64 * p + GROUP, 0, 1, 2);
			}
	}
	store_sums(y + n0, sum);
}

ALWAYS_INLINE int64_t dot_together(float *y, const float *x, const struct tensor *weights,
				   int64_t n0, int64_t n1, enum dtype dtype)
{
	int64_t n = n0;
	bool empty = weights->shape[1] == 0;
	bool small = dtype_table[dtype].block_elements == GROUP;

	for (; !empty && n + TOGETHER <= n1; n += TOGETHER)
		if (small)
			dot_small_blocks(y, x, weights, n, dtype);
		else
			dot_large_blocks(y, x, weights, n, dtype);
	return n;
}

#endif
