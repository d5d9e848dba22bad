/*
 * executor.c -- passes, the loop and the hooks.
 *
 * The state of a pass is `pc` and the buffers; there is nothing else to save or restore, so the
 * loop can return between any two ops and be called again.
 */
#include "executor_impl.h"

#include "torchless/mem.h"

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
		.limit = kv_cache_limit(ex->program, &ex->opt),
		.n_heads = t->shape[1],
		.head_dim = t->shape[2],
	};
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
	ex->tensors = mem_calloc(n, sizeof(*ex->tensors));
	ex->offsets = mem_calloc(n, sizeof(*ex->offsets));
	ex->last_use = mem_calloc(n, sizeof(*ex->last_use));
	ex->cache_of = mem_calloc(n, sizeof(*ex->cache_of));
	ex->caches = mem_calloc(n, sizeof(*ex->caches));
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
	free(ex->edits);
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

static int plan_pass(struct executor *ex, int64_t T, int64_t R, struct err *err)
{
	char need[32], have[32];
	int64_t bytes;

	if (T == ex->planned_T && R == ex->planned_R)
		return 0;
	bytes = plan_offsets(ex->program, ex->opt.plan, T, R, ex->offsets, ex->last_use);
	if (bytes < 0 || bytes > ex->arena_bytes) {
		free(ex->arena);
		ex->arena_bytes = ex->planned_T = 0;
		ex->arena = bytes < 0 ? NULL : mem_try_aligned((size_t)bytes);
		if (!ex->arena)
			return err_set(err, ERR_MEMORY,
				       "a pass of %lld tokens needs %s for its values and %s are "
				       "available; a smaller --chunk needs less",
				       (long long)T, mem_format_bytes(bytes, need, sizeof(need)),
				       mem_format_bytes(mem_available_bytes(), have, sizeof(have)));
		ex->arena_bytes = bytes;
	}
	ex->planned_T = T;
	ex->planned_R = R;
	return 0;
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

/* Replace the symbols in a value's shape and make its strides contiguous. */
static void bind_shape(struct executor *ex, value_id v)
{
	const struct tensor *t = &ex->program->values[v].t;
	int64_t shape[TENSOR_MAX_DIMS] = { 0 };

	for (int i = 0; i < t->n_dims; i++)
		shape[i] = plan_bind_dim(t->shape[i], ex->T, ex->S, ex->R);
	ex->tensors[v] = tensor_make(t->dtype, t->n_dims, shape, NULL);
}

/* A cache shows the rows of this pass; see executor_tensor(). */
static void bind_cache(struct executor *ex, value_id v)
{
	const struct kv_cache *c = &ex->caches[ex->cache_of[v]];

	ex->tensors[v].shape[0] = ex->T;
	ex->tensors[v].data = kv_cache_rows(c, ex->pos0, ex->T);
}

/* The last R rows of what the op views. */
static void bind_view(struct executor *ex, value_id v)
{
	const struct tensor *x = &ex->tensors[ex->program->ops[ex->program->values[v].op].in[0]];

	ex->tensors[v].data = tensor_row(x, x->shape[0] - ex->tensors[v].shape[0]);
}

static void bind_values(struct executor *ex)
{
	const struct program *p = ex->program;

	for (int v = 0; v < p->n_values; v++) {
		switch (p->values[v].storage) {
		case STORAGE_WEIGHT:
			break;
		case STORAGE_INPUT:
			if (v == p->ids || v == p->positions) {
				bind_shape(ex, v);
				ex->tensors[v].data = v == p->ids ? ex->ids : ex->positions;
			}
			break;
		case STORAGE_OWN:
			bind_shape(ex, v);
			ex->tensors[v].data = ex->arena + ex->offsets[v];
			break;
		case STORAGE_CACHE:
			bind_shape(ex, v);
			bind_cache(ex, v);
			break;
		case STORAGE_LAZY:
			bind_shape(ex, v);
			break;
		case STORAGE_VIEW:
			bind_shape(ex, v);
			bind_view(ex, v);
			break;
		}
	}
}

static int hooks_around(struct executor *ex, bool begin, struct err *err)
{
	for (struct hook *h = ex->hooks; h; h = h->next) {
		int (*call)(void *, struct executor *, struct err *) =
			begin ? h->pass_begin : h->pass_end;
		int r = call ? call(h->ctx, ex, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int executor_begin(struct executor *ex, const int32_t *ids, int64_t n, bool all_logits,
		   struct err *err)
{
	int64_t R = all_logits ? n : 1;

	assert(n >= 1 && n <= ex->opt.chunk && !ex->in_pass);
	if (check_ids(ex, ids, n, err) || plan_pass(ex, n, R, err))
		return err->code;
	for (int i = 0; i < ex->n_caches; i++)
		if (kv_cache_reserve(&ex->caches[i], ex->n_positions + n, err))
			return err->code;
	copy_inputs(ex, ids, n);
	ex->pos0 = ex->n_positions;
	ex->T = n;
	ex->R = R;
	ex->S = ex->pos0 + n;
	ex->pc = 0;
	ex->in_pass = true;
	ex->resumed = false;
	bind_values(ex);
	return hooks_around(ex, true, err);
}

/* ---- the loop ------------------------------------------------------------------------------- */

/* Run the op at pc.  HOOK_PAUSE before it leaves pc alone, after it pc is the next. */
static int step(struct executor *ex, struct err *err)
{
	const struct op *op = &ex->program->ops[ex->pc];
	struct site at = { .kind = SITE_OP, .op_index = ex->pc, .op = op };
	int r;

	if (ex->hooks && !ex->resumed) {
		ex->resumed = true; /* asked: do not ask again when called next */
		r = hook_announce(ex->hooks, ex, &at, true, err);
		if (r != HOOK_CONTINUE)
			return r;
	}
	ex->resumed = false;
	if (ops_run(ex, op, err))
		return err->code;
	ex->pc++;
	for (int i = 0; ex->n_edits > 0 && i < op->n_out; i++)
		edits_apply(ex, op->out[i]);
	return ex->hooks ? hook_announce(ex->hooks, ex, &at, false, err) : HOOK_CONTINUE;
}

static int end_pass(struct executor *ex, struct err *err)
{
	ex->in_pass = false;
	ex->n_positions = ex->pos0 + ex->T;
	if (hooks_around(ex, false, err) < 0)
		return err->code;
	ex->pass++;
	return EXECUTOR_DONE;
}

int executor_run(struct executor *ex, struct err *err)
{
	while (ex->in_pass && ex->pc < ex->program->n_ops) {
		int r = step(ex, err);

		if (r < 0)
			return r;
		if (r == HOOK_PAUSE)
			return EXECUTOR_PAUSED;
	}
	return ex->in_pass ? end_pass(ex, err) : EXECUTOR_DONE;
}

int executor_step(struct executor *ex, struct err *err)
{
	int r;

	if (!ex->in_pass)
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
	if (pc < 0 || pc > ex->pc)
		return err_set(err, ERR_USAGE, "op %d lies ahead of op %d", pc, ex->pc);
	if (!ex->in_pass && ex->T > 0 && ex->n_positions == ex->pos0 + ex->T) {
		ex->in_pass = true; /* take the end of the pass back as well */
		ex->n_positions = ex->pos0;
		ex->pass--;
	}
	ex->pc = pc;
	ex->resumed = false;
	return 0;
}

int executor_truncate(struct executor *ex, int64_t n, int pass, struct err *err)
{
	int64_t limit = kv_cache_limit(ex->program, &ex->opt);
	int64_t window = limit == INT64_MAX ? 0 : limit - ex->opt.chunk;
	int64_t end = ex->in_pass ? ex->pos0 + ex->T : ex->n_positions;

	if (n < 0 || n > end)
		return err_set(err, ERR_USAGE, "position %lld was not read yet", (long long)n);
	if (limit != INT64_MAX && n - window + 1 < end - limit && end > limit)
		return err_set(err, ERR_USAGE,
			       "the keys that position %lld sees are no longer in the ring of %lld",
			       (long long)n, (long long)limit);
	ex->n_positions = n;
	ex->pass = pass;
	ex->in_pass = false;
	return 0;
}

void executor_restart(struct executor *ex)
{
	ex->n_positions = ex->pos0 = ex->T = ex->R = ex->S = 0;
	ex->pass = ex->pc = 0;
	ex->in_pass = ex->resumed = false;
}

int64_t executor_positions(const struct executor *ex)
{
	return ex->n_positions;
}

/* ---- looking --------------------------------------------------------------------------------- */

const float *executor_logits(const struct executor *ex, int64_t r)
{
	assert(r >= 0 && r < ex->R);
	return tensor_row(&ex->tensors[ex->program->logits], r);
}

bool executor_has(const struct executor *ex, value_id v)
{
	const struct value *value = &ex->program->values[v];

	if (value->storage == STORAGE_WEIGHT || value->storage == STORAGE_INPUT)
		return true;
	if (value->op >= ex->pc || ex->T == 0)
		return false;
	if (value->storage == STORAGE_CACHE)
		return ex->tensors[v].data != NULL;
	return ex->opt.plan == PLAN_DEBUG || ex->last_use[v] >= ex->pc - 1;
}

struct tensor executor_tensor(const struct executor *ex, value_id v)
{
	struct tensor t = ex->tensors[v];

	if (!executor_has(ex, v))
		t.data = NULL;
	return t;
}

int executor_fetch(struct executor *ex, value_id v, int64_t i0, int64_t i1, float *dst,
		   struct err *err)
{
	const struct value *value = &ex->program->values[v];
	struct tensor t = executor_tensor(ex, v);
	int64_t row;

	if (!executor_has(ex, v))
		return err_set(err, ERR_USAGE, "%s is not there: %s", value->name,
			       value->op >= ex->pc ? "it was not computed yet"
						   : "its memory was reused");
	assert(i0 >= 0 && i0 <= i1 && i1 <= t.shape[0]);
	row = t.shape[0] > 0 ? tensor_numel(&t) / t.shape[0] : 0;
	if (value->storage == STORAGE_LAZY) {
		for (int64_t i = i0; i < i1; i++)
			lazy_fetch_head(ex, v, i, dst + (i - i0) * row);
		return 0;
	}
	for (int64_t i = i0; i < i1; i++)
		if (t.dtype == DTYPE_I32)
			for (int64_t k = 0; k < row; k++)
				dst[(i - i0) * row + k] = (float)((int32_t *)tensor_row(&t, i))[k];
		else
			ex->opt.kernels->convert(dst + (i - i0) * row, tensor_row(&t, i), t.dtype,
						 row);
	return 0;
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
	int64_t T = n_positions < opt->chunk ? n_positions : opt->chunk;
	int64_t limit = kv_cache_limit(p, opt), kept = n_positions < limit ? n_positions : limit;
	struct executor_need need = { 0 };

	need.scratch_bytes = plan_offsets(p, opt->plan, T, all_logits ? T : 1, offsets, last);
	for (int v = 0; v < p->n_values; v++)
		if (p->values[v].storage == STORAGE_CACHE)
			need.kv_bytes =
				saturating_add(need.kv_bytes, kept,
					       p->values[v].t.shape[1] * p->values[v].t.shape[2] *
						       (int64_t)sizeof(float));
	free(offsets);
	free(last);
	return need;
}
