/*
 * repeat.c -- --repeat N: the passes of a run that is recorded, N times more, to be timed.
 *
 * One timing of a pass says little about parts that take microseconds.  A session can go back and
 * run its passes again with the same bits, so they are, with a clock as the only hook: nobody
 * records, reads values or draws.  Where that ends the session stands where it stood, and the
 * recording has rows of table timing more and nothing else.
 *
 * A time is a sum of medians, one of each part of each layer in each pass, as view v_took has them:
 * so parts add up to the whole and passes to the run, and one interrupted repeat moves nothing.
 */
#include "record_impl.h"
#include "torchless/mem.h"
#include "torchless/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the clock ------------------------------------------------------------------------------ */

/* What each layer and part took in each pass; row 0 is what lies outside of the layers. */
struct clock {
	struct hook hook;
	const struct recorder *recorder;
	int64_t *all; /* [repeats so far][n_passes][n_rows][PART_COUNT] */
	int64_t *ns;  /* of the repeat that runs: [n_passes][n_rows][PART_COUNT] */
	int64_t n;    /* of these */
	int n_rows;
	int64_t entered_ns;
};

static int64_t *cell_of(const struct clock *c, int pass, int layer, int part)
{
	return &c->ns[((int64_t)pass * c->n_rows + layer + 1) * PART_COUNT + part];
}

static bool clock_wants(void *ctx, const struct site *at)
{
	(void)ctx;
	return at->kind == SITE_OP;
}

static int clock_before(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct clock *c = ctx;

	(void)at;
	if (caller_interrupted(&c->recorder->opt.generation.caller))
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	c->entered_ns = ex->model_ns;
	return HOOK_CONTINUE;
}

static int clock_after(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	const struct clock *c = ctx;
	const struct module *m = &ex->program->modules[at->op->module];

	(void)err;
	*cell_of(c, ex->bound_pass, m->layer < 0 ? -1 : m->layer,
		 c->recorder->profile.part_of[at->op->module]) += ex->model_ns - c->entered_ns;
	return HOOK_CONTINUE;
}

/* ---- once more ------------------------------------------------------------------------------ */

/* What a session has that its passes do not make again. */
struct kept {
	struct hook *hooks;
	int64_t prefill_ns, decode_ns, model_ns;
	int n_passes;
	int64_t n_tokens;
};

static struct kept hide_hooks(struct session *s, struct clock *c)
{
	struct kept kept = { s->hooks,   s->prefill_ns, s->decode_ns, s->executor.model_ns,
			     s->n_marks, s->n_tokens };

	s->hooks = s->executor.hooks = NULL;
	session_add_hook(s, &c->hook);
	return kept;
}

static void show_hooks(struct session *s, const struct kept *kept)
{
	s->hooks = s->executor.hooks = kept->hooks;
	s->prefill_ns = kept->prefill_ns;
	s->decode_ns = kept->decode_ns;
	s->executor.model_ns = kept->model_ns;
}

/* All passes of the generation, and the pick that followed the last one. */
static int run_again(struct session *s, const struct kept *kept, struct err *err)
{
	const struct session_time end = { kept->n_passes - 1, s->executor.program->n_ops };
	int r = session_rewind(s, 0, err);

	if (r == 0)
		r = session_goto(s, end, err);
	while (r >= 0 && s->n_tokens < kept->n_tokens)
		r = session_advance(s, err);
	return r < 0 ? r : 0;
}

static int store(const struct clock *c, int repeat, int n_passes, struct err *err)
{
	struct trace_timing *rows =
		mem_calloc((size_t)n_passes * (size_t)c->n_rows * PART_COUNT, sizeof(*rows));
	int64_t n = 0;
	int r;

	for (int pass = 0; pass < n_passes; pass++)
		for (int layer = -1; layer < c->n_rows - 1; layer++)
			for (int part = 0; part < PART_COUNT; part++) {
				int64_t ns = *cell_of(c, pass, layer, part);

				if (ns > 0)
					rows[n++] = (struct trace_timing){ pass, layer, part, ns };
			}
	r = trace_writer_timings(c->recorder->writer, repeat, rows, n, err);
	free(rows);
	return r;
}

/* Of all runs together, as profile.ns. */
static void add_sample(struct recorder *r, const struct clock *c, int repeat)
{
	int64_t *sample = r->repeats.ns + (int64_t)repeat * PART_COUNT;

	for (int64_t i = 0; i < c->n; i++)
		sample[i % PART_COUNT] += c->ns[i];
}

