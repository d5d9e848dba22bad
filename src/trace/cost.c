/*
 * cost.c -- operations and bytes of one op, from its shapes.
 *
 * flops: a multiply-add is 2, any other arithmetic on an element (exp, divide, compare) is 1.
 * Bytes are what the op must move at least, once each: weights as they are stored, the visible
 * rows of the KV cache, and activations in and out as f32.  Scores, mask and pattern never leave
 * the tile that computes them, so they move nothing.  Attention counts visible pairs only.
 */
#include "writer.h"

#include "torchless/numbers.h"

/* Pairs (query, key) that causality and the window leave. */
static int64_t visible_pairs(const struct executor *ex, int64_t window)
{
	int64_t t, seen, sum = 0;

	for (t = 0; t < ex->T; t++) {
		seen = ex->pos0 + t + 1;
		sum += window ? int64_min(seen, window) : seen;
	}
	return sum;
}

/* Scores know their window only through the mask that reads them. */
static int64_t window_of(const struct program *p, const struct op *op)
{
	const struct op *end = p->ops + p->n_ops;

	for (; op < end; op++) {
		if (op->code == OP_MASK)
			return op->window;
	}
	return 0;
}

/* The window of the attention that ends in this mix. */
static int64_t window_before(const struct program *p, const struct op *op)
{
	for (; op >= p->ops; op--) {
		if (op->code == OP_MASK)
			return op->window;
	}
	return 0;
}

static int64_t numel(const struct executor *ex, value_id v)
{
	struct tensor t = executor_tensor(ex, v);

	return tensor_numel(&t);
}

static int64_t bytes_of(const struct executor *ex, value_id v)
{
	struct tensor t = executor_tensor(ex, v);

	return tensor_bytes(&t);
}

/* Operands that live in memory: weights, and what earlier ops left. */
static void count_operands(const struct executor *ex, const struct op *op, struct cost *c)
{
	const struct value *values = ex->program->values;
	int i;

	for (i = 0; i < op->n_in; i++) {
		if (values[op->in[i]].storage == STORAGE_WEIGHT)
			c->bytes_w += bytes_of(ex, op->in[i]);
		else if (values[op->in[i]].storage == STORAGE_OWN)
			c->bytes_act += bytes_of(ex, op->in[i]);
	}
	for (i = 0; i < op->n_out; i++) {
		if (values[op->out[i]].storage == STORAGE_OWN)
			c->bytes_act += bytes_of(ex, op->out[i]);
		else if (values[op->out[i]].storage == STORAGE_CACHE)
			c->bytes_kv += bytes_of(ex, op->out[i]);
	}
}

/* Rows [keys, G, E] of the cache that attention reads. */
static int64_t cache_bytes(const struct executor *ex, value_id cache, int64_t window)
{
	struct tensor t = executor_tensor(ex, cache);
	int64_t keys = ex->pos0 + ex->T, reach = window + ex->T - 1;

	if (window && keys > reach)
		keys = reach;
	return keys * dtype_row_bytes(t.dtype, t.shape[1] * t.shape[2]);
}

static void count_scores(const struct executor *ex, const struct op *op, struct cost *c)
{
	struct tensor q = executor_tensor(ex, op->in[0]);
	int64_t window = window_of(ex->program, op);

	c->flops = 2 * q.shape[1] * q.shape[2] * visible_pairs(ex, window);
	c->bytes_kv = cache_bytes(ex, op->in[1], window);
}

static void count_mix(const struct executor *ex, const struct op *op, struct cost *c)
{
	struct tensor z = executor_tensor(ex, op->out[0]);
	int64_t window = window_before(ex->program, op);

	c->flops = 2 * z.shape[1] * z.shape[2] * visible_pairs(ex, window);
	c->bytes_kv = cache_bytes(ex, op->in[1], window);
}

/* flops per element of the first output, for the ops that work element by element. */
static const int flops_per_element[OP_COUNT] = {
	[OP_ROTARY] = 2, /* an angle is one product, then its cosine; the sine alike */
	[OP_ROPE] = 3,   [OP_SILU] = 4, /* negate, exp, add, divide */
	[OP_MUL] = 1,    [OP_ADD] = 1,
};

struct cost cost_of(const struct executor *ex, const struct op *op)
{
	struct cost c = { 0 };
	struct tensor w;

	count_operands(ex, op, &c);
	switch (op->code) {
	case OP_EMBEDDING:
		/* One row of the table a token. */
		c.bytes_w = dtype_row_bytes(executor_tensor(ex, op->in[0]).dtype,
					    bytes_of(ex, op->out[0]) / (int64_t)sizeof(float));
		break;
	case OP_LINEAR:
		w = executor_tensor(ex, op->in[1]);
		c.flops = 2 * ex->T * tensor_numel(&w);
		if (ex->program->values[op->out[0]].t.shape[0] == DIM_R)
			c.flops = 2 * ex->R * tensor_numel(&w);
		break;
	case OP_RMSNORM:
		c.flops = 4 * numel(ex, op->in[0]);
		break;
	case OP_SCORES:
		count_scores(ex, op, &c);
		break;
	case OP_SOFTMAX:
		c.flops = 4 * executor_tensor(ex, op->in[0]).shape[0] *
			  visible_pairs(ex, window_before(ex->program, op));
		break;
	case OP_MIX:
		count_mix(ex, op, &c);
		break;
	default:
		c.flops = flops_per_element[op->code] * numel(ex, op->out[0]);
	}
	return c;
}

void cost_add(struct cost *a, const struct cost *b)
{
	a->flops += b->flops;
	a->bytes_w += b->bytes_w;
	a->bytes_kv += b->bytes_kv;
	a->bytes_act += b->bytes_act;
}
