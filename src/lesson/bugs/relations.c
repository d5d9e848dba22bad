/*
 * relations.c -- bugs of scores and patterns: relations of queries and keys that nobody keeps, so
 * that they are changed by an edit, whenever they are computed.
 */
#include "bugs_impl.h"

#include "torchless/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* The relation of [H, T, S] that an edit covers, whole, and what its scores are made of. */
struct relation {
	float *x;
	int64_t H, T, S;
	int64_t pos0; /* of query 0 */
	const struct op *scores;
};

static const struct op *maker(const struct executor *ex, value_id v)
{
	return &ex->program->ops[ex->program->values[v].op];
}

static struct relation relation_of(const struct executor *ex, const struct edit *e,
				   const struct edit_part *part, float *x)
{
	struct relation r = { .x = x, .pos0 = ex->pos0 };
	const struct op *op = maker(ex, e->value);

	assert(part->n_dims == 3);
	r.H = part->stop[0] - part->start[0];
	r.T = part->stop[1] - part->start[1];
	r.S = part->stop[2] - part->start[2];
	while (op->code != OP_SCORES)
		op = maker(ex, op->in[0]);
	r.scores = op;
	return r;
}

static float *at(const struct relation *r, int64_t h, int64_t t, int64_t s)
{
	return r->x + (h * r->T + t) * r->S + s;
}

/* What the score would be if the query saw the key. */
static float score(const struct executor *ex, const struct relation *r, int64_t h, int64_t t,
		   int64_t s)
{
	const float *q = executor_tensor(ex, r->scores->in[0]).data;
	struct kv_view k = executor_cache(ex, r->scores->in[1]);
	int64_t E = k.head_dim, group = r->H / k.n_kv_heads;
	const float *row = (const float *)k.rows + (s % k.capacity * k.n_kv_heads + h / group) * E;
	float sum = 0;

	assert(k.dtype == DTYPE_F32);

	for (int64_t i = 0; i < E; i++)
		sum += q[(t * r->H + h) * E + i] * row[i];
	return sum * r->scores->scale;
}

/* Let the queries see the keys up to `ahead` behind them. */
static void see_ahead(const struct executor *ex, const struct relation *r, int64_t ahead)
{
	for (int64_t h = 0; h < r->H; h++)
		for (int64_t t = 0; t < r->T; t++) {
			int64_t pos = r->pos0 + t;

			for (int64_t s = pos + 1; s < r->S && s <= pos + ahead; s++)
				*at(r, h, t, s) = score(ex, r, h, t, s);
		}
}

int bug_mask_none(void *ctx, struct executor *ex, const struct edit *e,
		  const struct edit_part *part, float *x, int64_t n, struct err *err)
{
	struct relation r = relation_of(ex, e, part, x);

	(void)ctx, (void)n, (void)err;
	see_ahead(ex, &r, r.S);
	return 0;
}

int bug_mask_leak(void *ctx, struct executor *ex, const struct edit *e,
		  const struct edit_part *part, float *x, int64_t n, struct err *err)
{
	struct relation r = relation_of(ex, e, part, x);

	(void)ctx, (void)n, (void)err;
	see_ahead(ex, &r, 1);
	return 0;
}

int bug_mask_zero(void *ctx, struct executor *ex, const struct edit *e,
		  const struct edit_part *part, float *x, int64_t n, struct err *err)
{
	(void)ctx, (void)ex, (void)e, (void)part, (void)err;
	for (int64_t i = 0; i < n; i++)
		if (x[i] == -INFINITY)
			x[i] = 0;
	return 0;
}

/* Of one head and key over all queries. */
static void softmax_column(const struct relation *r, const float *scores, int64_t h, int64_t s)
{
	const float *column = scores + h * r->T * r->S + s;
	float max = -INFINITY, sum = 0;

	for (int64_t t = 0; t < r->T; t++)
		max = fmaxf(max, column[t * r->S]);
	for (int64_t t = 0; t < r->T; t++)
		sum += *at(r, h, t, s) = max == -INFINITY ? 0 : expf(column[t * r->S] - max);
	for (int64_t t = 0; t < r->T && sum > 0; t++)
		*at(r, h, t, s) /= sum;
}

int bug_softmax_queries(void *ctx, struct executor *ex, const struct edit *e,
			const struct edit_part *part, float *x, int64_t n, struct err *err)
{
	struct relation r = relation_of(ex, e, part, x);
	float *scores = mem_calloc((size_t)n, sizeof(*scores));
	int result = executor_fetch(ex, maker(ex, e->value)->in[0], 0, r.H, scores, err);

	(void)ctx;
	for (int64_t h = 0; h < r.H && result == 0; h++)
		for (int64_t s = 0; s < r.S; s++)
			softmax_column(&r, scores, h, s);
	free(scores);
	return result;
}
