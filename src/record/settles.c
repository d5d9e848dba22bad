/*
 * settles.c -- at which layer the answer is known: what the final norm and the head would make of
 * the residual stream after each layer (the logit lens), at the prompt's last position.
 */
#include "torchless/mem.h"
#include "torchless/record.h"

#include <stdlib.h>

/*
 * Multiplications that few wait for, a tenth of a second or two (SmolLM2-135M has 0.85e9), and the
 * part of the prefill's that may be spent more.
 */
#define FREE  ((int64_t)1 << 30)
#define SHARE 0.05

static bool is_worth_it(const struct recorder *r)
{
	const struct model *m = r->generation.session.model;
	const struct config *c = m->config;
	double lens = (double)c->n_layers * (double)c->n_vocab * (double)c->d_model;
	double prefill = (double)m->checkpoint.n_params * (double)r->generation.session.n_prompt;

	return lens <= (double)FREE || lens <= SHARE * prefill;
}

static int32_t largest(const float *x, int64_t n)
{
	int64_t best = 0;

	for (int64_t i = 1; i < n; i++)
		if (x[i] > x[best])
			best = i;
	return (int32_t)best;
}

void settling_find(struct settling *s, const struct recorder *r, bool at_any_cost)
{
	const struct session *session = &r->generation.session;
	const struct model *m = session->model;
	int64_t n = m->program.n_layers, n_vocab = m->config->n_vocab;
	struct err ignored = { 0 };
	float *logits;

	*s = (struct settling){ 0 };
	if (n == 0 || r->scores.n_next == 0)
		return;
	s->is_too_long = !at_any_cost && !is_worth_it(r);
	if (s->is_too_long)
		return;
	logits = mem_calloc((size_t)(n * n_vocab), sizeof(*logits));
	if (session_lens(session, r->profile.stream, n, logits, &ignored)) {
		free(logits);
		return;
	}
	s->leads = mem_calloc((size_t)n, sizeof(*s->leads));
	for (int64_t i = 0; i < n; i++)
		s->leads[i] = largest(logits + i * n_vocab, n_vocab);
	for (s->layer = (int)n - 1; s->layer > 0; s->layer--)
		if (s->leads[s->layer - 1] != s->leads[n - 1])
			break;
	free(logits);
}

void settling_release(struct settling *s)
{
	free(s->leads);
	*s = (struct settling){ 0 };
}
