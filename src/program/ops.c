/*
 * ops.c -- one function per op: from bound tensors to a kernel call.
 *
 * A lazy op does nothing here: whoever reads its output has it computed (lazy.c).
 */
#include "executor_impl.h"

#include <assert.h>
#include <math.h>

static const struct tensor *input(const struct executor *ex, const struct op *op, int i)
{
	return &ex->tensors[op->in[i]];
}

static const struct tensor *output(const struct executor *ex, const struct op *op, int i)
{
	return &ex->tensors[op->out[i]];
}

static void run_embedding(struct executor *ex, const struct op *op)
{
	const struct tensor *w = input(ex, op, 0), *ids = input(ex, op, 1), *y = output(ex, op, 0);
	const int32_t *id = ids->data;

	for (int64_t t = 0; t < y->shape[0]; t++)
		ex->opt.kernels->convert(tensor_row(y, t), tensor_row(w, id[t]), w->dtype,
					 y->shape[1]);
}

/* MistralRotaryEmbedding: the frequencies stand twice, for the pairs (i, i + F). */
static void run_rotary(struct executor *ex, const struct op *op)
{
	const float *freq = input(ex, op, 0)->data;
	const int32_t *pos = input(ex, op, 1)->data;
	const struct tensor *cos = output(ex, op, 0), *sin = output(ex, op, 1);
	int64_t F = input(ex, op, 0)->shape[0];

	for (int64_t t = 0; t < cos->shape[0]; t++) {
		float *c = tensor_row(cos, t), *s = tensor_row(sin, t);

		for (int64_t i = 0; i < F; i++) {
			float angle = (float)pos[t] * freq[i];

			c[i] = c[i + F] = cosf(angle) * op->factor;
			s[i] = s[i + F] = sinf(angle) * op->factor;
		}
	}
}

static void run_rmsnorm(struct executor *ex, const struct op *op)
{
	const struct tensor *x = input(ex, op, 0);

	ex->opt.kernels->rmsnorm(ex->opt.pool, output(ex, op, 0)->data, output(ex, op, 1)->data,
				 output(ex, op, 2)->data, x->data, input(ex, op, 1), op->eps,
				 x->shape[0]);
}

/* normed = x / rms and out = normed * w, in the very steps of the kernels. */
static void follow_norm(struct executor *ex, const struct op *op, bool rms_is_edited)
{
	const struct tensor *x = input(ex, op, 0), *w = input(ex, op, 1);
	const float *rms = output(ex, op, 0)->data;

	for (int64_t t = 0; t < x->shape[0]; t++) {
		const float *row = tensor_row(x, t);
		float *normed = tensor_row(output(ex, op, 1), t);
		float *out = tensor_row(output(ex, op, 2), t);

		for (int64_t d = 0; d < w->shape[0]; d++) {
			if (rms_is_edited)
				normed[d] = row[d] / rms[t];
			out[d] = normed[d] * tensor_get(w, d);
		}
	}
}

void ops_follow(struct executor *ex, const struct op *op, int i)
{
	if (op->code == OP_RMSNORM && i < 2)
		follow_norm(ex, op, i == 0);
}

static void run_linear(struct executor *ex, const struct op *op)
{
	const struct tensor *x = input(ex, op, 0);

	if (ex->opt.fast) {
		ex->opt.kernels->linear_fast(ex->opt.pool, output(ex, op, 0)->data, x->data,
					     input(ex, op, 1), x->shape[0],
					     ex->arena + ex->scratch_at);
		return;
	}
	ex->opt.kernels->linear(ex->opt.pool, output(ex, op, 0)->data, x->data, input(ex, op, 1),
				x->shape[0]);
}

static void run_rope(struct executor *ex, const struct op *op)
{
	const struct tensor *x = input(ex, op, 0);

	ex->opt.kernels->rope(ex->opt.pool, output(ex, op, 0)->data, x->data,
			      input(ex, op, 1)->data, input(ex, op, 2)->data, x->shape[0],
			      x->shape[1], x->shape[2]);
}

static void run_append(struct executor *ex, const struct op *op)
{
	kv_cache_append(&ex->caches[ex->cache_of[op->out[0]]], input(ex, op, 0)->data, ex->pos0,
			ex->T);
}

int ops_run(struct executor *ex, const struct op *op, struct err *err)
{
	const struct kernels *k = ex->opt.kernels;
	const struct tensor *y = output(ex, op, 0);

	switch (op->code) {
	case OP_EMBEDDING:
		run_embedding(ex, op);
		return 0;
	case OP_ROTARY:
		run_rotary(ex, op);
		return 0;
	case OP_RMSNORM:
		run_rmsnorm(ex, op);
		return 0;
	case OP_LINEAR:
		run_linear(ex, op);
		return 0;
	case OP_ROPE:
		run_rope(ex, op);
		return 0;
	case OP_APPEND:
		run_append(ex, op);
		return 0;
	case OP_SCORES:
	case OP_MASK:
	case OP_SOFTMAX:
	case OP_TAIL:
		return 0; /* lazy, or a view bound when the pass began */
	case OP_MIX:
		return lazy_mix(ex, op, err);
	case OP_SILU:
		k->silu(ex->opt.pool, y->data, input(ex, op, 0)->data, tensor_numel(y));
		return 0;
	case OP_MUL:
		k->mul(ex->opt.pool, y->data, input(ex, op, 0)->data, input(ex, op, 1)->data,
		       tensor_numel(y));
		return 0;
	case OP_ADD:
		k->add(ex->opt.pool, y->data, input(ex, op, 0)->data, input(ex, op, 1)->data,
		       tensor_numel(y));
		return 0;
	case OP_COUNT:
		break;
	}
	assert(!"unknown opcode");
	return 0;
}
