/*
 * pair.c -- two graphs as one of two columns.
 *
 * Nodes meet by their ids with the layers' numbers left out, the first of a kind with the first, so
 * that the one box of 30 layers stands beside the one of 12.  Each column is a cluster with the
 * title of its graph; ids of the second have "@b" behind them, so that both are names still.
 */
#include "measure_impl.h"

#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND "@b"

/* ---- what is alike -------------------------------------------------------------------------- */

/* Whether the component at `s` is this text. */
static bool is_component(const char *s, const char *text)
{
	size_t n = strlen(text);

	return !strncmp(s, text, n) && strchr(".:@", s[n]);
}

/* The id without the numbers of its layers: "model.layers.*.mlp:out". */
static char *key_of(const struct graph_node *n)
{
	char one[32], all[64];
	struct text key = { 0 };
	bool begins = true;

	snprintf(one, sizeof(one), "%d", n->layers.first);
	snprintf(all, sizeof(all), "[%d-%d]", n->layers.first, n->layers.last);
	for (const char *s = n->id; *s; s++) {
		const char *number = n->layers.first < 0 || !begins ? NULL
				     : is_component(s, all)         ? all
				     : is_component(s, one)         ? one
								    : NULL;

		begins = strchr(".:@", *s) != NULL;
		text_addc(&key, number ? '*' : *s);
		if (number)
			s += strlen(number) - 1;
	}
	return key.data ? key.data : mem_strdup("");
}

static void add_other(struct text *why, const char *a, const char *b)
{
	if (strcmp(a ? a : "", b ? b : "") != 0)
		text_addf(why, "%s≠ %s", why->len ? "\n" : "", b ? b : "nothing");
}

/* What b has otherwise; to be freed, NULL: nothing. */
static char *difference(const struct graph_node *a, const struct graph_node *b)
{
	struct text why = { 0 };
	int n = node_layers(a), m = node_layers(b);

	add_other(&why, a->shape, b->shape);
	add_other(&why, a->weight, b->weight);
	add_other(&why, a->formula, b->formula);
	if (n != m && a->kind == GRAPH_LAYERS)
		text_addf(&why, "%s≠ ×%d", why.len ? "\n" : "", m);
	return why.data;
}

struct pairing {
	struct graph *a, *b;
	char **keys_a, **keys_b;
	bool *is_met; /* of b */
	int n_equal, n_other, n_only_a, n_only_b;
};

static void set_verdict(struct graph_node *n, enum graph_verdict verdict, const char *why)
{
	free(n->difference);
	n->verdict = verdict;
	n->difference = why ? mem_strdup(why) : NULL;
}

static void meet(struct pairing *x, int i)
{
	struct graph_node *a = &x->a->nodes[i], *b = NULL;
	char *why, *back;

	if (is_mark(a))
		return;
	for (int j = 0; j < x->b->n_nodes && !b; j++) {
		if (x->is_met[j] || strcmp(x->keys_a[i], x->keys_b[j]) != 0)
			continue;
		b = &x->b->nodes[j];
		x->is_met[j] = true;
	}
	if (!b) {
		set_verdict(a, GRAPH_ONLY_HERE, NULL);
		x->n_only_a++;
		return;
	}
	why = difference(a, b);
	back = difference(b, a);
	set_verdict(a, why ? GRAPH_CLOSE : GRAPH_EQUAL, why);
	set_verdict(b, why ? GRAPH_CLOSE : GRAPH_EQUAL, back);
	*(why ? &x->n_other : &x->n_equal) += 1;
	free(why);
	free(back);
}

static char **keys_of(const struct graph *g)
{
	char **keys = mem_calloc((size_t)g->n_nodes + 1, sizeof(*keys));

	for (int i = 0; i < g->n_nodes; i++)
		keys[i] = key_of(&g->nodes[i]);
	return keys;
}

static void keys_free(char **keys)
{
	for (int i = 0; keys[i]; i++)
		free(keys[i]);
	free(keys);
}

