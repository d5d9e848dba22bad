/*
 * estimate.c -- what a recording would take, without making it.
 *
 * Rows and bytes follow from shapes (trace_estimate()).  Time does not: a few of the model's own
 * matrices are multiplied for some 50 ms, opening the model and making a file without a run are
 * timed while they are done, and a range is said around what follows from that.
 */
#include "record_impl.h"
#include "torchless/clock.h"
#include "torchless/mem.h"
#include "torchless/stats.h"

#include <stdlib.h>
#include <string.h>

#define PROBE_NS     25000000
#define PROBE_TOKENS 64
#define PROBE_FLOATS ((int64_t)1 << 18)

/* What the machine does else, and what the probe does not see: attention's caches. */
#define FAST 0.7
#define SLOW 2.0
/* Closing a recording waits for the disk three times: a hard disk's head comes round in 10 ms. */
#define DISK 0.1

/* ---- the probe ---------------------------------------------------------------------------- */

static const struct tensor *weight_of(const struct program *p, const struct op *op)
{
	return op->code == OP_LINEAR ? &p->values[op->in[1]].t : NULL;
}

/* Multiply-adds a second of the model's matrices with T rows. */
static double probe_linear(const struct session *s, int64_t T)
{
	const struct program *p = &s->model->program;
	int64_t widest = 0, started, ns, done = 0;
	float *x, *y;

	for (int i = 0; i < p->n_ops; i++) {
		const struct tensor *w = weight_of(p, &p->ops[i]);

		for (int k = 0; w && k < w->n_dims; k++)
			widest = w->shape[k] > widest ? w->shape[k] : widest;
	}
	x = mem_calloc((size_t)(T * widest + 1), sizeof(*x));
	y = mem_calloc((size_t)(T * widest + 1), sizeof(*y));
	started = clock_ns();
	for (int i = 0; (ns = clock_ns() - started) < PROBE_NS || done == 0; i++) {
		const struct tensor *w = weight_of(p, &p->ops[i % p->n_ops]);

		if (!w)
			continue;
		s->executor.opt.kernels->linear(s->opt.executor.pool, y, x, w, T);
		done += tensor_numel(w) * T;
	}
	free(x);
	free(y);
	return (double)done * 1e9 / (double)ns;
}

/* Bytes of activations that are summed and hashed a second. */
static double probe_statistics(void)
{
	float *x = mem_calloc((size_t)PROBE_FLOATS, sizeof(*x));
	int64_t started, ns, done = 0;
	volatile double sink = 0;

	for (int64_t i = 0; i < PROBE_FLOATS; i++)
		x[i] = (float)(i % 1000) - 500.5f;
	started = clock_ns();
	do {
		sink = sink + stats_of(x, PROBE_FLOATS).l2;
		done += PROBE_FLOATS * (int64_t)sizeof(*x);
		ns = clock_ns() - started;
	} while (ns < PROBE_NS / 5);
	free(x);
	return (double)done * 1e9 / (double)ns;
}

/* Of all runs: rows of prompts, of logits and of decoded tokens, and pairs of positions. */
struct row_counts {
	double prompt, logits, decoded, pairs;
};

static struct row_counts count_rows(const struct recorder *r)
{
	struct row_counts n = { 0 };

	for (int i = 0; i < r->n_shapes; i++) {
		const struct trace_shape *s = &r->shapes[i];

		n.prompt += (double)s->n_prompt;
		n.logits += s->all_logits ? (double)s->n_prompt : 1;
		n.decoded += s->n_generate > 1 ? (double)(s->n_generate - 1) : 0;
		n.pairs += (double)s->n_prompt * (double)s->n_prompt;
	}
	return n;
}

/* Multiply-adds: matrices for every row of a prompt, and for one of each token. */
static void add_work(const struct program *p, const struct row_counts *n, double *prefill,
		     double *decode)
{
	for (int i = 0; i < p->n_ops; i++) {
		const struct tensor *w = weight_of(p, &p->ops[i]);
		const struct value *out = &p->values[p->ops[i].out[0]];
		double rows = out->t.shape[0] == DIM_R ? n->logits : n->prompt;

		if (w) {
			*prefill += (double)tensor_numel(w) * rows;
			*decode += (double)tensor_numel(w) * n->decoded;
		}
		if (p->ops[i].code == OP_MIX) /* scores and mix, half of the pairs being masked */
			*prefill += n->pairs * (double)(out->t.shape[1] * out->t.shape[2]);
	}
}

/* Logits that are looked through for the likeliest and for their probabilities. */
static double scored_bytes(const struct recorder *r)
{
	int64_t n = 0;

	for (int i = 0; i < r->n_shapes; i++) {
		const struct trace_shape *s = &r->shapes[i];

		n += (s->all_logits ? s->n_prompt : 1) + s->n_generate;
	}
	return (double)(n * r->generation.session.model->config->n_vocab) * sizeof(float);
}

/* Seconds, on an idle machine, without opening and closing. */
static double guess_seconds(const struct recorder *r, const struct trace_estimate *e)
{
	const struct session *s = &r->generation.session;
	int threads = threads_count(s->opt.executor.pool);
	double prefill = 0, decode = 0, statistics = probe_statistics();
	const struct row_counts n = count_rows(r);

	add_work(&s->model->program, &n, &prefill, &decode);
	return (prefill / probe_linear(s, PROBE_TOKENS) +
		(decode > 0 ? decode / probe_linear(s, 1) : 0)) *
		       (1 + r->opt.repeat) +
	       (double)e->read_bytes / statistics / threads + 4 * scored_bytes(r) / statistics +
	       (double)e->n_all_rows * 2e-6 + (double)e->file_bytes / 1e9;
}

int recorder_estimate(struct recorder *r, int64_t began_ns, struct record_estimate *e,
		      struct err *err)
{
	struct trace_options o = recorder_trace_options(r);
	struct trace_model model;
	double seconds;

	*e = (struct record_estimate){ 0 };
	e->keeps_attention = r->keeps_attention;
	e->attention_bytes = r->attention_bytes;
	recorder_describe_model(r, &model);
	if (trace_estimate(&r->generation.session.model->program, &model, &o, &e->trace, err))
		return err->code;
	/* Until now the caller did what recording begins with, and made the file. */
	seconds = (double)(clock_ns() - began_ns) * 1e-9;
	seconds += guess_seconds(r, &e->trace);
	e->min_seconds = seconds * FAST;
	e->max_seconds = seconds * SLOW + DISK;
	return 0;
}

void record_estimate_release(struct record_estimate *e)
{
	trace_estimate_release(&e->trace);
}
