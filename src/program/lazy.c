/*
 * lazy.c -- scores, scores_masked, pattern: values nobody keeps.
 *
 * They are a pure function of q, the key cache and the edits, so they are computed when somebody
 * reads them, a head at a time; and attention itself consumes them tile by tile.  Both ways call
 * the same kernels on the same rows, hence the same bits.  When an edit touches one of them,
 * attention takes the first way too, so that the edit has its effect downstream.  Whoever wants to
 * know only what statistics and a hash say of them has attention look at its tiles meanwhile.
 *
 * An edit that needs more than one head, a copy or a function, is made of all of them when the
 * value is first read in a pass, and then put into each head as numbers that replace others.  While
 * a function is asked, the relation that it makes is there as it is so far; what comes of it is
 * not.
 */
#include "executor_impl.h"

#include "torchless/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The ops that lead from q to z; mask and softmax are NULL behind the end of the chain. */
struct chain {
	const struct op *scores, *mask, *softmax;
	struct attention a;
};

static const struct op *producer(const struct executor *ex, value_id v)
{
	return &ex->program->ops[ex->program->values[v].op];
}

static const struct kv_cache *cache_of(const struct executor *ex, value_id v)
{
	return &ex->caches[ex->cache_of[v]];
}

/* The mask op that reads these scores: it says which of them exist at all. */
static const struct op *mask_of(const struct program *p, const struct op *scores)
{
	const struct op *op = scores, *end = p->ops + p->n_ops;

	while (op < end && (op->code != OP_MASK || op->in[0] != scores->out[0]))
		op++;
	assert(op < end && "scores without a mask");
	return op;
}

/* The chain that ends in value v. */
static struct chain chain_to(const struct executor *ex, value_id v)
{
	struct chain c = { 0 };
	const struct op *op = producer(ex, v);
	const struct tensor *q;

	for (; op->code != OP_SCORES; op = producer(ex, op->in[0])) {
		if (op->code == OP_SOFTMAX)
			c.softmax = op;
		else
			c.mask = op;
	}
	c.scores = op;
	q = &ex->tensors[op->in[0]];
	c.a = (struct attention){
		.q = q->data,
		.k = kv_cache_view(cache_of(ex, op->in[1]), ex->pos0 + ex->T),
		.n_heads = q->shape[1],
		.pos0 = ex->pos0,
		.T = ex->T,
		.window = mask_of(ex->program, op)->window,
		.scale = op->scale,
	};
	return c;
}

/* -inf wherever a query may not look, whatever an edit of the scores has put there. */
static void mask_rows(const struct attention *a, float *rows, int64_t S)
{
	for (int64_t t = 0; t < a->T; t++) {
		int64_t first = a->k.first + attention_first(a, t);
		int64_t last = a->k.first + attention_last(a, t);

		for (int64_t s = 0; s < S; s++)
			if (s < first || s >= last)
				rows[t * S + s] = -INFINITY;
	}
}

/* ---- one head ------------------------------------------------------------------------------- */

/* Rows [T, S] of one head of the value the chain ends in, with the edits of each step. */
static int chain_rows(struct executor *ex, const struct chain *c, int64_t head, float *rows,
		      struct err *err)
{
	attention_scores_head(ex->opt.kernels, ex->opt.pool, &c->a, head, rows, ex->S);
	if (edits_touch(ex, c->scores->out[0])) {
		if (edits_apply_head(ex, c->scores->out[0], head, rows, err))
			return err->code;
		if (c->mask)
			mask_rows(&c->a, rows, ex->S);
	}
	if (c->mask && edits_apply_head(ex, c->mask->out[0], head, rows, err))
		return err->code;
	if (!c->softmax)
		return 0;
	attention_softmax_rows(ex->opt.kernels, ex->opt.pool, rows, ex->T, ex->S);
	return edits_apply_head(ex, c->softmax->out[0], head, rows, err);
}

/* ---- all heads, for edits that need them ---------------------------------------------------- */

/* A relation whose edits are being applied, as it is so far; those around it are `outer`. */
struct lazy_frame {
	value_id value;
	const struct op *scores; /* the chain it belongs to */
	const float *data;       /* [H, T, S] */
	struct lazy_frame *outer;
};

