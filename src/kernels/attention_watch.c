/*
 * attention_watch.c -- attention_run() that leaves its scores and its pattern behind, some heads
 * long.
 *
 * Tiles are computed as in attention.c, but in place: in whole rows of a head, whose columns that
 * no query of the tile sees hold -inf (scores) and 0 (pattern) from the beginning.  A tile's rows
 * are summed right after they were made, each by itself; a head's sums are then merged and its rows
 * hashed in their order, while the next heads are computed.  So neither the size of a tile nor the
 * number of threads can show.
 *
 * A row is summed from the first key that its query sees to the last, in the blocks of the whole
 * row; the others are counted.
 *
 * A NaN in a pattern reaches the keys that its query does not see, which are outside of its tile.
 * Then the pattern is not known, and has to be looked at as a whole.
 */
#include "torchless/attention_watch.h"

#include "attention_tiles.h"

#include "torchless/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Floats of the heads that are computed at once: what stays in a second cache. */
#define HEADS_FLOATS ((int64_t)1 << 17)
/* Heads larger than this are hashed before the next is computed: memory is bounded by two. */
#define LARGE_FLOATS ((int64_t)1 << 20)
/* Fewer floats than this are hashed faster than a thread wakes up. */
#define PARALLEL_MIN ((int64_t)1 << 15)

/* ---- memory ---------------------------------------------------------------------------------- */

static void free_heads(struct attention_watch *w)
{
	for (int b = 0; b < 2; b++)
		for (int part = 0; part < N_ATTENTION_PARTS; part++) {
			free(w->buffers[b].rows[part]);
			free(w->buffers[b].sums[part]);
			w->buffers[b].rows[part] = NULL;
			w->buffers[b].sums[part] = NULL;
		}
	w->shape = (struct attention_shape){ 0 };
}

void attention_watch_release(struct attention_watch *w)
{
	free_heads(w);
	for (int part = 0; part < N_ATTENTION_PARTS; part++) {
		free(w->seen[part].positions);
		XXH3_freeState(w->hash[part]);
	}
	*w = (struct attention_watch){ 0 };
}

int64_t attention_watch_bytes(const struct attention_watch *w)
{
	const struct attention_shape *s = &w->shape;
	int64_t n_rows = s->heads * s->T, bytes = 0;

	for (int b = 0; b < 2; b++)
		for (int part = 0; part < N_ATTENTION_PARTS; part++)
			if (w->buffers[b].rows[part])
				bytes += n_rows * (s->n_all * (int64_t)sizeof(float) +
						   (int64_t)sizeof(struct stats_sum));
	for (int part = 0; part < N_ATTENTION_PARTS; part++)
		bytes += w->seen[part].n_positions * (int64_t)sizeof(struct stats_sum);
	return bytes;
}

static struct attention_shape shape_of(const struct attention *a, int64_t n_all,
				       const struct attention_watch *w)
{
	int64_t head = a->T * n_all, heads = head < HEADS_FLOATS ? HEADS_FLOATS / head : 1;

	return (struct attention_shape){
		.T = a->T,
		.n_all = n_all,
		.n_heads = a->n_heads,
		.heads = int64_min(heads, a->n_heads),
		.n_buffers = head > LARGE_FLOATS || heads >= a->n_heads ? 1 : 2,
		.pos0 = a->pos0,
		.window = a->window,
		.first = a->k.first,
		.n = a->k.n,
		.scores = w->seen[ATTENTION_SCORES].wanted,
	};
}

static bool same_shape(const struct attention_shape *a, const struct attention_shape *b)
{
	return a->T == b->T && a->n_all == b->n_all && a->n_heads == b->n_heads &&
	       a->heads == b->heads && a->n_buffers == b->n_buffers && a->pos0 == b->pos0 &&
	       a->window == b->window && a->first == b->first && a->n == b->n &&
	       a->scores == b->scores;
}

