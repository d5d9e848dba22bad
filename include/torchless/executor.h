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
 * What it is doing is one of three states, and every call asks it first: without a pass there are
 * no values, and nothing of a pass that was forgotten is shown again.
 *
 * Edits are a log.  Those of values are applied whenever the op that computes the value runs (or a
 * lazy value is computed), in the order they were added; those of weights to a private copy, until
 * they are removed.  What else the op makes of an edited output follows it: the rows that a norm
 * divides by an edited rms, and multiplies by its weight.
 */
#ifndef TORCHLESS_EXECUTOR_H
#define TORCHLESS_EXECUTOR_H

#include "torchless/attention_watch.h"
#include "torchless/hook.h"
#include "torchless/kernels.h"
#include "torchless/point.h"
#include "torchless/program.h"

#include <signal.h>

enum plan { PLAN_RUN, PLAN_DEBUG };

/* What is happening: no pass, one that has begun, one that came to its end. */
enum executor_state { EX_EMPTY, EX_IN_PASS, EX_DONE };

enum edit_kind {
	EDIT_ZERO,
	EDIT_SET,
	EDIT_SCALE,
	EDIT_ADD,
	EDIT_REPLACE, /* by numbers that the edit holds */
	/*
	 * By the mean over the positions of the pass, all of them, at the same other indices: along
	 * pos and kv_pos, and along q of a relation.  A pass of one token is its own mean.
	 */
	EDIT_MEAN,
	EDIT_COPY,    /* by another part of the value, as it was before this edit */
	EDIT_COMPUTE, /* by what a function makes of it, whenever it is computed */
	EDIT_KINDS
};
extern const char *const edit_kind_names[]; /* "zero", …, "replace", "mean", "copy", "compute" */

struct edit;
struct executor;

/* What an edit covers in the pass that is there: rows along each axis, counted from 0. */
struct edit_part {
	int n_dims;
	int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS];
	int64_t pos0; /* the absolute position of row 0, on the axes that count positions */
};

/*
 * Make of the n numbers x, the part as it was computed, in C order, what they are to be.  It may
 * read what the executor has so far (executor_fetch), the value itself among it as it is before
 * this edit, and moves nothing.  A negative ERR_* ends the op: it will run again from its inputs.
 * Asked once for each time that the op runs; of a relation once a pass, when it is read first.
 */
typedef int edit_fn(void *ctx, struct executor *ex, const struct edit *e,
		    const struct edit_part *part, float *x, int64_t n, struct err *err);

/*
 * A change of a value or of a weight.  A value changes in the passes [pass_from, pass_to] whenever
 * it is computed; a weight changes for all of them, so its edit has the passes 0 to -1, and is
 * neither a mean nor computed.
 */
struct edit {
	value_id value;
	enum edit_kind kind;
	float arg;                  /* SET, SCALE, ADD */
	struct selection sel;       /* which elements, by absolute position; of a weight by index */
	int pass_from, pass_to;     /* inclusive; pass_to < 0: for ever */
	struct selection from;      /* COPY: as many elements along each axis, in the same pass */
	const float *data;          /* REPLACE: what the part becomes, f32 in C order */
	int64_t n_data;             /* elements of data */
	edit_fn *compute;           /* COMPUTE */
	void *ctx;                  /* of compute; the caller's until the edit is in the log */
	void (*release)(void *ctx); /* asked when it leaves the log; NULL: nothing is to be done */
	const char *source;         /* where it comes from, for people; or NULL */
	int id;                     /* given by executor_add_edit() where it is 0 or taken */
	float *made; /* the executor's own: of a relation, what it became in this pass */
};

struct executor_options {
	const struct kernels *kernels; /* NULL: the fastest */
	struct threads *pool;          /* NULL: one thread */
	enum plan plan;
	/*
	 * Faster with other numbers: products round what they multiply weights with
	 * (linear_fast of kernels.h), keys and values are kept in f16.
	 */
	bool fast;
	bool ring;     /* keep only window + chunk positions where the model has a window */
	int64_t chunk; /* the most tokens a pass may have, > 0 */
	/*
	 * With PLAN_DEBUG and a pool: once it is not 0 the op that runs is given up within a few
	 * blocks, ERR_INTERRUPTED with pc before it, and is run from its beginning when called
	 * again.  NULL: ops run to their end.
	 */
	const volatile sig_atomic_t *interrupted;
};