/* The edits of one step, on all heads. */
static int apply_step(struct executor *ex, const struct chain *c, const struct op *op, float *all,
		      struct err *err)
{
	value_id v = op->out[0];
	struct lazy_frame frame = { v, c->scores, all, ex->lazy };
	struct tensor t = ex->tensors[v];
	int r;

	t.data = all;
	ex->lazy = &frame;
	r = edits_apply_to(ex, v, &t, err);
	ex->lazy = frame.outer;
	return r;
}

static int chain_all(struct executor *ex, const struct chain *c, float *all, struct err *err)
{
	int64_t H = c->a.n_heads, size = ex->T * ex->S;

	for (int64_t h = 0; h < H; h++)
		attention_scores_head(ex->opt.kernels, ex->opt.pool, &c->a, h, all + h * size,
				      ex->S);
	if (apply_step(ex, c, c->scores, all, err))
		return err->code;
	for (int64_t h = 0; c->mask && h < H; h++)
		mask_rows(&c->a, all + h * size, ex->S);
	if (c->mask && apply_step(ex, c, c->mask, all, err))
		return err->code;
	if (!c->softmax)
		return 0;
	attention_softmax_rows(ex->opt.kernels, ex->opt.pool, all, H * ex->T, ex->S);
	return apply_step(ex, c, c->softmax, all, err);
}

static bool is_made(const struct executor *ex, const struct chain *c)
{
	return edits_are_made(ex, c->scores->out[0]) &&
	       (!c->mask || edits_are_made(ex, c->mask->out[0])) &&
	       (!c->softmax || edits_are_made(ex, c->softmax->out[0]));
}

/* n * T * S floats, from free(); NULL and ERR_MEMORY. */
static float *room_for_heads(const struct executor *ex, int64_t n, struct err *err)
{
	int64_t bytes;
	float *rows = NULL;

	if (mem_mul(ex->T, ex->S, &bytes) && mem_mul(bytes, n * (int64_t)sizeof(*rows), &bytes))
		rows = mem_try_aligned((size_t)bytes);
	if (!rows)
		err_set(err, ERR_MEMORY,
			"%s of the edited attention needs %lld x %lld x %lld floats: too much memory",
			n == 1 ? "one head" : "every head", (long long)n, (long long)ex->T,
			(long long)ex->S);
	return rows;
}

