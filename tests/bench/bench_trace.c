/*
 * bench_trace.c -- what recording costs in processor time: the same passes with and without it.
 *
 *	bench_trace [MODEL [N_PROMPT [N_DECODE]]]
 *
 * One thread, so that nothing waits.  At last passes of one token with and without statistics take
 * turns; the ratio of the medians is what a machine with other users can say.  Without a model
 *there is nothing to measure, and it says so.
 */
#include "torchless/clock.h"
#include "torchless/model.h"
#include "torchless/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of all threads: on a busy machine the wall clock tells about its other users. */
static double seconds(void)
{
	return 1e-9 * (double)clock_process_ns();
}

struct times {
	double prefill, decode;
	double writing; /* of SQLite, a pass */
};

static void check(int ret, const struct err *err)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "bench_trace: %s\n", err->message);
	abort();
}

/* One prefill and n_decode passes of the same ids. */
static struct times generate(const struct model *m, struct threads *pool, struct hook *hook,
			     int64_t n_prompt, int64_t n_decode)
{
	const struct program *p = &m->program;
	int64_t n_vocab = m->config->n_vocab;
	struct executor_options opt = { .pool = pool, .chunk = 512 };
	struct executor ex;
	struct err err = { 0 };
	int32_t *ids = calloc((size_t)n_prompt, sizeof(*ids));
	struct times t = { 0 };
	double start;
	int64_t i;

	check(executor_init(&ex, p, &opt, &err), &err);
	if (hook)
		hook_add(&ex.hooks, hook);
	for (i = 0; i < n_prompt; i++)
		ids[i] = (int32_t)((1000 + 37 * i) % n_vocab);
	start = seconds();
	for (i = 0; i < n_prompt; i += opt.chunk) {
		int64_t n = n_prompt - i < opt.chunk ? n_prompt - i : opt.chunk;

		check(executor_begin(&ex, ids + i, n, false, &err), &err);
		check(executor_run(&ex, &err), &err);
	}
	t.prefill = seconds() - start;
	start = seconds();
	for (i = 0; i < n_decode; i++) {
		check(executor_begin(&ex, ids + i % n_prompt, 1, false, &err), &err);
		check(executor_run(&ex, &err), &err);
	}
	t.decode = (seconds() - start) / (double)n_decode;
	executor_release(&ex);
	free(ids);
	return t;
}

static struct trace_model describe(const struct model *m)
{
	const struct config *c = m->config;

	return (struct trace_model){
		.name = c->name,
		.arch = c->arch,
		.n_layers = c->n_layers,
		.d_model = c->d_model,
		.n_heads = c->n_heads,
		.n_kv_heads = c->n_kv_heads,
		.head_dim = c->head_dim,
		.d_ff = c->d_ff,
		.n_vocab = c->n_vocab,
		.rope_theta = c->rope_theta,
	};
}

/* A writer of statistics, and of what `capture` says, to a file without a name; its path in `path`.
 */
static struct trace_writer *begin_recording(const struct model *m, struct capture_policy *policy,
					    const char *capture, char *path)
{
	struct trace_model model = describe(m);
	struct trace_options opt = { .capture = policy, .pattern_keys = 1024 };
	struct trace_run run = { .engine = "bench" };
	struct trace_writer *w;
	struct err err = { 0 };

	strcpy(path, "/tmp/torchless-bench-XXXXXX");
	close(mkstemp(path));
	unlink(path);
	if (capture)
		check(capture_policy_add(policy, capture, &err), &err);
	w = trace_writer_new(path, &m->program, &model, &opt, &err);
	check(w ? 0 : -1, &err);
	check(trace_writer_begin_run(w, &run, &err), &err);
	return w;
}

static struct times record(const struct model *m, struct threads *pool, const char *capture,
			   int64_t n_prompt, int64_t n_decode)
{
	struct capture_policy policy = { 0 };
	char path[64];
	struct trace_writer *w = begin_recording(m, &policy, capture, path);
	struct trace_totals totals;
	struct err err = { 0 };
	struct times t = { 0 };

	t = generate(m, pool, trace_writer_hook(w), n_prompt, n_decode);
	totals = trace_writer_totals(w);
	t.writing = (double)totals.writing_ns * 1e-9 / (double)(n_decode + (n_prompt + 511) / 512);
	check(trace_writer_close(w, &err), &err);
	printf("%-12s %8lld values, %6.1f MB\n", capture ? capture : "statistics",
	       (long long)totals.n_values, (double)totals.file_bytes / 1e6);
	unlink(path);
	capture_policy_release(&policy);
	return t;
}

