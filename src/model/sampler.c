/*
 * sampler.c -- temperature, top-k, top-p, min-p and a draw, over a sorted list of candidates.
 *
 * The one idea: a vocabulary is large and what sampling looks at is small.  Only candidates within
 * `reach` of the best logit are collected and sorted; when a cut turns out to need more of the
 * tail, the reach doubles.  The result is that of sorting everything.
 *
 * A NaN logit counts as -inf: it can never be picked.  Sums are kept in f64.
 */
#include "torchless/sampler.h"
#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 20 /* candidates listed besides those that were kept */

const char *const cut_names[] = { NULL, "top_k", "top_p", "min_p" };

int sampler_check(const struct sampler_options *o, struct err *err)
{
	if (!(o->temp >= 0 && o->temp <= 1000))
		return err_set(err, ERR_USAGE, "--temp is %g but must be between 0 and 1000",
			       o->temp);
	if (o->top_k < 0)
		return err_set(err, ERR_USAGE, "--top-k is %lld but must be 0 (off) or more",
			       (long long)o->top_k);
	if (!(o->top_p > 0 && o->top_p <= 1))
		return err_set(err, ERR_USAGE, "--top-p is %g but must be above 0 and at most 1",
			       o->top_p);
	if (!(o->min_p >= 0 && o->min_p <= 1))
		return err_set(err, ERR_USAGE, "--min-p is %g but must be between 0 and 1",
			       o->min_p);
	return 0;
}

/* ---- the generator: xoshiro256** seeded by splitmix64 (Blackman and Vigna, 2018) ----------- */

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

