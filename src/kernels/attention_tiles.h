/*
 * attention_tiles.h -- how attention is cut, for the files that run it: private to src/kernels.
 */
#ifndef TORCHLESS_KERNELS_ATTENTION_TILES_H
#define TORCHLESS_KERNELS_ATTENTION_TILES_H

#include "torchless/kernels.h"
#include "torchless/numbers.h"

#include <math.h>

/* A multiple of the rows that the AVX2 kernels take at once, 3 and 6. */
#define TILE 36

/* Queries [t0, t0 + TILE) of a head, with the keys that any of them sees. */
static inline struct attention_tile tile_at(const struct attention *a, int64_t head, int64_t t0)
{
	int64_t n = int64_min(TILE, a->T - t0);
	struct attention_tile tile = { head, t0, n, attention_first(a, t0),
				       attention_last(a, t0 + n - 1) };

	if (tile.s1 < tile.s0)
		tile.s1 = tile.s0;
	return tile;
}

static inline int64_t n_tiles(const struct attention *a)
{
	return (a->T + TILE - 1) / TILE;
}

/* Replace by -inf what query t does not see in its row of columns [0, n), column 0 = key s0. */
static inline void mask_row(const struct attention *a, float *row, int64_t n, int64_t t, int64_t s0)
{
	int64_t first = attention_first(a, t) - s0, last = attention_last(a, t) - s0;

	for (int64_t i = 0; i < int64_min(first, n); i++)
		row[i] = -INFINITY;
	for (int64_t i = last > 0 ? last : 0; i < n; i++)
		row[i] = -INFINITY;
}

/* attention_run() of one query that sees many keys: attention_decode.c says how, and whether. */
bool attention_fits_decode(const struct kernels *k, const struct attention *a);
int attention_decode(const struct kernels *k, struct threads *pool, float *z,
		     const struct attention *a);

#endif
