/*
 * probe.h -- what the machine can do at this moment, and measuring beside it.
 *
 * The speed of a shared machine changes by a factor of two from one second to the next, and a
 * benchmark that does not know it measures its neighbours.  A probe takes a few hundredths of a
 * second: how fast all threads together read memory, how many fused multiply-adds they do, and how
 * long a word takes from one thread to another.  A sample stands between two of them; it counts
 * when both say the same and nobody else had used much of the processors, and what is compared
 * from day to day is its ratio to them.
 */
#ifndef TORCHLESS_BENCH_PROBE_H
#define TORCHLESS_BENCH_PROBE_H

#include "torchless/threads.h"

#include <stdbool.h>
#include <stdint.h>

enum probe_limit { PROBE_READ, PROBE_FMA, PROBE_LIMITS };
extern const char *const probe_units[]; /* "GB/s", "GF/s" */

struct probe_state {
	double rate[PROBE_LIMITS]; /* GB/s read; GF/s of f32 FMA, at the width that gives most */
	double latency_ns;         /* one way, from a thread to another */
};

/* Whose time it was: processor seconds of the machine and of this process, and the wall's. */
struct probe_clock {
	double wall, own, all;
};

struct probe;

/*
 * The pool is the caller's and must outlive it; no loop may run during a probe.  Takes 512 MB, and
 * a tenth of a second to see which width of FMA gives more here.  NULL: there is not the memory.
 */
struct probe *probe_new(struct threads *pool);
void probe_free(struct probe *p);

/* Measure now; takes about 0.1 s. */
struct probe_state probe_now(struct probe *p);

/* Bits of the registers that the FMA probe uses: 512, 256, or 0 without any. */
int probe_fma_bits(const struct probe *p);

/* Take the FMA of registers so wide (512, 256) from now on: as wide as those that are measured. */
void probe_use_fma(struct probe *p, int bits);

/* Whether the machine was the same one: rates within a tenth, latency within a half. */
bool probe_same(const struct probe_state *a, const struct probe_state *b);

/*
 * Since `start`: of how many processors others have had the time.  0 where the system does not
 * tell.  It counts in hundredths of a second, so it says nothing about less than a tenth of one.
 */
struct probe_clock probe_clock_now(void);
double probe_others(const struct probe_clock *start);
#define PROBE_OTHERS_MAX 0.15

struct probe_result {
	int n, dropped; /* samples that count, and others */
	bool noise;     /* too few counted: the figures are of all that were taken */
	double rate, ratio, least, most; /* medians, and the range of the ratio */
	double others;                   /* the median; of how many processors */
	double probe[PROBE_LIMITS];      /* medians of what the probes around the samples said */
};

/*
 * Measure run(ctx), which does `amount` bytes or operations a call, until `samples` (at most
 * PROBE_SAMPLES) counted, with at most as many again that did not: bounded, whatever the machine
 * does.  Touch everything once first.
 */
#define PROBE_SAMPLES 16
struct probe_result probe_measure(struct probe *p, enum probe_limit limit, double amount,
				  int samples, void (*run)(void *ctx), void *ctx);

/*
 * Look at the machine before an hour is lost: false when it is not steady, and then a sentence says
 * so on stderr, in the name of `who`.
 */
bool probe_machine_is_quiet(struct probe *p, const char *who);

/* The median of n numbers, which are put in order. */
double probe_median(double *x, int n);

#endif