static void report(const char *what, struct times plain, struct times traced)
{
	printf("%-12s prefill %8.1f -> %8.1f ms (+%.0f %%)   decode %6.2f -> %6.2f ms (+%.2f ms, %.0f %%)\n",
	       what, plain.prefill * 1e3, traced.prefill * 1e3,
	       100 * (traced.prefill / plain.prefill - 1), plain.decode * 1e3, traced.decode * 1e3,
	       (traced.decode - plain.decode) * 1e3, 100 * (traced.decode / plain.decode - 1));
	printf("%-12s of which SQLite %.2f ms a pass, %.0f %% of a recorded decode pass\n", what,
	       traced.writing * 1e3, 100 * traced.writing / traced.decode);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *x, int64_t n)
{
	qsort(x, (size_t)n, sizeof(*x), by_size);
	return x[n / 2];
}

/* One pass over ids[n]; processor seconds. */
static double pass(struct executor *ex, const int32_t *ids, int64_t n)
{
	struct err err = { 0 };
	double start = seconds();

	check(executor_begin(ex, ids, n, false, &err), &err);
	check(executor_run(ex, &err), &err);
	return seconds() - start;
}

/* Passes of one token, by turns without and with a recorder. */
static void compare_decode(const struct model *m, struct threads *pool, int64_t n)
{
	static const int32_t prompt[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	struct executor_options opt = { .pool = pool, .chunk = 512 };
	struct capture_policy policy = { 0 };
	char path[64];
	struct trace_writer *w = begin_recording(m, &policy, NULL, path);
	double *plain = calloc((size_t)n, sizeof(*plain)),
	       *traced = calloc((size_t)n, sizeof(*traced));
	struct executor a, b;
	struct err err = { 0 };

	check(executor_init(&a, &m->program, &opt, &err), &err);
	check(executor_init(&b, &m->program, &opt, &err), &err);
	hook_add(&b.hooks, trace_writer_hook(w));
	pass(&a, prompt, 16);
	pass(&b, prompt, 16);
	for (int64_t i = 0; i < n; i++) {
		plain[i] = pass(&a, prompt + i % 16, 1);
		traced[i] = pass(&b, prompt + i % 16, 1);
	}
	printf("by turns     decode %.2f -> %.2f ms, %.3f times\n", median(plain, n) * 1e3,
	       median(traced, n) * 1e3, median(traced, n) / median(plain, n));
	executor_release(&a);
	executor_release(&b);
	check(trace_writer_close(w, &err), &err);
	unlink(path);
	capture_policy_release(&policy);
	free(plain);
	free(traced);
}

static const char *model_path(int argc, char **argv)
{
	if (argc > 1 && argv[1][0] != '-')
		return argv[1];
	return getenv("TORCHLESS_MODEL") ? getenv("TORCHLESS_MODEL") : "models/smollm2-135m";
}

int main(int argc, char **argv)
{
	const char *path = model_path(argc, argv);
	int64_t n_prompt = argc > 2 ? atoll(argv[2]) : 512,
		n_decode = argc > 3 ? atoll(argv[3]) : 32;
	struct err err = { 0 };
	struct threads *pool;
	struct model m;
	struct times plain;

	if (access(path, R_OK)) {
		fprintf(stderr, "bench_trace: no model at %s\n", path);
		return 0;
	}
	check(model_open(&m, path, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &err), &err);
	pool = threads_new(1, &err);
	generate(&m, pool, NULL, 32, 4);
	plain = generate(&m, pool, NULL, n_prompt, n_decode);
	report("statistics", plain, record(&m, pool, NULL, n_prompt, n_decode));
	report("residual", plain, record(&m, pool, "*:resid*", n_prompt, n_decode));
	compare_decode(&m, pool, n_decode < 31 ? 31 : n_decode);
	threads_free(pool);
	model_close(&m);
	return 0;
}