struct executor {
	const struct program *program;
	struct executor_options opt;
	struct hook *hooks;

	enum executor_state state;
	int pass; /* 0, 1, …: the one that has begun, else the one that comes next */

	/* The pass whose values are there, unless the state is EX_EMPTY. */
	int bound_pass;  /* its number: `pass` until it has ended */
	int64_t T, S, R; /* bound symbols */
	int64_t pos0;    /* absolute position of row 0 */
	int pc;          /* the next op to run; n_ops when the pass is done */
	/*
	 * Nanoseconds that ops have taken since the last restart, while a hook had an `after`:
	 * `before` reads when its op begins, `after` when it ended.  It stands still at a stop and
	 * in hooks.
	 */
	int64_t model_ns;

	/* The rest is the executor's own. */
	bool resumed;
	int64_t n_positions;    /* in the KV cache: where the next pass begins */
	int64_t kept_from;      /* the first position that no pass has overwritten in a ring */
	struct tensor *tensors; /* one per value, bound */
	int64_t *offsets;       /* of OWN values in the arena */
	int *last_use;          /* the last op that needs a value's memory */
	char *arena;
	int64_t arena_bytes, planned_T, planned_R;
	int64_t scratch_at; /* in the arena: for linear_fast() */
	struct kv_cache *caches;
	int n_caches;
	int *cache_of; /* value -> cache, -1 */
	int32_t *ids, *positions;
	int64_t cap_ids;
	struct edit *edits; /* in the order they were added */
	int n_edits, last_edit_id;
	size_t cap_edits;
	void **edited_weights;    /* value -> the private copy of an edited weight, else NULL */
	bool in_edits;            /* the op at pc has run, and its edits are being applied */
	struct lazy_frame *lazy;  /* relations whose edits are being applied */
	struct lazy_watch *watch; /* NULL until somebody watches a relation */
};

enum executor_status { EXECUTOR_DONE = 0, EXECUTOR_PAUSED = 1 };

/*
 * The program and everything in opt must outlive the executor.  ERR_TOOL without a kernel set,
 * ERR_FORMAT for a weight of a type that kernels do not read.
 */
int executor_init(struct executor *ex, const struct program *p, const struct executor_options *opt,
		  struct err *err);
void executor_release(struct executor *ex);

/*
 * Begin a pass over n tokens (1 <= n <= chunk) that follow what the KV cache holds, when none has
 * begun.  Logits are computed for every row or for the last only.  ids are copied.  ERR_USAGE when
 * an id is outside the vocabulary or an edit does not fit, and nothing has changed; ERR_MEMORY with
 * the numbers, and there is no pass.
 */
int executor_begin(struct executor *ex, const int32_t *ids, int64_t n, bool all_logits,
		   struct err *err);

/* Run from `pc` to the end of the pass or until a hook pauses.  Negative ERR_* on failure. */
int executor_run(struct executor *ex, struct err *err);

/*
 * Run one op (hooks included) and return EXECUTOR_PAUSED; behind the last one end the pass, and
 * return EXECUTOR_DONE, as without a pass.
 */
int executor_step(struct executor *ex, struct err *err);

/*
 * Go back to op `pc` of the pass that has begun or just ended (PLAN_DEBUG).  Every value before it
 * is still there, so running on gives the same bits.  Hooks are told.  ERR_USAGE when there is no
 * pass, pc lies ahead or the plan forgets.
 */
int executor_seek(struct executor *ex, int pc, struct err *err);

/*
 * Forget every position >= n, and with them the pass that has begun or ended; the next pass begins
 * there, as pass number `pass`.  Hooks are told.  ERR_USAGE when position n was not read yet (in a
 * pass that has begun: when it lies in it), or a ring has dropped what a query at n would see.
 */
int executor_truncate(struct executor *ex, int64_t n, int pass, struct err *err);

/* Whether the KV cache still has what a pass that begins at position n <= positions sees. */
bool executor_keeps(const struct executor *ex, int64_t n);

/*
 * Begin anew, which is not going back: hooks are not told.  Every position is forgotten, the next
 * pass is number 0 again.  Edits, hooks and memory stay.
 */
void executor_restart(struct executor *ex);

/* Positions the KV cache holds: where the next pass begins. */
int64_t executor_positions(const struct executor *ex);

