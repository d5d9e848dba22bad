/*
 * avx2_attention.c -- the two products of attention, q k^T and p v.
 *
 * scores: a dot product is one accumulator of eight lanes over head_dim and a fixed sum of its
 * lanes.  Blocks of 3 queries x 4 keys keep twelve of them in registers; the ends take 1 x 4 and
 * 1 x 1 with the same arithmetic, so a score does not depend on its block.
 *
 * mix: z[t] is one chain of fused multiply-adds over the keys in order, whichever rows are beside
 * it.  Up to six rows share the loads of v where all of them have keys; where only some do (the
 * causal edge, the start of a window) rows go one by one.
 *
 * Keys and values are f32, or f16 that becomes f32 where it is loaded: every function that reads
 * them is compiled for both.
 */
#include "avx2.h"

#include "torchless/numbers.h"

#define QUERIES 3
#define KEYS    4
#define ROWS    6

/* Keys and values that are fetched ahead of those in work; behind the last ones, for nothing. */
#define KEYS_AHEAD   16
#define VALUES_AHEAD 32
#define LINE         64

/* Keys that follow s without a wrap of the ring, s1 - s at most. */
static int64_t run_length(const struct kv_view *kv, int64_t s, int64_t s1)
{
	return int64_min(s1 - s, kv->capacity - (kv->first + s) % kv->capacity);
}

/* Rows `stride` floats apart. */
struct rows {
	float *at;
	int64_t stride;
};

struct const_rows {
	const float *at;
	int64_t stride;
};

/* Keys or values, `stride` bytes apart. */
struct kv_rows {
	const char *at;
	int64_t stride;
};

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

/* z[i] += p[i][s] v[s] for nr rows, n keys and the next 8 nv of `left` columns. */
ALWAYS_INLINE void mix_block(struct rows z, struct const_rows p, struct kv_rows v, int64_t n,
			     int64_t left, int64_t nr, int64_t nv, enum dtype dtype)
{
	__m256 sum[ROWS][8];

	for (int64_t i = 0; i < nr; i++)
		for (int64_t c = 0; c < nv; c++)
			sum[i][c] = load_lanes(z.at + i * z.stride + 8 * c, left - 8 * c);
	for (int64_t s = 0; s < n; s++, v.at += v.stride) {
		__m256 value[8];

		for (int64_t c = 0; c < nv; c += LINE / 8 / kv_size(dtype))
			_mm_prefetch(v.at + VALUES_AHEAD * v.stride + 8 * c * kv_size(dtype),
				     _MM_HINT_T0);
		for (int64_t c = 0; c < nv; c++)
			value[c] = load_kv(v.at + 8 * c * kv_size(dtype), dtype, left - 8 * c);
		for (int64_t i = 0; i < nr; i++) {
			__m256 weight = _mm256_broadcast_ss(p.at + i * p.stride + s);

			for (int64_t c = 0; c < nv; c++)
				sum[i][c] = _mm256_fmadd_ps(weight, value[c], sum[i][c]);
		}
	}
	for (int64_t i = 0; i < nr; i++)
		for (int64_t c = 0; c < nv; c++)
			store_lanes(z.at + i * z.stride + 8 * c, left - 8 * c, sum[i][c]);
}

/*
 * All columns of one row, or of several, for n keys that lie in a row.  Whole blocks of columns
 * first: their width is known where the loop is compiled.
 */
ALWAYS_INLINE void mix_one(struct rows z, struct const_rows p, struct kv_rows v, int64_t n,
			   int64_t E, enum dtype dtype)
{
	for (; E >= 64; E -= 64, z.at += 64, v.at += 64 * kv_size(dtype))
		mix_block(z, p, v, n, 64, 1, 8, dtype);
	for (; E > 0; E -= 8, z.at += 8, v.at += 8 * kv_size(dtype))
		mix_block(z, p, v, n, E, 1, 1, dtype);
}

ALWAYS_INLINE void mix_some(struct rows z, struct const_rows p, struct kv_rows v, int64_t n,
			    int64_t E, int64_t n_rows, enum dtype dtype)
{
	for (; E >= 16; E -= 16, z.at += 16, v.at += 16 * kv_size(dtype))
		mix_block(z, p, v, n, 16, n_rows, 2, dtype);
	for (; E > 0; E -= 8, z.at += 8, v.at += 8 * kv_size(dtype))
		mix_block(z, p, v, n, E, n_rows, 1, dtype);
}

