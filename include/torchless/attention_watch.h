/*
 * attention_watch.h -- scores and pattern seen while attention computes them.
 *
 * Whoever records statistics of the [H, T, S] relation needs every number of it once; attention
 * has just computed them, a tile at a time.  attention_run_watched() sums each row up there and
 * then, and hashes whole heads in their order.  What comes of it are the bits that the functions on
 * whole rows of kernels.h would have shown.
 */
#ifndef TORCHLESS_ATTENTION_WATCH_H
#define TORCHLESS_ATTENTION_WATCH_H

#include "torchless/hash.h"
#include "torchless/kernels.h"

enum attention_part { ATTENTION_SCORES, ATTENTION_PATTERN, N_ATTENTION_PARTS };

/* What was seen of one of them: scores are masked ones, with -inf for what a query does not see. */
struct attention_seen {
	bool wanted;                 /* asked for by the caller */
	bool known;                  /* the rest is there: not where the pattern holds a NaN */
	struct stats_sum total;      /* positions in [H, T, S] */
	struct stats_sum *positions; /* [T], over all heads */
	int64_t n_positions;         /* that there is memory for */
	uint64_t hash;               /* XXH3 of its f32 in C order */
};

/* Zero bytes are one that has seen nothing; it keeps its memory from call to call. */
struct attention_watch {
	struct attention_seen seen[N_ATTENTION_PARTS];

	/* The rest is its own: heads that are being computed, and those that are being hashed. */
	struct attention_shape {
		int64_t T, n_all, n_heads, heads, n_buffers;
		int64_t pos0, window, first, n;
		bool scores;
	} shape;
	struct attention_heads {
		float *rows[N_ATTENTION_PARTS];            /* [heads, T, n_all] */
		struct stats_sum *sums[N_ATTENTION_PARTS]; /* [heads, T] */
		int64_t n;                                 /* heads that are there */
	} buffers[2];
	XXH3_state_t *hash[N_ATTENTION_PARTS];
};

/*
 * attention_run(), and w->seen of what is wanted.  Rows are n_all floats, columns absolute
 * positions, as attention_scores_head() has them.  Beyond z it takes some heads of both parts.  0,
 * or ERR_MEMORY as a plain code: then nothing was computed.
 */
int attention_run_watched(const struct kernels *k, struct threads *pool, float *z,
			  const struct attention *a, int64_t n_all, struct attention_watch *w);

/* Bytes that it keeps, but for a hash of each part. */
int64_t attention_watch_bytes(const struct attention_watch *w);

/* Free what it keeps. */
void attention_watch_release(struct attention_watch *w);

#endif
