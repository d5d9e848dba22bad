/*
 * avx2_attention.c -- the two products of attention, q k^T and p v.
 *
 * scores: a dot product is one accumulator of eight lanes over head_dim and a fixed sum of its
 * lanes.  Blocks of 3 queries x 4 keys keep twelve of them in registers; the ends take 1 x 4 and
 * 1 x 1 with the same arithmetic, so a score does not depend on its block.
 *
 * mix: z[t] is one chain of fused multiply-adds over the keys in order, whichever rows are beside
 * it.  Six rows share the loads of v where all six have keys; where only some do (the causal
 * edge, the start of a window) rows go one by one.
 */
#include "avx2.h"

#define QUERIES 3
#define KEYS    4
#define ROWS    6

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Keys that follow s without a wrap of the ring, s1 - s at most. */
static int64_t run_length(const struct kv_view *kv, int64_t s, int64_t s1)
{
	return min64(s1 - s, kv->capacity - (kv->first + s) % kv->capacity);
}

/* out[i][j] = q[i] . k[j] * scale for nq x nk rows of E elements; nk is 1 or 4. */
ALWAYS_INLINE void dots(float *out, int64_t stride, const float *q, int64_t q_stride,
			const float *k, int64_t k_stride, int64_t E, float scale, int nq, int nk)
{
	__m256 sum[QUERIES][KEYS] = { 0 };

	for (int64_t e = 0; e < E; e += 8) {
		__m256 key[KEYS];

		for (int j = 0; j < nk; j++)
			key[j] = load_lanes(k + j * k_stride + e, E - e);
		for (int i = 0; i < nq; i++) {
			__m256 query = load_lanes(q + i * q_stride + e, E - e);

			for (int j = 0; j < nk; j++)
				sum[i][j] = _mm256_fmadd_ps(query, key[j], sum[i][j]);
		}
	}
	for (int i = 0; i < nq; i++) {
		__m128 d = sum_lanes4(sum[i][0], sum[i][1], sum[i][2], sum[i][3]);

		d = _mm_mul_ps(d, _mm_set1_ps(scale));
		if (nk == KEYS)
			_mm_storeu_ps(out + i * stride, d);
		else
			_mm_store_ss(out + i * stride, d);
	}
}

/* Scores of n queries against n_keys keys that lie in a row. */
static void score_run(float *out, int64_t stride, const struct attention *a, const float *q,
		      int64_t n, const float *k, int64_t n_keys)
{
	int64_t E = a->k.head_dim, q_stride = a->n_heads * E, k_stride = a->k.n_kv_heads * E;
	int64_t s = 0, t;

	for (; s + KEYS <= n_keys; s += KEYS, k += KEYS * k_stride) {
		for (t = 0; t + QUERIES <= n; t += QUERIES)
			dots(out + t * stride + s, stride, q + t * q_stride, q_stride, k, k_stride,
			     E, a->scale, QUERIES, KEYS);
		for (; t < n; t++)
			dots(out + t * stride + s, stride, q + t * q_stride, q_stride, k, k_stride,
			     E, a->scale, 1, KEYS);
	}
	for (; s < n_keys; s++, k += k_stride)
		for (t = 0; t < n; t++)
			dots(out + t * stride + s, stride, q + t * q_stride, q_stride, k, k_stride,
			     E, a->scale, 1, 1);
}

void avx2_scores(float *scores, int64_t stride, const struct attention *a,
		 struct attention_tile tile)
{
	const float *q = a->q + (tile.t0 * a->n_heads + tile.head) * a->k.head_dim;
	int64_t len;

	for (int64_t s = tile.s0; s < tile.s1; s += len) {
		len = run_length(&a->k, s, tile.s1);
		score_run(scores + s - tile.s0, stride, a, q, tile.n,
			  kv_row(&a->k, s, kv_head(a, tile.head)), len);
	}
}

