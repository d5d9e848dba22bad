/*
 * lens.c -- the logit lens: what the end of the model makes of any residual stream.
 *
 * Source: nostalgebraist, "interpreting GPT: the logit lens" (2020).
 */
#include "torchless/kernels.h"
#include "torchless/mem.h"
#include "torchless/session.h"

#include <stdlib.h>

static const struct op *producer(const struct program *p, value_id v)
{
	return v >= 0 && p->values[v].op >= 0 ? &p->ops[p->values[v].op] : NULL;
}

static struct tensor weight(const struct program *p, const struct executor *ex, value_id v)
{
	return ex ? executor_tensor(ex, v) : p->values[v].t;
}

/* With the weights of `ex`, NULL: with those of the checkpoint. */
static int lens(const struct model *m, const struct executor *ex, const struct kernels *k,
		struct threads *pool, const float *x, int64_t n, float *logits, struct err *err)
{
	const struct program *p = &m->program;
	const struct op *linear = producer(p, p->logits); /* from the logits backwards */
	const struct op *norm = linear ? producer(p, linear->in[0]) : NULL;
	struct tensor scale, head;
	float *normed;

	if (norm && norm->code == OP_TAIL)
		norm = producer(p, norm->in[0]);
	if (!linear || linear->code != OP_LINEAR || !norm || norm->code != OP_RMSNORM)
		return err_set(err, ERR_FORMAT,
			       "%s does not end in a norm and a linear layer, which the lens needs",
			       m->checkpoint.path);
	normed = mem_try_aligned((size_t)(n * m->config->d_model) * sizeof(*normed));
	if (!normed)
		return err_set(err, ERR_MEMORY, "out of memory: %lld rows of %d numbers take more",
			       (long long)n, (int)m->config->d_model);
	scale = weight(p, ex, norm->in[1]);
	head = weight(p, ex, linear->in[1]);
	k->rmsnorm(pool, NULL, NULL, normed, x, &scale, norm->eps, n);
	k->linear(pool, logits, normed, &head, n);
	free(normed);
	return 0;
}

int model_lens(const struct model *m, const struct kernels *k, struct threads *pool, const float *x,
	       int64_t n, float *logits, struct err *err)
{
	return lens(m, NULL, k, pool, x, n, logits, err);
}

int session_lens(const struct session *s, const float *x, int64_t n, float *logits, struct err *err)
{
	return lens(s->model, &s->executor, s->executor.opt.kernels, s->opt.executor.pool, x, n,
		    logits, err);
}