static void compare(struct pairing *x)
{
	x->keys_a = keys_of(x->a);
	x->keys_b = keys_of(x->b);
	x->is_met = mem_calloc((size_t)x->b->n_nodes + 1, sizeof(*x->is_met));
	for (int i = 0; i < x->a->n_nodes; i++)
		meet(x, i);
	for (int j = 0; j < x->b->n_nodes; j++) {
		if (x->is_met[j] || is_mark(&x->b->nodes[j]))
			continue;
		set_verdict(&x->b->nodes[j], GRAPH_ONLY_HERE, NULL);
		x->n_only_b++;
	}
	keys_free(x->keys_a);
	keys_free(x->keys_b);
	free(x->is_met);
}

/* ---- two columns ---------------------------------------------------------------------------- */

static void rename_id(char **id, const char *suffix)
{
	struct text t = { 0 };

	text_addf(&t, "%s%s", *id, suffix);
	free(*id);
	*id = t.data;
}

static void add_clusters(struct graph *out, const struct graph *g, int column)
{
	const char *suffix = column ? SECOND : "";
	int root = out->n_clusters;
	struct graph_cluster top = { .parent = -1, .column = column, .layers = { -1, -1, 0 } };

	top.id = mem_strdup(column ? "@b" : "@a");
	top.name = mem_strdup(g->title ? g->title : column ? "second" : "first");
	out->clusters[out->n_clusters++] = top;
	for (int i = 0; i < g->n_clusters; i++) {
		struct graph_cluster c = g->clusters[i];

		c.parent = c.parent < 0 ? root : c.parent + root + 1;
		c.column = column;
		rename_id(&c.id, suffix);
		out->clusters[out->n_clusters++] = c;
	}
}

/* Its nodes and edges behind those that are there; its clusters begin at `clusters`. */
static void add_nodes(struct graph *out, const struct graph *g, int column, int clusters)
{
	const char *suffix = column ? SECOND : "";
	int first = out->n_nodes;

	for (int i = 0; i < g->n_nodes; i++) {
		struct graph_node n = g->nodes[i];

		n.cluster = clusters + 1 + n.cluster;
		rename_id(&n.id, suffix);
		out->nodes[out->n_nodes++] = n;
	}
	for (int i = 0; i < g->n_edges; i++) {
		struct graph_edge e = g->edges[i];
		struct text id = { 0 };

		e.from += first;
		e.to += first;
		free(e.id);
		text_addf(&id, "%s->%s", out->nodes[e.from].id, out->nodes[e.to].id);
		e.id = id.data;
		out->edges[out->n_edges++] = e;
	}
}

/* Forget what `out` has by now. */
static void emptied(struct graph *g)
{
	g->n_nodes = g->n_edges = g->n_clusters = 0;
	graph_release(g);
}

static void say(struct graph *out, const struct pairing *x)
{
	struct text title = { 0 }, subtitle = { 0 };

	text_addf(&title, "%s and %s", x->a->title ? x->a->title : "first",
		  x->b->title ? x->b->title : "second");
	text_addf(&subtitle,
		  "%d alike · %d of other shapes · %d only in the first · %d only in "
		  "the second",
		  x->n_equal, x->n_other, x->n_only_a, x->n_only_b);
	out->title = title.data;
	out->subtitle = subtitle.data;
	if (x->a->folded || x->b->folded)
		out->folded = mem_strdup(x->a->folded ? x->a->folded : x->b->folded);
}

void graph_pair(struct graph *out, struct graph *a, struct graph *b)
{
	struct pairing x = { .a = a, .b = b };
	int second;

	compare(&x);
	*out = (struct graph){ .level = a->level, .is_pair = true, .heat_lo = NAN, .heat_hi = NAN };
	out->cap_nodes = (size_t)(a->n_nodes + b->n_nodes) + 1;
	out->cap_edges = (size_t)(a->n_edges + b->n_edges) + 1;
	out->cap_clusters = (size_t)(a->n_clusters + b->n_clusters) + 2;
	out->nodes = mem_calloc(out->cap_nodes, sizeof(*out->nodes));
	out->edges = mem_calloc(out->cap_edges, sizeof(*out->edges));
	out->clusters = mem_calloc(out->cap_clusters, sizeof(*out->clusters));
	say(out, &x);
	add_clusters(out, a, 0);
	second = out->n_clusters;
	add_clusters(out, b, 1);
	add_nodes(out, a, 0, 0);
	add_nodes(out, b, 1, second);
	emptied(a);
	emptied(b);
}
