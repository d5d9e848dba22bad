/*
 * attention_decode.c -- attention of one query, when there are many keys.
 *
 * What takes time is to read keys and values.  The heads of a group share theirs, so they go
 * through a kernel as the rows of one tile, and each key is read once for all of them.  Threads
 * share the keys first, then the heads' softmax, then groups and columns of v:
 *
 *	scores   pieces of keys, all groups: a stretch of memory as it lies
 *	softmax  heads
 *	mix      groups x parts of head_dim: part i of p is a narrower head of a view of v
 *
 * The bits are those of attention_run(): a score depends on its two rows, and an element of z is
 * one chain over the keys in order, whatever lies beside them.
 */
#include "attention_tiles.h"
#include "kv.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define MANY_KEYS   256   /* fewer are faster with one loop than with three */
#define PIECE_BYTES 32768 /* of keys that are one piece of work */
#define MIN_COLUMNS 16    /* of v: a line of the cache */

struct decode {
	const struct kernels *k;
	const struct attention *a;
	struct attention_tile tile; /* of head 0: the keys that are seen */
	int64_t group;              /* heads that share keys */
	int64_t piece;              /* keys of a piece */
	int64_t parts;              /* of head_dim */
	const float *q;             /* [group, n_kv_heads, head_dim] */
	float *p;                   /* [n_heads, keys] */
	float *z;
};

static int64_t n_keys(const struct decode *d)
{
	return d->tile.s1 - d->tile.s0;
}

/* The rows of one group as queries of a head of their own: what kernels need to find them. */
static struct attention as_rows(const struct decode *d)
{
	struct attention a = *d->a;

	a.q = d->q;
	a.n_heads = a.k.n_kv_heads;
	a.T = d->group;
	return a;
}

static void score_piece(void *ctx, int64_t i, int worker)
{
	const struct decode *d = ctx;
	struct attention a = as_rows(d);
	int64_t s0 = d->tile.s0 + i * d->piece, s1 = int64_min(s0 + d->piece, d->tile.s1);

	(void)worker;
	for (int64_t g = 0; g < a.n_heads; g++) {
		struct attention_tile tile = { g, 0, d->group, s0, s1 };
		float *out = d->p + g * d->group * n_keys(d) + s0 - d->tile.s0;

		d->k->scores(out, n_keys(d), &a, tile);
	}
}

static void softmax_head(void *ctx, int64_t head, int worker)
{
	const struct decode *d = ctx;
	float *row = d->p + head * n_keys(d);

	(void)worker;
	mask_row(d->a, row, n_keys(d), 0, d->tile.s0);
	d->k->softmax(row, n_keys(d));
}

static void mix_part(void *ctx, int64_t i, int worker)
{
	const struct decode *d = ctx;
	struct attention a = as_rows(d);
	int64_t E = a.v.head_dim, g = i / d->parts;
	struct attention_tile tile = { i, 0, d->group, d->tile.s0, d->tile.s1 };

	(void)worker;
	a.k.n_kv_heads = a.v.n_kv_heads = a.n_heads = a.v.n_kv_heads * d->parts;
	a.k.head_dim = a.v.head_dim = E / d->parts;
	d->k->mix(d->z + g * d->group * E + i % d->parts * a.v.head_dim, E,
		  d->p + g * d->group * n_keys(d), n_keys(d), &a, tile);
}

/* q as rows of groups: [group, n_kv_heads, head_dim]. */
static void gather_queries(float *out, const struct decode *d)
{
	int64_t n_kv = d->a->k.n_kv_heads, E = d->a->k.head_dim;

	for (int64_t j = 0; j < d->group; j++)
		for (int64_t g = 0; g < n_kv; g++)
			memcpy(out + (j * n_kv + g) * E, d->a->q + (g * d->group + j) * E,
			       (size_t)E * sizeof(float));
}

bool attention_fits_decode(const struct kernels *k, const struct attention *a)
{
	if (a->T != 1 || attention_last(a, 0) - attention_first(a, 0) < MANY_KEYS)
		return false;
	/* A kernel that somebody planted may look at more of its tile than rows. */
	for (int i = 0; kernels_all[i]; i++)
		if (kernels_all[i]->scores == k->scores && kernels_all[i]->mix == k->mix)
			return true;
	return false;
}

int attention_decode(const struct kernels *k, struct threads *pool, float *z,
		     const struct attention *a)
{
	int64_t n_kv = a->k.n_kv_heads, E = a->k.head_dim, floats, bytes, q = a->n_heads * E;
	struct decode d = { .k = k, .a = a, .tile = tile_at(a, 0, 0), .parts = 1, .z = z };
	float *memory = NULL;

	d.group = a->n_heads / n_kv;
	d.piece = int64_max(PIECE_BYTES / (n_kv * E * kv_size(a->k.dtype)), 4) / 4 * 4;
	while (n_kv * d.parts < 3 * (int64_t)threads_count(pool) &&
	       E % (2 * d.parts * MIN_COLUMNS) == 0)
		d.parts *= 2;
	if (mem_mul(a->n_heads, n_keys(&d), &floats) && mem_add(floats, q, &floats) &&
	    mem_mul(floats, sizeof(float), &bytes))
		memory = mem_try_aligned((size_t)bytes);
	if (!memory)
		return ERR_MEMORY;
	gather_queries(memory, &d);
	d.q = memory;
	d.p = memory + q;
	threads_for(pool, (n_keys(&d) + d.piece - 1) / d.piece, score_piece, &d);
	threads_for(pool, a->n_heads, softmax_head, &d);
	threads_for(pool, n_kv * d.parts, mix_part, &d);
	free(memory);
	return 0;
}
