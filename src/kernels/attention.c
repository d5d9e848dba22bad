/*
 * attention.c -- attention from a tier's scores, softmax and mix, in tiles or on whole rows.
 *
 * The relation of T queries and S keys is never kept: at 4,096 tokens it is gigabytes a layer.
 * attention_run() takes TILE queries of one head at a time, computes their scores against the
 * keys that any of them sees, and is done with them before it goes on.  The functions on whole
 * rows compute the same thing for one head when somebody wants to look.
 *
 * Both give the same bits because of what kernels.h promises of the three kernels: a score
 * depends on its query and its key, and keys at the ends of a row that the query does not see
 * (-inf before softmax, 0 after) leave no mark on the rest.  So the size of a tile, the length of
 * a row, the ring and the number of threads cannot show.
 */
#include "attention_tiles.h"

#include "torchless/mem.h"

#include <assert.h>
#include <stdlib.h>

struct run {
	const struct kernels *k;
	const struct attention *a;
	float *z;
	float *scratch; /* [threads, TILE, max_keys] */
	int64_t max_keys;
};

/* Tiles with the most keys first, so that the last ones even out the threads. */
static void run_tile(void *ctx, int64_t i, int worker)
{
	struct run *run = ctx;
	const struct attention *a = run->a;
	int64_t E = a->k.head_dim, rows = int64_min(TILE, a->T);
	int64_t t0 = (n_tiles(a) - 1 - i / a->n_heads) * TILE;
	struct attention_tile tile = tile_at(a, i % a->n_heads, t0);
	float *p = run->scratch + worker * rows * run->max_keys;
	float *z = run->z + (t0 * a->n_heads + tile.head) * E;
	int64_t n_keys = tile.s1 - tile.s0;

	run->k->scores(p, run->max_keys, a, tile);
	for (int64_t t = 0; t < tile.n; t++) {
		mask_row(a, p + t * run->max_keys, n_keys, t0 + t, tile.s0);
		run->k->softmax(p + t * run->max_keys, n_keys);
	}
	run->k->mix(z, a->n_heads * E, p, run->max_keys, a, tile);
}

int attention_run(const struct kernels *k, struct threads *pool, float *z,
		  const struct attention *a)
{
	int64_t rows = int64_min(TILE, a->T), bytes;
	struct run run = { k, a, z, NULL, 0 };

	assert(a->T >= 0 && a->n_heads % a->k.n_kv_heads == 0);
	if (a->T == 0)
		return 0;
	if (attention_fits_decode(k, a))
		return attention_decode(k, pool, z, a);
	for (int64_t t0 = 0; t0 < a->T; t0 += TILE) {
		struct attention_tile tile = tile_at(a, 0, t0);

		if (tile.s1 - tile.s0 > run.max_keys)
			run.max_keys = tile.s1 - tile.s0;
	}
	if (!mem_mul(run.max_keys, rows * threads_count(pool) * (int64_t)sizeof(float), &bytes))
		return ERR_MEMORY;
	run.scratch = mem_try_aligned((size_t)bytes);
	if (!run.scratch)
		return ERR_MEMORY;
	threads_for(pool, n_tiles(a) * a->n_heads, run_tile, &run);
	free(run.scratch);
	return 0;
}

struct head {
	const struct kernels *k;
	const struct attention *a;
	int64_t head, n_all;
	float *x;             /* [T, n_all] */
	const float *pattern; /* [T, n_all] */
	float *z;             /* [T, H, E] */
};

static void scores_tile(void *ctx, int64_t i, int worker)
{
	struct head *h = ctx;
	struct attention_tile tile = tile_at(h->a, h->head, i * TILE);
	float *x = h->x + tile.t0 * h->n_all;

	(void)worker;
	h->k->scores(x + h->a->k.first + tile.s0, h->n_all, h->a, tile);
	for (int64_t t = 0; t < tile.n; t++)
		mask_row(h->a, x + t * h->n_all, h->n_all, tile.t0 + t, -h->a->k.first);
}

void attention_scores_head(const struct kernels *k, struct threads *pool, const struct attention *a,
			   int64_t head, float *x, int64_t n_all)
{
	struct head h = { k, a, head, n_all, x, NULL, NULL };

	assert(n_all >= a->pos0 + a->T && n_all >= a->k.first + a->k.n);
	threads_for(pool, n_tiles(a), scores_tile, &h);
}

static void softmax_row(void *ctx, int64_t t, int worker)
{
	struct head *h = ctx;

	(void)worker;
	h->k->softmax(h->x + t * h->n_all, h->n_all);
}

void attention_softmax_rows(const struct kernels *k, struct threads *pool, float *x, int64_t T,
			    int64_t n_all)
{
	struct head h = { k, NULL, 0, n_all, x, NULL, NULL };

	threads_for(pool, T, softmax_row, &h);
}

/* All keys that are there, not only those of the tile: an edited pattern may point anywhere. */
static void mix_tile(void *ctx, int64_t i, int worker)
{
	struct head *h = ctx;
	const struct attention *a = h->a;
	int64_t row = a->n_heads * a->v.head_dim;
	struct attention_tile tile = tile_at(a, h->head, i * TILE);

	(void)worker;
	tile.s0 = 0;
	tile.s1 = a->v.n;
	h->k->mix(h->z + tile.t0 * row + h->head * a->v.head_dim, row,
		  h->pattern + tile.t0 * h->n_all + a->v.first, h->n_all, a, tile);
}

void attention_mix_head(const struct kernels *k, struct threads *pool, float *z,
			const struct attention *a, int64_t head, const float *pattern,
			int64_t n_all)
{
	struct head h = { k, a, head, n_all, NULL, pattern, z };

	assert(n_all >= a->v.first + a->v.n);
	threads_for(pool, n_tiles(a), mix_tile, &h);
}
