/*
 * sampler.h -- from logits to one token, every candidate accounted for.
 *
 * The order is Hugging Face's: temperature, top-k, top-p, min-p, then a draw.  Temperature 0 is
 * greedy (the lowest id on ties).  The generator is xoshiro256** seeded by splitmix64, so a seed
 * means the same everywhere.
 */
#ifndef TORCHLESS_SAMPLER_H
#define TORCHLESS_SAMPLER_H

#include "torchless/err.h"

#include <stdbool.h>
#include <stdint.h>

struct sampler_options {
	double temp;   /* 0: greedy */
	int64_t top_k; /* 0: off */
	double top_p;  /* 1: off */
	double min_p;  /* 0: off */
	uint64_t seed;
};

/* ERR_USAGE naming the option that is out of range. */
int sampler_check(const struct sampler_options *o, struct err *err);

enum cut { CUT_NONE, CUT_TOP_K, CUT_TOP_P, CUT_MIN_P };
extern const char *const cut_names[]; /* NULL, "top_k", "top_p", "min_p" */

struct candidate {
	int32_t id;
	float logit;
	float logprob; /* of the plain softmax, before temperature */
	enum cut cut_by;
};

struct sampler {
	struct sampler_options opt;
	uint64_t rng[4];
	/* The last call: candidates sorted by logit, largest first (lower id first on ties). */
	struct candidate *candidates;
	int64_t n_candidates; /* at least the top 20 and every one that was kept */
	int64_t cap;
	int64_t n_kept;
	double entropy;    /* nats, of the plain softmax */
	double draw;       /* the uniform number in [0, 1) that picked; NaN: greedy */
	int64_t n_left[4]; /* candidates left after top_k, top_p, min_p; [0] all */
};

/*
 * What a token is drawn from, after temperature and cuts: the first n_kept candidates, each with
 * exp((logit - max) / temp) / mass.  mass 0: greedy, nothing is drawn.
 */
struct drawn_from {
	double temp, mass;
	float max; /* of the logits */
	int64_t n_kept;
};

/* Of the last pick; of any logits[n], with these options.  mass 0 also where all are NaN or -inf.
 */
struct drawn_from sampler_drawn_from(const struct sampler *s);
struct drawn_from sampler_would_draw_from(const struct sampler_options *o, const float *logits,
					  int64_t n);

/* How likely the candidate with this logit and rank is drawn; NaN where nothing is. */
double drawn_probability(const struct drawn_from *d, float logit, int64_t rank);

void sampler_init(struct sampler *s, const struct sampler_options *o);
void sampler_release(struct sampler *s);

/*
 * Pick from logits[n].  Returns the index into candidates of the pick; ERR_FORMAT when all logits
 * are NaN or -inf.
 */
int64_t sampler_pick(struct sampler *s, const float *logits, int64_t n, struct err *err);

/*
 * The k likeliest of logits[n] into out[k] (fewer when n < k; returns how many), the entropy in
 * nats, and for `target` >= 0 its log-probability and rank.  No sampling state is touched.  When
 * every logit is NaN or -inf nothing is likely: 0 candidates, and the view holds NaN and -1.
 */
struct logit_view {
	double entropy, target_logprob;
	int64_t target_rank;
};
int64_t sampler_top(const float *logits, int64_t n, struct candidate *out, int64_t k,
		    int64_t target, struct logit_view *view);

#endif