ALWAYS_INLINE void mix_any(struct rows z, struct const_rows p, struct kv_rows v, int64_t n,
			   int64_t E, int64_t n_rows, enum dtype dtype)
{
	if (n_rows == 1)
		mix_one(z, p, v, n, E, dtype);
	else if (n_rows == 2)
		mix_some(z, p, v, n, E, 2, dtype);
	else if (n_rows == 3)
		mix_some(z, p, v, n, E, 3, dtype);
	else if (n_rows == 4)
		mix_some(z, p, v, n, E, 4, dtype);
	else if (n_rows == 5)
		mix_some(z, p, v, n, E, 5, dtype);
	else
		mix_some(z, p, v, n, E, ROWS, dtype);
}

static void mix_f32(struct rows z, struct const_rows p, struct kv_rows v, int64_t n, int64_t E,
		    int64_t n_rows)
{
	mix_any(z, p, v, n, E, n_rows, DTYPE_F32);
}

static void mix_f16(struct rows z, struct const_rows p, struct kv_rows v, int64_t n, int64_t E,
		    int64_t n_rows)
{
	mix_any(z, p, v, n, E, n_rows, DTYPE_F16);
}

/* Which values: those of kv head g, column 0 of p being key s0. */
struct values {
	const struct kv_view *kv;
	int64_t g, s0;
};

/* Add columns [c0, c1) of p for n_rows <= ROWS rows, in pieces that do not wrap. */
static void mix_columns(struct rows z, struct const_rows p, const struct values *values, int64_t c0,
			int64_t c1, int64_t n_rows)
{
	const struct kv_view *kv = values->kv;
	int64_t len;

	for (int64_t c = c0; c < c1; c += len) {
		struct kv_rows v = { kv_row(kv, values->s0 + c, values->g),
				     kv->n_kv_heads * kv->head_dim * kv_size(kv->dtype) };
		struct const_rows weights = { p.at + c, p.stride };

		len = run_length(kv, values->s0 + c, values->s0 + c1);
		if (kv->dtype == DTYPE_F16)
			mix_f16(z, weights, v, len, kv->head_dim, n_rows);
		else
			mix_f32(z, weights, v, len, kv->head_dim, n_rows);
	}
}

/* The columns of a row from its first to its last that is not 0. */
static void trim(const float *p, int64_t n, int64_t *begin, int64_t *end)
{
	*begin = 0;
	*end = n;
	while (*begin < *end && p[*begin] == 0)
		++*begin;
	while (*end > *begin && p[*end - 1] == 0)
		--*end;
}

/* n_rows <= ROWS rows: the columns that all have together, what is before and behind alone. */
static void mix_rows(struct rows z, struct const_rows p, const struct values *values,
		     int64_t n_keys, int64_t n_rows)
{
	int64_t begin[ROWS], end[ROWS], together = 0, until = n_keys;

	for (int64_t i = 0; i < n_rows; i++) {
		trim(p.at + i * p.stride, n_keys, &begin[i], &end[i]);
		together = int64_max(begin[i], together);
		until = int64_min(until, end[i]);
		memset(z.at + i * z.stride, 0, (size_t)values->kv->head_dim * sizeof(*z.at));
	}
	if (n_rows == 1 || until < together)
		together = until = n_keys; /* each row alone */
	for (int64_t i = 0; i < n_rows; i++) {
		struct rows zi = { z.at + i * z.stride, z.stride };
		struct const_rows pi = { p.at + i * p.stride, p.stride };

		mix_columns(zi, pi, values, begin[i], int64_min(together, end[i]), 1);
	}
	mix_columns(z, p, values, together, until, n_rows);
	for (int64_t i = 0; i < n_rows; i++) {
		struct rows zi = { z.at + i * z.stride, z.stride };
		struct const_rows pi = { p.at + i * p.stride, p.stride };

		mix_columns(zi, pi, values, until, end[i], 1);
	}
}

/* Of the `left` rows of a tile: seven or eight are better halved than six and a rest. */
static int64_t rows_at_once(int64_t left)
{
	return left > ROWS && left <= ROWS + 2 ? (left + 1) / 2 : int64_min(left, ROWS);
}

void avx2_mix(float *z, int64_t z_stride, const float *p, int64_t stride, const struct attention *a,
	      struct attention_tile tile)
{
	struct values values = { &a->v, kv_head(a, tile.head), tile.s0 };

	for (int64_t t = 0, n; t < tile.n; t += n) {
		struct rows zt = { z + t * z_stride, z_stride };
		struct const_rows pt = { p + t * stride, stride };

		n = rows_at_once(tile.n - t);
		mix_rows(zt, pt, &values, tile.s1 - tile.s0, n);
	}
}
