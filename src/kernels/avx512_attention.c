/*
 * avx512_attention.c -- the two products of attention in registers of sixteen lanes.
 *
 * scores: AVX2 computes a score in eight chains, one a lane, of every eighth element of head_dim,
 * and adds the lanes in one order.  Here keys lie across the lanes: a block of 32 keys is
 * transposed once for the queries of a tile, two chains of 6 queries x 32 keys stay in
 * registers while they run over the elements c, c + 8, ... and the one beside each, and the eight
 * chains are added in AVX2's order, so that no sum goes across a register.  Few queries, as decode
 * has them, would not pay for the transposition and are AVX2's.
 *
 * mix: mix_body.h, with 24 of 32 registers for sums.
 */
#include "avx512.h"

#include "attention_rows.h"

#include <math.h>
#include <stdbool.h>

typedef __m512 vec;

#define LANES INT64_C(16)

#define QUERIES        6
#define KEYS           INT64_C(32)
#define CHAINS         8 /* the lanes of AVX2 */
#define MAX_SCORED_DIM INT64_C(128)
#define MIN_QUERIES    12

/*
 * Keys of one block, [head_dim][KEYS], and the chains of its scores, added in pairs.  A
 * thread has one from its birth: too much for a stack, and no memory that could be missing.
 */
struct scratch {
	_Alignas(64) float keys[MAX_SCORED_DIM * KEYS];
	__m512 pairs[CHAINS / 2][QUERIES][KEYS / LANES];
};

/* The next sixteen of `left` elements of a key as f32, zeros behind the last. */
ALWAYS_INLINE vec vec_some_kv(const char *src, enum dtype dtype, int64_t left)
{
	const unsigned char *at = (const unsigned char *)src;
	enum dtype known = dtype == DTYPE_F16 ? DTYPE_F16 : DTYPE_F32;

	return left >= LANES ? load16(at, known) : load_first16(at, known, left);
}

/* Transpose sixteen keys of `dim` elements. */
ALWAYS_INLINE void pack_keys(float *to, const char *const row[16], int64_t dim, enum dtype dtype)
{
	for (int64_t e = 0; e < dim; e += LANES) {
		vec v[16];

		for (int j = 0; j < 16; j++)
			v[j] = vec_some_kv(row[j] + e * kv_size(dtype), dtype, dim - e);
		transpose16(v);
		for (int j = 0; j < 16; j++)
			_mm512_store_ps(to + (e + j) * KEYS, v[j]);
	}
}

/* n keys from key s of the tile on, zeros where a register has more lanes. */
static void pack(struct scratch *to, const struct kv_view *kv, int64_t g, int64_t s, int64_t n)
{
	static const float zeros[MAX_SCORED_DIM];

	for (int64_t from = 0; from < n; from += LANES) {
		const char *row[16];

		for (int64_t j = 0; j < LANES; j++)
			row[j] = from + j < n ? kv_row(kv, s + from + j, g) : (const char *)zeros;
		if (kv->dtype == DTYPE_F16)
			pack_keys(to->keys + from, row, kv->head_dim, DTYPE_F16);
		else
			pack_keys(to->keys + from, row, kv->head_dim, DTYPE_F32);
	}
}

/*
 * Chains c and c + 1, added, of nq queries and nv registers of keys; `dim` is a multiple of eight.
 */
ALWAYS_INLINE void pair_of_chains(struct scratch *s, struct const_rows q, int64_t dim, int64_t c,
				  int64_t nq, int64_t nv)
{
	vec sum[2][QUERIES][KEYS / LANES] = { 0 };

	for (int64_t e = c; e < dim; e += CHAINS)
		for (int64_t j = 0; j < 2; j++)
			for (int64_t i = 0; i < nq; i++) {
				vec query = _mm512_set1_ps(q.at[i * q.stride + e + j]);
				const float *keys = s->keys + (e + j) * KEYS;

				for (int64_t v = 0; v < nv; v++)
					sum[j][i][v] = _mm512_fmadd_ps(
						query, _mm512_load_ps(keys + LANES * v),
						sum[j][i][v]);
			}
	for (int64_t i = 0; i < nq; i++)
		for (int64_t v = 0; v < nv; v++)
			s->pairs[c / 2][i][v] = _mm512_add_ps(sum[0][i][v], sum[1][i][v]);
}

