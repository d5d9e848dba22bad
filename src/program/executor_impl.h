/*
 * executor_impl.h -- what the files of the executor share; private to src/program.
 *
 * From the ground up; each calls only those above it.
 *
 *	plan.c       where the buffers of a pass lie
 *	kv_cache.c   rows that live across passes
 *	values.c     which values are there, where, and which are dead
 *	edit_apply.c what edits make of numbers
 *	edit.c       the log of edits, and the weights that it changes
 *	lazy.c       the lazy values: scores, mask, softmax, and mix that consumes them
 *	ops.c        one function per op
 *	look.c       values as numbers, for whoever watches
 *	executor.c   passes, the loop, hooks, going back
 */
#ifndef TORCHLESS_EXECUTOR_IMPL_H
#define TORCHLESS_EXECUTOR_IMPL_H

#include "torchless/attention_watch.h"
#include "torchless/executor.h"

/* Keys or values of one layer; see struct kv_view. */
struct kv_cache {
	value_id value;
	enum dtype dtype; /* f32 or f16 */
	void *rows;
	int64_t capacity; /* positions allocated */
	int64_t limit;    /* positions beyond which it wraps; INT64_MAX: never */
	int64_t n_heads, head_dim;
};

/* ---- plan.c -------------------------------------------------------------------------------- */

/*
 * Byte offset of each OWN value in the arena for this T and R, -1 for other storage; returns the
 * size of the arena, -1 on overflow.  last[v] is the last op that needs the value's memory.  At
 * `scratch_at`, behind them, lies what linear_fast() needs for the largest product, if anything.
 */
int64_t plan_arena(const struct program *p, const struct executor_options *opt, int64_t T,
		   int64_t R, int64_t *offsets, int *last, int64_t *scratch_at);

/* The last op that needs each value's memory, views and lazy values followed. */
void plan_last_use(const struct program *p, int *last);

/* `dim` with symbols replaced. */
int64_t plan_bind_dim(int64_t dim, int64_t T, int64_t S, int64_t R);

/* ---- kv_cache.c ---------------------------------------------------------------------------- */

/* Make room for `positions` positions; ERR_MEMORY with the numbers. */
int kv_cache_reserve(struct kv_cache *c, int64_t positions, struct err *err);
/* The same without room to grow. */
int kv_cache_reserve_exactly(struct kv_cache *c, int64_t positions, struct err *err);

/* Write T rows of f32 at positions [pos0, pos0 + T), rounded to the type of the cache. */
void kv_cache_append(struct kv_cache *c, const float *rows, int64_t pos0, int64_t T);

/* The rows [pos0, pos0 + T) where they are contiguous, else NULL. */
void *kv_cache_rows(const struct kv_cache *c, int64_t pos0, int64_t T);

/* What a query sees when positions [.., end) were written. */
struct kv_view kv_cache_view(const struct kv_cache *c, int64_t end);

/* Bytes of a position. */
int64_t kv_cache_row_bytes(const struct kv_cache *c);

/* The positions a ring for this program keeps: window + chunk; INT64_MAX without a window. */
int64_t kv_cache_limit(const struct program *p, const struct executor_options *opt);

/* ---- values.c ------------------------------------------------------------------------------ */

/* Bind the shapes and memory of all values to the pass that begins. */
void values_bind(struct executor *ex);

#ifndef NDEBUG
/*
 * Fill with NaN what no op of the run plan needs any more when op `pc` begins, so that a use of it
 * shows; and whether everything that the op reads is alive.
 */
void values_poison(struct executor *ex, int pc);
bool values_alive(const struct executor *ex, const struct op *op);
#endif

/* ---- edit_apply.c --------------------------------------------------------------------------- */

/* Whether the edit is of that pass. */
bool edits_cover(const struct edit *e, int pass);

/* Whether any edit of `v` is in force in this pass. */
bool edits_touch(const struct executor *ex, value_id v);

/* Elements of a part. */
int64_t edits_numel(const struct edit_part *p);

/* Apply an edit, or all of a value that are in force, to `t`: its elements in C order. */
int edits_apply_one(struct executor *ex, struct edit *e, const struct tensor *t, struct err *err);
int edits_apply_to(struct executor *ex, value_id v, const struct tensor *t, struct err *err);

/* Apply the edits of a stored value to it, which has just been computed. */
int edits_apply(struct executor *ex, value_id v, struct err *err);

/* Apply the edits of a lazy value, which are made, to the rows of one head. */
int edits_apply_head(struct executor *ex, value_id v, int64_t head, float *rows, struct err *err);

/*
 * Whether what needs more than one head of the lazy value was made in this pass; forget it where
 * something that it may depend on changes.
 */
bool edits_are_made(const struct executor *ex, value_id v);
void edits_forget_made(struct executor *ex);

/* ---- edit.c --------------------------------------------------------------------------------- */

/*
 * Whether pass `pass` over T tokens from pos0 on has as many elements as each edit in force has
 * numbers for, and what it copies: ERR_USAGE.
 */
int edits_check(const struct executor *ex, int pass, int64_t pos0, int64_t T, int64_t R,
		struct err *err);

/* Free the log and the copies of weights. */
void edits_release(struct executor *ex);

/* ---- lazy.c --------------------------------------------------------------------------------- */

/* The relation that is watched in a pass, by the op that consumes it; see executor_watch(). */
struct lazy_watch {
	int mix; /* -1: none */
	bool has_run;
	struct attention_watch attention;
};

/* Forget what was asked for and seen; free what watching it took. */
void lazy_forget_watch(struct executor *ex);
void lazy_release_watch(struct executor *ex);
int64_t lazy_watch_bytes(const struct executor *ex);

/* Rows [i1 - i0, T, S] of heads [i0, i1) of a lazy value, edits included. */
int lazy_fetch(struct executor *ex, value_id v, int64_t i0, int64_t i1, float *rows,
	       struct err *err);

/* The MIX op: z from q and the caches.  ERR_MEMORY, or what an edit's function says. */
int lazy_mix(struct executor *ex, const struct op *op, struct err *err);

/* ---- ops.c ---------------------------------------------------------------------------------- */

int ops_run(struct executor *ex, const struct op *op, struct err *err);

/* Output i was edited: make those behind it follow, where the op makes them of it. */
void ops_follow(struct executor *ex, const struct op *op, int i);

#endif
