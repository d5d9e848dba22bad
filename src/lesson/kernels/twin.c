/*
 * twin.c -- two runs beside each other, the engine's and one with a learner's functions in it, held
 * against each other point by point in the order of the program.
 *
 * The first point that differs names the faulty function: what comes later is off because of it.
 */
#include "kernel.h"
#include "reference.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct twin {
	const struct swap *swap;
	struct executor engine, learner;
	struct sites sites, ours; /* ours: int8 weights are to be those of both */
	struct divergence *found;
	float *want, *got;
	size_t cap;
};

/* ---- one point ------------------------------------------------------------------------------- */

/* The axes in words, "pos,head,d_head" of points.def. */
static void name_index(const struct executor *ex, const struct value *v, const struct tensor *t,
		       int64_t at, char *out, size_t size)
{
	static const struct {
		const char *axis, *word;
		bool is_position;
	} words[] = {
		{ "pos", "position", true }, { "q", "position", true },
		{ "k", "key", false },       { "kv_pos", "position", true },
		{ "head", "head", false },   { "kv_head", "head", false },
	};
	const char *axis = v->point->axes;
	int64_t index[TENSOR_MAX_DIMS] = { 0 };
	size_t n = 0;

	for (int d = t->n_dims - 1; d >= 0; d--) {
		index[d] = at % t->shape[d];
		at /= t->shape[d];
	}
	out[0] = '\0';
	for (int d = 0; d < t->n_dims && n < size; d++, axis += *axis == ',') {
		size_t len = strcspn(axis, ",");
		const char *word = "element";
		int64_t from = 0;

		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
			if (strlen(words[w].axis) == len &&
			    strncmp(words[w].axis, axis, len) == 0) {
				word = words[w].word;
				from = words[w].is_position ? ex->pos0 : 0;
			}
		n += (size_t)snprintf(out + n, size - n, "%s%s %lld", d > 0 ? ", " : "", word,
				      (long long)index[d] + (long long)from);
		axis += len;
	}
}

/*
 * Scores that the window hides are -inf already in the engine's; a function that knows nothing of
 * the window computes them, and need not agree.
 */
static void forgive_hidden(const struct executor *ex, const struct tensor *t, const float *want,
			   float *got)
{
	int64_t T = t->shape[1], S = t->shape[2];

	for (int64_t i = 0; i < t->shape[0] * T; i++)
		for (int64_t s = 0; s <= ex->pos0 + i % T && s < S; s++)
			if (want[i * S + s] == -INFINITY)
				got[i * S + s] = -INFINITY;
}

static int fetch(struct executor *ex, value_id v, int64_t n, float *out, struct err *err)
{
	return executor_fetch(ex, v, 0, n, out, err);
}

/* 1 when the point differs, 0, or a negative ERR_*. */
static int compare(struct twin *w, value_id v, struct err *err)
{
	const struct value *value = &w->engine.program->values[v];
	struct tensor t = executor_tensor(&w->engine, v);
	int64_t n = tensor_numel(&t), row = t.shape[t.n_dims - 1];
	struct difference d;

	if (n <= 0)
		return 0;
	if ((size_t)n > w->cap) {
		w->cap = (size_t)n;
		w->want = mem_realloc(w->want, w->cap, sizeof(*w->want));
		w->got = mem_realloc(w->got, w->cap, sizeof(*w->got));
	}
	sites_use(&w->ours);
	if (fetch(&w->engine, v, t.shape[0], w->want, err))
		return err->code;
	sites_use(&w->sites);
	if (fetch(&w->learner, v, t.shape[0], w->got, err))
		return err->code;
	/* A row of scores may be a single one, and that what is left of terms that cancel. */
	if (strncmp(value->point->name, "scores", 6) == 0)
		row = n;
	if (strcmp(value->point->name, "scores") == 0)
		forgive_hidden(&w->engine, &t, w->want, w->got);
	d = difference_of(w->want, w->got, n, row, 1);
	if (d.error <= w->swap->tolerance) {
		w->found->worst = fmax(w->found->worst, d.error / w->swap->tolerance);
		w->found->n_points++;
		snprintf(w->found->before, sizeof(w->found->before), "%s", value->name);
		return 0;
	}
	w->found->found = true;
	w->found->error = d.error;
	w->found->allowed = w->swap->tolerance;
	w->found->want = (double)d.want;
	w->found->got = (double)d.got;
	snprintf(w->found->point, sizeof(w->found->point), "%s", value->name);
	name_index(&w->engine, value, &t, d.at, w->found->index, sizeof(w->found->index));
	return 1;
}

/* Every point of the pass that both have run. */
static int compare_pass(struct twin *w, struct err *err)
{
	const struct program *p = w->engine.program;

	for (int i = 0; i < p->n_ops; i++)
		for (int o = 0; o < p->ops[i].n_out; o++) {
			value_id v = p->ops[i].out[o];
			int r = p->values[v].point ? compare(w, v, err) : 0;

			if (r)
				return r;
		}
	return 0;
}

/* ---- the run --------------------------------------------------------------------------------- */

