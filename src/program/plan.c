/*
 * plan.c -- where the values of a pass lie in one arena.
 *
 * PLAN_DEBUG gives every value its own place.  PLAN_RUN walks the ops in order with a list of free
 * gaps: an op's outputs are placed first, then the values whose last reader it was are returned.
 * So an op never writes over what it reads, and every output exists at least while hooks look at
 * its own op, read or not.
 */
#include "executor_impl.h"

#include "torchless/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 64

int64_t plan_bind_dim(int64_t dim, int64_t T, int64_t S, int64_t R)
{
	switch (dim) {
	case DIM_T:
		return T;
	case DIM_S:
		return S;
	case DIM_R:
		return R;
	default:
		return dim;
	}
}

/* Rounded up to ALIGN; -1 on overflow. */
static int64_t value_bytes(const struct value *v, int64_t T, int64_t R)
{
	int64_t bytes = dtype_table[v->t.dtype].block_bytes;

	for (int i = 0; i < v->t.n_dims; i++)
		if (!mem_mul(bytes, plan_bind_dim(v->t.shape[i], T, 0, R), &bytes))
			return -1;
	return mem_add(bytes, ALIGN - 1, &bytes) ? bytes / ALIGN * ALIGN : -1;
}

/*
 * A view shares its input's memory, and a lazy value is computed from its inputs whenever somebody
 * reads it: their inputs must outlive them.  Going backwards carries that along chains.
 */
void plan_last_use(const struct program *p, int *last)
{
	for (int i = 0; i < p->n_values; i++)
		last[i] = p->values[i].last_op;
	if (p->logits >= 0)
		last[p->logits] = p->n_ops;
	for (int i = p->n_ops - 1; i >= 0; i--) {
		const struct op *op = &p->ops[i];
		enum storage storage = op_table[op->code].storage;

		if (storage != STORAGE_VIEW && storage != STORAGE_LAZY)
			continue;
		for (int k = 0; k < op->n_in; k++)
			for (int o = 0; o < op->n_out; o++)
				if (last[op->in[k]] < last[op->out[o]])
					last[op->in[k]] = last[op->out[o]];
	}
}

/* Free gaps of the arena, sorted by offset, never touching each other. */
struct gaps {
	struct gap {
		int64_t at, size;
	} * list;
	int n;
	size_t cap;
	int64_t end; /* of the arena so far */
};

static void gaps_remove(struct gaps *g, int i)
{
	memmove(&g->list[i], &g->list[i + 1], (size_t)(g->n - i - 1) * sizeof(*g->list));
	g->n--;
}

/* The smallest gap that fits, else the end of the arena. */
static int64_t gaps_take(struct gaps *g, int64_t size)
{
	int best = -1;
	int64_t at;

	for (int i = 0; i < g->n; i++)
		if (g->list[i].size >= size && (best < 0 || g->list[i].size < g->list[best].size))
			best = i;
	if (best < 0) {
		at = g->end;
		g->end += size;
		return at;
	}
	at = g->list[best].at;
	g->list[best].at += size;
	g->list[best].size -= size;
	if (g->list[best].size == 0)
		gaps_remove(g, best);
	return at;
}

static void gaps_give(struct gaps *g, int64_t at, int64_t size)
{
	int i = 0;

	while (i < g->n && g->list[i].at < at)
		i++;
	g->list = mem_grow(g->list, (size_t)g->n, &g->cap, sizeof(*g->list));
	memmove(&g->list[i + 1], &g->list[i], (size_t)(g->n - i) * sizeof(*g->list));
	g->list[i] = (struct gap){ at, size };
	g->n++;
	if (i + 1 < g->n && at + size == g->list[i + 1].at) {
		g->list[i].size += g->list[i + 1].size;
		gaps_remove(g, i + 1);
	}
	if (i > 0 && g->list[i - 1].at + g->list[i - 1].size == at) {
		g->list[i - 1].size += g->list[i].size;
		gaps_remove(g, i);
	}
}

/* Give back what op i was the last to need: its inputs, and its outputs that nobody reads. */
static void release_after(const struct program *p, int i, const int *last, const int64_t *offsets,
			  int64_t *sizes, struct gaps *g)
{
	for (int v = 0; v < p->n_values; v++)
		if (last[v] == i && sizes[v] > 0) {
			gaps_give(g, offsets[v], sizes[v]);
			sizes[v] = 0;
		}
}

/* Place the outputs of an op; false when the sizes overflow. */
static bool place_outputs(const struct program *p, const struct op *op, int64_t T, int64_t R,
			  int64_t *offsets, int64_t *sizes, struct gaps *g)
{
	for (int o = 0; o < op->n_out; o++) {
		value_id v = op->out[o];
		int64_t end;

		sizes[v] = value_bytes(&p->values[v], T, R);
		if (sizes[v] < 0 || !mem_add(g->end, sizes[v], &end))
			return false;
		offsets[v] = gaps_take(g, sizes[v]);
	}
	return true;
}

static int64_t plan_offsets(const struct program *p, enum plan plan, int64_t T, int64_t R,
			    int64_t *offsets, int *last)
{
	struct gaps gaps = { 0 };
	int64_t *sizes = mem_calloc((size_t)p->n_values, sizeof(*sizes));
	bool fits = true;

	plan_last_use(p, last);
	for (int v = 0; v < p->n_values; v++)
		offsets[v] = -1;
	for (int i = 0; i < p->n_ops && fits; i++) {
		if (op_table[p->ops[i].code].storage == STORAGE_OWN)
			fits = place_outputs(p, &p->ops[i], T, R, offsets, sizes, &gaps);
		if (plan == PLAN_RUN)
			release_after(p, i, last, offsets, sizes, &gaps);
	}
	free(sizes);
	free(gaps.list);
	return fits ? gaps.end : -1;
}

/* The most that linear_fast() needs of any op, of an arena whose bytes could be counted. */
static int64_t scratch_bytes(const struct program *p, const struct kernels *k, int64_t T, int64_t R)
{
	int64_t most = 0;

	for (int i = 0; i < p->n_ops; i++) {
		const struct op *op = &p->ops[i];
		const struct tensor *x = &p->values[op->in[0]].t, *w;
		int64_t bytes;

		if (op->code != OP_LINEAR)
			continue;
		w = &p->values[op->in[1]].t;
		bytes = (int64_t)k->linear_fast_scratch(
			w->dtype, plan_bind_dim(x->shape[0], T, 0, R), w->shape[1]);
		if (bytes > most)
			most = bytes;
	}
	return most;
}

int64_t plan_arena(const struct program *p, const struct executor_options *opt, int64_t T,
		   int64_t R, int64_t *offsets, int *last, int64_t *scratch_at)
{
	const struct kernels *k = opt->kernels ? opt->kernels : kernels_select(NULL);
	int64_t bytes = plan_offsets(p, opt->plan, T, R, offsets, last);

	*scratch_at = bytes;
	if (bytes < 0 || !opt->fast || !k)
		return bytes;
	return mem_add(bytes, scratch_bytes(p, k, T, R), &bytes) ? bytes : -1;
}
