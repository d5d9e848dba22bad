/*
 * race_torchless.c -- torchless as a driver of scripts/race: see race_engine.h.
 *
 *	race_torchless MODEL THREADS
 *	race_torchless --probe THREADS    no model: probes only
 */
#include "probe.h"
#include "race_engine.h"
#include "torchless/executor.h"
#include "torchless/model.h"

struct racer {
	struct model model;
	struct executor executor;
	struct threads *pool;
	struct probe *probe;
	struct err err;
};

static bool feed(void *ctx, int32_t *ids, int64_t n)
{
	struct racer *r = ctx;

	return executor_begin(&r->executor, ids, n, false, &r->err) == 0 &&
	       executor_run(&r->executor, &r->err) == EXECUTOR_DONE;
}

static bool forget(void *ctx, int64_t position)
{
	struct racer *r = ctx;

	if (position == 0) {
		executor_restart(&r->executor);
		return true;
	}
	return executor_truncate(&r->executor, position, 1, &r->err) == 0;
}

static const float *logits(void *ctx)
{
	struct racer *r = ctx;

	return executor_logits(&r->executor, 0);
}

static const char *error(void *ctx)
{
	struct racer *r = ctx;

	for (char *c = r->err.message; *c; c++)
		if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
			*c = '\'';
	return r->err.message;
}

static void print_probe(void *ctx)
{
	struct racer *r = ctx;
	struct probe_state s = probe_now(r->probe);

	printf("{\"read\":%.3f,\"fma\":%.3f,\"latency\":%.1f,\"fma_bits\":%d}\n",
	       s.rate[PROBE_READ], s.rate[PROBE_FMA], s.latency_ns, probe_fma_bits(r->probe));
}

static int fail(struct racer *r)
{
	printf("{\"error\":\"%s\"}\n", error(r));
	return 3;
}

static int serve_probes(struct racer *r)
{
	struct race_engine e = { .ctx = r, .n_vocab = 1, .probe = print_probe, .error = error };

	r->probe = probe_new(r->pool);
	if (!r->probe)
		return 3;
	printf("{\"engine\":\"probe\"}\n");
	race_serve(&e);
	probe_free(r->probe);
	return 0;
}

static int serve_model(struct racer *r, const char *path, bool fast)
{
	struct executor_options opt = { .pool = r->pool, .chunk = RACE_CHUNK, .fast = fast };
	struct race_engine e = {
		.ctx = r, .feed = feed, .forget = forget, .logits = logits, .error = error
	};

	if (model_open(&r->model, path, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &r->err))
		return fail(r);
	opt.kernels = kernels_select(NULL);
	if (executor_init(&r->executor, &r->model.program, &opt, &r->err))
		return fail(r);
	e.n_vocab = (int32_t)r->model.config->n_vocab;
	printf("{\"engine\":\"torchless\",\"kernels\":\"%s\",\"vocab\":%d}\n", opt.kernels->isa,
	       e.n_vocab);
	race_serve(&e);
	executor_release(&r->executor);
	model_close(&r->model);
	return 0;
}

int main(int argc, char **argv)
{
	struct racer r = { 0 };
	bool fast = argc == 4 && strcmp(argv[3], "--fast") == 0;
	int ret;

	if (argc != 3 && !fast) {
		fprintf(stderr, "usage: race_torchless MODEL|--probe THREADS [--fast]\n");
		return 2;
	}
	r.pool = threads_new(atoi(argv[2]), &r.err);
	if (!r.pool)
		return fail(&r);
	ret = strcmp(argv[1], "--probe") == 0 ? serve_probes(&r) : serve_model(&r, argv[1], fast);
	threads_free(r.pool);
	return ret;
}
