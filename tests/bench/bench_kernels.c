/*
 * bench_kernels.c -- how much of the machine the kernels use.
 *
 * The absolute speed of a shared machine changes by a factor of two from one second to the next.
 * So every sample stands between two probes, of the read bandwidth and of the rate of fused
 * multiply-adds with the same threads; a sample whose probes differ by more than a tenth is
 * dropped, and what is printed is the median ratio to the probes.  The multiply-adds of the probe
 * are as wide as those of the kernels.
 *
 *	bench_kernels [--json] [--threads N] [--isa NAME] [SUBSTRING of the cases to run]
 */
#include "torchless/clock.h"
#include "torchless/kernels.h"
#include "torchless/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define SAMPLES     5
#define MIN_SAMPLE  0.1 /* seconds of work in a sample */
#define MIN_PROBE   0.04
#define MAX_DRIFT   0.10
#define PROBE_BYTES ((size_t)256 << 20) /* far more than any cache */
#define PIECE_BYTES ((size_t)1 << 20)

struct shape {
	const char *name;
	int64_t hidden, ffn, heads, kv_heads, head_dim;
	int layers; /* enough that weights come from memory */
};

static const struct shape shapes[] = {
	{ "SmolLM2-135M", 576, 1536, 9, 3, 64, 30 },
	{ "Mistral-7B", 4096, 14336, 32, 8, 128, 1 },
};

enum limit { BANDWIDTH, ARITHMETIC };
static const char *const units[] = { "GB/s", "GF/s" };

struct bench {
	const struct kernels *k;
	struct threads *pool;
	const char *filter;
	bool json;
	unsigned char *memory; /* PROBE_BYTES for the probe */
	unsigned char *weights;
	float *x, *y;
	double sink; /* keeps the probes from being optimised away */
};

/* One thing to measure: what it reads or computes in one call, in bytes or operations. */
struct job {
	struct bench *b;
	const struct shape *shape;
	enum dtype dtype;
	int64_t T, keys;
	double amount;
	void (*run)(struct job *job);
};

static double now(void)
{
	return 1e-9 * (double)clock_ns();
}

static void read_piece(void *ctx, int64_t i, int worker)
{
	struct bench *b = ctx;
	const uint64_t *p = (const uint64_t *)(b->memory + (size_t)i * PIECE_BYTES);
	uint64_t sum[8] = { 0 };

	(void)worker;
	for (size_t j = 0; j < PIECE_BYTES / 8; j += 8)
		for (int c = 0; c < 8; c++)
			sum[c] += p[j + (size_t)c];
	for (int c = 1; c < 8; c++)
		sum[0] += sum[c];
	if (sum[0] == 42)
		b->sink++;
}

static double probe_bandwidth(struct bench *b)
{
	double start = now(), passes = 0;

	do {
		threads_for(b->pool, PROBE_BYTES / PIECE_BYTES, read_piece, b);
		passes++;
	} while (now() - start < MIN_PROBE);
	return passes * (double)PROBE_BYTES / (now() - start) / 1e9;
}

#define FMA_ROUNDS 20000

#ifdef __x86_64__
/* Twelve independent chains in registers: the kernel that nothing can beat. */
__attribute__((target("avx2,fma"))) static void fma_piece_avx2(struct bench *b, int64_t i)
{
	__m256 sum[12], a = _mm256_set1_ps(0.999f), c = _mm256_set1_ps(0.001f);
	float lanes[8];

	for (int j = 0; j < 12; j++)
		sum[j] = _mm256_set1_ps((float)(i + j));
	for (int r = 0; r < FMA_ROUNDS; r++)
		for (int j = 0; j < 12; j++)
			sum[j] = _mm256_fmadd_ps(sum[j], a, c);
	for (int j = 1; j < 12; j++)
		sum[0] = _mm256_add_ps(sum[0], sum[j]);
	_mm256_storeu_ps(lanes, sum[0]);
	if (lanes[0] == 42)
		b->sink++;
}

__attribute__((target("avx512f"))) static void fma_piece_avx512(struct bench *b, int64_t i)
{
	__m512 sum[12], a = _mm512_set1_ps(0.999f), c = _mm512_set1_ps(0.001f);
	float lanes[16];

	for (int j = 0; j < 12; j++)
		sum[j] = _mm512_set1_ps((float)(i + j));
	for (int r = 0; r < FMA_ROUNDS / 2; r++)
		for (int j = 0; j < 12; j++)
			sum[j] = _mm512_fmadd_ps(sum[j], a, c);
	for (int j = 1; j < 12; j++)
		sum[0] = _mm512_add_ps(sum[0], sum[j]);
	_mm512_storeu_ps(lanes, sum[0]);
	if (lanes[0] == 42)
		b->sink++;
}

/* As wide as the kernels that are measured. */
static void fma_piece(void *ctx, int64_t i, int worker)
{
	struct bench *b = ctx;

	(void)worker;
	if (b->k == &kernels_avx512)
		fma_piece_avx512(b, i);
	else
		fma_piece_avx2(b, i);
}
#define FMA_OPERATIONS (FMA_ROUNDS * 12.0 * 16)
#else
static void fma_piece(void *ctx, int64_t i, int worker)
{
	struct bench *b = ctx;
	float sum[16];

	(void)worker;
	for (int j = 0; j < 16; j++)
		sum[j] = (float)(i + j);
	for (int r = 0; r < FMA_ROUNDS; r++)
		for (int j = 0; j < 16; j++)
			sum[j] = fmaf(sum[j], 0.999f, 0.001f);
	for (int j = 1; j < 16; j++)
		sum[0] += sum[j];
	if (sum[0] == 42)
		b->sink++;
}
#define FMA_OPERATIONS (FMA_ROUNDS * 16.0 * 2)
#endif

