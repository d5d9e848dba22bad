/*
 * bench_inspect.c -- what the lens and attention cost in SQL, in processor time.
 *
 *	bench_inspect [MODEL [N_PROMPT]]
 *
 * The lens is held against a plain pass of each layer's row through the LM head, one row at a time,
 * which is what it cannot do without; attention against nothing.  One thread, so that nothing
 * waits.  Without a model there is nothing to measure, and it says so.
 */
#include "torchless/clock.h"
#include "torchless/inspect.h"
#include "torchless/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static double seconds(void)
{
	return 1e-9 * (double)clock_process_ns();
}

static void check(int ret, const struct err *err)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "bench_inspect: %s\n", err->message);
	abort();
}

static void run(const struct model *m, struct threads *pool, struct trace_writer *w,
		int64_t n_prompt)
{
	struct executor_options opt = { .pool = pool, .chunk = 512 };
	int32_t *ids = calloc((size_t)n_prompt, sizeof(*ids));
	struct executor ex;
	struct err err = { 0 };

	check(executor_init(&ex, &m->program, &opt, &err), &err);
	hook_add(&ex.hooks, trace_writer_hook(w));
	for (int64_t i = 0; i < n_prompt; i++) {
		ids[i] = (int32_t)(1000 + 37 * i % 5000);
		check(trace_writer_token(w, i, ids[i], i, i + 1, TOKEN_PROMPT, &err), &err);
	}
	for (int64_t i = 0; i < n_prompt; i += opt.chunk) {
		int64_t n = n_prompt - i < opt.chunk ? n_prompt - i : opt.chunk;

		check(executor_begin(&ex, ids + i, n, false, &err), &err);
		check(executor_run(&ex, &err), &err);
	}
	executor_release(&ex);
	free(ids);
}

/* A recording of the residual streams, q and k of a prompt. */
static void record(const struct model *m, const char *file, struct threads *pool, int64_t n_prompt)
{
	const struct config *c = m->config;
	struct trace_model model = {
		.name = c->name,
		.arch = c->arch,
		.file = file,
		.n_layers = c->n_layers,
		.d_model = c->d_model,
		.n_heads = c->n_heads,
		.n_kv_heads = c->n_kv_heads,
		.head_dim = c->head_dim,
		.d_ff = c->d_ff,
		.n_vocab = c->n_vocab,
		.window = c->window,
		.rope_theta = c->rope_theta,
	};
	static const char *const captures[] = { "L*.resid_post", "*:q_rot", "*:k_rot" };
	struct capture_policy policy = { 0 };
	struct trace_options opt = { .capture = &policy, .pattern_keys = 0 };
	struct trace_run what = { .engine = "bench" };
	struct trace_writer *w;
	struct err err = { 0 };

	snprintf(path, sizeof(path), "/tmp/torchless-bench-XXXXXX");
	close(mkstemp(path));
	unlink(path);
	for (int i = 0; i < 3; i++)
		check(capture_policy_add(&policy, captures[i], &err), &err);
	w = trace_writer_new(path, &m->program, &model, &opt, &err);
	check(w ? 0 : -1, &err);
	check(trace_writer_begin_run(w, &what, &err), &err);
	run(m, pool, w, n_prompt);
	check(trace_writer_end_run(w, "ok", &err), &err);
	check(trace_writer_close(w, &err), &err);
	capture_policy_release(&policy);
}

static int count_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	(void)rows;
	(void)cells;
	++*(int64_t *)ctx;
	return 0;
}

/* The query on a fresh connection, as a command would, the best of three. */
static double ask(const char *sql, struct threads *pool, int64_t *n_rows)
{
	const struct inspect_options o = { .pool = pool };
	double best = 1e9;

	for (int i = 0; i < 3; i++) {
		struct query q = { .row = count_row, .ctx = n_rows };
		struct err err = { 0 };
		double start = seconds(), took;
		struct recording *rec = recording_open(path, &err);

		*n_rows = 0;
		check(rec ? 0 : -1, &err);
		check(recording_add_functions(rec, &o, &err), &err);
		check(recording_query(rec, sql, &q, &err), &err);
		recording_close(rec);
		took = seconds() - start;
		if (took < best)
			best = took;
	}
	return best;
}

/* Each layer's row through the head, one after the other. */
static double plain_heads(const struct model *m, struct threads *pool)
{
	const struct program *p = &m->program;
	const struct tensor *head = &p->values[p->ops[p->values[p->logits].op].in[1]].t;
	float *x = calloc((size_t)head->shape[1], sizeof(*x));
	float *y = calloc((size_t)head->shape[0], sizeof(*y));
	double best = 1e9;

	for (int i = 0; i < 3; i++) {
		double start = seconds(), took;

		for (int64_t l = 0; l < m->config->n_layers; l++)
			kernels_select(NULL)->linear(pool, y, x, head, 1);
		took = seconds() - start;
		if (took < best)
			best = took;
	}
	free(x);
	free(y);
	return best;
}

static const char *model_path(int argc, char **argv)
{
	if (argc > 1 && argv[1][0] != '-')
		return argv[1];
	return getenv("TORCHLESS_MODEL") ? getenv("TORCHLESS_MODEL") : "models/smollm2-135m";
}

int main(int argc, char **argv)
{
	static const struct {
		const char *what, *sql;
		bool is_lens;
	} queries[] = {
		{ "best of each layer", "SELECT layer, token_id FROM lens WHERE rank = 0", true },
		{ "... as text", "SELECT layer, token FROM lens WHERE rank = 0", true },
		{ "where a token wins",
		  "SELECT min(layer) FROM lens WHERE rank=0 AND token=' Paris'", true },
		{ "best five, logprob", "SELECT token_id, logprob FROM lens WHERE rank < 5", true },
		{ "one layer", "SELECT token_id FROM lens WHERE layer = 2 AND rank = 0", true },
		{ "all ranks", "SELECT token_id FROM lens", true },
		{ "one query of a head",
		  "SELECT k, p FROM attn WHERE layer = 2 AND head = 2 AND "
		  "q = (SELECT max(pos) FROM token)",
		  false },
		{ "one head", "SELECT k, p FROM attn WHERE layer = 2 AND head = 2", false },
	};
	const char *file = model_path(argc, argv);
	int64_t n_prompt = argc > 2 ? atoll(argv[2]) : 512;
	struct err err = { 0 };
	struct threads *pool;
	struct model m;
	double plain;

	if (access(file, R_OK)) {
		fprintf(stderr, "bench_inspect: no model at %s\n", file);
		return 0;
	}
	check(model_open(&m, file, CHECKPOINT_WEIGHTS, &err), &err);
	pool = threads_new(1, &err);
	record(&m, file, pool, n_prompt);
	plain = plain_heads(&m, pool);
	printf("%lld layers through the head one by one: %.1f ms\n", (long long)m.config->n_layers,
	       plain * 1e3);
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		int64_t n_rows = 0;
		double took = ask(queries[i].sql, pool, &n_rows);

		printf("%-20s %9lld rows %8.1f ms", queries[i].what, (long long)n_rows, took * 1e3);
		if (queries[i].is_lens)
			printf("   %.2f of the head's time", took / plain);
		printf("\n");
	}
	unlink(path);
	threads_free(pool);
	model_close(&m);
	return 0;
}
