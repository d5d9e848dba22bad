/*
 * bench_debug.c -- what the debugger costs: a generation with it and without, and how long one
 * waits for its commands.
 *
 *	bench_debug [--json] [MODEL [ROUNDS]]
 *
 * All but Ctrl-C is processor time of one thread.  What is compared takes turns, and the least time
 * of each counts: other users of a machine make both longer, never shorter.  Of a command that is
 * said many times the longest is shown, of every place the least of the rounds.  Values of a prompt
 * lie in memory that is new, which a system gives slowly: so a generation that keeps all of them
 * and has all logits, as a debugger's does, is measured without the debugger, too.
 *
 * Without a model there is nothing to measure, and it says so.
 */
#include "torchless/clock.h"
#include "torchless/debugger.h"
#include "torchless/mem.h"
#include "torchless/model.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 2
#define N_LONG 500 /* tokens of the long prompt */
#define AT_ALL "break /./ if max(out) > 1e30"

struct bench {
	struct model model;
	struct threads *pool;
	struct ui ui;
	volatile sig_atomic_t interrupted;
	int rounds;
	bool json;
	int32_t ids[N_LONG];
};

static double milliseconds(void)
{
	return 1e-6 * (double)clock_process_ns();
}

static void check(int r, const char *what, const struct err *err)
{
	if (r >= 0)
		return;
	fprintf(stderr, "bench_debug: %s: %s\n", what, err->message);
	exit(2);
}

/* ---- a debugger ------------------------------------------------------------------------------ */

static void swallow(void *ctx, const char *data, size_t len)
{
	(void)ctx;
	(void)data;
	(void)len;
}

static struct generation_options generation_of(const struct bench *b, int64_t n)
{
	return (struct generation_options){ .session = {
						    .executor = { .pool = b->pool },
						    .sampler = { .top_p = 1 },
						    .n = n,
						    .ignore_eos = true,
					    } };
}

static struct debugger *open_debugger(struct bench *b, int64_t n_prompt, int64_t n)
{
	struct debugger_options o = {
		.record = { .generation = generation_of(b, n), .path = "trace.db", .engine = "" },
		.prompt = { .ids = b->ids, .n_ids = n_prompt, .n = -1 },
		.ui = &b->ui,
		.write = swallow,
		.interrupted = &b->interrupted,
	};
	struct err err = { 0 };
	struct debugger *d;

	o.record.generation.session.all_logits = true;
	d = debugger_new(&b->model, &o, &err);
	check(d ? 0 : -1, "debugger_new", &err);
	return d;
}

/* Runs a line; the milliseconds that it took. */
static double line(struct debugger *d, const char *text)
{
	double begin = milliseconds();
	struct err err = { 0 };

	check(debugger_line(d, text, LINE_SCRIPT, &err), text, &err);
	return milliseconds() - begin;
}

/* ---- a table --------------------------------------------------------------------------------- */

static void heading(const struct bench *b, const char *title)
{
	if (!b->json)
		printf("%-52s%10s%10s\n", title, "measured", "at most");
}

/* limit 0: nothing was promised. */
static void report(const struct bench *b, const char *what, double x, double limit)
{
	char most[32] = "";

	if (limit > 0)
		snprintf(most, sizeof(most), "%10.4g%s", limit, x <= limit ? "" : "  missed");
	if (b->json)
		printf("{\"case\":\"%s\",\"measured\":%.4f,\"limit\":%.4g}\n", what, x, limit);
	else
		printf("%-52s%10.2f%s\n", what, x, most);
	fflush(stdout);
}

/* ---- shares of a generation ------------------------------------------------------------------ */

/* Milliseconds of a generation without a debugger; `keeps`: all values and logits, as with one. */
static double generate(struct bench *b, int64_t n_prompt, int64_t n, bool keeps)
{
	struct generation_options o = generation_of(b, n);
	struct prompt prompt = { .ids = b->ids, .n_ids = n_prompt, .n = -1 };
	struct generation g;
	struct err err = { 0 };
	double begin;
	int r;

	o.session.all_logits = keeps;
	o.session.executor.plan = keeps ? PLAN_DEBUG : PLAN_RUN;
	check(generation_init(&g, &b->model, &o, &err), "generation_init", &err);
	begin = milliseconds();
	check(generation_set_prompt(&g, &prompt, &err), "the prompt", &err);
	while ((r = generation_advance(&g, &err)) == SESSION_TOKEN)
		;
	check(r, "generating", &err);
	begin = milliseconds() - begin;
	generation_release(&g);
	return begin;
}

/* The same in a debugger, with a line said before. */
static double debugged(struct bench *b, int64_t n_prompt, int64_t n, const char *before)
{
	struct debugger *d = open_debugger(b, n_prompt, n);
	double t;

	if (before)
		line(d, before);
	t = line(d, "run");
	debugger_free(d);
	return t;
}

