/* load.c -- see load.h. */
#include "load.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

/* Decode passes beyond this many are counted in segments of about equal passes. */
#define MAX_SEGMENTS 2048

/* ---- passes -------------------------------------------------------------------------------- */

static void each_decode(const struct run_kind *kind, pass_fn *fn, void *ctx)
{
	const struct trace_shape *shape = kind->shape;
	int64_t n = shape->n_generate > 1 ? shape->n_generate - 1 : 0;
	int64_t step = (n + MAX_SEGMENTS - 1) / MAX_SEGMENTS, i;

	for (i = 0; i < n; i += step) {
		int64_t times = n - i < step ? n - i : step;
		int64_t pos0 = shape->n_prompt + i + times / 2;

		fn(ctx, &(struct pass_shape){ pos0, 1, pos0 + 1, 1, times * kind->times });
	}
}

void each_pass(const struct run_kind *kind, pass_fn *fn, void *ctx)
{
	const struct trace_shape *shape = kind->shape;
	int64_t at, T;

	for (at = 0; at < shape->n_prompt; at += T) {
		T = shape->n_prompt - at < shape->chunk ? shape->n_prompt - at : shape->chunk;
		fn(ctx,
		   &(struct pass_shape){ at, T, at + T, shape->all_logits ? T : 1, kind->times });
	}
	each_decode(kind, fn, ctx);
}

/* ---- runs ---------------------------------------------------------------------------------- */

struct run_key {
	uint64_t same;
	int run;
};

static int compare_keys(const void *a, const void *b)
{
	const struct run_key *x = a, *y = b;

	if (x->same != y->same)
		return x->same < y->same ? -1 : 1;
	return x->run - y->run;
}

/* Which of opt->shapes compute what an earlier one did. */
static bool *repeated_runs(const struct trace_options *opt)
{
	size_t n = (size_t)opt->n_shapes;
	bool *repeats = mem_calloc(n + 1, sizeof(*repeats));
	struct run_key *keys = mem_calloc(n + 1, sizeof(*keys));
	size_t i;

	for (i = 0; i < n; i++)
		keys[i] = (struct run_key){ opt->shapes[i].same, (int)i };
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (i = 1; i < n && !opt->budget; i++)
		repeats[keys[i].run] = keys[i].same && keys[i].same == keys[i - 1].same;
	free(keys);
	return repeats;
}

static int compare_kinds(const void *a, const void *b)
{
	const struct run_kind *x = a, *y = b;

	if (x->shape->n_prompt != y->shape->n_prompt)
		return x->shape->n_prompt < y->shape->n_prompt ? -1 : 1;
	if (x->shape->n_generate != y->shape->n_generate)
		return x->shape->n_generate < y->shape->n_generate ? -1 : 1;
	if (x->shape->chunk != y->shape->chunk)
		return x->shape->chunk < y->shape->chunk ? -1 : 1;
	if (x->shape->all_logits != y->shape->all_logits)
		return x->shape->all_logits ? 1 : -1;
	return x->is_repeated - y->is_repeated;
}

struct run_kind *run_kinds(const struct trace_options *opt, int *n)
{
	size_t n_runs = (size_t)opt->n_shapes;
	struct run_kind *kinds = mem_calloc(n_runs + 1, sizeof(*kinds));
	bool *repeats = repeated_runs(opt);

	for (size_t i = 0; i < n_runs; i++)
		kinds[i] = (struct run_kind){ &opt->shapes[i], repeats[i], 1 };
	free(repeats);
	qsort(kinds, n_runs, sizeof(*kinds), compare_kinds);
	*n = 0;
	for (size_t i = 0; i < n_runs; i++) {
		if (*n > 0 && !compare_kinds(&kinds[*n - 1], &kinds[i]))
			kinds[*n - 1].times++;
		else
			kinds[(*n)++] = kinds[i];
	}
	return kinds;
}

/* ---- values -------------------------------------------------------------------------------- */

static int64_t bind(int64_t dim, const struct value *v, const struct pass_shape *pass)
{
	switch (dim) {
	case DIM_T:
		return pass->T;
	case DIM_S:
		return v->storage == STORAGE_CACHE ? pass->T : pass->S;
	case DIM_R:
		return pass->R;
	default:
		return dim;
	}
}