/* z[i] += p[i][s] v[s] for nr rows, n keys and the next 8 nv of `left` columns. */
ALWAYS_INLINE void mix_block(float *z, int64_t z_stride, const float *p, int64_t stride,
			     const float *v, int64_t v_stride, int64_t n, int64_t left, int nr,
			     int nv)
{
	__m256 sum[ROWS][8];

	for (int i = 0; i < nr; i++)
		for (int c = 0; c < nv; c++)
			sum[i][c] = load_lanes(z + i * z_stride + 8 * c, left - 8 * c);
	for (int64_t s = 0; s < n; s++, v += v_stride) {
		__m256 value[8];

		for (int c = 0; c < nv; c++)
			value[c] = load_lanes(v + 8 * c, left - 8 * c);
		for (int i = 0; i < nr; i++) {
			__m256 weight = _mm256_broadcast_ss(p + i * stride + s);

			for (int c = 0; c < nv; c++)
				sum[i][c] = _mm256_fmadd_ps(weight, value[c], sum[i][c]);
		}
	}
	for (int i = 0; i < nr; i++)
		for (int c = 0; c < nv; c++)
			store_lanes(z + i * z_stride + 8 * c, left - 8 * c, sum[i][c]);
}

/* All columns of ROWS rows, or of one, for n keys that lie in a row. */
static void mix_run(float *z, int64_t z_stride, const float *p, int64_t stride, const float *v,
		    const struct kv_view *kv, int64_t n, int rows)
{
	int64_t E = kv->head_dim, v_stride = kv->n_kv_heads * E, e = 0;

	/* Whole blocks of columns first: their width is known where the loop is compiled. */
	if (rows == 1) {
		for (; e + 64 <= E; e += 64)
			mix_block(z + e, z_stride, p, stride, v + e, v_stride, n, 64, 1, 8);
		for (; e < E; e += 8)
			mix_block(z + e, z_stride, p, stride, v + e, v_stride, n, E - e, 1, 1);
		return;
	}
	for (; e + 16 <= E; e += 16)
		mix_block(z + e, z_stride, p, stride, v + e, v_stride, n, 16, ROWS, 2);
	for (; e < E; e += 8)
		mix_block(z + e, z_stride, p, stride, v + e, v_stride, n, E - e, ROWS, 1);
}

/* What mix() is asked for, less the rows. */
struct mix_args {
	const struct kv_view *v;
	int64_t g, s0; /* kv head; key of column 0 */
	int64_t z_stride, stride;
};

/* Add columns [c0, c1) of p, in pieces that do not wrap. */
static void mix_columns(const struct mix_args *m, float *z, const float *p, int64_t c0, int64_t c1,
			int rows)
{
	int64_t len;

	for (int64_t c = c0; c < c1; c += len) {
		len = run_length(m->v, m->s0 + c, m->s0 + c1);
		mix_run(z, m->z_stride, p + c, m->stride, kv_row(m->v, m->s0 + c, m->g), m->v, len,
			rows);
	}
}

/* `rows` <= ROWS rows: the columns that all have together, what is before and behind alone. */
static void mix_rows(const struct mix_args *m, float *z, const float *p, int64_t n_keys, int rows)
{
	int64_t begin[ROWS], end[ROWS], common = 0, until = n_keys;

	for (int i = 0; i < rows; i++) {
		const float *row = p + i * m->stride;

		begin[i] = 0;
		end[i] = n_keys;
		while (begin[i] < end[i] && row[begin[i]] == 0)
			begin[i]++;
		while (end[i] > begin[i] && row[end[i] - 1] == 0)
			end[i]--;
		common = begin[i] > common ? begin[i] : common;
		until = min64(until, end[i]);
		memset(z + i * m->z_stride, 0, (size_t)m->v->head_dim * sizeof(*z));
	}
	if (rows < ROWS || until < common)
		common = until = n_keys; /* nothing together */
	for (int i = 0; i < rows; i++)
		mix_columns(m, z + i * m->z_stride, p + i * m->stride, begin[i],
			    min64(common, end[i]), 1);
	mix_columns(m, z, p, common, until, ROWS);
	for (int i = 0; i < rows; i++)
		mix_columns(m, z + i * m->z_stride, p + i * m->stride,
			    until > begin[i] ? until : begin[i], end[i], 1);
}

void avx2_mix(float *z, int64_t z_stride, const float *p, int64_t stride, const struct attention *a,
	      struct attention_tile tile)
{
	struct mix_args m = { &a->v, kv_head(a, tile.head), tile.s0, z_stride, stride };

	for (int64_t t = 0; t < tile.n; t += ROWS)
		mix_rows(&m, z + t * z_stride, p + t * stride, tile.s1 - tile.s0,
			 (int)min64(tile.n - t, ROWS));
}