struct share {
	const char *what, *before;
	int64_t n_prompt, n;
	bool keeps; /* it is held against a generation that keeps everything */
	double limit;
};

static const struct share shares[] = {
	{ "16 tokens: no breakpoint", NULL, 8, 16, false, 1.02 },
	{ "16 tokens: a condition at every module and point", AT_ALL, 8, 16, false, 1.5 },
	{ "16 tokens: catch inf", "catch inf", 8, 16, false, 1.5 },
	{ "16 tokens: a watch", "watch layers.1.mlp.out[-1,7] if 0", 8, 16, false, 1.5 },
	{ "prompt of 500: no breakpoint", NULL, N_LONG, 1, true, 1.02 },
	{ "prompt of 500: a condition at every module and point", AT_ALL, N_LONG, 1, true, 1.5 },
	{ "prompt of 500: no breakpoint, against keeping nothing", NULL, N_LONG, 1, false, 0 },
};
#define N_SHARES (sizeof(shares) / sizeof(shares[0]))

static void measure_shares(struct bench *b)
{
	for (size_t i = 0; i < N_SHARES; i++) {
		const struct share *s = &shares[i];
		double plain = INFINITY, with = INFINITY;

		for (int round = 0; round < b->rounds; round++) {
			plain = fmin(plain, generate(b, s->n_prompt, s->n, s->keeps));
			with = fmin(with, debugged(b, s->n_prompt, s->n, s->before));
		}
		report(b, s->what, with / plain, s->limit);
	}
}

/* From token 10 to token 9, asking at every op in between, against running token 9. */
static void measure_back(struct bench *b)
{
	double decode = INFINITY, back = INFINITY;

	for (int round = 0; round < b->rounds; round++) {
		struct debugger *d = open_debugger(b, 8, 4);

		line(d, "token 9");
		decode = fmin(decode, line(d, "token 10"));
		line(d, "break token 9");
		line(d, AT_ALL);
		back = fmin(back, line(d, "reverse-continue"));
		debugger_free(d);
	}
	report(b, "reverse-continue over a token, against running it", back / decode, 2);
}

/* ---- what one waits for ---------------------------------------------------------------------- */

struct wait {
	const char *what, *first, *command;
	int64_t n_prompt;
	double limit;
};

/* From `first` on, over a whole pass. */
static const struct wait waits[] = {
	{ "step, the longest of a pass", "token 9", "step", 8, 20 },
	{ "stepi, the longest of a pass", "token 9", "stepi", 8, 20 },
	{ "reverse-step, the longest of a pass", "finish", "reverse-step", 8, 5 },
	{ "reverse-stepi, the longest, prompt of 500", "finish", "reverse-stepi", N_LONG, 5 },
};

static double longest(struct bench *b, const struct wait *w)
{
	int n = b->model.program.n_ops;
	double *t = mem_calloc((size_t)n, sizeof(*t)), most = 0;

	for (int round = 0; round < b->rounds; round++) {
		struct debugger *d = open_debugger(b, w->n_prompt, 3);

		line(d, "start");
		line(d, w->first);
		for (int i = 0; i < n; i++) {
			double x = line(d, w->command);

			t[i] = round ? fmin(t[i], x) : x;
		}
		debugger_free(d);
	}
	for (int i = 0; i < n; i++)
		most = fmax(most, t[i]);
	free(t);
	return most;
}

/* What a step takes besides its op: those of a pass, against running the pass. */
static void measure_steps(struct bench *b)
{
	int n = b->model.program.n_ops;
	double run = INFINITY, steps = INFINITY;

	for (int round = 0; round < b->rounds; round++) {
		struct debugger *d = open_debugger(b, 8, 4);
		double sum = 0;

		line(d, "token 9");
		run = fmin(run, line(d, "token 10"));
		for (int i = 0; i < n; i++)
			sum += line(d, "stepi");
		steps = fmin(steps, sum);
		debugger_free(d);
	}
	report(b, "stepi, besides the op", (steps - run) / n, 1);
}