static uint64_t random_bits(uint64_t s[4])
{
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

/* Uniform in [0, 1), 53 bits. */
static double random_unit(uint64_t s[4])
{
	return (double)(random_bits(s) >> 11) * 0x1p-53;
}

void sampler_init(struct sampler *s, const struct sampler_options *o)
{
	uint64_t seed = o->seed;

	*s = (struct sampler){ .opt = *o, .entropy = NAN, .draw = NAN };
	for (int i = 0; i < 4; i++)
		s->rng[i] = splitmix64(&seed);
}

void sampler_release(struct sampler *s)
{
	free(s->candidates);
	*s = (struct sampler){ 0 };
}

/* ---- softmax ------------------------------------------------------------------------------ */

/* What a probability is computed from. */
struct normalizer {
	float max;
	double log_sum; /* log of sum of exp(l - max) */
	double entropy; /* nats */
};

/* exp((l - max) / temp): 1 at the maximum even when that is infinite, 0 for NaN. */
static double weight(float l, float max, double temp)
{
	if (l == max)
		return 1;
	return l < max ? exp(((double)l - max) / temp) : 0;
}

/* Logits that are looked at together, as wide as the machine compares: a vocabulary is long. */
#define LANES 16

/* The largest that is a number; -inf when there is none. */
static float largest(const float *logits, int64_t n)
{
	float lane[LANES], max = -INFINITY;
	int64_t i = 0;

	for (int j = 0; j < LANES; j++)
		lane[j] = -INFINITY;
	for (; i + LANES <= n; i += LANES)
		for (int j = 0; j < LANES; j++)
			lane[j] = logits[i + j] > lane[j] ? logits[i + j] : lane[j];
	for (; i < n; i++)
		max = logits[i] > max ? logits[i] : max;
	for (int j = 0; j < LANES; j++)
		max = lane[j] > max ? lane[j] : max;
	return max;
}

/* x where `keep` is true, else 0; no branch, which lanes could not take together. */
static inline float only_if(bool keep, float x)
{
	int32_t bits, mask = -(int32_t)keep;

	memcpy(&bits, &x, sizeof(bits));
	bits &= mask;
	memcpy(&x, &bits, sizeof(x));
	return x;
}

/*
 * exp(x) for -87 <= x <= 0, within 1e-7 of itself, in steps that compilers take for many lanes at
 * once: x = n ln 2 + r, and exp(r) = 1 + r + r^2 q(r) with q fitted as in kernels/avx2.h.
 */
static inline float exp_below(float x)
{
	const float whole = 0x1.8p23f; /* added, it leaves a whole number in the lowest bits */
	float shifted = x * 1.44269504f + whole, n = shifted - whole;
	float r = (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f, q;
	uint32_t bits, power;

	q = 0.00138145837f * r + 0.00836872403f;
	q = q * r + 0.041668389f;
	q = q * r + 0.166665211f;
	q = q * r + 0.49999994f;
	q = 1 + (r + r * r * q);
	memcpy(&bits, &q, sizeof(bits));
	memcpy(&power, &shifted, sizeof(power));
	bits += power << 23; /* times 2^n: what stands above n falls out */
	memcpy(&q, &bits, sizeof(q));
	return q;
}

/* Lanes of a sum of exp(l - max), and of the same weighted by l - max. */
struct weights {
	double sum[LANES], weighted[LANES];
};

/* The maximum weighs 1 even where it is infinite; NaN, and what is below 1e-38 of it, nothing. */
static inline void add_weight(struct weights *w, int lane, float logit, float max)
{
	float below = only_if(logit != max, logit - max);
	bool counts = below >= -87;
	float x = only_if(counts, below), e = only_if(counts, exp_below(x));

	w->sum[lane] += (double)e;
	w->weighted[lane] += (double)(e * x);
}

static double sum_lanes(const double *lane)
{
	double sum = 0;

	for (int j = 0; j < LANES; j++)
		sum += lane[j];
	return sum;
}

static struct normalizer normalize(const float *logits, int64_t n)
{
	struct normalizer z = { .max = largest(logits, n) };
	struct weights w = { 0 };
	int64_t i = 0;
	double sum;

	if (z.max == -INFINITY) {
		z.log_sum = z.entropy = NAN; /* nothing but NaN and -inf: no distribution */
		return z;
	}
	/* Weights in f32: this is read to 6 digits, and it runs for every position of a prompt. */
	for (; i + LANES <= n; i += LANES)
		for (int j = 0; j < LANES; j++)
			add_weight(&w, j, logits[i + j], z.max);
	for (int j = 0; i + j < n; j++)
		add_weight(&w, j, logits[i + j], z.max);
	sum = sum_lanes(w.sum);
	z.log_sum = log(sum);
	z.entropy = z.log_sum - sum_lanes(w.weighted) / sum;
	return z;
}

static float log_probability(const struct normalizer *z, float logit)
{
	if (logit == z->max)
		return (float)-z->log_sum;
	return logit < z->max ? (float)((double)logit - z->max - z->log_sum) : -INFINITY;
}

/* Likelier first, the lower id on ties. */
static bool comes_before(const struct candidate *a, const struct candidate *b)
{
	return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

static int compare_candidates(const void *x, const void *y)
{
	return comes_before(x, y) ? -1 : 1;
}

/* Whether any of LANES logits is above the bound. */
static bool any_above(const float *logits, float bound)
{
	int above = 0;

	for (int j = 0; j < LANES; j++)
		above |= logits[j] > bound;
	return above;
}

/*
 * The k best of logits[n], sorted, by insertion: k is small and most logits fail the first test,
 * many at once.
 */
static int64_t select_top(const float *logits, int64_t n, struct candidate *out, int64_t k)
{
	int64_t m = 0;

	for (int64_t i = 0; i < n; i++) {
		struct candidate c;
		int64_t j;

		while (m == k && i + LANES <= n && !any_above(logits + i, out[k - 1].logit))
			i += LANES;
		if (i == n)
			break;
		c = (struct candidate){ .id = (int32_t)i, .logit = logits[i] };
		if (!(logits[i] > -INFINITY) || (m == k && !(logits[i] > out[k - 1].logit)))
			continue;
		j = m < k ? m++ : k - 1;
		for (; j > 0 && comes_before(&c, &out[j - 1]); j--)
			out[j] = out[j - 1];
		out[j] = c;
	}
	return m;
}

static int64_t rank_of(const float *logits, int64_t n, int64_t target)
{
	float logit = logits[target];
	int32_t before = 0, behind = 0; /* ids are as wide */

	if (isnan(logit))
		return n - 1;
	for (int64_t i = 0; i < target; i++)
		before += logits[i] >= logit;
	for (int64_t i = target; i < n; i++)
		behind += logits[i] > logit;
	return before + behind;
}

int64_t sampler_top(const float *logits, int64_t n, struct candidate *out, int64_t k,
		    int64_t target, struct logit_view *view)
{
	struct normalizer z = normalize(logits, n);
	int64_t m = k > 0 ? select_top(logits, n, out, k) : 0;

	for (int64_t i = 0; i < m; i++)
		out[i].logprob = log_probability(&z, out[i].logit);
	*view = (struct logit_view){ z.entropy, NAN, -1 };
	if (z.max > -INFINITY && target >= 0 && target < n) {
		view->target_logprob = log_probability(&z, logits[target]);
		view->target_rank = rank_of(logits, n, target);
	}
	return m;
}

/* ---- picking ------------------------------------------------------------------------------ */

static void reserve(struct sampler *s, int64_t n)
{
	if (n <= s->cap)
		return;
	s->candidates = mem_realloc(s->candidates, (size_t)n, sizeof(*s->candidates));
	s->cap = n;
}

/* Collect every candidate whose scaled logit is at most `reach` below the best; returns its mass.
 */
static double collect(struct sampler *s, const float *logits, int64_t n, float max, double reach)
{
	double floor = reach < INFINITY ? max - reach * s->opt.temp : -INFINITY, mass = 0;

	s->n_candidates = 0;
	for (int64_t i = 0; i < n; i++) {
		if (!(logits[i] >= floor) || logits[i] == -INFINITY)
			continue;
		s->candidates[s->n_candidates++] =
			(struct candidate){ .id = (int32_t)i, .logit = logits[i] };
		mass += weight(logits[i], max, s->opt.temp);
	}
	return mass;
}

/* Whether what was collected holds everything that the cuts will keep, and enough to show. */
static bool reaches_far_enough(const struct sampler *s, double reach, double mass, double total)
{
	const struct sampler_options *o = &s->opt;

	if (s->n_candidates < SHOWN)
		return false;
	if (o->top_k > 0)
		return s->n_candidates >= o->top_k;
	if (o->top_p < 1 && mass >= o->top_p * total)
		return true;
	return o->min_p > 0 && reach >= -log(o->min_p);
}

/* Collect and sort all that can matter; returns the mass of the whole vocabulary. */
static double collect_sorted(struct sampler *s, const float *logits, int64_t n, float max)
{
	double total = 0, reach = 8;

	for (int64_t i = 0; i < n; i++)
		total += weight(logits[i], max, s->opt.temp);
	for (;;) {
		double mass = collect(s, logits, n, max, reach);

		if (reach == INFINITY || reaches_far_enough(s, reach, mass, total))
			break;
		reach = reach < 512 ? reach * 2 : INFINITY;
	}
	qsort(s->candidates, (size_t)s->n_candidates, sizeof(*s->candidates), compare_candidates);
	return total;
}

/* Of the first `kept`, remove those from `m` on; `left` says how many the whole vocabulary has. */
static int64_t cut_from(struct sampler *s, int64_t m, int64_t kept, enum cut cut, bool is_on)
{
	for (int64_t i = m; i < kept; i++)
		s->candidates[i].cut_by = cut;
	s->n_left[cut] = is_on ? m : s->n_left[cut - 1];
	return m;
}

static double mass_of(const struct sampler *s, int64_t n)
{
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += weight(s->candidates[i].logit, s->candidates[0].logit, s->opt.temp);
	return sum;
}

/*
 * The cuts in Hugging Face's order; each keeps at least one.  top-p keeps a candidate while the
 * mass strictly above it is under top_p of what top-k left; min-p while it has min_p of the best
 * one's probability.  `total` is the mass of the whole vocabulary: its tail was not collected.
 */
static void apply_cuts(struct sampler *s, int64_t n, double total)
{
	const struct sampler_options *o = &s->opt;
	const struct candidate *c = s->candidates;
	int64_t kept = s->n_candidates, m = kept;
	double above = 0;

	s->n_left[0] = n;
	if (o->top_k > 0 && o->top_k < kept)
		m = o->top_k;
	kept = cut_from(s, m, kept, CUT_TOP_K, o->top_k > 0);
	if (o->top_k > 0)
		total = mass_of(s, kept);

	for (m = 0; m < kept && (m == 0 || o->top_p >= 1 || above < o->top_p * total); m++)
		above += weight(c[m].logit, c[0].logit, o->temp);
	kept = cut_from(s, m, kept, CUT_TOP_P, o->top_p < 1);

	for (m = 1; m < kept && weight(c[m].logit, c[0].logit, o->temp) >= o->min_p; m++)
		;
	s->n_kept = cut_from(s, m, kept, CUT_MIN_P, o->min_p > 0);
	if (s->n_candidates > s->n_kept + SHOWN)
		s->n_candidates = s->n_kept + SHOWN;
}

/* Draw among the kept: walk their masses until a uniform share of the sum is used up. */
static int64_t draw(struct sampler *s)
{
	double left = mass_of(s, s->n_kept);
	int64_t i = 0;

	s->draw = random_unit(s->rng);
	left *= s->draw;
	for (; i < s->n_kept - 1; i++) {
		left -= weight(s->candidates[i].logit, s->candidates[0].logit, s->opt.temp);
		if (left < 0)
			break;
	}
	return i;
}

int64_t sampler_pick(struct sampler *s, const float *logits, int64_t n, struct err *err)
{
	struct normalizer z = normalize(logits, n);
	bool greedy = s->opt.temp == 0;

	if (z.max == -INFINITY)
		return err_set(err, ERR_FORMAT,
			       "no token can be picked: all %lld logits are NaN or -inf",
			       (long long)n);
	reserve(s, greedy ? SHOWN : n);
	s->entropy = z.entropy;
	if (greedy) {
		s->n_candidates = s->n_kept = select_top(logits, n, s->candidates, SHOWN);
		for (int i = 0; i < 4; i++)
			s->n_left[i] = n;
	} else {
		apply_cuts(s, n, collect_sorted(s, logits, n, z.max));
	}
	for (int64_t i = 0; i < s->n_candidates; i++)
		s->candidates[i].logprob = log_probability(&z, s->candidates[i].logit);
	return greedy ? 0 : draw(s);
}

/* ---- what was drawn from -------------------------------------------------------------------- */

struct drawn_from sampler_drawn_from(const struct sampler *s)
{
	if (s->opt.temp == 0 || s->n_kept == 0)
		return (struct drawn_from){ 0 };
	return (struct drawn_from){ s->opt.temp, mass_of(s, s->n_kept), s->candidates[0].logit,
				    s->n_kept };
}

struct drawn_from sampler_would_draw_from(const struct sampler_options *o, const float *logits,
					  int64_t n)
{
	struct normalizer z = normalize(logits, n);
	struct drawn_from d = { 0 };
	struct sampler s;

	if (o->temp == 0 || z.max == -INFINITY)
		return d;
	sampler_init(&s, o);
	reserve(&s, n);
	apply_cuts(&s, n, collect_sorted(&s, logits, n, z.max));
	d = sampler_drawn_from(&s);
	sampler_release(&s);
	return d;
}

double drawn_probability(const struct drawn_from *d, float logit, int64_t rank)
{
	if (!(d->mass > 0))
		return NAN;
	return rank < d->n_kept ? weight(logit, d->max, d->temp) / d->mass : 0;
}
