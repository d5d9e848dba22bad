/*
 * mix_body.h -- the second product of attention, p v, whatever the width of the registers.
 *
 * Included by one file an instruction set, which gives it a vector of f32, `vec`, of LANES lanes
 * with the few functions below, the name of the kernel MIX, and how many vectors of columns stay
 * in registers of one row, MIX_ONE, and of ROWS rows, MIX_MANY.
 *
 * z[t] is one chain of fused multiply-adds over the keys in order, whichever rows are beside it and
 * whatever the width.  Up to six rows share the loads of v where all of them have keys; where only
 * some do (the causal edge, the start of a window) rows go one by one.  The groups of a tile take
 * turns at a few keys at a time, whose values are copied to where the first cache keeps them.
 *
 *	vec_set1(float), vec_fma(a, b, c), vec_fetch(p)
 *	vec_some(p, left)               the next LANES floats, or all that are left, zeros behind
 *	vec_store_some(p, left, v)
 *	vec_some_kv(p, dtype, left)     of values, as f32
 */
#ifndef TORCHLESS_KERNELS_MIX_BODY_H
#define TORCHLESS_KERNELS_MIX_BODY_H

#include "attention_rows.h"

#include "torchless/numbers.h"

#include <stdbool.h>
#include <string.h>

#define ROWS       6
#define GROUPS     6 /* of rows that share the copies of values: a tile of attention_run() */
#define MIN_GROUPS 2 /* for fewer, values are read where they are */

#define COPIED_FLOATS INT64_C(8192) /* two thirds of a first cache */
#define MAX_DIM       INT64_C(256)  /* of heads whose values are copied */

/* Values that are fetched ahead of those in work; behind the last ones, for nothing. */
#define VALUES_AHEAD 32

/* Where values lie: f32 or f16 in a cache, or f32 that were copied and need no fetching. */
enum values_in { IN_F32, IN_F16, COPIED };

/* z[i] += p[i][s] v[s] for nr rows, n keys and the next nv vectors of `left` columns. */
ALWAYS_INLINE void mix_block(struct rows z, struct const_rows p, struct kv_rows v, int64_t n,
			     int64_t left, int64_t nr, int64_t nv, enum values_in in)
{
	const enum dtype dtype = in == IN_F16 ? DTYPE_F16 : DTYPE_F32;
	const int64_t bytes = in == COPIED ? 0 : nv * LANES * kv_size(dtype); /* to be fetched */
	vec sum[ROWS][MIX_ONE];

	for (int64_t i = 0; i < nr; i++)
		for (int64_t c = 0; c < nv; c++)
			sum[i][c] = vec_some(z.at + i * z.stride + LANES * c, left - LANES * c);
	for (int64_t s = 0; s < n; s++, v.at += v.stride) {
		vec value[MIX_ONE];

		for (int64_t at = 0; at < bytes; at += LINE)
			vec_fetch(v.at + VALUES_AHEAD * v.stride + at);
		for (int64_t c = 0; c < nv; c++)
			value[c] = vec_some_kv(v.at + LANES * c * kv_size(dtype), dtype,
					       left - LANES * c);
		for (int64_t i = 0; i < nr; i++) {
			vec weight = vec_set1(p.at[i * p.stride + s]);

			for (int64_t c = 0; c < nv; c++)
				sum[i][c] = vec_fma(weight, value[c], sum[i][c]);
		}
	}
	for (int64_t i = 0; i < nr; i++)
		for (int64_t c = 0; c < nv; c++)
			vec_store_some(z.at + i * z.stride + LANES * c, left - LANES * c,
				       sum[i][c]);
}

/*
 * All columns of nr rows, for n keys that lie in a row.  Whole blocks of nv vectors first: their
 * width is known where the loop is compiled.
 */
