/*
 * budget.c -- --budget SIZE: what of the dumps is kept when not all of them fit; see load.h.
 *
 * The plan is made before the first run, from the shapes of all of them, so that what is kept is
 * kept in every pass.  measure.c holds the line beside it: no dump that would exceed the budget is
 * begun, whatever the plan expected.
 */
#include "load.h"

#include "torchless/mem.h"
#include "torchless/point.h"

#include <stdlib.h>
#include <string.h>

/* How many points each rule decides about: fewer is more asked for. */
static int *count_points(const struct program *p, const struct capture *captures, int n_rules)
{
	int *n = mem_calloc((size_t)n_rules + 1, sizeof(*n));
	value_id v;

	for (v = 0; v < p->n_values; v++) {
		if (p->values[v].point && captures[v].rule >= 0)
			n[captures[v].rule]++;
	}
	return n;
}

/* Whether a is kept before b. */
static bool precedes(const struct capture_group *a, const struct capture_group *b,
		     const int *points)
{
	if (a->rule == b->rule)
		return a->dump_bytes < b->dump_bytes;
	if (a->rule < 0 || b->rule < 0)
		return b->rule < 0;
	if (points[a->rule] != points[b->rule])
		return points[a->rule] < points[b->rule];
	return a->rule > b->rule;
}

/* Indices of the groups, the most asked for first; those alike stay in execution order. */
static int *sort_groups(const struct capture_group *groups, int n, const int *points)
{
	int *order = mem_calloc((size_t)n + 1, sizeof(*order));
	int i, j;

	for (i = 0; i < n; i++) {
		for (j = i; j > 0 && precedes(&groups[i], &groups[order[j - 1]], points); j--)
			order[j] = order[j - 1];
		order[j] = i;
	}
	return order;
}

/* Bytes that keeping the group adds: none when what it repeats is kept. */
static int64_t cost_of_group(const struct program *p, const struct capture *captures,
			     const struct capture_group *g)
{
	return g->is_repeated && repeats_value(p, captures, g->first) >= 0 ? 0 : g->dump_bytes;
}

static void drop(const struct program *p, struct capture *captures, struct capture_group *g)
{
	value_id v;

	g->is_dropped = true;
	for (v = 0; v < p->n_values; v++) {
		if (group_has(p, captures, g, v))
			captures[v].dump = false;
	}
}

void budget_apply(const struct program *p, struct capture *captures,
		  const struct trace_options *opt, struct capture_group *groups, int n_groups)
{
	int *points = count_points(p, captures, opt->capture ? opt->capture->n_rules : 0);
	int *order = sort_groups(groups, n_groups, points), i;
	int64_t left = opt->budget, bytes;

	for (i = 0; i < n_groups; i++) {
		struct capture_group *g = &groups[order[i]];

		bytes = cost_of_group(p, captures, g);
		if (bytes > left)
			drop(p, captures, g);
		else
			left -= bytes;
	}
	free(points);
	free(order);
}

void budget_describe(const struct program *p, const struct capture *captures,
		     const struct capture_group *groups, int n_groups, struct trace_dropped *out)
{
	bool *all = mem_calloc((size_t)p->n_values + 1, sizeof(*all));
	int i;
	value_id v;

	for (i = 0; i < n_groups; i++) {
		if (!groups[i].is_dropped)
			continue;
		out->n_points += groups[i].n_points;
		out->n_dumps += groups[i].n_dumps;
		out->bytes += groups[i].dump_bytes;
		for (v = 0; v < p->n_values; v++)
			all[v] |= group_has(p, captures, &groups[i], v);
	}
	if (out->n_points > 0)
		points_format(p, all, "\n", &out->patterns);
	free(all);
}

bool trace_attention_fits(const struct program *p, const struct trace_options *opt, int64_t *bytes)
{
	struct capture *captures = mem_calloc((size_t)p->n_values + 1, sizeof(*captures));
	struct capture_group *groups = NULL;
	struct err ignored = { 0 };
	int64_t all = 0;
	int n = 0;

	*bytes = 0;
	if (!(opt->capture && opt->capture->no_defaults) &&
	    !capture_policy_apply(opt->capture, true, p, captures, &ignored))
		n = capture_groups(p, captures, opt, &groups);
	for (int i = 0; i < n; i++) {
		int64_t cost = cost_of_group(p, captures, &groups[i]);

		all += cost;
		if (groups[i].rule < 0 && capture_is_attention(&p->values[groups[i].first]))
			*bytes += cost;
	}
	free(groups);
	free(captures);
	return n > 0 && opt->n_shapes > 0 && *bytes <= CAPTURE_ATTENTION_BYTES &&
	       (!opt->budget || all <= opt->budget);
}