static int compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The median of each part of each layer in each pass: what is added up adds up. */
static void add_medians(struct recorder *r, const struct clock *c)
{
	double *x = mem_calloc((size_t)r->opt.repeat, sizeof(*x));

	for (int64_t i = 0; i < c->n; i++) {
		for (int64_t repeat = 0; repeat < r->opt.repeat; repeat++)
			x[repeat] = (double)c->all[repeat * c->n + i];
		qsort(x, (size_t)r->opt.repeat, sizeof(*x), compare_doubles);
		r->repeats.took[i % PART_COUNT] += stats_quantile(x, r->opt.repeat, 0.5);
	}
	free(x);
}

/* One repeat more, and its rows. */
static int repeat_once(struct recorder *r, struct clock *c, int repeat, struct err *err)
{
	struct session *s = &r->generation.session;
	struct kept kept = hide_hooks(s, c);
	int result;

	c->all = mem_realloc(c->all, (size_t)(repeat + 1) * (size_t)c->n, sizeof(*c->all));
	c->ns = c->all + repeat * c->n;
	memset(c->ns, 0, (size_t)c->n * sizeof(*c->ns));
	result = run_again(s, &kept, err);
	show_hooks(s, &kept);
	if (result == 0)
		result = store(c, repeat, kept.n_passes, err);
	if (result == 0)
		add_sample(r, c, repeat);
	return result;
}

int recorder_repeat(struct recorder *r, struct err *err)
{
	struct session *s = &r->generation.session;
	struct clock c = { .recorder = r, .n_rows = s->model->program.n_layers + 1 };
	int result = 0;

	if (r->opt.repeat == 0 || s->n_marks == 0)
		return 0;
	c.hook = (struct hook){
		.wants = clock_wants, .before = clock_before, .after = clock_after, .ctx = &c
	};
	c.n = (int64_t)s->n_marks * c.n_rows * PART_COUNT;
	if (!r->repeats.ns)
		r->repeats.ns =
			mem_calloc((size_t)r->opt.repeat * PART_COUNT, sizeof(*r->repeats.ns));
	for (int i = 0; i < r->opt.repeat && result == 0; i++)
		result = repeat_once(r, &c, i, err);
	if (result == 0)
		add_medians(r, &c);
	r->repeats.n = r->opt.repeat;
	free(c.all);
	return result;
}

/* ---- what they say -------------------------------------------------------------------------- */

/* Half of what lies between the quartiles of x[n], which is sorted on the way; of one there is
 * none. */
static double spread_of(double *x, int64_t n)
{
	qsort(x, (size_t)n, sizeof(*x), compare_doubles);
	return n < 2 ? (double)NAN : (stats_quantile(x, n, 0.75) - stats_quantile(x, n, 0.25)) / 2;
}

static int64_t sum_of(const int64_t *parts)
{
	int64_t sum = 0;

	for (int i = 0; i < PART_COUNT; i++)
		sum += parts[i];
	return sum;
}

/* PART_COUNT: of all parts together. */
static double took(const struct recorder *r, int part)
{
	double sum = 0;

	if (part < PART_COUNT)
		return r->repeats.n > 0 ? r->repeats.took[part] : (double)r->profile.ns[part];
	for (int i = 0; i < PART_COUNT; i++)
		sum += took(r, i);
	return sum;
}

struct time_share recorder_time_share(const struct recorder *r, int part)
{
	int64_t n = r->repeats.n > 0 ? r->repeats.n : 1;
	const int64_t *samples = r->repeats.n > 0 ? r->repeats.ns : r->profile.ns;
	double *ns = mem_calloc((size_t)n, sizeof(*ns)),
	       *share = mem_calloc((size_t)n, sizeof(*share)), whole = took(r, PART_COUNT);
	struct time_share out = { .ns.took = took(r, part) };

	for (int64_t i = 0; i < n; i++) {
		int64_t all = sum_of(samples + i * PART_COUNT);

		ns[i] = part < PART_COUNT ? (double)samples[i * PART_COUNT + part] : (double)all;
		share[i] = all > 0 ? ns[i] / (double)all : 0;
	}
	out.share.took = whole > 0 ? out.ns.took / whole : 0;
	out.ns.spread = spread_of(ns, n);
	out.share.spread = spread_of(share, n);
	out.is_noise = part == PART_COUNT ? false
		       : n > 1            ? 2 * out.share.spread >= out.share.took
					  : out.ns.took < RECORD_SHORT_NS;
	free(ns);
	free(share);
	return out;
}
