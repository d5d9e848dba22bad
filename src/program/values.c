/*
 * values.c -- which values are there at this point of a pass, and where they lie.
 *
 * The ground of the executor: it reads the state and moves nothing.
 */
#include "executor_impl.h"

#include <assert.h>
#include <math.h>

/* ---- binding ------------------------------------------------------------------------------- */

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

	ex->tensors[v] = tensor_make(c->dtype, ex->tensors[v].n_dims, ex->tensors[v].shape, NULL);
	ex->tensors[v].shape[0] = ex->T;
	ex->tensors[v].data = kv_cache_rows(c, ex->pos0, ex->T);
}

/* The last R rows of what the op views. */
static void bind_view(struct executor *ex, value_id v)
{
	const struct tensor *x = &ex->tensors[ex->program->ops[ex->program->values[v].op].in[0]];

	ex->tensors[v].data = tensor_row(x, x->shape[0] - ex->tensors[v].shape[0]);
}

void values_bind(struct executor *ex)
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

/* ---- asking -------------------------------------------------------------------------------- */

/* Inputs that every pass binds anew; others (inv_freq) are there as weights are. */
static bool is_of_pass(const struct program *p, value_id v)
{
	return p->values[v].storage != STORAGE_WEIGHT &&
	       (p->values[v].storage != STORAGE_INPUT || v == p->ids || v == p->positions);
}

bool executor_has(const struct executor *ex, value_id v)
{
	const struct value *value = &ex->program->values[v];

	if (!is_of_pass(ex->program, v))
		return true;
	if (ex->state == EX_EMPTY)
		return false;
	if (value->storage == STORAGE_INPUT)
		return true;
	if (value->op >= ex->pc + ex->in_edits)
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

int64_t executor_pos0(const struct executor *ex, value_id v)
{
	const struct tensor *t = &ex->program->values[v].t;

	return ex->pos0 + (t->n_dims > 0 && t->shape[0] == DIM_R ? ex->T - ex->R : 0);
}

const float *executor_logits(const struct executor *ex, int64_t r)
{
	assert(r >= 0 && r < ex->R && executor_has(ex, ex->program->logits));
	return tensor_row(&ex->tensors[ex->program->logits], r);
}

struct kv_view executor_cache(const struct executor *ex, value_id v)
{
	int64_t end = executor_has(ex, v) ? ex->pos0 + ex->T : ex->n_positions;

	assert(ex->cache_of[v] >= 0);
	return kv_cache_view(&ex->caches[ex->cache_of[v]], end);
}

/* ---- dead values: in builds with asserts ------------------------------------------------------
 */

#ifndef NDEBUG

void values_poison(struct executor *ex, int pc)
{
	const struct program *p = ex->program;

	if (ex->opt.plan != PLAN_RUN)
		return;
	for (int v = 0; v < p->n_values; v++) {
		const struct tensor *t = &ex->tensors[v];

		if (p->values[v].storage != STORAGE_OWN || ex->last_use[v] != pc - 1)
			continue;
		assert(t->dtype == DTYPE_F32);
		for (int64_t i = 0; i < tensor_numel(t); i++)
			((float *)t->data)[i] = NAN;
	}
}

bool values_alive(const struct executor *ex, const struct op *op)
{
	const struct program *p = ex->program;
	int pc = (int)(op - p->ops);

	for (int i = 0; i < op->n_in; i++) {
		const struct value *v = &p->values[op->in[i]];

		if (v->op >= pc)
			return false;
		if (v->storage == STORAGE_OWN && ex->opt.plan == PLAN_RUN &&
		    ex->last_use[op->in[i]] < pc)
			return false;
	}
	return true;
}

#endif