/* Rows of `s->heads` heads, all hidden; false when there is no memory. */
static bool make_rows(struct attention_heads *h, int part, const struct attention_shape *s)
{
	int64_t n_rows, n, bytes;

	if (!mem_mul(s->heads, s->T, &n_rows) || !mem_mul(n_rows, s->n_all, &n) ||
	    !mem_mul(n, (int64_t)sizeof(float), &bytes))
		return false;
	h->rows[part] = mem_try_aligned((size_t)bytes);
	h->sums[part] = mem_try_aligned((size_t)n_rows * sizeof(*h->sums[part]));
	if (!h->rows[part] || !h->sums[part])
		return false;
	for (int64_t i = 0; i < n; i++)
		h->rows[part][i] = part == ATTENTION_SCORES ? -INFINITY : 0;
	return true;
}

/* Buffers for calls of this shape, as the call before left them where it had the same. */
static bool make_heads(struct attention_watch *w, const struct attention_shape *s)
{
	if (same_shape(&w->shape, s))
		return true;
	free_heads(w);
	for (int b = 0; b < s->n_buffers; b++)
		if (!make_rows(&w->buffers[b], ATTENTION_PATTERN, s) ||
		    (s->scores && !make_rows(&w->buffers[b], ATTENTION_SCORES, s))) {
			free_heads(w);
			return false;
		}
	w->shape = *s;
	return true;
}

static void begin_seeing(struct attention_watch *w, int64_t T)
{
	for (int part = 0; part < N_ATTENTION_PARTS; part++) {
		struct attention_seen *seen = &w->seen[part];

		seen->known = false;
		if (!seen->wanted)
			continue;
		if (!w->hash[part])
			w->hash[part] = hash_new();
		XXH3_64bits_reset(w->hash[part]);
		seen->positions = mem_realloc(seen->positions, (size_t)T, sizeof(*seen->positions));
		seen->n_positions = T;
		stats_sum_init(&seen->total);
		for (int64_t t = 0; t < T; t++)
			stats_sum_init(&seen->positions[t]);
	}
}

/* ---- one tile -------------------------------------------------------------------------------- */

struct watched {
	const struct kernels *k;
	const struct attention *a;
	float *z;
	int64_t n_all;
	struct attention_watch *w;
	struct attention_heads *now, *before; /* being computed; to be merged and hashed, or NULL */
	int64_t head0;                        /* the first of `now` */
};

/* What the query does not see of its row: -inf among scores, 0 in a pattern. */
static void add_hidden(struct stats_sum *s, int part, int64_t n)
{
	s->numel += n;
	if (part == ATTENTION_SCORES) {
		s->n_ninf += n;
		return;
	}
	s->n_zero += n;
	if (n > 0 && s->min > 0)
		s->min = 0;
	if (n > 0 && s->max < 0)
		s->max = 0;
}

static void sum_row(const struct watched *run, int part, int64_t head, int64_t t)
{
	const struct attention *a = run->a;
	int64_t row = (head - run->head0) * a->T + t, at = (head * a->T + t) * run->n_all;
	int64_t begin = a->k.first + attention_first(a, t), end = a->k.first + attention_last(a, t);
	const float *x = run->now->rows[part] + row * run->n_all;
	struct stats_sum *s = &run->now->sums[part][row];

	stats_sum_init(s);
	if (end <= begin) { /* softmax of nothing is NaN */
		end = begin;
		s->n_nan = part == ATTENTION_PATTERN;
	}
	add_hidden(s, part, run->n_all - (end - begin));
	for (int64_t i = begin, until; i < end; i = until) {
		until = int64_min(end, i - i % STATS_BLOCK + STATS_BLOCK);
		run->k->sum(s, x + i, until - i, at + i);
	}
}

