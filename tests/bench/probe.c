/* probe.c -- see probe.h. */
#include "probe.h"
#include "torchless/clock.h"
#include "torchless/mem.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define PROBE_BYTES  ((size_t)512 << 20) /* more than any cache */
#define PIECE_BYTES  ((size_t)1 << 20)
#define AHEAD        ((size_t)4096) /* bytes: what keeps enough reads in flight */
#define READ_SECONDS 0.04
#define FMA_SECONDS  0.03
#define PING_SECONDS 0.01
#define MIN_SAMPLE   0.1 /* seconds of work in a sample */
#define MAX_DRIFT    0.10
#define MAX_LATENCY  1.5

const char *const probe_units[] = { "GB/s", "GF/s" };

struct probe {
	struct threads *pool;
	unsigned char *memory;
	void (*fma)(void *ctx, int64_t i, int worker);
	int fma_bits;
	double fma_operations; /* of a piece */
	size_t next;           /* the piece that the next probe begins at */
	volatile double sink;  /* keeps the loops from being optimised away */
};

static double now(void)
{
	return 1e-9 * (double)clock_ns();
}

/* ---- reading ------------------------------------------------------------------------------- */

static void read_piece(void *ctx, int64_t i, int worker)
{
	struct probe *p = ctx;
	size_t piece = (p->next + (size_t)i) % (PROBE_BYTES / PIECE_BYTES);
	const uint64_t *at = (const uint64_t *)(void *)(p->memory + piece * PIECE_BYTES);
	uint64_t sum[8] = { 0 };

	(void)worker;
	for (size_t j = 0; j < PIECE_BYTES / 8; j += 8) {
		__builtin_prefetch((const char *)(at + j) + AHEAD);
		for (int c = 0; c < 8; c++)
			sum[c] += at[j + (size_t)c];
	}
	for (int c = 1; c < 8; c++)
		sum[0] += sum[c];
	if (sum[0] == 42)
		p->sink = 1;
}

/* Goes on where the last one ended, so that what a cache has kept is never read again. */
static double read_rate(struct probe *p)
{
	enum { PIECES = 64 };
	double start = now(), bytes = 0;

	do {
		threads_for(p->pool, PIECES, read_piece, p);
		p->next += PIECES;
		bytes += (double)PIECES * (double)PIECE_BYTES;
	} while (now() - start < READ_SECONDS);
	return bytes / (now() - start) / 1e9;
}

/* ---- multiply-adds: independent chains in registers, the kernel that nothing can beat ----------
 */

#define CHAINS     12
#define FMA_ROUNDS 20000

#ifdef __x86_64__
__attribute__((target("avx2,fma"))) static void fma_256(void *ctx, int64_t i, int worker)
{
	struct probe *p = ctx;
	__m256 sum[CHAINS], a = _mm256_set1_ps(0.999f), c = _mm256_set1_ps(0.001f);

	(void)worker;
	for (int j = 0; j < CHAINS; j++)
		sum[j] = _mm256_set1_ps((float)(i + j));
	for (int r = 0; r < FMA_ROUNDS; r++)
		for (int j = 0; j < CHAINS; j++)
			sum[j] = _mm256_fmadd_ps(sum[j], a, c);
	for (int j = 1; j < CHAINS; j++)
		sum[0] = _mm256_add_ps(sum[0], sum[j]);
	if (_mm256_cvtss_f32(sum[0]) == 42)
		p->sink = 1;
}

__attribute__((target("avx512f"))) static void fma_512(void *ctx, int64_t i, int worker)
{
	struct probe *p = ctx;
	__m512 sum[CHAINS], a = _mm512_set1_ps(0.999f), c = _mm512_set1_ps(0.001f);

	(void)worker;
	for (int j = 0; j < CHAINS; j++)
		sum[j] = _mm512_set1_ps((float)(i + j));
	for (int r = 0; r < FMA_ROUNDS; r++)
		for (int j = 0; j < CHAINS; j++)
			sum[j] = _mm512_fmadd_ps(sum[j], a, c);
	for (int j = 1; j < CHAINS; j++)
		sum[0] = _mm512_add_ps(sum[0], sum[j]);
	if (_mm512_cvtss_f32(sum[0]) == 42)
		p->sink = 1;
}
#endif

static void fma_plain(void *ctx, int64_t i, int worker)
{
	struct probe *p = ctx;
	float sum[CHAINS];

	(void)worker;
	for (int j = 0; j < CHAINS; j++)
		sum[j] = (float)(i + j);
	for (int r = 0; r < FMA_ROUNDS; r++)
		for (int j = 0; j < CHAINS; j++)
			sum[j] = sum[j] * 0.999f + 0.001f;
	for (int j = 1; j < CHAINS; j++)
		sum[0] += sum[j];
	if (sum[0] == 42)
		p->sink = 1;
}

