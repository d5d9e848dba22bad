/*
 * prefill_time.c -- see prefill_time.h.
 *
 * Multiply-adds of both kinds are counted in the program; the clock of the first chunk says what
 * one costs on this machine, whoever else is busy on it.
 */
#include "prefill_time.h"

#include <stdio.h>

/* What a multiply-add of attention costs in those of a matrix. */
#define ATTENTION_COST 3.0

/* Pairs of a query and a key it sees, of the first n positions. */
static double pairs(double n, double window)
{
	return n <= window ? n * (n + 1) / 2 : window * (window + 1) / 2 + (n - window) * window;
}

/* Multiply-adds of a position in matrices, and of a pair of positions in attention. */
struct cost {
	double position, pair;
};

static struct cost cost_of(const struct session *s)
{
	const struct program *p = &s->model->program;
	struct cost c = { 0 };

	for (int i = 0; i < p->n_ops; i++) {
		const struct op *op = &p->ops[i];
		const struct tensor *out = &p->values[op->out[0]].t;

		if (op->code == OP_LINEAR && (out->shape[0] != DIM_R || s->opt.all_logits))
			c.position += (double)tensor_numel(&p->values[op->in[1]].t);
		if (op->code == OP_MIX) /* scores and mix */
			c.pair += 2 * ATTENTION_COST * (double)(out->shape[1] * out->shape[2]);
	}
	return c;
}

static double work(const struct cost *c, double n, double window)
{
	return c->position * n + c->pair * pairs(n, window);
}

int64_t prefill_left_ns(const struct session *s, int64_t done, int64_t spent_ns)
{
	const struct cost c = cost_of(s);
	int64_t window = s->model->config->window;
	double w = window > 0 ? (double)window : (double)s->n_prompt;
	double before = work(&c, (double)done, w), all = work(&c, (double)s->n_prompt, w), left;

	left = before > 0 ? (double)spent_ns * (all - before) / before : 0;
	return left < 0x1p62 ? (int64_t)left : (int64_t)1 << 62;
}

const char *prefill_format(int64_t ns, char *buf, size_t size)
{
	long long s = (long long)(ns / 1000000000), minutes = s / 60, hours = minutes / 60;

	if (s < 120)
		snprintf(buf, size, "%lld s", s);
	else if (minutes < 120)
		snprintf(buf, size, "%lld min", minutes);
	else if (hours < 48)
		snprintf(buf, size, "%lld h %lld min", hours, minutes % 60);
	else
		snprintf(buf, size, "%lld %s", hours / 24, plural(hours / 24, "day", "days"));
	return buf;
}