static int64_t likeliest(const struct executor *ex, int64_t n_vocab)
{
	const float *logits = executor_logits(ex, ex->R - 1);
	int64_t best = 0;

	for (int64_t i = 1; i < n_vocab; i++)
		if (logits[i] > logits[best])
			best = i;
	return best;
}

static uint64_t advance(uint64_t *random)
{
	return *random = *random * 6364136223846793005U + 1442695040888963407U;
}

#define TEMPERATURE 0.8f
#define TOP_P       0.9f

/* A draw whose answer is the same whatever the last bits of a sum are; false: none was found. */
static bool draw_clear(const float *logits, int64_t n, uint64_t *random, float *u)
{
	for (int i = 0; i < 16; i++) {
		*u = (float)(advance(random) >> 40) * 0x1p-24f;
		if (reference_top_p_is_clear(logits, (int)n, TEMPERATURE, TOP_P, *u))
			return true;
	}
	return false;
}

/* The learner's pick of the next token beside ours; 1 when it is another. */
static int compare_pick(struct twin *w, uint64_t *random)
{
	const struct kernel *k = &kernel_table[KERNEL_top_p];
	struct battery b = { .kernel = k };
	struct kernel_call *c;
	int64_t V = w->engine.program->values[w->engine.program->logits].t.shape[1];
	const float *logits = executor_logits(&w->engine, w->engine.R - 1);
	float u;
	int want;

	if (!draw_clear(logits, V, random, &u))
		return 0;
	c = battery_add(&b, "");
	c->i[0] = (int)V;
	c->f[0] = TEMPERATURE;
	c->f[1] = TOP_P;
	c->f[2] = u;
	memcpy(call_array(c, "logits", 4, SANDBOX_IN, 1, &V, (const char *const[]){ "token" }),
	       logits, (size_t)V * sizeof(*logits));
	k->call(k->reference, c);
	want = c->picked;
	k->call(w->sites.fn[KERNEL_top_p], c);
	if (c->picked != want) {
		w->found->found = true;
		w->found->want = want;
		w->found->got = c->picked;
		w->found->error = INFINITY;
		snprintf(w->found->point, sizeof(w->found->point), "the token that is picked");
		snprintf(w->found->index, sizeof(w->found->index), "position %lld",
			 (long long)w->engine.pos0 + (long long)w->engine.T);
	}
	battery_release(&b);
	return w->found->found;
}

static int run_pass(struct twin *w, const int32_t *ids, int64_t n, struct err *err)
{
	sites_use(&w->ours);
	if (executor_begin(&w->engine, ids, n, false, err) || executor_run(&w->engine, err))
		return err->code;
	sites_use(&w->sites);
	if (executor_begin(&w->learner, ids, n, false, err) || executor_run(&w->learner, err))
		return err->code;
	return compare_pass(w, err);
}

static int run_passes(struct twin *w, struct err *err)
{
	const struct swap *s = w->swap;
	int64_t V = s->opened->config->n_vocab;
	uint64_t random = s->seed * 2862933555777941757U + 3037000493U;
	int32_t *ids = mem_calloc((size_t)s->n_prompt, sizeof(*ids));
	int r;

	for (int i = 0; i < s->n_prompt; i++) {
		ids[i] = (int32_t)((advance(&random) >> 33) % (uint64_t)V);
	}
	if (s->opened->config->bos_id >= 0)
		ids[0] = (int32_t)s->opened->config->bos_id;
	w->found->is_prefill = true;
	r = run_pass(w, ids, s->n_prompt, err);
	for (int i = 0; i < s->n_decode && r == 0; i++) {
		int32_t next = (int32_t)likeliest(&w->engine, V);

		if (w->sites.fn[KERNEL_top_p])
			r = compare_pick(w, &random);
		w->found->is_prefill = false;
		w->found->pass = i + 1;
		if (r == 0)
			r = run_pass(w, &next, 1, err);
	}
	free(ids);
	return r < 0 ? r : 0;
}

int twin_run(const struct swap *s, sandbox_fn *const *fn, struct divergence *found, struct err *err)
{
	struct twin w = { .swap = s, .found = found };
	struct executor_options o = { .plan = PLAN_DEBUG, .chunk = 512 };
	int r;

	for (int i = 0; i < s->n; i++) {
		w.sites.fn[s->kernels[i]->id] = fn[i];
		/* What quantizing does to the weights is not the learner's. */
		if (s->kernels[i]->id == KERNEL_linear_q8)
			w.ours.fn[KERNEL_linear_q8] = s->kernels[i]->reference;
	}
	sites_init(&w.sites, s->opened, s->engine);
	sites_init(&w.ours, s->opened, s->engine);
	o.kernels = &w.ours.kernels;
	r = executor_init(&w.engine, &s->opened->program, &o, err);
	if (r)
		return r;
	o.kernels = &w.sites.kernels;
	r = executor_init(&w.learner, &s->opened->program, &o, err);
	r = r ? r : sites_attach(&w.ours, &w.engine, &w.engine.hooks, err);
	r = r ? r : sites_attach(&w.sites, &w.learner, &w.learner.hooks, err);
	r = r ? r : run_passes(&w, err);
	executor_release(&w.engine);
	executor_release(&w.learner);
	sites_release(&w.sites);
	free(w.want);
	free(w.got);
	return r;
}
