/*
 * bench_kernels.c -- how much of the machine the kernels use: ratios to the probes of probe.h,
 * whose multiply-adds are as wide as those of the kernels.
 *
 *	bench_kernels [--json] [--threads N] [--isa NAME] [SUBSTRING of the cases to run]
 */
#include "probe.h"
#include "torchless/clock.h"
#include "torchless/kernels.h"
#include "torchless/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES       5
#define NOISY_SAMPLES 2 /* on a machine that is too busy: an idea, soon */

struct shape {
	const char *name;
	int64_t hidden, ffn, heads, kv_heads, head_dim;
	int layers; /* enough that weights come from memory */
};

static const struct shape shapes[] = {
	{ "SmolLM2-135M", 576, 1536, 9, 3, 64, 30 },
	{ "Mistral-7B", 4096, 14336, 32, 8, 128, 1 },
};

struct bench {
	const struct kernels *k;
	struct threads *pool;
	const char *filter;
	bool json;
	struct probe *probe;
	int samples; /* of each case */
	unsigned char *weights;
	float *x, *y;
	void *scratch;
};

/* One thing to measure: what it reads or computes in one call, in bytes or operations. */
struct job {
	struct bench *b;
	const struct shape *shape;
	enum dtype dtype;
	int64_t T, keys;
	double amount;
	double bytes; /* of weights that a call reads, where it computes; else 0 */
	void (*run)(struct job *job);
	bool fast; /* x is rounded */
};

static double now(void)
{
	return 1e-9 * (double)clock_ns();
}

/*
 * The rate that one of both allows, memory that reads the weights once or the multiply-adds, when
 * the other costs nothing: the roofline.
 */
static double roofline(const struct job *job, const struct probe_result *r, bool *memory)
{
	double read = r->probe[PROBE_READ] * job->amount / job->bytes;

	*memory = read < r->probe[PROBE_FMA];
	return *memory ? read : r->probe[PROBE_FMA];
}

static void report_json(const struct job *job, const char *name, enum probe_limit limit,
			const struct probe_result *r)
{
	struct bench *b = job->b;
	bool memory;

	printf("{\"case\":\"%s\",\"isa\":\"%s\",\"threads\":%d,\"rate\":%.2f,"
	       "\"unit\":\"%s\",\"ratio\":%.3f,\"samples\":%d,\"dropped\":%d,"
	       "\"others\":%.2f,\"noise\":%s",
	       name, b->k->isa, threads_count(b->pool), r->rate, probe_units[limit], r->ratio, r->n,
	       r->dropped, r->others, r->noise ? "true" : "false");
	if (job->bytes > 0)
		printf(",\"roofline\":%.3f", r->rate / roofline(job, r, &memory));
	printf("}\n");
}

static void report(const struct job *job, const char *name, enum probe_limit limit,
		   const struct probe_result *r)
{
	bool memory;

	if (job->b->json) {
		report_json(job, name, limit, r);
	} else {
		printf("%-36s%c%8.1f %s %4.0f %% of the probe  [%.0f, %.0f] %d samples", name,
		       r->noise ? '~' : ' ', r->rate, probe_units[limit], 100 * r->ratio,
		       100 * r->least, 100 * r->most, r->n);
		if (job->bytes > 0) {
			double roof = roofline(job, r, &memory);

			printf(", %.0f %% of what %s", 100 * r->rate / roof,
			       memory ? "memory allows" : "they allow");
		}
		printf("\n");
	}
	fflush(stdout);
}

static void run_job(void *ctx)
{
	struct job *job = ctx;

	job->run(job);
}

static void measure(struct job *job, const char *name, enum probe_limit limit)
{
	struct bench *b = job->b;
	struct probe_result r;

	if (b->filter && !strstr(name, b->filter))
		return;
	job->run(job); /* touch everything once */
	r = probe_measure(b->probe, limit, job->amount, b->samples, run_job, job);
	report(job, name, limit, &r);
}