/* Commands at the end of a prompt of 500 tokens. */
static const char *const commands[] = {
	"logits",
	"logits 20",
	"lens",
	"lens all",
	"attrib",
	"tensors",
	"attn",
	"kv",
	"tokens",
	"list",
	"info breakpoints",
	"backtrace",
	"stats L1.resid_post",
	"heat L1.attn.pattern[head=0]",
	"origin L1.resid_post[-1,0]",
	"print max(L1.attn.pattern)",
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void measure_commands(struct bench *b)
{
	struct debugger *d = open_debugger(b, N_LONG, 1);

	line(d, "break op 3");
	line(d, "disable 1");
	line(d, "start");
	line(d, "finish");
	line(d, "stepi");
	for (size_t i = 0; i < N_COMMANDS; i++)
		report(b, commands[i], line(d, commands[i]), 1000);
	debugger_free(d);
}

static const char *const completions[] = {
	"", "b", "break ", "print L1.", "info ", "attn layers."
};
#define N_COMPLETIONS (sizeof(completions) / sizeof(completions[0]))

static void measure_completion(struct bench *b)
{
	struct debugger *d = open_debugger(b, 8, 1);
	double most = 0;

	for (size_t i = 0; i < N_COMPLETIONS; i++) {
		struct candidates c = { 0 };
		double begin = milliseconds();

		debugger_complete(d, completions[i], "", &c);
		most = fmax(most, milliseconds() - begin);
		candidates_release(&c);
	}
	report(b, "completion, the longest", most, 50);
	debugger_free(d);
}

/* ---- Ctrl-C ---------------------------------------------------------------------------------- */

struct alarm {
	struct bench *b;
	int after_ms;
	int64_t rang_ns;
};

static void *ring(void *ctx)
{
	struct alarm *a = ctx;
	struct timespec wait = { a->after_ms / 1000, a->after_ms % 1000 * 1000000L };

	nanosleep(&wait, NULL);
	a->rang_ns = clock_ns();
	a->b->interrupted = 1;
	return NULL;
}

/* Milliseconds from Ctrl-C to the prompt, of a command that takes longer; 0 of one that does not.
 */
static double interrupt(struct bench *b, struct debugger *d, const char *command, int after_ms)
{
	struct alarm a = { b, after_ms, 0 };
	struct err ignored = { 0 };
	pthread_t thread;
	int64_t end;

	pthread_create(&thread, NULL, ring, &a);
	debugger_line(d, command, LINE_SCRIPT, &ignored);
	end = clock_ns();
	pthread_join(thread, NULL);
	b->interrupted = 0;
	return end > a.rang_ns ? 1e-6 * (double)(end - a.rang_ns) : 0;
}

static const char *const long_commands[] = { "lens all", "hits 1", "diff", "baseline save x" };
#define N_LONG_COMMANDS (sizeof(long_commands) / sizeof(long_commands[0]))

static void measure_interrupts(struct bench *b)
{
	struct debugger *d = open_debugger(b, N_LONG, 1);
	double most = 0;
	char last[32], what[64];

	snprintf(last, sizeof(last), "goto 0.%d", b->model.program.n_ops);
	for (int after = 20; after < 500; after += 60)
		most = fmax(most, interrupt(b, d, "run", after));
	report(b, "Ctrl-C in a prompt of 500, the longest (wall)", most, 50);
	line(d, "break op 3");
	line(d, "disable 1");
	for (size_t i = 0; i < N_LONG_COMMANDS; i++) {
		most = 0;
		for (int after = 15; after < 1000; after *= 4) {
			line(d, last); /* Ctrl-C may have come on the way back to it */
			most = fmax(most, interrupt(b, d, long_commands[i], after));
		}
		snprintf(what, sizeof(what), "Ctrl-C in %s (wall)", long_commands[i]);
		report(b, what, most, 0);
	}
	debugger_free(d);
}

/* ---------------------------------------------------------------------------------------------- */

static void measure(struct bench *b)
{
	heading(b, "times as long");
	measure_shares(b);
	measure_back(b);
	heading(b, "\nmilliseconds");
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		report(b, waits[i].what, longest(b, &waits[i]), waits[i].limit);
	measure_steps(b);
	measure_completion(b);
	measure_interrupts(b);
	heading(b, "\nmilliseconds, behind a prompt of 500");
	measure_commands(b);
}

int main(int argc, char **argv)
{
	static struct bench b = { .ui = { .width = 100 } };
	const char *path = getenv("TORCHLESS_MODEL");
	struct err err = { 0 };
	int at = 1;

	b.json = at < argc && !strcmp(argv[at], "--json");
	at += b.json;
	if (at < argc)
		path = argv[at++];
	if (!path)
		path = "models/smollm2-135m";
	b.rounds = at < argc ? atoi(argv[at]) : ROUNDS;
	if (access(path, R_OK)) {
		fprintf(stderr, "bench_debug: no model at %s\n", path);
		return 0;
	}
	check(model_open(&b.model, path, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &err), path, &err);
	b.pool = threads_new(1, &err);
	check(b.pool ? 0 : -1, "threads", &err);
	for (int i = 0; i < N_LONG; i++)
		b.ids[i] = (int32_t)((1000 + 37 * i) % b.model.config->n_vocab);
	measure(&b);
	threads_free(b.pool);
	model_close(&b.model);
	return 0;
}
