/*
 * node.c -- the ops and the values of a node, layer by layer.
 *
 * A node holds those of the first of its layers; the ops of the others lie a stride behind them.
 */
#include "measure_impl.h"

bool is_mark(const struct graph_node *n)
{
	return n->kind == GRAPH_HUB || n->kind == GRAPH_STUB;
}

int node_layers(const struct graph_node *n)
{
	return n->layers.first < 0 ? 1 : n->layers.last - n->layers.first + 1;
}

static int at_layer(const struct graph_node *n, const struct program *p, int op, int k)
{
	int64_t at = op + (int64_t)k * n->layers.stride;

	return op >= 0 && at < p->n_ops && p->ops[at].code == p->ops[op].code ? (int)at : -1;
}

int node_op(const struct graph_node *n, const struct program *p, int i, int k)
{
	return at_layer(n, p, n->ops[i], k);
}

value_id node_value(const struct graph_node *n, const struct program *p, int k)
{
	const struct op *first, *op;
	int at;

	if (n->value < 0 || k == 0)
		return n->value;
	at = at_layer(n, p, p->values[n->value].op, k);
	if (at < 0)
		return -1;
	first = &p->ops[p->values[n->value].op];
	op = &p->ops[at];
	for (int i = 0; i < first->n_out; i++)
		if (first->out[i] == n->value)
			return op->out[i];
	return -1;
}
