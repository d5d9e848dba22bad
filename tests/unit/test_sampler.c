/*
 * test_sampler.c -- the sampler against definitions written out in plain loops.
 */
#include "torchless/sampler.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define V 1000

/* Logits with a peaked head and a long tail, the same on every run. */
static void fill(float *x, int n, unsigned seed)
{
	for (int i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		x[i] = (float)((double)(seed >> 8) / (1 << 24) * 6 - 3);
		if (seed % 97 == 0)
			x[i] += 6;
	}
}

static struct sampler_options options(double temp, int64_t k, double p, double min_p)
{
	return (struct sampler_options){ temp, k, p, min_p, 42 };
}

static double plain_logprob(const float *x, int n, int i)
{
	double max = -INFINITY, sum = 0;

	for (int j = 0; j < n; j++)
		max = fmax(max, x[j]);
	for (int j = 0; j < n; j++)
		sum += exp(x[j] - max);
	return x[i] - max - log(sum);
}

static int by_logit(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->logit != y->logit)
		return x->logit > y->logit ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

/* How many the cuts keep, by sorting everything and following transformers' warpers. */
static int64_t kept_by_definition(const float *x, int n, const struct sampler_options *o)
{
	struct candidate *c = calloc((size_t)n, sizeof(*c));
	double sum = 0, above = 0;
	int64_t kept = n, m;

	for (int i = 0; i < n; i++)
		c[i] = (struct candidate){ .id = i, .logit = x[i] };
	qsort(c, (size_t)n, sizeof(*c), by_logit);
	if (o->top_k > 0 && o->top_k < kept)
		kept = o->top_k;
	for (int64_t i = 0; i < kept; i++)
		sum += exp((c[i].logit - c[0].logit) / o->temp);
	if (o->top_p < 1) {
		for (m = 0; m < kept && (m == 0 || above < o->top_p * sum); m++)
			above += exp((c[m].logit - c[0].logit) / o->temp);
		kept = m;
	}
	for (m = 1; m < kept && exp((c[m].logit - c[0].logit) / o->temp) >= o->min_p; m++)
		;
	free(c);
	return m;
}

static int32_t pick_id(struct sampler *s, const float *x, int64_t n)
{
	struct err err = { 0 };
	int64_t pick = sampler_pick(s, x, n, &err);

	cr_assert_geq(pick, 0, "%s", err.message);
	return s->candidates[pick].id;
}

Test(sampler, greedy_takes_the_largest_and_the_lowest_id_on_ties)
{
	float x[5] = { 1, 7, 3, 7, -2 };
	struct sampler_options o = options(0, 0, 1, 0);
	struct err err = { 0 };
	struct sampler s;
	int64_t pick;

	sampler_init(&s, &o);
	pick = sampler_pick(&s, x, 5, &err);
	cr_assert_eq(s.candidates[pick].id, 1);
	cr_assert_eq(s.n_candidates, 5);
	cr_assert_eq(s.candidates[1].id, 3);
	cr_assert_float_eq(s.candidates[0].logprob, plain_logprob(x, 5, 1), 1e-6);
	sampler_release(&s);
}

Test(sampler, cuts_keep_what_their_definition_keeps)
{
	static const struct sampler_options all[] = {
		{ 1, 0, 1, 0, 1 },      { 1, 5, 1, 0, 1 },      { 1, 0, .9, 0, 1 },
		{ 1, 0, 1, .05, 1 },    { .7, 40, .95, 0, 1 },  { 2, 100, .5, .1, 1 },
		{ 1.5, 0, .999, 0, 1 }, { 5, 0, .99, .001, 1 }, { .01, 0, .9, 0, 1 },
		{ 1, V + 7, 1, 0, 1 },  { 1, 1, 1, 0, 1 },      { 1, 0, 1e-9, 0, 1 },
		{ 1, 0, 1, 1, 1 },      { 100, 0, .9, 0, 1 },
	};
	float x[V];

	for (unsigned seed = 1; seed <= 5; seed++) {
		fill(x, V, seed);
		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
			struct err err = { 0 };
			struct sampler s;
			int64_t pick;

			sampler_init(&s, &all[i]);
			pick = sampler_pick(&s, x, V, &err);
			cr_assert_eq(s.n_kept, kept_by_definition(x, V, &all[i]),
				     "options %zu seed %u: %lld kept", i, seed,
				     (long long)s.n_kept);
			cr_assert(pick >= 0 && pick < s.n_kept);
			cr_assert_geq(s.n_candidates, 20);
			for (int64_t c = 0; c < s.n_candidates; c++)
				cr_assert_eq(s.candidates[c].cut_by == CUT_NONE, c < s.n_kept);
			sampler_release(&s);
		}
	}
}