/* As sum_lanes4() adds the lanes. */
ALWAYS_INLINE vec add_pairs(const struct scratch *s, int64_t i, int64_t v)
{
	return _mm512_add_ps(_mm512_add_ps(s->pairs[0][i][v], s->pairs[1][i][v]),
			     _mm512_add_ps(s->pairs[2][i][v], s->pairs[3][i][v]));
}

/* Scores of nq queries and the n_keys <= 16 nv keys that are packed. */
ALWAYS_INLINE void block(struct rows out, struct scratch *s, const struct attention *a,
			 struct const_rows q, int64_t n_keys, int64_t nq, int64_t nv)
{
	const vec scale = _mm512_set1_ps(a->scale);

	for (int64_t c = 0; c < CHAINS; c += 2)
		pair_of_chains(s, q, a->k.head_dim, c, nq, nv);
	for (int64_t i = 0; i < nq; i++)
		for (int64_t v = 0; v < nv; v++) {
			int64_t left = int64_min(LANES, n_keys - LANES * v);

			_mm512_mask_storeu_ps(out.at + i * out.stride + LANES * v,
					      (__mmask16)((1u << left) - 1),
					      _mm512_mul_ps(add_pairs(s, i, v), scale));
		}
}

ALWAYS_INLINE void blocks(struct rows out, struct scratch *s, const struct attention *a,
			  struct const_rows q, int64_t n, int64_t n_keys, int64_t nv)
{
	int64_t t = 0;

	for (; t + QUERIES <= n; t += QUERIES) {
		block(out, s, a, q, n_keys, QUERIES, nv);
		q.at += QUERIES * q.stride;
		out.at += QUERIES * out.stride;
	}
	for (; t < n; t++) {
		block(out, s, a, q, n_keys, 1, nv);
		q.at += q.stride;
		out.at += out.stride;
	}
}

void avx512_scores(float *scores, int64_t stride, const struct attention *a,
		   struct attention_tile tile)
{
	int64_t E = a->k.head_dim, g = kv_head(a, tile.head), n;
	struct const_rows q = { a->q + (tile.t0 * a->n_heads + tile.head) * E, a->n_heads * E };
	static _Thread_local struct scratch scratch;

	if (tile.n < MIN_QUERIES || E > MAX_SCORED_DIM || E % CHAINS) {
		avx2_scores(scores, stride, a, tile);
		return;
	}
	for (int64_t s = tile.s0; s < tile.s1; s += n) {
		struct rows out = { scores + s - tile.s0, stride };

		n = int64_min(KEYS, tile.s1 - s);
		pack(&scratch, &a->k, g, s, n);
		if (n > LANES)
			blocks(out, &scratch, a, q, tile.n, n, 2);
		else
			blocks(out, &scratch, a, q, tile.n, n, 1);
	}
}

/* ---- softmax ------------------------------------------------------------------------------- */

/* exp8() of avx2.h, the same operations; scalef rounds once, as its last product does. */
ALWAYS_INLINE vec exp16(vec x)
{
	vec n, r, q;

	x = _mm512_min_ps(_mm512_set1_ps(89), x);
	x = _mm512_max_ps(_mm512_set1_ps(-105), x);
	n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(EXP_LOG2E)),
				 _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
	r = _mm512_fnmadd_ps(n, _mm512_set1_ps(EXP_LN2_HIGH), x);
	r = _mm512_fnmadd_ps(n, _mm512_set1_ps(EXP_LN2_LOW), r);
	q = _mm512_set1_ps(EXP_Q4);
	q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(EXP_Q3));
	q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(EXP_Q2));
	q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(EXP_Q1));
	q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(EXP_Q0));
	q = _mm512_add_ps(_mm512_fmadd_ps(_mm512_mul_ps(r, r), q, r), _mm512_set1_ps(1));
	return _mm512_scalef_ps(q, n);
}

ALWAYS_INLINE __mmask16 first16(int64_t n)
{
	return n >= LANES ? (__mmask16)-1 : (__mmask16)((1u << n) - 1);
}

