/*
 * profile.c -- a hook that times ops, measures the residual stream and tells how far the run is.
 *
 * It stands before the trace writer in the list of hooks, so the writer's own work is not counted.
 */
#include "record_impl.h"
#include "torchless/clock.h"
#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- progress ----------------------------------------------------------------------------- */

static void tell_layer(const struct profile *p, const struct executor *ex, int layer)
{
	const struct session *s = p->session;
	struct record_progress *at = p->progress;

	if (layer == at->layer || layer < 0)
		return;
	at->layer = layer;
	at->n_layers = ex->program->n_layers;
	at->in_prompt = ex->pos0 < s->n_prompt;
	at->n_generated = s->n_generated;
	at->n_generate = s->opt.n;
	at->share = at->in_prompt
			    ? ((double)ex->pos0 + (double)ex->T * (layer + 1) / at->n_layers) /
				      (double)s->n_prompt
			    : (double)s->n_generated / (double)s->opt.n;
	progress_tell(at);
}

/* ---- the hook ----------------------------------------------------------------------------- */

/* Every op; and the tokenizer, so that its steps are made for the trace writer. */
static bool profile_wants(void *ctx, const struct site *at)
{
	(void)ctx;
	return at->kind == SITE_OP || at->step->stage == STAGE_TOKENIZER;
}

#define STEPS_TOLD 100000 /* steps of the tokenizer, after which the time of all is known */
#define LONG_NS    30000000000

/* Steps are rows of a recording, and a long prompt has millions of them. */
static int hear_step(struct profile *p, struct err *err)
{
	const struct stage_run *run = &p->session->stage;
	int64_t left;

	if (session_interrupted(p->session, err))
		return err->code;
	if (run->at == 0)
		p->steps_ns = clock_ns();
	if (run->at != STEPS_TOLD || !p->caller)
		return HOOK_CONTINUE;
	left = (clock_ns() - p->steps_ns) / STEPS_TOLD * (run->n - STEPS_TOLD);
	if (left > LONG_NS)
		caller_warn(p->caller, WARNING_TIME,
			    "recording the %d steps of tokenizing the prompt will take about "
			    "%lld s more, as the first %d did, and its passes more",
			    run->n, (long long)(left / 1000000000), STEPS_TOLD);
	return HOOK_CONTINUE;
}

static int profile_before(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct profile *p = ctx;

	if (at->kind != SITE_OP)
		return hear_step(p, err);
	if (p->progress->tell)
		tell_layer(p, ex, ex->program->modules[at->op->module].layer);
	p->entered_ns = ex->model_ns;
	return HOOK_CONTINUE;
}

static double l2(const float *x, int64_t n)
{
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += (double)x[i] * x[i];
	return sqrt(sum);
}

static void measure_residual(struct profile *p, const struct executor *ex, value_id v)
{
	const struct value *value = &ex->program->values[v];
	struct tensor t;
	const float *last;

	if (!value->point || strcmp(value->point->role, "resid_post") != 0 || value->layer < 0 ||
	    ex->pos0 >= p->session->n_prompt)
		return;
	t = executor_tensor(ex, v);
	if (!t.data)
		return;
	last = tensor_row(&t, t.shape[0] - 1);
	p->residual[value->layer] = l2(last, p->d_model);
	memcpy(p->stream + value->layer * p->d_model, last, (size_t)p->d_model * sizeof(float));
}

static int profile_after(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct profile *p = ctx;
	(void)err;
	if (at->kind != SITE_OP)
		return HOOK_CONTINUE;
	p->ns[p->part_of[at->op->module]] += ex->model_ns - p->entered_ns;
	measure_residual(p, ex, at->op->out[0]);
	return HOOK_CONTINUE;
}

void profile_init(struct profile *p, const struct session *s, struct record_progress *progress)
{
	const struct program *program = &s->model->program;

	*p = (struct profile){ .session = s, .progress = progress };
	p->hook = (struct hook){ .stages = STAGE_BIT(STAGE_TOKENIZER),
				 .wants = profile_wants,
				 .before = profile_before,
				 .after = profile_after,
				 .ctx = p };
	p->part_of = mem_calloc((size_t)program->n_modules, sizeof(*p->part_of));
	for (int i = 0; i < program->n_modules; i++)
		p->part_of[i] = model_part_of(program->modules[i].path);
	p->d_model = s->model->config->d_model;
	p->stream = mem_calloc((size_t)(program->n_layers * p->d_model) + 1, sizeof(*p->stream));
	p->residual = mem_calloc((size_t)program->n_layers + 1, sizeof(*p->residual));
}

void profile_restart(struct profile *p)
{
	memset(p->residual, 0, ((size_t)p->session->model->program.n_layers + 1) * sizeof(double));
	p->progress->layer = -1;
}

void profile_release(struct profile *p)
{
	free(p->part_of);
	free(p->residual);
	free(p->stream);
	*p = (struct profile){ 0 };
}