Test(sampler, candidates_are_sorted_with_plain_log_probabilities)
{
	struct sampler_options o = options(.5, 0, .9, 0);
	struct err err = { 0 };
	struct sampler s;
	float x[V];

	fill(x, V, 9);
	sampler_init(&s, &o);
	sampler_pick(&s, x, V, &err);
	for (int64_t i = 0; i < s.n_candidates; i++) {
		cr_assert(i == 0 || s.candidates[i - 1].logit >= s.candidates[i].logit);
		cr_assert_float_eq(s.candidates[i].logprob, plain_logprob(x, V, s.candidates[i].id),
				   1e-5);
	}
	sampler_release(&s);
}

Test(sampler, which_cut_removed_a_candidate_is_told)
{
	/* Probabilities 1/2, 1/4, 1/8, ... */
	struct sampler_options o = options(1, 8, .9, .2);
	struct err err = { 0 };
	struct sampler s;
	float x[30];

	for (int i = 0; i < 30; i++)
		x[i] = (float)(-i * log(2));
	sampler_init(&s, &o);
	sampler_pick(&s, x, 30, &err);
	cr_assert_eq(s.n_kept, 3); /* 1/8 is 1/4 of 1/2, 1/16 is only 1/8 of it */
	cr_assert_eq(s.candidates[3].cut_by, CUT_MIN_P);
	cr_assert_eq(s.candidates[4].cut_by, CUT_TOP_P); /* 15/16 above it */
	cr_assert_eq(s.candidates[8].cut_by, CUT_TOP_K);
	cr_assert_eq(s.n_left[0], 30);
	cr_assert_eq(s.n_left[CUT_TOP_K], 8);
	cr_assert_eq(s.n_left[CUT_TOP_P], 4);
	cr_assert_eq(s.n_left[CUT_MIN_P], 3);
	cr_assert_str_eq(cut_names[CUT_MIN_P], "min_p");
	sampler_release(&s);
}

Test(sampler, draws_follow_the_distribution)
{
	float x[4] = { 0, logf(2), -INFINITY, (float)log(5) }; /* 1 : 2 : 0 : 5 */
	struct sampler_options o = options(1, 0, 1, 0);
	int counts[4] = { 0 };
	struct sampler s;

	sampler_init(&s, &o);
	for (int i = 0; i < 80000; i++)
		counts[pick_id(&s, x, 4)]++;
	/* Standard deviations are under 140: these bounds are more than five of them. */
	cr_assert_eq(counts[2], 0);
	cr_assert_lt(abs(counts[0] - 10000), 700);
	cr_assert_lt(abs(counts[1] - 20000), 700);
	cr_assert_lt(abs(counts[3] - 50000), 700);
	sampler_release(&s);
}

Test(sampler, a_seed_repeats_and_another_does_not)
{
	struct sampler_options o = options(1, 0, 1, 0);
	struct sampler a, b, c;
	struct err err = { 0 };
	int same = 0;
	float x[V];

	fill(x, V, 3);
	sampler_init(&a, &o);
	sampler_init(&b, &o);
	o.seed++;
	sampler_init(&c, &o);
	for (int i = 0; i < 200; i++) {
		int64_t pick = sampler_pick(&a, x, V, &err);

		cr_assert_eq(pick, sampler_pick(&b, x, V, &err));
		same += pick == sampler_pick(&c, x, V, &err);
	}
	cr_assert_lt(same, 150);
	sampler_release(&a);
	sampler_release(&b);
	sampler_release(&c);
}