/* Whether rows of the type fit a shape: of 135M those of 256 elements do not. */
static bool fits(const struct shape *s, enum dtype dtype)
{
	return s->hidden % dtype_table[dtype].block_elements == 0;
}

/* [out, in] of the seven linear layers of a block; in order of execution. */
static void layer_matrices(const struct shape *s, int64_t m[7][2])
{
	int64_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
	const int64_t all[7][2] = { { q, s->hidden },      { kv, s->hidden },
				    { kv, s->hidden },     { s->hidden, q },
				    { s->ffn, s->hidden }, { s->ffn, s->hidden },
				    { s->hidden, s->ffn } };

	memcpy(m, all, sizeof(all));
}

static double layer_parameters(const struct shape *s)
{
	int64_t m[7][2];
	double sum = 0;

	layer_matrices(s, m);
	for (int i = 0; i < 7; i++)
		sum += (double)(m[i][0] * m[i][1]);
	return sum;
}

static void run_linears(struct job *job)
{
	struct bench *b = job->b;
	unsigned char *at = b->weights;
	int64_t m[7][2];

	layer_matrices(job->shape, m);
	for (int i = 0; i < 7 * job->shape->layers; i++) {
		struct tensor w = tensor_make(job->dtype, 2, m[i % 7], at);

		if (job->fast)
			b->k->linear_fast(b->pool, b->y, b->x, &w, job->T, b->scratch);
		else
			b->k->linear(b->pool, b->y, b->x, &w, job->T);
		at += tensor_bytes(&w);
	}
}

static void bench_linear(struct bench *b, const struct shape *s, enum dtype dtype, int64_t T,
			 bool fast)
{
	const struct dtype_info *info = &dtype_table[dtype];
	double parameters = layer_parameters(s) * s->layers;
	double bytes = parameters * (double)info->block_bytes / (double)info->block_elements;
	struct job job = { b, s, dtype, T, 0, 0, 0, run_linears, fast };
	char name[64];

	snprintf(name, sizeof(name), "%s %s %s T=%lld", fast ? "fast" : "linear", s->name,
		 info->name, (long long)T);
	job.amount = T == 1 ? bytes : 2 * parameters * (double)T;
	job.bytes = T == 1 ? 0 : bytes;
	measure(&job, name, T == 1 ? PROBE_READ : PROBE_FMA);
}

static void run_attention(struct job *job)
{
	struct bench *b = job->b;
	const struct shape *s = job->shape;
	int64_t layer = job->keys * s->kv_heads * s->head_dim;
	struct attention a = { .q = b->x,
			       .n_heads = s->heads,
			       .pos0 = job->keys - job->T,
			       .T = job->T,
			       .scale = 0.125f };

	for (int i = 0; i < s->layers; i++) {
		float *rows = (float *)(void *)b->weights + 2 * i * layer;

		a.k = (struct kv_view){ rows, job->keys, s->kv_heads, s->head_dim,
					0,    job->keys, DTYPE_F32 };
		a.v = a.k;
		a.v.rows = rows + layer;
		if (attention_run(b->k, b->pool, b->y, &a))
			abort();
	}
}

static void bench_attention(struct bench *b, const struct shape *s, int64_t T, int64_t keys)
{
	struct job job = { b, s, DTYPE_F32, T, keys, 0, 0, run_attention, false };
	char name[64];

	snprintf(name, sizeof(name), "attention %s T=%lld keys=%lld", s->name, (long long)T,
		 (long long)keys);
	if (T == 1)
		job.amount = 8.0 * (double)(keys * s->kv_heads * s->head_dim * s->layers);
	else
		job.amount = 4.0 * (double)(s->heads * s->head_dim * s->layers) *
			     ((double)T * (double)(keys - T) + (double)T * (double)(T + 1) / 2);
	measure(&job, name, T == 1 ? PROBE_READ : PROBE_FMA);
}

static void nothing(void *ctx, int64_t i, int worker)
{
	(void)ctx;
	(void)i;
	(void)worker;
}