/* Have the edits of the chain that need all heads made, once a pass. */
static int make_edits(struct executor *ex, const struct chain *c, struct err *err)
{
	float *all;
	int r;

	if (is_made(ex, c))
		return 0;
	all = room_for_heads(ex, c->a.n_heads, err);
	if (!all)
		return err->code;
	r = chain_all(ex, c, all, err);
	free(all);
	return r;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* The innermost frame of the chain that these scores begin, NULL: none of it is being made. */
static const struct lazy_frame *frame_of(const struct executor *ex, const struct op *scores)
{
	const struct lazy_frame *f = ex->lazy;

	while (f && f->scores != scores)
		f = f->outer;
	return f;
}

int lazy_fetch(struct executor *ex, value_id v, int64_t i0, int64_t i1, float *rows,
	       struct err *err)
{
	struct chain c = chain_to(ex, v);
	const struct lazy_frame *made = frame_of(ex, c.scores);
	int64_t size = ex->T * ex->S;

	if (made && made->value == v) {
		memcpy(rows, made->data + i0 * size, (size_t)((i1 - i0) * size) * sizeof(*rows));
		return 0;
	}
	if (made && ex->program->values[v].op > ex->program->values[made->value].op)
		return err_set(err, ERR_USAGE,
			       "%s is not there: %s, of which it comes, is being made",
			       ex->program->values[v].name, ex->program->values[made->value].name);
	if (i0 < i1 && make_edits(ex, &c, err))
		return err->code;
	for (int64_t i = i0; i < i1; i++)
		if (chain_rows(ex, &c, i, rows + (i - i0) * size, err))
			return err->code;
	return 0;
}

static bool chain_edited(const struct executor *ex, const struct chain *c)
{
	return edits_touch(ex, c->scores->out[0]) ||
	       (c->mask && edits_touch(ex, c->mask->out[0])) ||
	       (c->softmax && edits_touch(ex, c->softmax->out[0]));
}

/* z with every row of the relation made whole: only while an edit touches it. */
static int mix_edited(struct executor *ex, const struct chain *c, float *z, struct err *err)
{
	float *rows;
	int r = make_edits(ex, c, err);

	if (r)
		return r;
	rows = room_for_heads(ex, 1, err);
	if (!rows)
		return err->code;
	for (int64_t h = 0; h < c->a.n_heads && r == 0; h++) {
		r = chain_rows(ex, c, h, rows, err);
		if (r == 0)
			attention_mix_head(ex->opt.kernels, ex->opt.pool, z, &c->a, h, rows, ex->S);
	}
	free(rows);
	return r;
}

/* ---- watching ------------------------------------------------------------------------------ */

/* The op that consumes the relation that v belongs to; -1: none. */
static int mix_of(const struct executor *ex, value_id v)
{
	const struct program *p = ex->program;
	const struct op *scores = chain_to(ex, v).scores;
	int i = p->values[v].op;

	while (i < p->n_ops &&
	       (p->ops[i].code != OP_MIX || chain_to(ex, p->ops[i].in[0]).scores != scores))
		i++;
	return i < p->n_ops ? i : -1;
}

static enum attention_part part_of(const struct executor *ex, value_id v)
{
	return producer(ex, v)->code == OP_SOFTMAX ? ATTENTION_PATTERN : ATTENTION_SCORES;
}

bool executor_watch(struct executor *ex, value_id v)
{
	struct chain c;
	int mix;

	assert(ex->program->values[v].storage == STORAGE_LAZY);
	if (ex->opt.plan != PLAN_RUN || !executor_has(ex, v))
		return false;
	mix = mix_of(ex, v);
	if (mix < ex->pc)
		return false;
	c = chain_to(ex, ex->program->ops[mix].in[0]);
	if (chain_edited(ex, &c))
		return false;
	if (!ex->watch) {
		ex->watch = mem_calloc(1, sizeof(*ex->watch));
		ex->watch->mix = -1;
	}
	if (ex->watch->mix != mix)
		lazy_forget_watch(ex);
	ex->watch->mix = mix;
	ex->watch->attention.seen[part_of(ex, v)].wanted = true;
	return true;
}

const struct attention_seen *executor_watched(const struct executor *ex, value_id v)
{
	const struct attention_seen *seen;

	if (!ex->watch || !ex->watch->has_run || mix_of(ex, v) != ex->watch->mix)
		return NULL;
	seen = &ex->watch->attention.seen[part_of(ex, v)];
	return seen->wanted && seen->known ? seen : NULL;
}

void lazy_forget_watch(struct executor *ex)
{
	if (!ex->watch)
		return;
	ex->watch->mix = -1;
	ex->watch->has_run = false;
	for (int part = 0; part < N_ATTENTION_PARTS; part++)
		ex->watch->attention.seen[part].wanted = false;
}

void lazy_release_watch(struct executor *ex)
{
	if (ex->watch)
		attention_watch_release(&ex->watch->attention);
	free(ex->watch);
	ex->watch = NULL;
}

int64_t lazy_watch_bytes(const struct executor *ex)
{
	return ex->watch ? attention_watch_bytes(&ex->watch->attention) : 0;
}

/* Whether attention ran with somebody watching; where there is no memory for that it runs without.
 */
static bool mix_watched(struct executor *ex, const struct op *op, const struct chain *c, float *z)
{
	struct lazy_watch *watch = ex->watch;

	if (!watch || watch->mix != op - ex->program->ops)
		return false;
	watch->has_run = attention_run_watched(ex->opt.kernels, ex->opt.pool, z, &c->a, ex->S,
					       &watch->attention) == 0;
	return watch->has_run;
}

/* ---- mix ----------------------------------------------------------------------------------- */

int lazy_mix(struct executor *ex, const struct op *op, struct err *err)
{
	struct chain c = chain_to(ex, op->in[0]);
	float *z = ex->tensors[op->out[0]].data;

	assert(c.mask && c.softmax && "mix reads what softmax makes");
	c.a.v = kv_cache_view(cache_of(ex, op->in[1]), ex->pos0 + ex->T);
	if (chain_edited(ex, &c))
		return mix_edited(ex, &c, z, err);
	if (mix_watched(ex, op, &c, z) ||
	    attention_run(ex->opt.kernels, ex->opt.pool, z, &c.a) == 0)
		return 0;
	return err_set(err, ERR_MEMORY,
		       "out of memory: attention over %lld keys takes more for its tiles",
		       (long long)ex->S);
}