/* The first outputs of the published C code of splitmix64 and xoshiro256** for seed 0. */
Test(sampler, the_generator_is_xoshiro256_seeded_by_splitmix64)
{
	struct sampler_options o = { .seed = 0, .top_p = 1 };
	struct sampler s;

	sampler_init(&s, &o);
	cr_assert_eq(s.rng[0], 0xe220a8397b1dcdafu);
	cr_assert_eq(s.rng[1], 0x6e789e6aa1b965f4u);
	cr_assert_eq(s.rng[2], 0x06c45d188009454fu);
	cr_assert_eq(s.rng[3], 0xf88bb8a8724c81ecu);
	sampler_release(&s);
}

Test(sampler, nan_is_never_picked_and_nothing_to_pick_is_an_error)
{
	float x[4] = { NAN, -1, NAN, -2 }, none[3] = { NAN, -INFINITY, NAN };
	struct err err = { 0 };
	struct sampler s;

	for (int temp = 0; temp < 2; temp++) {
		struct sampler_options o = options(temp, 0, 1, 0);

		sampler_init(&s, &o);
		for (int i = 0; i < 100; i++)
			cr_assert_neq(pick_id(&s, x, 4) % 2, 0);
		cr_assert_eq(sampler_pick(&s, none, 3, &err), ERR_FORMAT);
		cr_assert(strstr(err.message, "NaN"));
		sampler_release(&s);
	}
}

Test(sampler, nothing_is_likely_when_every_logit_is_nan)
{
	float x[3] = { NAN, -INFINITY, NAN };
	struct candidate top[2];
	struct logit_view view;

	cr_assert_eq(sampler_top(x, 3, top, 2, 1, &view), 0);
	cr_assert(isnan(view.entropy) && isnan(view.target_logprob));
	cr_assert_eq(view.target_rank, -1);
}

Test(sampler, infinite_and_huge_logits_stay_finite)
{
	float x[3] = { 3e38f, -3e38f, INFINITY };
	struct sampler_options o = options(.001, 0, .9, 0);
	struct sampler s;

	sampler_init(&s, &o);
	cr_assert_eq(pick_id(&s, x, 3), 2);
	cr_assert_float_eq(s.candidates[0].logprob, 0, 1e-6);
	cr_assert_float_eq(s.entropy, 0, 1e-6);
	cr_assert_eq(pick_id(&s, x, 2), 0);
	sampler_release(&s);
}

Test(sampler, entropy_of_a_uniform_distribution_is_log_n)
{
	struct candidate top[3];
	struct logit_view view;
	float x[64] = { 0 };

	cr_assert_eq(sampler_top(x, 64, top, 3, 63, &view), 3);
	cr_assert_float_eq(view.entropy, log(64), 1e-6);
	cr_assert_float_eq(view.target_logprob, -log(64), 1e-6);
	cr_assert_eq(view.target_rank, 63);
	cr_assert_eq(top[2].id, 2);
}

Test(sampler, top_agrees_with_sorting_everything)
{
	struct candidate all[V], top[20];
	struct logit_view view;
	float x[V];

	fill(x, V, 5);
	x[10] = x[11] = x[12] = 20; /* ties */
	for (int i = 0; i < V; i++)
		all[i] = (struct candidate){ .id = i, .logit = x[i] };
	qsort(all, V, sizeof(*all), by_logit);
	cr_assert_eq(sampler_top(x, V, top, 20, all[17].id, &view), 20);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(top[i].id, all[i].id);
	cr_assert_eq(view.target_rank, 17);
	cr_assert_float_eq(view.target_logprob, plain_logprob(x, V, all[17].id), 1e-5);
	cr_assert_eq(sampler_top(x, 4, top, 20, -1, &view), 4);
	cr_assert_eq(view.target_rank, -1);
}

Test(sampler, options_out_of_range_are_named)
{
	static const struct {
		struct sampler_options o;
		const char *name;
	} bad[] = {
		{ { -1, 0, 1, 0, 0 }, "--temp" },   { { NAN, 0, 1, 0, 0 }, "--temp" },
		{ { 1, -1, 1, 0, 0 }, "--top-k" },  { { 1, 0, 0, 0, 0 }, "--top-p" },
		{ { 1, 0, 1.1, 0, 0 }, "--top-p" }, { { 1, 0, 1, -.1, 0 }, "--min-p" },
		{ { 1, 0, 1, 2, 0 }, "--min-p" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };

		cr_assert_eq(sampler_check(&bad[i].o, &err), ERR_USAGE);
		cr_assert(strstr(err.message, bad[i].name), "%s", err.message);
	}
}