struct value_load value_load(const struct program *p, const struct capture *captures,
			     int64_t pattern_keys, value_id id, const struct pass_shape *pass)
{
	const struct value *v = &p->values[id];
	const struct capture *c = &captures[id];
	bool lazy = v->storage == STORAGE_LAZY;
	struct value_load load = { .is_recorded = v->point != NULL, .n_pos = 1 };
	int64_t row = 1, begin, end;
	int i;

	if (!v->point || (lazy && pass->S > pattern_keys && !c->named))
		return (struct value_load){ 0 };
	for (i = 0; i < v->t.n_dims; i++) {
		if (i == lazy)
			load.n_pos = bind(v->t.shape[i], v, pass);
		else
			row *= bind(v->t.shape[i], v, pass);
	}
	if (c->dump &&
	    capture_rows(c, pass->pos0 + (v->t.shape[0] == DIM_R ? pass->T - pass->R : 0),
			 load.n_pos, &begin, &end))
		load.dump_bytes = (end - begin) * row * dtype_table[c->dtype].block_bytes;
	return load;
}

value_id repeats_value(const struct program *p, const struct capture *captures, value_id v)
{
	const struct value *value = &p->values[v];
	const struct op *op = value->op >= 0 ? &p->ops[value->op] : NULL;
	const struct capture *mine = &captures[v], *theirs;

	if (!op || (op->code != OP_MASK && value->storage != STORAGE_CACHE))
		return -1;
	theirs = &captures[op->in[0]];
	if (!mine->dump || !theirs->dump || mine->dtype != theirs->dtype ||
	    mine->whole != theirs->whole || mine->first != theirs->first ||
	    mine->last != theirs->last)
		return -1;
	return op->in[0];
}

/* ---- groups -------------------------------------------------------------------------------- */

bool group_has(const struct program *p, const struct capture *captures,
	       const struct capture_group *g, value_id v)
{
	return p->values[v].point == g->point && captures[v].rule == g->rule;
}

struct summing_loads {
	const struct program *p;
	const struct capture *captures;
	int64_t pattern_keys;
	struct capture_group *groups;
	const int *group_of; /* of each value, -1 */
	bool is_repeated;    /* the run */
};

static void add_pass(void *ctx, const struct pass_shape *pass)
{
	const struct summing_loads *s = ctx;
	value_id v;

	for (v = 0; v < s->p->n_values; v++) {
		struct capture_group *g;
		struct value_load load;

		if (s->group_of[v] < 0)
			continue;
		g = &s->groups[s->group_of[v]];
		load = value_load(s->p, s->captures, s->pattern_keys, v, pass);
		g->n_values += load.is_recorded * pass->times;
		g->n_dumps += (load.dump_bytes > 0) * pass->times;
		if (!s->is_repeated)
			g->dump_bytes += load.dump_bytes * pass->times;
	}
}

/* Give each point its group, making groups as they are met. */
static int find_groups(const struct program *p, const struct capture *captures,
		       struct capture_group *groups, int *group_of)
{
	value_id v;
	int g, n = 0;

	for (v = 0; v < p->n_values; v++) {
		group_of[v] = -1;
		if (!p->values[v].point)
			continue;
		for (g = 0; g < n && !group_has(p, captures, &groups[g], v); g++)
			;
		if (g == n)
			groups[n++] = (struct capture_group){ .point = p->values[v].point,
							      .rule = captures[v].rule,
							      .first = v,
							      .is_repeated = true };
		groups[g].n_points++;
		groups[g].is_repeated &= repeats_value(p, captures, v) >= 0;
		group_of[v] = g;
	}
	return n;
}

int capture_groups(const struct program *p, const struct capture *captures,
		   const struct trace_options *opt, struct capture_group **groups)
{
	int *group_of = mem_calloc((size_t)p->n_values + 1, sizeof(*group_of));
	struct summing_loads s = { p, captures, opt->pattern_keys, NULL, group_of, false };
	int i, n, n_kinds;
	struct run_kind *kinds = run_kinds(opt, &n_kinds);

	s.groups = mem_calloc((size_t)p->n_values + 1, sizeof(**groups));
	n = find_groups(p, captures, s.groups, group_of);
	for (i = 0; i < n_kinds; i++) {
		s.is_repeated = kinds[i].is_repeated;
		each_pass(&kinds[i], add_pass, &s);
	}
	free(kinds);
	free(group_of);
	*groups = s.groups;
	return n;
}