static double probe_arithmetic(struct bench *b)
{
	double start = now(), pieces = 0, n = 16.0 * threads_count(b->pool);

	do {
		threads_for(b->pool, (int64_t)n, fma_piece, b);
		pieces += n;
	} while (now() - start < MIN_PROBE);
	return pieces * FMA_OPERATIONS / (now() - start) / 1e9;
}

static double probe(struct bench *b, enum limit limit)
{
	return limit == BANDWIDTH ? probe_bandwidth(b) : probe_arithmetic(b);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report(struct bench *b, const char *name, enum limit limit, double *rate, double *ratio,
		   int n, int dropped)
{
	qsort(rate, (size_t)n, sizeof(*rate), compare_doubles);
	qsort(ratio, (size_t)n, sizeof(*ratio), compare_doubles);
	if (b->json)
		printf("{\"case\":\"%s\",\"isa\":\"%s\",\"threads\":%d,\"rate\":%.2f,"
		       "\"unit\":\"%s\",\"ratio\":%.3f,\"samples\":%d,\"dropped\":%d}\n",
		       name, b->k->isa, threads_count(b->pool), n ? rate[n / 2] : 0, units[limit],
		       n ? ratio[n / 2] : 0, n, dropped);
	else if (n == 0)
		printf("%-44s no sample: the machine was not steady\n", name);
	else
		printf("%-44s %8.1f %s %5.0f %% of the probe  [%.0f, %.0f] %d samples\n", name,
		       rate[n / 2], units[limit], 100 * ratio[n / 2], 100 * ratio[0],
		       100 * ratio[n - 1], n);
	fflush(stdout);
}

static void measure(struct job *job, const char *name, enum limit limit)
{
	struct bench *b = job->b;
	double rate[SAMPLES], ratio[SAMPLES];
	int n = 0, dropped = 0;

	if (b->filter && !strstr(name, b->filter))
		return;
	job->run(job); /* touch everything once */
	while (n < SAMPLES && dropped < 2 * SAMPLES) {
		double before = probe(b, limit), start = now(), calls = 0, seconds, after;

		do {
			job->run(job);
			calls++;
			seconds = now() - start;
		} while (seconds < MIN_SAMPLE);
		after = probe(b, limit);
		if (fabs(after - before) > MAX_DRIFT * before) {
			dropped++;
			continue;
		}
		rate[n] = calls * job->amount / seconds / 1e9;
		ratio[n] = rate[n] / ((before + after) / 2);
		n++;
	}
	report(b, name, limit, rate, ratio, n, dropped);
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

		b->k->linear(b->pool, b->y, b->x, &w, job->T);
		at += tensor_bytes(&w);
	}
}

static void bench_linear(struct bench *b, const struct shape *s, enum dtype dtype, int64_t T)
{
	double parameters = layer_parameters(s) * s->layers;
	struct job job = { b, s, dtype, T, 0, 0, run_linears };
	char name[64];

	snprintf(name, sizeof(name), "linear %s %s T=%lld", s->name, dtype_table[dtype].name,
		 (long long)T);
	job.amount =
		T == 1 ? parameters * dtype_table[dtype].block_bytes : 2 * parameters * (double)T;
	measure(&job, name, T == 1 ? BANDWIDTH : ARITHMETIC);
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

		a.k = (struct kv_view){ rows, job->keys, s->kv_heads, s->head_dim, 0, job->keys };
		a.v = a.k;
		a.v.rows += layer;
		if (attention_run(b->k, b->pool, b->y, &a))
			abort();
	}
}

static void bench_attention(struct bench *b, const struct shape *s, int64_t T, int64_t keys)
{
	struct job job = { b, s, DTYPE_F32, T, keys, 0, run_attention };
	char name[64];

	snprintf(name, sizeof(name), "attention %s T=%lld keys=%lld", s->name, (long long)T,
		 (long long)keys);
	if (T == 1)
		job.amount = 8.0 * (double)(keys * s->kv_heads * s->head_dim * s->layers);
	else
		job.amount = 4.0 * (double)(s->heads * s->head_dim * s->layers) *
			     ((double)T * (double)(keys - T) + (double)T * (double)(T + 1) / 2);
	measure(&job, name, T == 1 ? BANDWIDTH : ARITHMETIC);
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
	size_t weights = 0, rows = 0;
	uint32_t r = 1;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		size_t w = (size_t)(layer_parameters(&shapes[i]) * shapes[i].layers) * 4;
		size_t n = (size_t)shapes[i].ffn * 512 * sizeof(float);

		weights = w > weights ? w : weights;
		rows = n > rows ? n : rows;
	}
	b->memory = mem_try_aligned(PROBE_BYTES);
	b->weights = mem_try_aligned(weights);
	b->x = mem_try_aligned(rows);
	b->y = mem_try_aligned(rows);
	if (!b->memory || !b->weights || !b->x || !b->y)
		return false;
	memset(b->memory, 1, PROBE_BYTES);
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
	static const enum dtype types[] = { DTYPE_BF16, DTYPE_F16, DTYPE_F32 };

	bench_loop(b);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		for (int t = 0; t < 3; t++) {
			bench_linear(b, &shapes[i], types[t], 1);
			bench_linear(b, &shapes[i], types[t], 32);
			bench_linear(b, &shapes[i], types[t], 512);
		}
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
	run_all(&b);
	threads_free(b.pool);
	free(b.memory);
	free(b.weights);
	free(b.x);
	free(b.y);
	return 0;
}
