/*
 * structure.c -- whether two programs are the same but for their weights, and what those are.
 */
#include "measure_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

static bool same_value(const struct value *a, const struct value *b)
{
	return !strcmp(a->name, b->name) && a->storage == b->storage && a->op == b->op &&
	       a->t.n_dims == b->t.n_dims &&
	       !memcmp(a->t.shape, b->t.shape, sizeof(*a->t.shape) * (size_t)a->t.n_dims);
}

static bool same_op(const struct op *a, const struct op *b)
{
	return a->code == b->code && a->n_in == b->n_in && a->n_out == b->n_out &&
	       a->module == b->module && a->window == b->window &&
	       !memcmp(a->in, b->in, sizeof(*a->in) * (size_t)a->n_in) &&
	       !memcmp(a->out, b->out, sizeof(*a->out) * (size_t)a->n_out);
}

bool graph_same_structure(const struct program *a, const struct program *b)
{
	if (a->n_values != b->n_values || a->n_ops != b->n_ops || a->n_modules != b->n_modules)
		return false;
	for (int i = 0; i < a->n_values; i++)
		if (!same_value(&a->values[i], &b->values[i]))
			return false;
	for (int i = 0; i < a->n_ops; i++)
		if (!same_op(&a->ops[i], &b->ops[i]))
			return false;
	for (int i = 0; i < a->n_modules; i++)
		if (strcmp(a->modules[i].path, b->modules[i].path) != 0)
			return false;
	return true;
}

/* The first weight that an op of the node reads, in layer k, whose type is another; -1. */
static value_id other_weight(const struct graph_node *n, const struct program *a,
			     const struct program *b, int k)
{
	for (int i = 0; i < n->n_ops; i++) {
		int op = node_op(n, a, i, k);

		for (int in = 0; op >= 0 && in < a->ops[op].n_in; in++) {
			value_id v = a->ops[op].in[in];

			if (a->values[v].t.dtype != b->values[v].t.dtype)
				return v;
		}
	}
	if (!n->n_ops && n->value >= 0) {
		value_id v = node_value(n, a, k);

		if (v >= 0 && a->values[v].t.dtype != b->values[v].t.dtype)
			return v;
	}
	return -1;
}

static bool compare_node(struct graph_node *n, const struct program *a, const struct program *b)
{
	struct text why = { 0 };
	char x[96], y[96];
	value_id v = -1;

	for (int k = 0; k < node_layers(n) && v < 0; k++)
		v = other_weight(n, a, b, k);
	n->verdict = v < 0 ? GRAPH_EQUAL : GRAPH_DIFFERS;
	if (v < 0)
		return true;
	text_addf(&why, "%s: %s and %s", a->values[v].name,
		  program_format_shape(&a->values[v], x, sizeof(x)),
		  program_format_shape(&b->values[v], y, sizeof(y)));
	free(n->difference);
	n->difference = why.data;
	return false;
}

void graph_compare_weights(struct graph *g, const struct program *a, const struct program *b)
{
	bool is_equal = true;

	for (int i = 0; i < g->n_nodes; i++)
		is_equal &= compare_node(&g->nodes[i], a, b);
	free(g->subtitle);
	g->subtitle = mem_strdup(is_equal ? "the same modules, shapes and types"
					  : "the same modules and shapes, other types");
}
