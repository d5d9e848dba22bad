/*
 * executor.h -- runs a program, one op at a time, and lets others watch.
 *
 * executor_run() is a loop over program->ops.  It can stop between any two ops and be called
 * again: there is no hidden stack, so a debugger needs no threads and no longjmp.  With no hooks
 * the loop costs one pointer test per op, and an op is millions of multiply-adds.
 *
 * Memory has two plans.  PLAN_RUN reuses buffers as soon as their last reader ran; PLAN_DEBUG
 * keeps every value of the current pass in its own buffer, so that stepping back is moving the
 * program counter.  O(T^2) values (storage LAZY) are kept by neither: whoever reads them has them
 * recomputed a head at a time from q and k, and attention consumes them tile by tile.
 *
 * Edits are a log, applied whenever the op that computes the value runs (or a lazy value is
 * computed), until they are removed.
 */
#ifndef TORCHLESS_EXECUTOR_H
#define TORCHLESS_EXECUTOR_H

#include "torchless/hook.h"
#include "torchless/kernels.h"
#include "torchless/point.h"
#include "torchless/program.h"

enum plan { PLAN_RUN, PLAN_DEBUG };

enum edit_kind { EDIT_ZERO, EDIT_SET, EDIT_SCALE, EDIT_ADD };

struct edit {
	value_id value;
	enum edit_kind kind;
	float arg;              /* SET, SCALE, ADD */
	struct selection sel;   /* which elements, by absolute position */
	int pass_from, pass_to; /* inclusive; pass_to < 0: for ever */
};

struct executor_options {
	const struct kernels *kernels; /* NULL: the fastest */
	struct threads *pool;          /* NULL: one thread */
	enum plan plan;
	bool ring;     /* keep only window + chunk positions where the model has a window */
	int64_t chunk; /* the most tokens a pass may have, > 0 */
};

struct executor {
	const struct program *program;
	struct executor_options opt;
	struct hook *hooks;

	/* This pass. */
	int pass;        /* 0, 1, … */
	int64_t T, S, R; /* bound symbols */
	int64_t pos0;    /* absolute position of row 0 */
	int pc;          /* the next op to run; n_ops when the pass is done */
	bool in_pass, resumed;

	/* The rest is the executor's own. */
	int64_t n_positions;    /* in the KV cache: where the next pass begins */
	struct tensor *tensors; /* one per value, bound */
	int64_t *offsets;       /* of OWN values in the arena */
	int *last_use;          /* the last op that needs a value's memory */
	char *arena;
	int64_t arena_bytes, planned_T, planned_R;
	struct kv_cache *caches;
	int n_caches;
	int *cache_of; /* value -> cache, -1 */
	int32_t *ids, *positions;
	int64_t cap_ids;
	struct edit *edits;
	int n_edits;
	size_t cap_edits;
};

enum executor_status { EXECUTOR_DONE = 0, EXECUTOR_PAUSED = 1 };

/* The program and everything in opt must outlive the executor.  ERR_TOOL without a kernel set. */
int executor_init(struct executor *ex, const struct program *p, const struct executor_options *opt,
		  struct err *err);
void executor_release(struct executor *ex);

/*
 * Begin a pass over n tokens (1 <= n <= chunk) that follow what the KV cache holds.  Logits are
 * computed for every row or for the last only.  ids are copied.  ERR_MEMORY with the numbers,
 * ERR_USAGE when an id is outside the vocabulary.
 */
int executor_begin(struct executor *ex, const int32_t *ids, int64_t n, bool all_logits,
		   struct err *err);

/* Run from `pc` to the end of the pass or until a hook pauses.  Negative ERR_* on failure. */
int executor_run(struct executor *ex, struct err *err);

/* Run one op (hooks included); EXECUTOR_DONE when it was the last. */
int executor_step(struct executor *ex, struct err *err);

/*
 * Go back to op `pc` of the current pass (PLAN_DEBUG).  Every value before it is still there, so
 * running on gives the same bits.  ERR_USAGE when pc lies ahead or the plan forgets.
 */
int executor_seek(struct executor *ex, int pc, struct err *err);

/*
 * Forget every position >= n; the next pass begins there, as pass number `pass`.  ERR_USAGE when a
 * ring has already dropped what a query at n would see.
 */
int executor_truncate(struct executor *ex, int64_t n, int pass, struct err *err);

/* Forget every position; the next pass is number 0 again.  Edits and hooks stay. */
void executor_restart(struct executor *ex);

/* Positions the KV cache holds: where the next pass begins. */
int64_t executor_positions(const struct executor *ex);

/* The logits of row r in [0, R): f32[V], valid until the next pass begins. */
const float *executor_logits(const struct executor *ex, int64_t r);

/*
 * The value as this pass shows it: bound shape, and data unless it is lazy or not computed yet.
 * A cache shows the rows this pass appended, as a recording does.
 */
struct tensor executor_tensor(const struct executor *ex, value_id v);

/*
 * Copy rows [i0, i1) of axis 0 as f32 into dst; for lazy values axis 0 is the head and the rows
 * are recomputed, edits included.  ERR_USAGE when the value is not computed yet.
 */
int executor_fetch(struct executor *ex, value_id v, int64_t i0, int64_t i1, float *dst,
		   struct err *err);

/* Whether the value exists at this point of the pass and is still kept by the plan. */
bool executor_has(const struct executor *ex, value_id v);

/* Log an edit; it takes effect when its op runs next.  Returns its index. */
int executor_add_edit(struct executor *ex, const struct edit *e);
void executor_clear_edits(struct executor *ex);

/*
 * Bytes that running n_positions positions in passes of at most chunk tokens will need beside the
 * weights: scratch of the plan, and the KV cache.
 */
struct executor_need {
	int64_t scratch_bytes, kv_bytes;
};
struct executor_need executor_estimate(const struct program *p, const struct executor_options *opt,
				       int64_t n_positions, bool all_logits);

#endif
