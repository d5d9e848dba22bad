/*
 * profile.c -- a hook that times ops and measures the residual stream for the summary.
 *
 * Its clock is the model's, so neither the work of other hooks nor a stop is counted.
 */
#include "torchless/record.h"
#include "torchless/clock.h"
#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const part_names[PART_COUNT] = { "embed", "attention", "mlp", "lm_head" };

/* Which part a module belongs to; the first match counts. */
static const struct {
	const char *pattern;
	enum part part;
} part_patterns[] = {
	{ "model.embed_tokens", PART_EMBED },
	{ "model.rotary_emb", PART_EMBED },
	{ "*.input_layernorm", PART_ATTENTION },
	{ "*.self_attn*", PART_ATTENTION },
	{ "*.post_attention_layernorm", PART_MLP },
	{ "*.mlp*", PART_MLP },
	{ "model.norm", PART_LM_HEAD },
	{ "lm_head", PART_LM_HEAD },
};

/* PART_COUNT for a module without a part of its own: its ops (residual adds) close the part before.
 */
static enum part find_part(const char *path)
{
	for (size_t i = 0; i < sizeof(part_patterns) / sizeof(part_patterns[0]); i++)
		if (text_glob(part_patterns[i].pattern, path))
			return part_patterns[i].part;
	return PART_COUNT;
}

/* ---- the bar ------------------------------------------------------------------------------ */

static void draw_bar(struct profile *p, const struct executor *ex, int layer)
{
	const struct session *s = p->session;
	int n_layers = ex->program->n_layers;
	bool in_prompt = ex->pos0 < s->n_prompt;
	struct text t = { 0 };
	double share;

	if (layer == p->shown_layer || layer < 0)
		return;
	p->shown_layer = layer;
	if (in_prompt) {
		share = ((double)ex->pos0 + (double)ex->T * (layer + 1) / n_layers) /
			(double)s->n_prompt;
		text_adds(&t, "\rprefill    ");
		ui_add_bar(&t, p->bar, share, 31);
		text_addf(&t, " %d/%d layers", layer + 1, n_layers);
	} else {
		text_adds(&t, "\rdecode     ");
		ui_add_bar(&t, p->bar, (double)s->n_generated / (double)s->opt.n, 31);
		text_addf(&t, " %lld/%lld tokens", (long long)s->n_generated, (long long)s->opt.n);
	}
	text_adds(&t, "\033[K");
	fwrite(t.data, 1, t.len, p->bar->out);
	fflush(p->bar->out);
	text_release(&t);
}

void profile_clear_bar(struct profile *p)
{
	if (p->bar && p->shown_layer >= 0)
		fputs("\r\033[K", p->bar->out);
	p->shown_layer = -1;
}

/* ---- the hook ----------------------------------------------------------------------------- */

/* Every op; and the tokenizer, so that its steps are made for the trace writer. */
static bool profile_wants(void *ctx, const struct site *at)
{
	(void)ctx;
	return at->kind == SITE_OP || at->step->stage == STAGE_TOKENIZER;
}

static int profile_before(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct profile *p = ctx;

	(void)err;
	if (at->kind == SITE_OP && p->bar)
		draw_bar(p, ex, ex->program->modules[at->op->module].layer);
	p->entered_ns = at->kind == SITE_OP ? ex->model_ns : 0;
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
	if (p->part_of[at->op->module] != PART_COUNT)
		p->part = p->part_of[at->op->module];
	p->ns[p->part] += ex->model_ns - p->entered_ns;
	measure_residual(p, ex, at->op->out[0]);
	return HOOK_CONTINUE;
}

void profile_init(struct profile *p, const struct session *s, const struct ui *bar)
{
	const struct program *program = &s->model->program;

	*p = (struct profile){ .session = s, .bar = bar, .part = PART_EMBED, .shown_layer = -1 };
	p->hook = (struct hook){

		.stages = STAGE_BIT(STAGE_TOKENIZER),
		.wants = profile_wants,
		.before = profile_before,
		.after = profile_after,
		.ctx = p
	};
	p->part_of = mem_calloc((size_t)program->n_modules, sizeof(*p->part_of));
	for (int i = 0; i < program->n_modules; i++)
		p->part_of[i] = find_part(program->modules[i].path);
	p->d_model = s->model->config->d_model;
	p->stream = mem_calloc((size_t)(program->n_layers * p->d_model) + 1, sizeof(*p->stream));
	p->residual = mem_calloc((size_t)program->n_layers + 1, sizeof(*p->residual));
}

void profile_restart(struct profile *p)
{
	memset(p->residual, 0, ((size_t)p->session->model->program.n_layers + 1) * sizeof(double));
	p->part = PART_EMBED;
	p->shown_layer = -1;
}

void profile_release(struct profile *p)
{
	free(p->part_of);
	free(p->residual);
	free(p->stream);
	*p = (struct profile){ 0 };
}
