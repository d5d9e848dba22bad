/* test_probe.c -- the ground that benchmarks stand on: when two states are one, and what counts. */
#include "bench/probe.h"

#include <criterion/criterion.h>
#include <math.h>

Test(probe, states_are_the_same_within_bounds)
{
	struct probe_state a = { { 20, 300 }, 70 }, b = a;

	cr_assert(probe_same(&a, &b));
	b.rate[PROBE_READ] = 21.9;
	cr_assert(probe_same(&a, &b));
	b.rate[PROBE_READ] = 22.1;
	cr_assert_not(probe_same(&a, &b), "a tenth more");
	b = a;
	b.rate[PROBE_FMA] = 150;
	cr_assert_not(probe_same(&a, &b), "half the multiply-adds");
	b = a;
	b.latency_ns = 100;
	cr_assert(probe_same(&a, &b) && probe_same(&b, &a));
	b.latency_ns = 160;
	cr_assert_not(probe_same(&a, &b) || probe_same(&b, &a), "another pair of cores");
	b = a;
	b.rate[PROBE_FMA] = NAN;
	cr_assert_not(probe_same(&a, &b) || probe_same(&b, &a), "no number is no state");
}

Test(probe, medians)
{
	double one[] = { 5 }, three[] = { 9, 1, 4 }, four[] = { 8, 2, 6, 4 };

	cr_assert_eq(probe_median(one, 1), 5);
	cr_assert_eq(probe_median(three, 3), 4);
	cr_assert_eq(probe_median(four, 4), 5);
	cr_assert(isnan(probe_median(one, 0)));
}

static void work(void *ctx)
{
	volatile double *calls = ctx;

	for (int i = 0; i < 100000; i++)
		*calls += 1e-5;
}

/* Whatever the machine does meanwhile: it ends, and says how many samples there were. */
Test(probe, measuring_is_bounded)
{
	struct err err = { 0 };
	struct threads *pool = threads_new(2, &err);
	struct probe *p = probe_new(pool);
	double calls = 0;
	struct probe_result r;

	cr_assert_not_null(p);
	r = probe_measure(p, PROBE_FMA, 1e5, 2, work, &calls);
	cr_assert(r.n + r.dropped >= 2 && r.n + r.dropped <= 4, "%d and %d", r.n, r.dropped);
	cr_assert_leq(r.n, 2);
	cr_assert_eq(r.noise, r.n < 1);
	cr_assert(r.rate > 0 && r.ratio > 0 && r.least <= r.ratio && r.ratio <= r.most);
	cr_assert_gt(calls, 2);
	probe_free(p);
	threads_free(pool);
}
