/*
 * lazy.c -- scores, scores_masked, pattern: values nobody keeps.
 *
 * They are a pure function of q, the key cache and the edits, so they are computed when somebody
 * reads them, a head at a time; and attention itself consumes them tile by tile.  Both ways call
 * the same kernels on the same rows, hence the same bits.  When an edit touches one of them,
 * attention takes the first way too, so that the edit has its effect downstream.
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

/* Rows [T, S] of one head of the value the chain ends in, with the edits of each step. */
static void chain_rows(struct executor *ex, const struct chain *c, int64_t head, float *rows)
{
	attention_scores_head(ex->opt.kernels, ex->opt.pool, &c->a, head, rows, ex->S);
	if (edits_touch(ex, c->scores->out[0])) {
		edits_apply_head(ex, c->scores->out[0], head, rows);
		if (c->mask)
			mask_rows(&c->a, rows, ex->S);
	}
	if (c->mask)
		edits_apply_head(ex, c->mask->out[0], head, rows);
	if (!c->softmax)
		return;
	attention_softmax_rows(ex->opt.kernels, ex->opt.pool, rows, ex->T, ex->S);
	edits_apply_head(ex, c->softmax->out[0], head, rows);
}

void lazy_fetch_head(struct executor *ex, value_id v, int64_t head, float *rows)
{
	struct chain c = chain_to(ex, v);

	chain_rows(ex, &c, head, rows);
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
	int64_t bytes;
	float *rows = NULL;

	if (mem_mul(ex->T, ex->S, &bytes) && mem_mul(bytes, (int64_t)sizeof(*rows), &bytes))
		rows = mem_try_aligned((size_t)bytes);
	if (!rows)
		return err_set(
			err, ERR_MEMORY,
			"one head of the edited attention needs %lld x %lld floats: too much memory",
			(long long)ex->T, (long long)ex->S);
	for (int64_t h = 0; h < c->a.n_heads; h++) {
		chain_rows(ex, c, h, rows);
		attention_mix_head(ex->opt.kernels, ex->opt.pool, z, &c->a, h, rows, ex->S);
	}
	free(rows);
	return 0;
}

int lazy_mix(struct executor *ex, const struct op *op, struct err *err)
{
	struct chain c = chain_to(ex, op->in[0]);
	float *z = ex->tensors[op->out[0]].data;

	assert(c.mask && c.softmax && "mix reads what softmax makes");
	c.a.v = kv_cache_view(cache_of(ex, op->in[1]), ex->pos0 + ex->T);
	if (chain_edited(ex, &c))
		return mix_edited(ex, &c, z, err);
	if (attention_run(ex->opt.kernels, ex->opt.pool, z, &c.a) == 0)
		return 0;
	return err_set(err, ERR_MEMORY,
		       "out of memory: attention over %lld keys takes more for its tiles",
		       (long long)ex->S);
}