/* What a parallel loop costs by itself. */
static void bench_loop(struct bench *b)
{
	enum { LOOPS = 20000 };
	double start = now();

	if (b->filter && !strstr("threads_for", b->filter))
		return;
	for (int i = 0; i < LOOPS; i++)
		threads_for(b->pool, 4, nothing, b);
	start = (now() - start) / LOOPS * 1e9;
	printf(b->json ? "{\"case\":\"threads_for\",\"threads\":%d,\"ns\":%.0f}\n"
		       : "threads_for of 4 empty items, %d threads: %.0f ns\n",
	       threads_count(b->pool), start);
}

/* Finite numbers in every type: 0x3cXX is 1 to 1.25 as f16, 0.008 to 0.03 as bf16. */
static bool prepare(struct bench *b)
{
	size_t weights = 0, rows = 0, scratch = 0;
	uint32_t r = 1;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		size_t w = (size_t)(layer_parameters(&shapes[i]) * shapes[i].layers) * 4;
		size_t n = (size_t)shapes[i].ffn * 512 * sizeof(float);

		weights = w > weights ? w : weights;
		rows = n > rows ? n : rows;
		n = b->k->linear_fast_scratch(DTYPE_Q8_0, 512, shapes[i].ffn);
		scratch = n > scratch ? n : scratch;
	}
	b->probe = probe_new(b->pool);
	b->weights = mem_try_aligned(weights);
	b->x = mem_try_aligned(rows);
	b->y = mem_try_aligned(rows);
	b->scratch = mem_try_aligned(scratch);
	if (!b->probe || !b->weights || !b->x || !b->y || !b->scratch)
		return false;
	for (size_t i = 0; i < weights / 2; i++) {
		uint16_t h = (uint16_t)(0x3c00 | ((r = r * 1664525 + 1013904223) >> 24));

		memcpy(b->weights + 2 * i, &h, 2);
	}
	for (size_t i = 0; i < rows / sizeof(float); i++)
		b->x[i] = (float)(i % 17) * 0.1f - 0.8f;
	return true;
}

static void run_all(struct bench *b)
{
	static const enum dtype types[] = { DTYPE_BF16, DTYPE_F16,  DTYPE_F32, DTYPE_Q8_0,
					    DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K };
	static const int64_t tokens[] = { 1, 5, 16, 32, 60, 512 }; /* what people type, mostly */
	const size_t n_types = sizeof(types) / sizeof(*types);

	bench_loop(b);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		for (size_t t = 0; t < n_types; t++)
			for (size_t j = 0; j < sizeof(tokens) / sizeof(*tokens); j++)
				for (int fast = 0; fast <= dtype_is_block(types[t]); fast++)
					if (fits(&shapes[i], types[t]))
						bench_linear(b, &shapes[i], types[t], tokens[j],
							     fast);
		bench_attention(b, &shapes[i], 1, 2048);
		bench_attention(b, &shapes[i], 512, 512);
		bench_attention(b, &shapes[i], 512, 2048);
	}
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	struct err err = { 0 };
	int n_threads = threads_available();
	const char *isa = NULL;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			b.json = true;
		else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
			n_threads = atoi(argv[++i]);
		else if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc)
			isa = argv[++i];
		else
			b.filter = argv[i];
	b.k = kernels_select(isa);
	b.pool = threads_new(n_threads, &err);
	if (!b.k || !b.pool || !prepare(&b)) {
		fprintf(stderr, "bench_kernels: %s\n",
			!b.k     ? "no such kernels"
			: b.pool ? "not enough memory"
				 : err.message);
		return 3;
	}
	probe_use_fma(b.probe, strcmp(b.k->isa, "avx512") == 0 ? 512
			       : strcmp(b.k->isa, "avx2") == 0 ? 256
							       : 0);
	b.samples = probe_machine_is_quiet(b.probe, "bench_kernels") ? SAMPLES : NOISY_SAMPLES;
	run_all(&b);
	probe_free(b.probe);
	threads_free(b.pool);
	free(b.weights);
	free(b.x);
	free(b.y);
	free(b.scratch);
	return 0;
}