static void watch_tile(const struct watched *run, int64_t i)
{
	const struct attention *a = run->a;
	int64_t head = run->head0 + i % run->now->n, t0 = (n_tiles(a) - 1 - i / run->now->n) * TILE;
	struct attention_tile tile = tile_at(a, head, t0);
	int64_t n_keys = tile.s1 - tile.s0, n_all = run->n_all;
	int64_t at = ((head - run->head0) * a->T + t0) * n_all + a->k.first + tile.s0;
	bool scores = run->w->seen[ATTENTION_SCORES].wanted;
	float *p = run->now->rows[ATTENTION_PATTERN] + at;
	float *x = scores ? run->now->rows[ATTENTION_SCORES] + at : p;

	run->k->scores(x, n_all, a, tile);
	for (int64_t t = 0; t < tile.n; t++, x += n_all) {
		float *row = p + t * n_all;

		mask_row(a, x, n_keys, t0 + t, tile.s0);
		if (scores) {
			sum_row(run, ATTENTION_SCORES, head, t0 + t);
			memcpy(row, x, (size_t)n_keys * sizeof(*row));
		}
		run->k->softmax(row, n_keys);
		if (run->w->seen[ATTENTION_PATTERN].wanted)
			sum_row(run, ATTENTION_PATTERN, head, t0 + t);
	}
	run->k->mix(run->z + (t0 * a->n_heads + head) * a->v.head_dim, a->n_heads * a->v.head_dim,
		    p, n_all, a, tile);
}

/* ---- whole heads ----------------------------------------------------------------------------- */

/* Heads that are complete: one part of them joins what was seen, in the order of their rows. */
static void see_heads(const struct watched *run, int part)
{
	struct attention_seen *seen = &run->w->seen[part];
	const struct attention_heads *h = run->before;
	int64_t T = run->a->T;

	if (!seen->wanted)
		return;
	hash_update(run->w->hash[part], h->rows[part],
		    (size_t)(h->n * T * run->n_all) * sizeof(*h->rows[part]));
	for (int64_t i = 0; i < h->n * T; i++) {
		stats_sum_merge(&seen->total, &h->sums[part][i]);
		stats_sum_merge(&seen->positions[i % T], &h->sums[part][i]);
	}
}

/* A hash has one order, so each is an item of its own beside the tiles. */
static void watch_item(void *ctx, int64_t i, int worker)
{
	const struct watched *run = ctx;

	(void)worker;
	if (run->before && i < N_ATTENTION_PARTS)
		see_heads(run, (int)i);
	else
		watch_tile(run, run->before ? i - N_ATTENTION_PARTS : i);
}

static void see_last(struct watched *run, struct threads *pool, struct attention_heads *h)
{
	run->before = h;
	threads_for(h->n * run->a->T * run->n_all < PARALLEL_MIN ? NULL : pool, N_ATTENTION_PARTS,
		    watch_item, run);
	run->before = NULL;
}

static void end_seeing(struct attention_watch *w)
{
	for (int part = 0; part < N_ATTENTION_PARTS; part++) {
		struct attention_seen *seen = &w->seen[part];

		if (!seen->wanted)
			continue;
		seen->hash = XXH3_64bits_digest(w->hash[part]);
		seen->known = part == ATTENTION_SCORES || seen->total.n_nan == 0;
	}
}

int attention_run_watched(const struct kernels *k, struct threads *pool, float *z,
			  const struct attention *a, int64_t n_all, struct attention_watch *w)
{
	struct attention_shape shape = shape_of(a, n_all, w);
	struct watched run = { .k = k, .a = a, .z = z, .n_all = n_all, .w = w };

	assert(a->T > 0 && n_all >= a->pos0 + a->T && n_all >= a->k.first + a->k.n);
	if (!make_heads(w, &shape))
		return ERR_MEMORY;
	begin_seeing(w, a->T);
	for (int64_t i = 0; run.head0 < a->n_heads; i++, run.head0 += shape.heads) {
		run.now = &w->buffers[i % shape.n_buffers];
		run.now->n = int64_min(shape.heads, a->n_heads - run.head0);
		threads_for(pool, (run.before ? N_ATTENTION_PARTS : 0) + run.now->n * n_tiles(a),
			    watch_item, &run);
		run.before = run.now;
		if (shape.n_buffers == 1)
			see_last(&run, pool, run.now);
	}
	if (shape.n_buffers > 1 && run.now)
		see_last(&run, pool, run.now);
	end_seeing(w);
	return 0;
}