/* Bytes it has allocated for values and the KV cache, which the next run uses again. */
int64_t executor_reused_bytes(const struct executor *ex);

/* The same and what watching attention keeps, which executor_estimate() does not foresee. */
int64_t executor_allocated_bytes(const struct executor *ex);

/*
 * Give the KV cache room for exactly so many positions, which then does not grow in steps: for who
 * has promised how much it takes.  ERR_MEMORY.
 */
int executor_reserve(struct executor *ex, int64_t positions, struct err *err);

/*
 * The logits of row r in [0, R): f32[V], valid until the next pass begins.  They must be there:
 * executor_has() says.
 */
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

/*
 * Have scores, masked scores or a pattern, whose op has just run, summed up while attention
 * computes them.  False, and whoever wants to know them fetches them: the plan keeps all values
 * (time may go back), an edit touches the relation, or attention ran already.
 */
bool executor_watch(struct executor *ex, value_id v);

/*
 * What was seen of it, once the op that consumes the relation has run and until another one is
 * watched or the pass ends; NULL: nothing (a NaN, no memory), fetch it.
 */
const struct attention_seen *executor_watched(const struct executor *ex, value_id v);

/*
 * Whether the value exists at this point of the pass and is still kept by the plan.  Weights always
 * do; without a pass nothing else does.
 */
bool executor_has(const struct executor *ex, value_id v);

/* The absolute position of the value's first row in this pass: pos0, or that of the last R rows. */
int64_t executor_pos0(const struct executor *ex, value_id v);

/*
 * The part of the value that the edit covers in the pass that is there; false: none of it, or there
 * is no pass.
 */
bool executor_edit_part(const struct executor *ex, const struct edit *e, struct edit_part *part);

/*
 * What the KV cache holds of a value of storage CACHE, those of earlier passes included: valid
 * until the next pass begins.
 */
struct kv_view executor_cache(const struct executor *ex, value_id v);

/*
 * Log an edit, whose data and source are copied, and return its id: that of e where no other has
 * it, or 1, 2, …, each given once.  Of a
 * value it takes effect when its op runs next; of a weight at once, in a copy of this executor's
 * own (its tied twin included) that keeps the weight's type, so numbers are rounded to it.  A
 * session goes back to where it matters first: session_add_edit().  ERR_USAGE when it does not fit
 * the value, ERR_MEMORY; then ctx stays the caller's.
 */
int executor_add_edit(struct executor *ex, const struct edit *e, struct err *err);

/*
 * Whether the edit has as many numbers as a pass over T tokens from pos0 on, with R rows of logits,
 * has elements for them, and what it copies lies in that pass: ERR_USAGE.  executor_begin() asks it
 * of the log.
 */
int executor_check_edit(const struct executor *ex, const struct edit *e, int64_t pos0, int64_t T,
			int64_t R, struct err *err);

/* Take an edit out of the log; a weight is again what its other edits make of it. */
int executor_remove_edit(struct executor *ex, int id, struct err *err);
void executor_clear_edits(struct executor *ex);

/* The edit with this id, until the log changes; NULL when there is none. */
const struct edit *executor_edit(const struct executor *ex, int id);

/* The edit of value v in force in the pass that is there, the newest of several; NULL: none. */
const struct edit *executor_edit_in_force(const struct executor *ex, value_id v);

/*
 * Bytes that running n_positions positions in passes of at most chunk tokens will need beside the
 * weights: scratch of the plan, and the KV cache.
 */
struct executor_need {
	int64_t scratch_bytes, kv_bytes;
};
struct executor_need executor_estimate(const struct program *p, const struct executor_options *opt,
				       int64_t n_positions, bool all_logits);

/* A type of weights that products read, and what `fast` multiplies them with: "int16", "f32". */
struct fast_type {
	enum dtype weights;
	const char *times;
};

/* Those of a program, in the order of enum dtype; returns how many. */
int program_fast_types(const struct program *p, const struct kernels *k,
		       struct fast_type types[DTYPE_COUNT]);

/*
 * Append what `fast` means of this program with these kernels: "bf16 weights times bf16, keys and
 * values f16", or {"linear": {"bf16": "bf16"}, "kv": "f16"}.
 */
struct text;
void program_add_fast(struct text *out, const struct program *p, const struct kernels *k);
void program_add_fast_json(struct text *out, const struct program *p, const struct kernels *k);

#endif