ALWAYS_INLINE void mix_some(struct rows z, struct const_rows p, struct kv_rows v, int64_t n,
			    int64_t E, int64_t nr, int64_t nv, enum values_in in)
{
	const int64_t width = nv * LANES, size = in == IN_F16 ? 2 : 4;

	for (; E >= width; E -= width, z.at += width, v.at += width * size)
		mix_block(z, p, v, n, width, nr, nv, in);
	for (; E > 0; E -= LANES, z.at += LANES, v.at += LANES * size)
		mix_block(z, p, v, n, E, nr, 1, in);
}

ALWAYS_INLINE void mix_any(struct rows z, struct const_rows p, struct kv_rows v, int64_t n,
			   int64_t E, int64_t n_rows, enum values_in in)
{
	if (n_rows == 1)
		mix_some(z, p, v, n, E, 1, MIX_ONE, in);
	else if (n_rows == 2)
		mix_some(z, p, v, n, E, 2, MIX_MANY, in);
	else if (n_rows == 3)
		mix_some(z, p, v, n, E, 3, MIX_MANY, in);
	else if (n_rows == 4)
		mix_some(z, p, v, n, E, 4, MIX_MANY, in);
	else if (n_rows == 5)
		mix_some(z, p, v, n, E, 5, MIX_MANY, in);
	else
		mix_some(z, p, v, n, E, ROWS, MIX_MANY, in);
}

static void mix_f32(struct rows z, struct const_rows p, struct kv_rows v, int64_t n, int64_t E,
		    int64_t n_rows)
{
	mix_any(z, p, v, n, E, n_rows, IN_F32);
}

static void mix_f16(struct rows z, struct const_rows p, struct kv_rows v, int64_t n, int64_t E,
		    int64_t n_rows)
{
	mix_any(z, p, v, n, E, n_rows, IN_F16);
}

