/*
 * executor.c -- passes, the loop, the hooks, and going back.
 *
 * The state of a pass is `pc` and the buffers; there is nothing else to save or restore, so the
 * loop can return between any two ops and be called again.  Whether there is a pass is ex->state,
 * which every public call asks first.
 */
#include "executor_impl.h"

#include "torchless/clock.h"
#include "torchless/mem.h"
#include "torchless/numbers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ----------------------------------------------------------------------------------- */

static void add_cache(struct executor *ex, value_id v)
{
	const struct tensor *t = &ex->program->values[v].t;

	ex->cache_of[v] = ex->n_caches;
	ex->caches[ex->n_caches++] = (struct kv_cache){
		.value = v,
		.dtype = ex->opt.fast ? DTYPE_F16 : DTYPE_F32,
		.limit = kv_cache_limit(ex->program, &ex->opt),
		.n_heads = t->shape[1],
		.head_dim = t->shape[2],
	};
}

/* Kernels read these; a weight of another type must not come to one. */
static int check_weights(const struct program *p, struct err *err)
{
	for (int v = 0; v < p->n_values; v++) {
		const struct value *w = &p->values[v];

		if (w->storage != STORAGE_WEIGHT)
			continue;
		if (!kernels_read(w->t.dtype))
			return err_set(err, ERR_FORMAT,
				       "%s is %s: weights are f32, f16, bf16 or of GGUF's blocks",
				       w->name, dtype_table[w->t.dtype].name);
		if (w->t.n_dims < 2 && dtype_is_block(w->t.dtype))
			return err_set(err, ERR_FORMAT,
				       "%s is %s: a vector of weights is f32, f16 or bf16", w->name,
				       dtype_table[w->t.dtype].name);
		if (tensor_bytes(&w->t) < 0)
			return err_set(err, ERR_FORMAT,
				       "%s is %s: its rows of %lld are no whole blocks of %d",
				       w->name, dtype_table[w->t.dtype].name,
				       (long long)w->t.shape[w->t.n_dims - 1],
				       dtype_table[w->t.dtype].block_elements);
	}
	return 0;
}

int executor_init(struct executor *ex, const struct program *p, const struct executor_options *opt,
		  struct err *err)
{
	size_t n = (size_t)p->n_values;

	assert(opt->chunk > 0 && p->logits >= 0);
	*ex = (struct executor){ .program = p, .opt = *opt };
	if (!ex->opt.kernels)
		ex->opt.kernels = kernels_select(NULL);
	if (!ex->opt.kernels)
		return err_set(err, ERR_TOOL, "this processor runs none of the kernel sets");
	if (check_weights(p, err))
		return err->code;
	ex->tensors = mem_calloc(n, sizeof(*ex->tensors));
	ex->offsets = mem_calloc(n, sizeof(*ex->offsets));
	ex->last_use = mem_calloc(n, sizeof(*ex->last_use));
	ex->cache_of = mem_calloc(n, sizeof(*ex->cache_of));
	ex->caches = mem_calloc(n, sizeof(*ex->caches));
	ex->edited_weights = mem_calloc(n, sizeof(*ex->edited_weights));
	for (int v = 0; v < p->n_values; v++) {
		ex->tensors[v] = p->values[v].t;
		ex->cache_of[v] = -1;
		if (p->values[v].storage == STORAGE_CACHE)
			add_cache(ex, v);
	}
	return 0;
}

void executor_release(struct executor *ex)
{
	for (int i = 0; i < ex->n_caches; i++)
		free(ex->caches[i].rows);
	free(ex->caches);
	free(ex->cache_of);
	free(ex->tensors);
	free(ex->offsets);
	free(ex->last_use);
	free(ex->arena);
	free(ex->ids);
	free(ex->positions);
	edits_release(ex);
	lazy_release_watch(ex);
	*ex = (struct executor){ 0 };
}

/* ---- beginning a pass ----------------------------------------------------------------------- */

static int check_ids(const struct executor *ex, const int32_t *ids, int64_t n, struct err *err)
{
	int64_t vocab = ex->program->values[ex->program->logits].t.shape[1];

	for (int64_t i = 0; i < n; i++) {
		long long pos = ex->n_positions + i;

		if (ids[i] < 0 || ids[i] >= vocab)
			return err_set(
				err, ERR_USAGE,
				"token id %d at position %lld is outside the vocabulary of %lld",
				(int)ids[i], pos, (long long)vocab);
	}
	return 0;
}

