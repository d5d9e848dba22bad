/*
 * lens.c -- the logit lens: what the end of the model makes of any residual stream.
 *
 * Source: nostalgebraist, "interpreting GPT: the logit lens" (2020).
 */
#include "torchless/kernels.h"
#include "torchless/mem.h"
#include "torchless/model.h"

#include <stdlib.h>

/* The ops at the end of the program. */
struct head {
	const struct tensor *norm, *weight;
	float eps;
};

static const struct op *producer(const struct program *p, value_id v)
{
	return v >= 0 && p->values[v].op >= 0 ? &p->ops[p->values[v].op] : NULL;
}

/* From the logits backwards: linear, the last rows, norm. */
static int find_head(const struct model *m, struct head *h, struct err *err)
{
	const struct program *p = &m->program;
	const struct op *linear = producer(p, p->logits), *op;

	op = linear ? producer(p, linear->in[0]) : NULL;
	if (op && op->code == OP_TAIL)
		op = producer(p, op->in[0]);
	if (!linear || linear->code != OP_LINEAR || !op || op->code != OP_RMSNORM)
		return err_set(err, ERR_FORMAT,
			       "%s does not end in a norm and a linear layer, which the lens needs",
			       m->checkpoint.path);
	*h = (struct head){ .norm = &p->values[op->in[1]].t,
			    .weight = &p->values[linear->in[1]].t,
			    .eps = op->eps };
	return 0;
}

int model_lens(const struct model *m, const struct kernels *k, struct threads *pool, const float *x,
	       int64_t n, float *logits, struct err *err)
{
	struct head h = { 0 };
	float *normed;

	if (find_head(m, &h, err))
		return err->code;
	normed = mem_try_aligned((size_t)(n * h.norm->shape[0]) * sizeof(*normed));
	if (!normed)
		return err_set(err, ERR_MEMORY, "no memory for %lld rows of %lld numbers",
			       (long long)n, (long long)h.norm->shape[0]);
	k->rmsnorm(pool, NULL, NULL, normed, x, h.norm, h.eps, n);
	k->linear(pool, logits, normed, h.weight, n);
	free(normed);
	return 0;
}
