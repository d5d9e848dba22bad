/*
 * bad.c -- the way to the first bad value: how the model came there, and where it went from there.
 *
 * What is bad is known a value, so behind the first one the way is every edge between two nodes
 * that hold bad values.  Before it nothing is bad; the way is then how the pass came to the op:
 * back from it to the residual stream, and along that to the input.
 */
#include "measure_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>

static bool op_is_bad(const struct program *p, const struct graph_record *r, int op)
{
	for (int i = 0; i < p->ops[op].n_out; i++)
		if (r->bad[p->ops[op].out[i]].id)
			return true;
	return false;
}

/* Whether an op of the node, in layer k, computes something bad; `what`: this value alone. */
static bool holds_bad(const struct graph_node *n, const struct program *p,
		      const struct graph_record *r, int k, value_id what)
{
	for (int i = 0; i < n->n_ops; i++) {
		int op = node_op(n, p, i, k);

		if (op >= 0 && (what < 0 ? op_is_bad(p, r, op) : p->values[what].op == op))
			return true;
	}
	return false;
}

static void mark_nodes(struct graph *g, const struct program *p, const struct graph_record *r)
{
	for (int i = 0; i < g->n_nodes; i++) {
		struct graph_node *n = &g->nodes[i];

		for (int k = 0; k < node_layers(n) && !n->measures.is_first; k++) {
			if (!holds_bad(n, p, r, k, -1))
				continue;
			n->measures.holds_bad = n->measures.is_bad = true;
			n->measures.is_first = holds_bad(n, p, r, k, r->first_bad);
			if (n->measures.is_first && n->layers.first >= 0)
				n->measures.worst = n->layers.first + k;
		}
	}
}

/* The edge by which the pass came to node `to`: along the residual stream where that leads there,
 * else from what ran last before it. */
static struct graph_edge *edge_into(struct graph *g, int to)
{
	struct graph_edge *best = NULL;

	for (int i = 0; i < g->n_edges; i++) {
		struct graph_edge *e = &g->edges[i];
		enum graph_kind kind = g->nodes[e->from].kind;

		if (e->to != to || e->is_hub || e->from == to || kind == GRAPH_WEIGHT ||
		    kind == GRAPH_HUB)
			continue;
		if (!best || e->is_spine > best->is_spine ||
		    (e->is_spine == best->is_spine && e->from > best->from))
			best = e;
	}
	return best;
}

static void mark_way(struct graph *g, int to)
{
	bool *seen = mem_calloc((size_t)g->n_nodes + 1, sizeof(*seen));
	struct graph_edge *e;

	for (; !seen[to] && (e = edge_into(g, to)); to = e->from) {
		seen[to] = true;
		e->is_bad = true;
		g->nodes[e->from].measures.is_bad = true;
	}
	free(seen);
}

void bad_mark(struct graph *g, const struct program *p, const struct graph_record *r)
{
	if (r->first_bad < 0)
		return;
	mark_nodes(g, p, r);
	for (int i = 0; i < g->n_edges; i++) {
		struct graph_edge *e = &g->edges[i];

		e->is_bad =
			g->nodes[e->from].measures.holds_bad && g->nodes[e->to].measures.holds_bad;
	}
	for (int i = 0; i < g->n_nodes; i++)
		if (g->nodes[i].measures.is_first) {
			mark_way(g, i);
			break;
		}
}