/* The state is EX_EMPTY, so nobody reads the old one any more, and the two need not fit together.
 */
static int grow_arena(struct executor *ex, int64_t bytes, int64_t T, struct err *err)
{
	char need[32], have[32];

	free(ex->arena);
	ex->arena = bytes < 0 ? NULL : mem_try_aligned((size_t)bytes);
	ex->arena_bytes = ex->arena ? bytes : 0;
	if (!ex->arena)
		return err_set(
			err, ERR_MEMORY,
			"a pass of %lld tokens needs %s for its values and %s are available; "
			"a smaller --chunk needs less",
			(long long)T, mem_format_bytes(bytes, need, sizeof(need)),
			mem_format_bytes(mem_available_bytes(), have, sizeof(have)));
	return 0;
}

/* Lay out a pass of T tokens.  The offsets of the pass before are lost, so it is forgotten. */
static int plan_pass(struct executor *ex, int64_t T, int64_t R, struct err *err)
{
	int64_t bytes;

	if (T == ex->planned_T && R == ex->planned_R)
		return 0;
	ex->planned_T = 0;
	bytes = plan_arena(ex->program, &ex->opt, T, R, ex->offsets, ex->last_use, &ex->scratch_at);
	if ((bytes < 0 || bytes > ex->arena_bytes) && grow_arena(ex, bytes, T, err))
		return err->code;
	ex->planned_T = T;
	ex->planned_R = R;
	return 0;
}

/* A ring is about to lose the keys that lie where those of the pass will. */
static void drop_oldest(struct executor *ex, int64_t end)
{
	int64_t limit = kv_cache_limit(ex->program, &ex->opt);

	if (limit != INT64_MAX && end - limit > ex->kept_from)
		ex->kept_from = end - limit;
}

static void copy_inputs(struct executor *ex, const int32_t *ids, int64_t n)
{
	if (n > ex->cap_ids) {
		ex->ids = mem_realloc(ex->ids, (size_t)n, sizeof(*ex->ids));
		ex->positions = mem_realloc(ex->positions, (size_t)n, sizeof(*ex->positions));
		ex->cap_ids = n;
	}
	memcpy(ex->ids, ids, (size_t)n * sizeof(*ids));
	for (int64_t i = 0; i < n; i++)
		ex->positions[i] = (int32_t)(ex->n_positions + i);
}

/* A pass begins or is over for all of them, also when one fails: the first error is returned. */
static int hooks_around(struct executor *ex, bool begin, struct err *err)
{
	struct err first = { 0 };

	for (struct hook *h = ex->hooks, *next; h; h = next) {
		int (*call)(void *, struct executor *, struct err *) =
			begin ? h->pass_begin : h->pass_end;
		struct err failed = { 0 };

		next = h->next;
		if (call && call(h->ctx, ex, &failed) < 0 && !first.code)
			first = failed;
	}
	if (first.code)
		*err = first;
	return first.code;
}

int executor_begin(struct executor *ex, const int32_t *ids, int64_t n, bool all_logits,
		   struct err *err)
{
	int64_t R = all_logits ? n : 1;

