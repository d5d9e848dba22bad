/*
 * memory.c -- the arrays of a graph.
 */
#include "graph_impl.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>

static const struct graph_layers no_layers = { -1, -1, 0 };

/* Nothing can be found by an empty name. */
static char *some_id(char *id)
{
	if (*id)
		return id;
	free(id);
	return mem_strdup("(unnamed)");
}

int graph_add_node(struct graph *g, char *id, enum graph_kind kind, int cluster)
{
	struct graph_node n = {
		.id = some_id(id),
		.kind = kind,
		.cluster = cluster,
		.value = -1,
		.layers = no_layers,
		.measures = { .share = NAN,
			      .l2 = NAN,
			      .absmax = NAN,
			      .bytes = NAN,
			      .lo = NAN,
			      .hi = NAN,
			      .worst = -1,
			      .heat = NAN },
	};

	g->nodes = mem_grow(g->nodes, (size_t)g->n_nodes, &g->cap_nodes, sizeof(n));
	g->nodes[g->n_nodes] = n;
	return g->n_nodes++;
}

int graph_add_edge(struct graph *g, int from, int to)
{
	struct graph_edge e = { .from = from, .to = to };
	struct text id = { 0 };

	text_addf(&id, "%s->%s", g->nodes[from].id, g->nodes[to].id);
	e.id = id.data;
	g->edges = mem_grow(g->edges, (size_t)g->n_edges, &g->cap_edges, sizeof(e));
	g->edges[g->n_edges] = e;
	return g->n_edges++;
}

int graph_add_cluster(struct graph *g, char *id, int parent)
{
	struct graph_cluster c = { .id = some_id(id), .parent = parent, .layers = no_layers };

	g->clusters = mem_grow(g->clusters, (size_t)g->n_clusters, &g->cap_clusters, sizeof(c));
	g->clusters[g->n_clusters] = c;
	return g->n_clusters++;
}

void node_add_op(struct graph_node *n, int op)
{
	n->ops = mem_realloc(n->ops, (size_t)n->n_ops + 1, sizeof(*n->ops));
	n->ops[n->n_ops++] = op;
}

bool is_junction(const struct graph_node *n)
{
	return n->kind == GRAPH_RESIDUAL && n->n_ops == 0;
}

static void release_node(struct graph_node *n)
{
	free(n->id);
	free(n->name);
	free(n->type);
	free(n->formula);
	free(n->shape);
	free(n->weight);
	free(n->note);
	free(n->tooltip);
	free(n->ops);
	free(n->measures.series);
	free(n->difference);
}

void graph_release(struct graph *g)
{
	for (int i = 0; i < g->n_nodes; i++)
		release_node(&g->nodes[i]);
	for (int i = 0; i < g->n_edges; i++) {
		free(g->edges[i].id);
		free(g->edges[i].label);
		free(g->edges[i].tooltip);
	}
	for (int i = 0; i < g->n_clusters; i++) {
		free(g->clusters[i].id);
		free(g->clusters[i].name);
		free(g->clusters[i].type);
		free(g->clusters[i].note);
		free(g->clusters[i].tooltip);
	}
	free(g->nodes);
	free(g->edges);
	free(g->clusters);
	free(g->title);
	free(g->subtitle);
	free(g->folded);
	free(g->heat_name);
	free(g->heat_unit);
	free(g->series_name);
	*g = (struct graph){ 0 };
}
