/*
 * verdict.c -- what two runs disagree about, on the nodes of a graph.
 *
 * A node is as good as the worst value that its ops compute.  Of folded layers it says how many
 * differ, and what the first of those has to say.
 */
#include "measure_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>

/* The worst value of a node in one of its layers; -1: it has none that was compared. */
static value_id worst_value(const struct graph_comparison *c, const struct graph_node *n, int k)
{
	const struct program *p = c->program;
	value_id own = n->n_ops ? node_value(n, p, k) : -1;
	value_id worst = n->kind == GRAPH_OUTPUT || n->value == p->ids ? n->value : -1;

	for (int i = 0; i < n->n_ops; i++) {
		int op = node_op(n, p, i, k);

		for (int out = 0; op >= 0 && out < p->ops[op].n_out; out++) {
			value_id v = p->ops[op].out[out];

			if (c->values[v].why || c->values[v].verdict)
				if (worst < 0 || c->values[v].verdict > c->values[worst].verdict)
					worst = v;
		}
	}
	/* Of several that are as bad it is the one that the node is called by. */
	if (worst >= 0 && own >= 0 && c->values[own].verdict == c->values[worst].verdict)
		return own;
	return worst;
}

static void add_why(struct text *t, const struct graph_comparison *c, value_id v,
		    const struct graph_node *n)
{
	const struct judged *j = &c->values[v];

	if (n->value != v && c->program->values[v].point)
		text_addf(t, "%s: ", c->program->values[v].point->name);
	text_adds(t, j->why);
	if (j->pass > 0)
		text_addf(t, "\nin pass %d, not before", j->pass);
}

static void show_node(const struct graph_comparison *c, struct graph_node *n)
{
	int layers = node_layers(n), n_worst = 0, at = -1;
	struct text why = { 0 };
	value_id worst = -1;

	n->verdict = GRAPH_UNCOMPARED;
	for (int k = 0; k < layers; k++) {
		value_id v = worst_value(c, n, k);

		if (v < 0)
			continue;
		if (worst < 0 || c->values[v].verdict > c->values[worst].verdict) {
			worst = v;
			at = k;
			n_worst = 0;
		}
		n_worst += c->values[v].verdict == c->values[worst].verdict;
	}
	if (worst < 0)
		return;
	n->verdict = c->values[worst].verdict;
	if (layers > 1 && n->verdict > GRAPH_EQUAL)
		text_addf(&why, "%d of %d layers %s, first %d\n", n_worst, layers,
			  n->verdict == GRAPH_DIFFERS ? plural(n_worst, "differs", "differ")
						      : plural(n_worst, "is close", "are close"),
			  n->layers.first + at);
	if (c->values[worst].why)
		add_why(&why, c, worst, n);
	free(n->difference);
	n->difference = why.data;
}

/* Whether an op of the node computes the value, in any of its layers. */
static bool node_makes(const struct program *p, const struct graph_node *n, value_id v)
{
	for (int k = 0; v >= 0 && k < node_layers(n); k++)
		for (int i = 0; i < n->n_ops; i++)
			if (node_op(n, p, i, k) == p->values[v].op)
				return true;
	return false;
}

void graph_compare(struct graph *g, const struct graph_comparison *c)
{
	const struct judged *ids = &c->values[c->program->ids];
	struct text t = { 0 };

	for (int i = 0; i < g->n_nodes; i++) {
		show_node(c, &g->nodes[i]);
		g->nodes[i].measures.is_first = node_makes(c->program, &g->nodes[i], c->first);
	}
	text_addf(&t, "%zu %s compared · ", c->n_passes,
		  plural((int64_t)c->n_passes, "pass", "passes"));
	if (c->first >= 0)
		text_addf(&t, "first that differs: %s in pass %d",
			  c->program->values[c->first].name, c->values[c->first].pass);
	else
		text_adds(&t, "nothing differs");
	if (ids->verdict == GRAPH_DIFFERS)
		text_addf(&t, "\nwhat is read differs: %s", ids->why);
	free(g->subtitle);
	g->subtitle = t.data;
}