/* The largest that is a number. */
static float row_max(const float *x, int64_t n)
{
	vec max = _mm512_set1_ps(-INFINITY);

	for (int64_t i = 0; i < n; i += LANES) {
		__mmask16 valid = first16(n - i);

		max = _mm512_mask_max_ps(max, valid, _mm512_maskz_loadu_ps(valid, x + i), max);
	}
	return _mm512_reduce_max_ps(max);
}

/* x = exp(x - max); the sum of it, in AVX2's eight lanes. */
static float row_exp(float *x, int64_t n, float max)
{
	vec top = _mm512_set1_ps(max);
	__m256 sum = _mm256_setzero_ps();

	for (int64_t i = 0; i < n; i += LANES) {
		__mmask16 valid = first16(n - i);
		vec v = _mm512_sub_ps(_mm512_maskz_loadu_ps(valid, x + i), top);

		v = _mm512_maskz_mov_ps(valid, exp16(v));
		_mm512_mask_storeu_ps(x + i, valid, v);
		sum = _mm256_add_ps(sum, _mm512_castps512_ps256(v));
		sum = _mm256_add_ps(sum, _mm512_extractf32x8_ps(v, 1));
	}
	return sum_lanes(sum);
}

/*
 * x / sum, rounded as a division rounds, for x of 0 or at least SAFE and a sum in [1, 1 / SAFE]:
 * from the rounded reciprocal two corrections, whose remainders are exact (Markstein 1990, IBM
 * Journal of Research and Development 34).  A division of a register takes longer than all of it.
 */
#define SAFE 0x1p-80f

ALWAYS_INLINE vec divide(vec x, vec sum, vec reciprocal)
{
	vec q = _mm512_mul_ps(x, reciprocal);

	for (int i = 0; i < 2; i++)
		q = _mm512_fmadd_ps(_mm512_fnmadd_ps(q, sum, x), reciprocal, q);
	return q;
}

static void divide_row(float *x, int64_t n, float sum)
{
	vec divisor = _mm512_set1_ps(sum), reciprocal = _mm512_set1_ps(1 / sum);
	bool is_safe = sum >= 1 && sum <= 1 / SAFE;

	for (int64_t i = 0; i < n; i += LANES) {
		__mmask16 valid = first16(n - i);
		vec v = _mm512_maskz_loadu_ps(valid, x + i);
		__mmask16 small = _mm512_cmp_ps_mask(v, _mm512_set1_ps(SAFE), _CMP_NGE_UQ) &
				  _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_NEQ_UQ);

		v = is_safe && !small ? divide(v, divisor, reciprocal) : _mm512_div_ps(v, divisor);
		_mm512_mask_storeu_ps(x + i, valid, v);
	}
}

/* As avx2_softmax(). */
void avx512_softmax(float *x, int64_t n)
{
	int64_t begin = 0, end = n;
	float sum = NAN;

	while (begin < end && x[begin] == -INFINITY)
		x[begin++] = 0;
	while (end > begin && x[end - 1] == -INFINITY)
		x[--end] = 0;
	if (begin < end)
		sum = row_exp(x + begin, end - begin, row_max(x + begin, end - begin));
	if (isnan(sum)) { /* a NaN reaches every key, hidden ones too */
		begin = 0;
		end = n;
	}
	divide_row(x + begin, end - begin, sum);
}

/* ---- mix ----------------------------------------------------------------------------------- */

#define MIX_ONE  4
#define MIX_MANY 4
#define MIX      avx512_mix

ALWAYS_INLINE vec vec_set1(float x)
{
	return _mm512_set1_ps(x);
}

ALWAYS_INLINE vec vec_fma(vec a, vec b, vec c)
{
	return _mm512_fmadd_ps(a, b, c);
}

ALWAYS_INLINE vec vec_some(const float *src, int64_t left)
{
	return left >= LANES ? _mm512_loadu_ps(src)
			     : _mm512_maskz_loadu_ps((__mmask16)((1u << left) - 1), src);
}

ALWAYS_INLINE void vec_store_some(float *dst, int64_t left, vec v)
{
	if (left >= LANES)
		_mm512_storeu_ps(dst, v);
	else
		_mm512_mask_storeu_ps(dst, (__mmask16)((1u << left) - 1), v);
}

ALWAYS_INLINE void vec_fetch(const char *at)
{
	_mm_prefetch(at, _MM_HINT_T0);
}

#include "mix_body.h"
