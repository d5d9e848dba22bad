/*
 * cost.c -- how much of what a module computes itself is whose: the arithmetic of one op.
 *
 * Recordings time modules.  Where several ops are a module's own (rotation, cache, attention), its
 * time is shared out by operations and elements written, its bytes by what the recorder counts for
 * each op (src/trace/cost.c).  Scores, mask and softmax are computed in the tiles of MIX: their
 * arithmetic is that op's.
 */
#include "measure_impl.h"

#include "torchless/numbers.h"

#include <string.h>

bool is_masked(const struct value *v)
{
	return v->point && !strncmp(v->point->role, "scores", strlen("scores"));
}

static double elements(const struct program *p, value_id v, double n_tok)
{
	return (double)program_row(p, v) * n_tok;
}

static double n_tokens(const struct cost_passes *passes)
{
	double n = 0;

	for (size_t i = 0; i < passes->n; i++)
		n += (double)passes->passes[i].T;
	return n;
}

/* Keys that are visible up to and with position `pos`, one after the other from the first on. */
static double keys_until(double pos, double window)
{
	double full = pos + 1;

	if (!(window > 0) || full <= window)
		return full * (full + 1) / 2;
	return window * (window + 1) / 2 + (full - window) * window;
}

/* Pairs (query, key) that causality and the window leave. */
static double n_pairs(const struct cost_passes *passes, int64_t window)
{
	double n = 0;

	for (size_t i = 0; i < passes->n; i++) {
		double pos0 = (double)passes->passes[i].pos0, T = (double)passes->passes[i].T;

		n += keys_until(pos0 + T - 1, (double)window) -
		     keys_until(pos0 - 1, (double)window);
	}
	return n;
}

/* Rows of the cache that the attention of the passes reads. */
static double n_keys(const struct cost_passes *passes, int64_t window)
{
	double n = 0;

	for (size_t i = 0; i < passes->n; i++) {
		int64_t keys = passes->passes[i].pos0 + passes->passes[i].T;

		n += (double)(window ? int64_min(keys, window + passes->passes[i].T - 1) : keys);
	}
	return n;
}

/* The window of the attention that the op is part of: its mask lies before a mix, behind scores. */
static int64_t window_of(const struct program *p, int op)
{
	const struct op *o = &p->ops[op];

	for (int i = op; i >= 0 && p->ops[i].module == o->module; i--)
		if (p->ops[i].code == OP_MASK)
			return p->ops[i].window;
	for (int i = op; i < p->n_ops && p->ops[i].module == o->module; i++)
		if (p->ops[i].code == OP_MASK)
			return p->ops[i].window;
	return 0;
}

double cost_work(const struct program *p, int op, const struct cost_passes *passes)
{
	static const double per_element[OP_COUNT] = {
		[OP_EMBEDDING] = 1, [OP_ROTARY] = 3, [OP_RMSNORM] = 5, [OP_ROPE] = 4,
		[OP_SILU] = 5,      [OP_MUL] = 2,    [OP_ADD] = 2
	};
	const struct op *o = &p->ops[op];
	double n_tok = n_tokens(passes), row = (double)program_row(p, o->out[0]);

	switch (o->code) {
	case OP_SCORES:
	case OP_MASK:
	case OP_SOFTMAX:
	case OP_TAIL:
		return 0;
	case OP_APPEND:
		return elements(p, o->in[0], n_tok);
	case OP_LINEAR:
		return 2 * (double)program_row(p, o->in[1]) * row * n_tok;
	case OP_MIX: /* q k, exp and sum, p v */
		return (4 * row + 5 * (double)p->values[o->out[0]].t.shape[1]) *
		       n_pairs(passes, window_of(p, op));
	default:
		return per_element[o->code] * row * n_tok;
	}
}

double cost_bytes(const struct program *p, int op, const struct cost_passes *passes)
{
	const struct op *o = &p->ops[op];
	double n_tok = n_tokens(passes), bytes = 0;

	if (o->code == OP_EMBEDDING)
		return elements(p, o->out[0], n_tok) * (4 + 2);
	for (int i = 0; i < o->n_in; i++) {
		const struct value *v = &p->values[o->in[i]];

		if (v->storage == STORAGE_OWN)
			bytes += 4 * elements(p, o->in[i], n_tok);
		else if (v->storage == STORAGE_WEIGHT)
			bytes += (double)tensor_bytes(&v->t) * (double)passes->n;
	}
	for (int i = 0; i < o->n_out; i++) {
		enum storage storage = p->values[o->out[i]].storage;

		if (storage == STORAGE_OWN || storage == STORAGE_CACHE) /* of that, new rows */
			bytes += 4 * elements(p, o->out[i], n_tok);
	}
	if (o->code == OP_SCORES || o->code == OP_MIX)
		bytes += 4 * elements(p, o->in[1], n_keys(passes, window_of(p, op)));
	return bytes;
}