static double fma_rate(struct probe *p)
{
	double start = now(), pieces = 0, n = 4.0 * threads_count(p->pool);

	do {
		threads_for(p->pool, (int64_t)n, p->fma, p);
		pieces += n;
	} while (now() - start < FMA_SECONDS);
	return pieces * p->fma_operations / (now() - start) / 1e9;
}

static void use_fma(struct probe *p, void (*fma)(void *, int64_t, int), int bits)
{
	p->fma = fma;
	p->fma_bits = bits;
	p->fma_operations = 2.0 * FMA_ROUNDS * CHAINS * (bits ? bits / 32 : 1);
}

/* The width that gives more: 512 bits are twice 256 on one kind of machine and no more on another.
 */
static void choose_fma(struct probe *p)
{
	use_fma(p, fma_plain, 0);
#ifdef __x86_64__
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		use_fma(p, fma_256, 256);
	if (__builtin_cpu_supports("avx512f")) {
		double narrow = (fma_rate(p), fma_rate(p));

		use_fma(p, fma_512, 512);
		if ((fma_rate(p), fma_rate(p)) < 1.1 * narrow)
			use_fma(p, fma_256, 256);
	}
#endif
}

void probe_use_fma(struct probe *p, int bits)
{
#ifdef __x86_64__
	if (bits == 256 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		use_fma(p, fma_256, 256);
	if (bits == 512 && __builtin_cpu_supports("avx512f"))
		use_fma(p, fma_512, 512);
#else
	(void)p;
	(void)bits;
#endif
}

int probe_fma_bits(const struct probe *p)
{
	return p->fma_bits;
}

/* ---- from a thread to another --------------------------------------------------------------- */

struct table {
	_Alignas(128) atomic_int ball; /* even: ours to play */
	_Alignas(128) atomic_bool over;
};

static void relax(void)
{
#ifdef __x86_64__
	_mm_pause();
#endif
}

static void *play(void *ctx)
{
	struct table *t = ctx;

	while (!atomic_load(&t->over)) {
		int ball = atomic_load_explicit(&t->ball, memory_order_acquire);

		if (ball & 1)
			atomic_store_explicit(&t->ball, ball + 1, memory_order_release);
		else
			relax();
	}
	return NULL;
}

/* Whether the ball came back before the time was over. */
static bool hit(struct table *t, int ball, double end)
{
	atomic_store_explicit(&t->ball, ball, memory_order_release);
	for (int spins = 1; atomic_load_explicit(&t->ball, memory_order_acquire) == ball; spins++)
		if (spins % 4096 == 0 && now() > end)
			return false;
	return true;
}

/* Where the other thread gets no processor the ball does not come back: the time is bounded. */
static double ping_pong(void)
{
	struct table t = { 0, false };
	pthread_t other;
	double start, took;
	int rounds = 0;

	if (pthread_create(&other, NULL, play, &t))
		return NAN;
	hit(&t, 1, now() + PING_SECONDS); /* it is there */
	start = now();
	while (hit(&t, 2 * ++rounds + 1, start + 2 * PING_SECONDS))
		if (rounds % 64 == 0 && now() - start > PING_SECONDS)
			break;
	took = now() - start;
	atomic_store(&t.over, true);
	pthread_join(other, NULL);
	return took / (2 * rounds) * 1e9;
}

/* ---- probes -----------------------------------------------------------------------------------
 */

struct probe *probe_new(struct threads *pool)
{
	struct probe *p = mem_calloc(1, sizeof(*p));

	p->pool = pool;
	p->memory = mem_try_aligned(PROBE_BYTES);
	if (!p->memory) {
		free(p);
		return NULL;
	}
	memset(p->memory, 1, PROBE_BYTES);
	choose_fma(p);
	return p;
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	free(p->memory);
	free(p);
}

struct probe_state probe_now(struct probe *p)
{
	struct probe_state s = { .rate = {
					 [PROBE_READ] = read_rate(p), [PROBE_FMA] = fma_rate(p) } };

	s.latency_ns = threads_count(p->pool) > 1 ? ping_pong() : 0;
	return s;
}

bool probe_same(const struct probe_state *a, const struct probe_state *b)
{
	for (int i = 0; i < PROBE_LIMITS; i++)
		if (!(fabs(a->rate[i] - b->rate[i]) <= MAX_DRIFT * a->rate[i]))
			return false;
	return a->latency_ns <= MAX_LATENCY * b->latency_ns &&
	       b->latency_ns <= MAX_LATENCY * a->latency_ns;
}

/* The first line of /proc/stat, in hundredths of a second: what was worked, not waited. */
static double machine_seconds(void)
{
	long long user, nice, system, idle, wait, irq, soft, steal;
	FILE *f = fopen("/proc/stat", "r");
	int n = 0;

	if (f) {
		n = fscanf(f, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &system,
			   &idle, &wait, &irq, &soft, &steal);
		fclose(f);
	}
	if (n < 8)
		return NAN;
	return (double)(user + nice + system + irq + soft + steal) / (double)sysconf(_SC_CLK_TCK);
}

struct probe_clock probe_clock_now(void)
{
	return (struct probe_clock){ now(), 1e-9 * (double)clock_process_ns(), machine_seconds() };
}

double probe_others(const struct probe_clock *start)
{
	struct probe_clock end = probe_clock_now();
	double theirs = (end.all - start->all) - (end.own - start->own);
	double share = theirs / (end.wall - start->wall);

	return share > 0 ? share : 0; /* 0 also where the system tells nothing */
}

/* ---- measuring --------------------------------------------------------------------------------
 */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double probe_median(double *x, int n)
{
	if (n == 0)
		return NAN;
	qsort(x, (size_t)n, sizeof(*x), ascending);
	return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

struct sample {
	double rate, ratio, others;
	double probe[PROBE_LIMITS]; /* the means of before and after */
	bool counts;
};

static struct sample take(struct probe *p, struct probe_state *before, enum probe_limit limit,
			  double amount, void (*run)(void *), void *ctx)
{
	struct probe_clock clock = probe_clock_now();
	struct probe_state after;
	struct sample s = { 0 };
	double start = now(), calls = 0, took;

	do {
		run(ctx);
		calls++;
		took = now() - start;
	} while (took < MIN_SAMPLE);
	s.others = probe_others(&clock);
	after = probe_now(p);
	s.rate = calls * amount / took / 1e9;
	for (int i = 0; i < PROBE_LIMITS; i++)
		s.probe[i] = (before->rate[i] + after.rate[i]) / 2;
	s.ratio = s.rate / s.probe[limit];
	s.counts = probe_same(before, &after) && s.others < PROBE_OTHERS_MAX;
	*before = after;
	return s;
}

/* Of those that count; of all when they are too few. */
static struct probe_result summary(const struct sample *s, int n_all, int counted, int wanted)
{
	struct probe_result r = { .n = counted, .dropped = n_all - counted };
	double rate[2 * PROBE_SAMPLES], ratio[2 * PROBE_SAMPLES], others[2 * PROBE_SAMPLES];
	double probe[PROBE_LIMITS][2 * PROBE_SAMPLES];
	int n = 0;

	r.noise = counted < (wanted + 1) / 2;
	for (int i = 0; i < n_all; i++) {
		if (!s[i].counts && !r.noise)
			continue;
		rate[n] = s[i].rate;
		ratio[n] = s[i].ratio;
		for (int l = 0; l < PROBE_LIMITS; l++)
			probe[l][n] = s[i].probe[l];
		others[n++] = s[i].others;
	}
	for (int l = 0; l < PROBE_LIMITS; l++)
		r.probe[l] = probe_median(probe[l], n);
	r.rate = probe_median(rate, n);
	r.ratio = probe_median(ratio, n);
	r.others = probe_median(others, n);
	r.least = ratio[0];
	r.most = ratio[n - 1];
	return r;
}

struct probe_result probe_measure(struct probe *p, enum probe_limit limit, double amount,
				  int samples, void (*run)(void *ctx), void *ctx)
{
	struct sample s[2 * PROBE_SAMPLES];
	struct probe_state before = probe_now(p);
	int n = 0, counted = 0;

	samples = samples > PROBE_SAMPLES ? PROBE_SAMPLES : samples;
	while (counted < samples && n < 2 * samples) {
		s[n] = take(p, &before, limit, amount, run, ctx);
		counted += s[n++].counts;
	}
	return summary(s, n, counted, samples);
}

bool probe_machine_is_quiet(struct probe *p, const char *who)
{
	enum { LOOKS = 6 };
	struct probe_clock clock = probe_clock_now();
	struct probe_state last = probe_now(p);
	int changes = 0;
	double others;

	for (int i = 1; i < LOOKS; i++) {
		struct probe_state next = probe_now(p);

		changes += !probe_same(&last, &next);
		last = next;
	}
	others = probe_others(&clock);
	if (others < PROBE_OTHERS_MAX && changes < LOOKS / 2)
		return true;
	fprintf(stderr,
		"%s: the machine is too busy to measure on (others use %.0f %% of a processor, its "
		"speed changed %d times in %d looks): what is marked ~ is noise\n",
		who, 100 * others, changes, LOOKS - 1);
	return false;
}
