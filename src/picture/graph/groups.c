/*
 * groups.c -- which ops are one node.
 */
#include "graph_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

/* Whether two ops of an open module are one node. */
static bool together(const struct plan *plan, int i, int j)
{
	const struct op *a = &plan->p->ops[i], *b = &plan->p->ops[j];
	const char *x = op_looks[a->code].group, *y = op_looks[b->code].group;

	if (plan->box_of[a->module] >= 0 || plan->box_of[b->module] >= 0)
		return plan->box_of[a->module] == plan->box_of[b->module];
	if (a->module != b->module)
		return false;
	if (plan->is_leaf[a->module])
		return true;
	return plan->inside != GRAPH_OP && x && y && !strcmp(x, y);
}

/* The first op of the node of op i, of those before it. */
static int first_of(const struct plan *plan, const int *first, int i)
{
	const struct program *p = plan->p;
	int module = p->ops[i].module, box = plan->box_of[module];
	int from = p->modules[box >= 0 ? box : module].op_first;

	for (int j = i - 1; j >= from; j--)
		if (plan_shows(plan, j) && together(plan, i, j))
			return first[j];
	return i;
}

/* A view of a module's own is nothing to look at: it is part of what reads it. */
static int reader_of_view(const struct plan *plan, int i)
{
	const struct program *p = plan->p;
	const struct op *op = &p->ops[i];

	if (op_table[op->code].storage != STORAGE_VIEW || plan->inside == GRAPH_OP ||
	    plan->box_of[op->module] >= 0)
		return -1;
	for (int j = i + 1; j < plan->n_ops; j++)
		for (int k = 0; k < p->ops[j].n_in; k++)
			if (p->ops[j].in[k] == op->out[0] && plan_shows(plan, j))
				return j;
	return -1;
}

void groups_make(const struct plan *plan, int *last_of)
{
	size_t n = (size_t)plan->n_ops + 1;
	int *first = mem_calloc(n, sizeof(*first)), *last = mem_calloc(n, sizeof(*last));

	for (int i = 0; i < plan->n_ops; i++)
		first[i] = plan_shows(plan, i) ? first_of(plan, first, i) : i;
	for (int i = plan->n_ops - 1; i >= 0; i--) {
		int reader = plan_shows(plan, i) ? reader_of_view(plan, i) : -1;

		if (reader >= 0 && first[i] == i)
			first[i] = first[reader];
	}
	for (int i = 0; i < plan->n_ops; i++)
		if (last[first[i]] < i)
			last[first[i]] = i;
	for (int i = 0; i < plan->n_ops; i++)
		last_of[i] = plan_shows(plan, i) ? last[first[i]] : -1;
	free(first);
	free(last);
}