	assert(n >= 1 && n <= ex->opt.chunk && ex->state != EX_IN_PASS);
	if (check_ids(ex, ids, n, err) || edits_check(ex, ex->pass, ex->n_positions, n, R, err))
		return err->code;
	ex->state = EX_EMPTY;
	if (plan_pass(ex, n, R, err))
		return err->code;
	for (int i = 0; i < ex->n_caches; i++)
		if (kv_cache_reserve(&ex->caches[i], ex->n_positions + n, err))
			return err->code;
	drop_oldest(ex, ex->n_positions + n);
	copy_inputs(ex, ids, n);
	ex->pos0 = ex->n_positions;
	ex->T = n;
	ex->R = R;
	ex->S = ex->pos0 + n;
	ex->pc = 0;
	ex->bound_pass = ex->pass;
	ex->state = EX_IN_PASS;
	ex->resumed = false;
	edits_forget_made(ex);
	lazy_forget_watch(ex);
	values_bind(ex);
	return hooks_around(ex, true, err);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static int apply_edits(struct executor *ex, const struct op *op, struct err *err)
{
	int r = 0;

	ex->in_edits = true;
	for (int i = 0; i < op->n_out && r == 0; i++) {
		if (!edits_touch(ex, op->out[i]))
			continue;
		r = edits_apply(ex, op->out[i], err);
		if (r == 0)
			ops_follow(ex, op, i);
	}
	ex->in_edits = false;
	return r;
}

/*
 * What an op writes is a function of values that it does not write, so one that was given up is run
 * again; only in the plan that lets no value lie where another one was.
 */
static int run_op(struct executor *ex, const struct op *op, struct err *err)
{
	const volatile sig_atomic_t *interrupted =
		ex->opt.plan == PLAN_DEBUG ? ex->opt.interrupted : NULL;
	int r;

	if (!interrupted)
		return ops_run(ex, op, err);
	threads_interrupt(ex->opt.pool, interrupted);
	r = ops_run(ex, op, err);
	threads_interrupt(ex->opt.pool, NULL);
	if (r == 0 && *interrupted) {
		ex->resumed = true; /* the hooks were asked before it began */
		r = err_set(err, ERR_INTERRUPTED, "interrupted");
	}
	return r;
}

static int compute(struct executor *ex, const struct op *op, struct err *err)
{
#ifndef NDEBUG
	values_poison(ex, ex->pc);
	assert(values_alive(ex, op));
#endif
	if (run_op(ex, op, err))
		return err->code;
	return ex->n_edits > 0 ? apply_edits(ex, op, err) : 0;
}

/* Whether a hook may look at the clock. */
static bool is_timed(const struct executor *ex)
{
	for (const struct hook *h = ex->hooks; h; h = h->next)
		if (h->after)
			return true;
	return false;
}

/* compute(), and how long it took, for those who watch. */
static int compute_timed(struct executor *ex, const struct op *op, struct err *err)
{
	int64_t started = clock_ns();
	int r = compute(ex, op, err);

	ex->model_ns += clock_ns() - started;
	return r;
}

/* Run the op at pc.  HOOK_PAUSE before it leaves pc alone, after it pc is the next. */
static int step(struct executor *ex, struct err *err)
{
	const struct op *op = &ex->program->ops[ex->pc];
	struct site at = { .kind = SITE_OP, .op_index = ex->pc, .op = op };
	int r;

	if (ex->hooks && !ex->resumed) {
		ex->resumed = true; /* asked: do not ask again when called next */
		r = hook_announce(ex->hooks, ex, &at, true, err);
		ex->resumed = r >= 0; /* what failed is asked again */
		if (r != HOOK_CONTINUE)
			return r;
	}
	ex->resumed = false;
	r = is_timed(ex) ? compute_timed(ex, op, err) : compute(ex, op, err);
	if (r)
		return r;
	ex->pc++;
	return ex->hooks ? hook_announce(ex->hooks, ex, &at, false, err) : HOOK_CONTINUE;
}

static int end_pass(struct executor *ex, struct err *err)
{
	int r;

	ex->state = EX_DONE;
	ex->n_positions = ex->pos0 + ex->T;
	r = hooks_around(ex, false, err);
	ex->pass++;
	return r < 0 ? r : EXECUTOR_DONE;
}

int executor_run(struct executor *ex, struct err *err)
{
	while (ex->state == EX_IN_PASS && ex->pc < ex->program->n_ops) {
		int r = step(ex, err);

		if (r < 0)
			return r;
		if (r == HOOK_PAUSE)
			return EXECUTOR_PAUSED;
	}
	return ex->state == EX_IN_PASS ? end_pass(ex, err) : EXECUTOR_DONE;
}

int executor_step(struct executor *ex, struct err *err)
{
	int r;

	if (ex->state != EX_IN_PASS)
		return EXECUTOR_DONE;
	if (ex->pc == ex->program->n_ops)
		return end_pass(ex, err);
	r = step(ex, err);
	return r < 0 ? r : EXECUTOR_PAUSED;
}

/* ---- going back ------------------------------------------------------------------------------ */

int executor_seek(struct executor *ex, int pc, struct err *err)
{
	if (ex->opt.plan != PLAN_DEBUG)
		return err_set(err, ERR_USAGE, "this run reuses its memory, so it cannot go back");
	if (ex->state == EX_EMPTY)
		return err_set(err, ERR_USAGE, "no pass has begun: there is no op %d to go back to",
			       pc);
	if (pc < 0 || pc > ex->pc)
		return err_set(err, ERR_USAGE, "op %d lies ahead of op %d", pc, ex->pc);
	if (pc == ex->program->n_ops)
		return err_set(err, ERR_USAGE,
			       "op %d is the end of the pass: one gets there by running", pc);
	if (ex->state == EX_DONE) { /* take the end of the pass back as well */
		ex->state = EX_IN_PASS;
		ex->n_positions = ex->pos0;
		ex->pass = ex->bound_pass;
	}
	ex->pc = pc;
	ex->resumed = false;
	edits_forget_made(ex);
	return hook_rewind(ex->hooks, ex, ex->bound_pass, pc, err);
}

/* The first position whose keys a query at n sees. */
static int64_t first_seen(const struct executor *ex, int64_t n)
{
	int64_t limit = kv_cache_limit(ex->program, &ex->opt);
	int64_t first = limit == INT64_MAX ? 0 : n - (limit - ex->opt.chunk) + 1;

	return first > 0 ? first : 0;
}

bool executor_keeps(const struct executor *ex, int64_t n)
{
	return n == 0 || first_seen(ex, n) >= ex->kept_from;
}

/* In a pass, some layers have written keys and values of its positions and others have not. */
int executor_truncate(struct executor *ex, int64_t n, int pass, struct err *err)
{
	if (ex->state == EX_IN_PASS && n > ex->pos0)
		return err_set(
			err, ERR_USAGE,
			"position %lld lies in the pass that has begun: not all of it was computed",
			(long long)n);
	if (n < 0 || n > ex->n_positions)
		return err_set(err, ERR_USAGE, "position %lld was not read yet", (long long)n);
	if (pass < 0 || pass > ex->pass)
		return err_set(err, ERR_USAGE, "pass %d has not begun yet", pass);
	if (!executor_keeps(ex, n))
		return err_set(err, ERR_USAGE,
			       "the keys that position %lld sees are no longer in the ring of %lld",
			       (long long)n, (long long)kv_cache_limit(ex->program, &ex->opt));
	ex->n_positions = n;
	if (n < ex->kept_from)
		ex->kept_from = n;
	ex->pass = pass;
	ex->state = EX_EMPTY;
	edits_forget_made(ex);
	return hook_rewind(ex->hooks, ex, pass, -1, err);
}

void executor_restart(struct executor *ex)
{
	ex->n_positions = ex->kept_from = ex->pos0 = ex->T = ex->R = ex->S = ex->model_ns = 0;
	ex->pass = ex->bound_pass = ex->pc = 0;
	ex->state = EX_EMPTY;
	ex->resumed = false;
	edits_forget_made(ex);
}

int64_t executor_positions(const struct executor *ex)
{
	return ex->n_positions;
}

/* ---- memory --------------------------------------------------------------------------------- */

int64_t executor_reused_bytes(const struct executor *ex)
{
	int64_t bytes = ex->arena_bytes;

	for (int i = 0; i < ex->n_caches; i++)
		bytes += ex->caches[i].capacity * kv_cache_row_bytes(&ex->caches[i]);
	return bytes;
}

int64_t executor_allocated_bytes(const struct executor *ex)
{
	return executor_reused_bytes(ex) + lazy_watch_bytes(ex);
}

int executor_reserve(struct executor *ex, int64_t positions, struct err *err)
{
	int rc = 0;

	for (int i = 0; i < ex->n_caches && !rc; i++)
		rc = kv_cache_reserve_exactly(&ex->caches[i], positions, err);
	return rc;
}

/* sum + n * bytes, or the largest number there is: a question may be about any n. */
static int64_t saturating_add(int64_t sum, int64_t n, int64_t bytes)
{
	int64_t more, total;

	return mem_mul(n, bytes, &more) && mem_add(sum, more, &total) ? total : INT64_MAX;
}

struct executor_need executor_estimate(const struct program *p, const struct executor_options *opt,
				       int64_t n_positions, bool all_logits)
{
	int64_t *offsets = mem_calloc((size_t)p->n_values, sizeof(*offsets));
	int *last = mem_calloc((size_t)p->n_values, sizeof(*last));
	int64_t T = int64_min(n_positions, opt->chunk);
	int64_t limit = kv_cache_limit(p, opt), kept = int64_min(n_positions, limit);
	int64_t R = all_logits ? T : 1, element = opt->fast ? 2 : 4, scratch_at;
	struct executor_need need = { 0 };

	need.scratch_bytes = plan_arena(p, opt, T, R, offsets, last, &scratch_at);
	for (int v = 0; v < p->n_values; v++)
		if (p->values[v].storage == STORAGE_CACHE)
			need.kv_bytes = saturating_add(need.kv_bytes, kept,
						       p->values[v].t.shape[1] *
							       p->values[v].t.shape[2] * element);
	free(offsets);
	free(last);
	return need;
}
