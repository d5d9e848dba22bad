/*
 * avx2_attention.c -- the two products of attention, q k^T and p v.
 *
 * scores: a dot product is one accumulator of eight lanes over head_dim and a fixed sum of its
 * lanes.  Blocks of 3 queries x 4 keys keep twelve of them in registers; the ends take 1 x 4 and
 * 1 x 1 with the same arithmetic, so a score does not depend on its block.
 *
 * mix: mix_body.h, with twelve of sixteen registers for sums.
 *
 * Keys and values are f32, or f16 that becomes f32 where it is loaded: every function that reads
 * them is compiled for both.
 */
#include "avx2.h"

#include "attention_rows.h"

#define QUERIES 3
#define KEYS    4

/* Keys that are fetched ahead of those in work; behind the last ones, for nothing. */
#define KEYS_AHEAD 16

ALWAYS_INLINE __m256 load_kv(const char *src, enum dtype dtype, int64_t left)
{
	return dtype == DTYPE_F16 ? load_weights((const unsigned char *)src, DTYPE_F16, left)
				  : load_lanes((const float *)(const void *)src, left);
}

/* out[i][j] = q[i] . k[j] * scale for nq x nk rows of E elements; nk is 1 or 4. */
ALWAYS_INLINE void dots(struct rows out, struct const_rows q, struct kv_rows k, int64_t E,
			float scale, int64_t nq, int64_t nk, enum dtype dtype)
{
	__m256 sum[QUERIES][KEYS] = { 0 };

	for (int64_t e = 0; e < E; e += 8) {
		__m256 key[KEYS];

		for (int64_t j = 0; j < nk; j++)
			key[j] = load_kv(k.at + j * k.stride + e * kv_size(dtype), dtype, E - e);
		for (int64_t i = 0; i < nq; i++) {
			__m256 query = load_lanes(q.at + i * q.stride + e, E - e);

			for (int64_t j = 0; j < nk; j++)
				sum[i][j] = _mm256_fmadd_ps(query, key[j], sum[i][j]);
		}
	}
	for (int64_t i = 0; i < nq; i++) {
		__m128 d = sum_lanes4(sum[i][0], sum[i][1], sum[i][2], sum[i][3]);

		d = _mm_mul_ps(d, _mm_set1_ps(scale));
		if (nk == KEYS)
			_mm_storeu_ps(out.at + i * out.stride, d);
		else
			_mm_store_ss(out.at + i * out.stride, d);
	}
}

/* Scores of n queries against one or four keys. */
ALWAYS_INLINE void score_keys(struct rows out, const struct attention *a, struct const_rows q,
			      int64_t n, struct kv_rows k, int64_t nk, enum dtype dtype)
{
	int64_t t = 0;

	for (; t + QUERIES <= n; t += QUERIES) {
		dots(out, q, k, a->k.head_dim, a->scale, QUERIES, nk, dtype);
		q.at += QUERIES * q.stride;
		out.at += QUERIES * out.stride;
	}
	for (; t < n; t++) {
		dots(out, q, k, a->k.head_dim, a->scale, 1, nk, dtype);
		q.at += q.stride;
		out.at += out.stride;
	}
}

static void fetch_row(const char *row, int64_t bytes)
{
	for (int64_t i = 0; i < bytes; i += LINE)
		_mm_prefetch(row + i, _MM_HINT_T0);
}

/* Scores of n queries against n_keys keys that lie in a row. */
ALWAYS_INLINE void score_run(struct rows out, const struct attention *a, struct const_rows q,
			     int64_t n, const void *keys, int64_t n_keys, enum dtype dtype)
{
	int64_t bytes = a->k.head_dim * kv_size(dtype), s = 0;
	struct kv_rows k = { keys, a->k.n_kv_heads * bytes };

	for (; s + KEYS <= n_keys; s += KEYS) {
		for (int64_t j = 0; j < KEYS; j++)
			fetch_row(k.at + (j + KEYS_AHEAD) * k.stride, bytes);
		score_keys(out, a, q, n, k, KEYS, dtype);
		k.at += KEYS * k.stride;
		out.at += KEYS;
	}
	for (; s < n_keys; s++) {
		score_keys(out, a, q, n, k, 1, dtype);
		k.at += k.stride;
		out.at++;
	}
}

void avx2_scores(float *scores, int64_t stride, const struct attention *a,
		 struct attention_tile tile)
{
	int64_t E = a->k.head_dim, len;
	struct const_rows q = { a->q + (tile.t0 * a->n_heads + tile.head) * E, a->n_heads * E };

	for (int64_t s = tile.s0; s < tile.s1; s += len) {
		struct rows out = { scores + s - tile.s0, stride };

		const void *keys = kv_row(&a->k, s, kv_head(a, tile.head));

		len = run_length(&a->k, s, tile.s1);
		if (a->k.dtype == DTYPE_F16)
			score_run(out, a, q, tile.n, keys, len, DTYPE_F16);
		else
			score_run(out, a, q, tile.n, keys, len, DTYPE_F32);
	}
}

typedef __m256 vec;

#define LANES    INT64_C(8)
#define MIX_ONE  8
#define MIX_MANY 2
#define MIX      avx2_mix

ALWAYS_INLINE vec vec_set1(float x)
{
	return _mm256_set1_ps(x);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c)
{
	return _mm256_fmadd_ps(a, b, c);
}

ALWAYS_INLINE vec vec_some(const float *src, int64_t left)
{
	return load_lanes(src, left);
}

ALWAYS_INLINE void vec_store_some(float *dst, int64_t left, vec v)
{
	store_lanes(dst, left, v);
}

ALWAYS_INLINE vec vec_some_kv(const char *src, enum dtype dtype, int64_t left)
{
	return load_kv(src, dtype, left);
}

ALWAYS_INLINE void vec_fetch(const char *at)
{
	_mm_prefetch(at, _MM_HINT_T0);
}

#include "mix_body.h"