static void mix_copied(struct rows z, struct const_rows p, struct kv_rows v, int64_t n, int64_t E,
		       int64_t n_rows)
{
	mix_any(z, p, v, n, E, n_rows, COPIED);
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

/* Rows that are computed side by side, and their columns that are not 0. */
struct row_group {
	struct rows z;
	struct const_rows p;
	int64_t n_rows;
	int64_t begin[ROWS], end[ROWS];
	int64_t together, until; /* the columns that all of them have */
};

static struct row_group group_of(struct rows z, struct const_rows p, int64_t n_rows, int64_t n_keys,
				 int64_t E)
{
	struct row_group g = { .z = z, .p = p, .n_rows = n_rows, .until = n_keys };

	for (int64_t i = 0; i < n_rows; i++) {
		trim(p.at + i * p.stride, n_keys, &g.begin[i], &g.end[i]);
		g.together = int64_max(g.begin[i], g.together);
		g.until = int64_min(g.until, g.end[i]);
		memset(z.at + i * z.stride, 0, (size_t)E * sizeof(*z.at));
	}
	if (n_rows == 1 || g.until < g.together)
		g.together = g.until = n_keys; /* each row alone */
	return g;
}

/* Each row's columns before those that all have, or behind them. */
static void mix_alone(const struct row_group *g, const struct values *values, bool before)
{
	for (int64_t i = 0; i < g->n_rows; i++) {
		struct rows zi = { g->z.at + i * g->z.stride, g->z.stride };
		struct const_rows pi = { g->p.at + i * g->p.stride, g->p.stride };
		int64_t from = before ? g->begin[i] : g->until;

		mix_columns(zi, pi, values, from,
			    before ? int64_min(g->together, g->end[i]) : g->end[i], 1);
	}
}

/* Values that many rows read again and again: side by side, for in a cache they may lie a power of
 * two apart and would evict each other.  A thread has room for them from its birth. */
struct copied {
	_Alignas(64) float v[COPIED_FLOATS];
};

static int64_t copied_stride(int64_t E)
{
	return (E + LANES - 1) / LANES * LANES;
}

static struct kv_rows copy_values(struct copied *to, const struct values *values, int64_t c,
				  int64_t n)
{
	const struct kv_view *kv = values->kv;
	int64_t E = kv->head_dim, stride = copied_stride(E);
	int64_t row_bytes = kv->n_kv_heads * E * kv_size(kv->dtype);

	for (int64_t s = 0; s < n; s++) {
		const char *row = kv_row(kv, values->s0 + c + s, values->g);

		for (int64_t at = 0; at < E * kv_size(kv->dtype); at += LINE)
			vec_fetch(row + VALUES_AHEAD * row_bytes + at);
		for (int64_t e = 0; e < E; e += LANES)
			vec_store_some(to->v + s * stride + e, LANES,
				       vec_some_kv(row + e * kv_size(kv->dtype), kv->dtype, E - e));
	}
	return (struct kv_rows){ (const char *)to->v, stride * (int64_t)sizeof(float) };
}

/* The columns that all rows of a group have, of several groups. */
static void mix_together(const struct row_group *groups, int n_groups, const struct values *values)
{
	static _Thread_local struct copied copied;
	int64_t E = values->kv->head_dim, most = COPIED_FLOATS / copied_stride(E);
	int64_t from = INT64_MAX, until = 0;

	for (int i = 0; i < n_groups; i++) {
		from = int64_min(from, groups[i].together);
		until = int64_max(until, groups[i].until);
	}
	for (int64_t c = from, n; c < until; c += n) {
		struct kv_rows v;

		n = int64_min(most, until - c);
		v = copy_values(&copied, values, c, n);
		for (int i = 0; i < n_groups; i++) {
			const struct row_group *g = &groups[i];
			int64_t c0 = int64_max(c, g->together), c1 = int64_min(c + n, g->until);
			struct kv_rows here = { v.at + (c0 - c) * v.stride, v.stride };
			struct const_rows p = { g->p.at + c0, g->p.stride };

			if (c0 < c1)
				mix_copied(g->z, p, here, c1 - c0, E, g->n_rows);
		}
	}
}

/* Of the `left` rows of a tile: seven or eight are better halved than six and a rest. */
static int64_t rows_at_once(int64_t left)
{
	return left > ROWS && left <= ROWS + 2 ? (left + 1) / 2 : int64_min(left, ROWS);
}

/* The next groups of the rows that are left; returns how many rows. */
static int64_t next_groups(struct row_group groups[GROUPS], int *n_groups, struct rows z,
			   struct const_rows p, int64_t left, int64_t n_keys, int64_t E)
{
	int64_t t = 0;

	for (*n_groups = 0; *n_groups < GROUPS && t < left; ++*n_groups) {
		int64_t n = rows_at_once(left - t);
		struct rows zt = { z.at + t * z.stride, z.stride };
		struct const_rows pt = { p.at + t * p.stride, p.stride };

		groups[*n_groups] = group_of(zt, pt, n, n_keys, E);
		t += n;
	}
	return t;
}

void MIX(float *z, int64_t z_stride, const float *p, int64_t stride, const struct attention *a,
	 struct attention_tile tile)
{
	struct values values = { &a->v, kv_head(a, tile.head), tile.s0 };
	int64_t n_keys = tile.s1 - tile.s0, E = a->v.head_dim;
	struct row_group groups[GROUPS];

	for (int64_t t = 0; t < tile.n;) {
		struct rows zt = { z + t * z_stride, z_stride };
		struct const_rows pt = { p + t * stride, stride };
		int n_groups;

		t += next_groups(groups, &n_groups, zt, pt, tile.n - t, n_keys, E);
		for (int i = 0; i < n_groups; i++)
			mix_alone(&groups[i], &values, true);
		if (n_groups >= MIN_GROUPS && E <= MAX_DIM)
			mix_together(groups, n_groups, &values);
		else
			for (int i = 0; i < n_groups; i++)
				mix_columns(groups[i].z, groups[i].p, &values, groups[i].together,
					    groups[i].until, groups[i].n_rows);
		for (int i = 0; i < n_groups; i++)
			mix_alone(&groups[i], &values, false);
	}
}

#endif
