/*
 * json.c -- a graph as one JSON document, with the ids of its picture.
 */
#include "graph_impl.h"

#include "torchless/json.h"

#include <math.h>
#include <string.h>

static void add_layers(struct text *out, const struct graph_layers *layers)
{
	json_add_key(out, "layers");
	if (layers->first < 0)
		text_adds(out, "null");
	else
		text_addf(out, "[%d,%d]", layers->first, layers->last);
}

static void add_cluster_id(struct text *out, const char *key, const struct graph *g, int c)
{
	json_add_string(out, key, c < 0 ? NULL : g->clusters[c].id);
}

/* What counts from 0: null where there is none. */
static void add_number(struct text *out, const char *key, int n)
{
	if (n >= 0)
		json_add_int(out, key, n);
	else
		json_add_string(out, key, NULL);
}

static void add_measures(struct text *out, const struct graph_node *n)
{
	const struct graph_measures *m = &n->measures;

	json_add_key(out, "measures");
	text_addc(out, '{');
	json_add_real(out, "share", m->share);
	json_add_real(out, "l2", m->l2);
	json_add_real(out, "absmax", m->absmax);
	json_add_real(out, "bytes", m->bytes);
	json_add_real(out, "nan", (double)m->n_nan);
	json_add_real(out, "inf", (double)m->n_inf);
	json_add_real(out, "heat", m->heat);
	json_add_bool(out, "bad", m->is_bad);
	json_add_bool(out, "holds_bad", m->holds_bad);
	json_add_bool(out, "estimate", m->is_estimate);
	add_number(out, "pass", m->pass);
	json_add_string(out, "shape", *m->shape ? m->shape : NULL);
	json_add_key(out, "series");
	if (m->series && n->layers.first >= 0) {
		text_addc(out, '[');
		for (int i = 0; i <= n->layers.last - n->layers.first; i++) {
			text_adds(out, i ? "," : "");
			text_add_json_number(out, m->series[i]);
		}
		text_addc(out, ']');
	} else {
		text_adds(out, "null");
	}
	json_add_real(out, "min", m->lo);
	json_add_real(out, "max", m->hi);
	add_number(out, "worst", m->worst);
	text_addc(out, '}');
}

/* The id of what is drawn again has "@" and the place behind it. */
static void add_point(struct text *out, const struct graph_node *n)
{
	size_t len = n->value >= 0 ? strcspn(n->id, "@") : 0;

	json_add_key(out, "point");
	if (len)
		text_add_json(out, n->id, len);
	else
		text_adds(out, "null");
}

static void add_node(struct text *out, const struct graph *g, const struct graph_node *n)
{
	text_adds(out, "{");
	json_add_string(out, "id", n->id);
	json_add_string(out, "name", n->name);
	json_add_string(out, "kind", kind_looks[n->kind].kind);
	json_add_string(out, "type", n->type);
	json_add_string(out, "formula", n->formula);
	json_add_string(out, "shape", n->shape);
	json_add_string(out, "weight", n->weight);
	json_add_string(out, "note", n->note);
	add_point(out, n);
	add_cluster_id(out, "cluster", g, n->cluster);
	add_layers(out, &n->layers);
	json_add_key(out, "ops");
	text_addc(out, '[');
	for (int i = 0; i < n->n_ops; i++)
		text_addf(out, "%s%d", i ? "," : "", n->ops[i]);
	text_addc(out, ']');
	json_add_bool(out, "spine", n->is_spine);
	json_add_string(out, "tooltip", n->tooltip);
	if (n->measures.is_known || n->measures.is_bad || !isnan(n->measures.share))
		add_measures(out, n);
	if (n->measures.is_first)
		json_add_bool(out, "first", true);
	if (n->verdict != GRAPH_UNCOMPARED) {
		json_add_string(out, "verdict", verdict_word(g, n->verdict));
		json_add_string(out, "difference", n->difference);
	}
	text_adds(out, "}");
}

static void add_edge(struct text *out, const struct graph *g, const struct graph_edge *e)
{
	text_adds(out, "{");
	json_add_string(out, "id", e->id);
	json_add_string(out, "from", g->nodes[e->from].id);
	json_add_string(out, "to", g->nodes[e->to].id);
	json_add_string(out, "label", e->label);
	json_add_bool(out, "spine", e->is_spine);
	json_add_bool(out, "hub", e->is_hub);
	json_add_bool(out, "bad", e->is_bad);
	json_add_string(out, "tooltip", e->tooltip);
	text_adds(out, "}");
}

static void add_cluster(struct text *out, const struct graph *g, const struct graph_cluster *c)
{
	text_adds(out, "{");
	json_add_string(out, "id", c->id);
	json_add_string(out, "name", c->name);
	json_add_string(out, "type", c->type);
	json_add_string(out, "note", c->note);
	add_cluster_id(out, "parent", g, c->parent);
	add_layers(out, &c->layers);
	if (c->column)
		json_add_int(out, "column", c->column);
	json_add_string(out, "tooltip", c->tooltip);
	text_adds(out, "}");
}

void graph_add_json(struct text *out, const struct graph *g)
{
	text_adds(out, "{");
	json_add_string(out, "title", g->title);
	json_add_string(out, "subtitle", g->subtitle);
	json_add_string(out, "level", level_names[g->level]);
	json_add_string(out, "folded", g->folded);
	json_add_string(out, "series", g->series_name);
	if (!isnan(g->heat_lo)) {
		json_add_key(out, "heat");
		text_adds(out, "{");
		json_add_string(out, "name", g->heat_name);
		json_add_string(out, "unit", g->heat_unit);
		json_add_real(out, "min", g->heat_lo);
		json_add_real(out, "max", g->heat_hi);
		json_add_bool(out, "log", g->heat_is_log);
		text_adds(out, "}");
	}
	text_adds(out, ",\n\"nodes\":[");
	for (int i = 0; i < g->n_nodes; i++) {
		text_adds(out, i ? ",\n" : "\n");
		add_node(out, g, &g->nodes[i]);
	}
	text_adds(out, "],\n\"edges\":[");
	for (int i = 0; i < g->n_edges; i++) {
		text_adds(out, i ? ",\n" : "\n");
		add_edge(out, g, &g->edges[i]);
	}
	text_adds(out, "],\n\"clusters\":[");
	for (int i = 0; i < g->n_clusters; i++) {
		text_adds(out, i ? ",\n" : "\n");
		add_cluster(out, g, &g->clusters[i]);
	}
	text_adds(out, "]}\n");
}
