/*
 * build.c -- nodes, edges and clusters, in the order in which the program runs.
 *
 * One walk over the ops makes the nodes, a second one the edges: by then every node has its place.
 * What stands beside a node (its weights, a hub that is drawn again) is made right before it, what
 * comes from outside of the picture before everything, what leaves it behind everything.
 */
#include "graph_impl.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where the residual stream enters an open layer, and its branches leave. */
struct junction {
	int node; /* -1: none yet */
	int from; /* the node it comes from, -1: that of the value's op */
	value_id value;
};

struct building {
	struct graph *g;
	const struct program *p;
	struct plan plan;
	int *last_of;    /* [n_ops] the last op of the node, -1: not drawn */
	int *node_of;    /* [n_ops] by the last op; -1: none yet */
	int *value_node; /* [n_values] of inputs, weights and values from outside; -1 */
	int *source;     /* [n_ops * OP_MAX_INPUTS] the node an input comes from; -1: its op's */
	int *cluster_of; /* [n_modules] -1: none yet */
	struct junction *junctions; /* [n_runs] */
	int *first_in;              /* [n_nodes] an edge to it; edges of one end are a list */
	int *next_in;               /* [n_edges] */
	size_t cap_first, cap_next;
};

static void *filled(int n)
{
	int *a = mem_calloc((size_t)n + 1, sizeof(*a));

	for (int i = 0; i <= n; i++)
		a[i] = -1;
	return a;
}

static const struct op *op_of(const struct building *b, int i)
{
	return &b->p->ops[i];
}

/* ---- clusters ------------------------------------------------------------------------------- */

static struct graph_layers layers_of_module(const struct building *b, int m)
{
	const struct module *module = &b->p->modules[m];

	if (module->layer < 0)
		return (struct graph_layers){ -1, -1, 0 };
	return fold_layers_of(&b->plan.fold, module->op_first);
}

static void tell_cluster(struct graph_cluster *c, const struct building *b, int m)
{
	const struct module *module = &b->p->modules[m];
	struct text name = { 0 }, note = { 0 }, tip = { 0 };

	words_add_module(&name, &b->plan, m, &c->layers);
	c->name = name.data;
	c->type = name_clean(module->type);
	if (module->parent < 0 || b->p->modules[module->parent].layer != module->layer)
		words_add_times(&note, &c->layers);
	text_addf(&tip, "%s (%s)", c->id, c->type);
	if (note.len)
		text_addf(&tip, "\n%s", note.data);
	c->note = name_take(&note);
	c->tooltip = name_take(&tip);
}

/* The cluster of an open module; the root of the picture has none. */
static int cluster_of(struct building *b, int m)
{
	struct text id = { 0 };
	struct graph_layers layers;
	int parent, c;

	if (m <= 0 || !program_module_inside(b->p, m, b->plan.scope))
		return -1;
	if (b->cluster_of[m] >= 0)
		return b->cluster_of[m];
	parent = cluster_of(b, b->p->modules[m].parent);
	layers = layers_of_module(b, m);
	name_add_folded(&id, b->p->modules[m].path, &layers);
	c = graph_add_cluster(b->g, id.data, parent);
	b->g->clusters[c].layers = layers;
	tell_cluster(&b->g->clusters[c], b, m);
	b->cluster_of[m] = c;
	return c;
}

/* The module whose cluster an op's node stands in. */
static int home_of(const struct building *b, int i)
{
	int m = op_of(b, i)->module, box = b->plan.box_of[m];

	if (box >= 0)
		return b->p->modules[box].parent;
	return b->plan.is_leaf[m] ? b->p->modules[m].parent : m;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static int add_value_node(struct building *b, value_id v, const char *suffix, enum graph_kind kind,
			  int cluster, const struct graph_layers *layers)
{
	const struct value *value = &b->p->values[v];
	struct text id = { 0 }, tip = { 0 };
	struct graph_node *n;
	int i;

	name_add_folded(&id, value->name, layers);
	text_adds(&id, suffix);
	i = graph_add_node(b->g, id.data, kind, cluster);
	n = &b->g->nodes[i];
	n->value = v;
	n->layers = *layers;
	n->name = words_name_value(&b->plan, v, kind);
	n->shape = words_shape(value);
	name_add_folded(&tip, value->name, layers);
	text_addf(&tip, " %s", n->shape);
	words_add_value(&tip, value);
	n->tooltip = tip.data;
	return i;
}

static const struct graph_layers outside = { -1, -1, 0 };

static int *source_of(struct building *b, int op, int k)
{
	return &b->source[(size_t)op * OP_MAX_INPUTS + (size_t)k];
}

/* The output that an op's node is called by. */
static value_id last_output(const struct building *b, int op)
{
	return op_of(b, op)->out[op_of(b, op)->n_out - 1];
}

/* Values that come from nowhere, and those that come from outside of the module drawn. */
static void add_source(struct building *b, int i, int k)
{
	value_id v = op_of(b, i)->in[k], all = v;
	const struct value *value = &b->p->values[v];
	bool is_input = value->storage == STORAGE_INPUT;
	bool is_open = b->plan.inside == GRAPH_OP && b->plan.box_of[op_of(b, i)->module] < 0;

	if (value->storage == STORAGE_WEIGHT || (words_is_constant(value) && !is_open))
		return;
	if (!is_input && b->last_of[fold_op(&b->plan.fold, value->op)] >= 0)
		return;
	if (b->plan.is_hub[v] && !is_input)
		all = last_output(b, value->op);
	if (b->value_node[all] < 0)
		b->value_node[all] =
			add_value_node(b, all, is_input ? "" : "@stub",
				       is_input ? GRAPH_INPUT : GRAPH_STUB, -1, &outside);
	*source_of(b, i, k) = b->value_node[all];
}

static void add_sources(struct building *b)
{
	for (int i = 0; i < b->plan.n_ops; i++)
		for (int k = 0; b->last_of[i] >= 0 && k < op_of(b, i)->n_in; k++)
			add_source(b, i, k);
}

static enum graph_kind kind_of(const struct building *b, int i)
{
	const struct op *op = op_of(b, i);
	enum graph_kind kind = op_looks[op->code].kind;

	if (b->plan.box_of[op->module] >= 0)
		return GRAPH_LAYERS;
	if (kind == GRAPH_RESIDUAL && !b->plan.is_spine[op->out[0]])
		return GRAPH_ACTIVATION;
	return kind;
}

static struct graph_layers layers_of_node(const struct building *b, int i)
{
	int box = b->plan.box_of[op_of(b, i)->module];

	if (box >= 0 && b->p->modules[box].layer < 0)
		return outside;
	return fold_layers_of(&b->plan.fold, i);
}

/* A value again, beside a reader: made for the first one there. */
static int add_again(struct building *b, value_id v, enum graph_kind kind, int i)
{
	int box = b->plan.box_of[op_of(b, i)->module], cluster = cluster_of(b, home_of(b, i));
	struct graph_layers layers = layers_of_node(b, i);
	struct text suffix = { 0 }, id = { 0 };
	int found = -1, m = home_of(b, i);

	if (box >= 0 || kind == GRAPH_WEIGHT)
		m = box >= 0 ? box : op_of(b, i)->module;
	text_addc(&suffix, '@');
	name_add_folded(&suffix, b->p->modules[m].path, &layers);
	name_add_clean(&id, b->p->values[v].name);
	text_adds(&id, suffix.data);
	for (int j = b->g->n_nodes - 1; j >= 0 && found < 0; j--)
		if (b->g->nodes[j].kind == kind && !strcmp(b->g->nodes[j].id, id.data))
			found = j;
	if (found < 0)
		found = add_value_node(b, v, suffix.data, kind, cluster, &outside);
	text_release(&suffix);
	text_release(&id);
	return found;
}

/* Whether more than one node of the writer's own cluster reads it. */
static bool is_read_beside(struct building *b, int writer)
{
	int home = home_of(b, writer), seen = -1;

	for (int i = writer + 1; i < b->plan.n_ops; i++)
		for (int k = 0; b->last_of[i] >= 0 && k < op_of(b, i)->n_in; k++) {
			if (b->p->values[op_of(b, i)->in[k]].op != writer ||
			    home_of(b, i) != home || b->last_of[i] == seen)
				continue;
			if (seen >= 0)
				return true;
			seen = b->last_of[i];
		}
	return false;
}

static void add_hub(struct building *b, int i, int k)
{
	const struct value *value = &b->p->values[op_of(b, i)->in[k]];

	if (home_of(b, value->op) == home_of(b, i) && !is_read_beside(b, value->op))
		return;
	*source_of(b, i, k) = add_again(b, last_output(b, value->op), GRAPH_HUB, i);
}

static void add_weight(struct building *b, int i, int k)
{
	value_id v = op_of(b, i)->in[k], first = b->p->values[v].tied_to;
	struct graph_layers layers = layers_of_node(b, i);

	if (first >= 0)
		*source_of(b, i, k) = add_again(b, v, GRAPH_WEIGHT, i);
	else if (b->value_node[v] < 0)
		b->value_node[v] = add_value_node(b, v, "", GRAPH_WEIGHT,
						  cluster_of(b, home_of(b, i)), &layers);
	if (first < 0)
		*source_of(b, i, k) = b->value_node[v];
}

/* The point that a value has inside of the layer that it enters, NULL where the program names none.
 */
static const char *name_inside(const struct building *b, value_id v, int m)
{
	const struct program *p = b->p;

	for (int i = 0; i < p->n_aliases; i++) {
		const char *name = p->aliases[i].name;
		size_t len = strlen(p->modules[m].path);

		if (p->aliases[i].value == v && !strncmp(name, p->modules[m].path, len) &&
		    name[len] == ':')
			return name;
	}
	return NULL;
}

static void add_junction(struct building *b, struct junction *j, const struct run *r, value_id v,
			 const char *name)
{
	struct graph_node *n;
	struct text id = { 0 }, tip = { 0 };

	name_add_folded(&id, name, &r->layers);
	text_addf(&tip, "%s\nthe residual stream before the layer", id.data);
	j->node = graph_add_node(b->g, id.data, GRAPH_RESIDUAL, cluster_of(b, r->module));
	j->value = v;
	n = &b->g->nodes[j->node];
	n->layers = r->layers;
	n->is_spine = true;
	n->name = name_clean(words_leaf(name));
	n->shape = words_shape(&b->p->values[v]);
	n->tooltip = tip.data;
}

/* Whether the stream enters an open layer by input k of op i: then it comes from there. */
static bool enter_layer(struct building *b, int i, int k)
{
	value_id v = op_of(b, i)->in[k];
	int run = b->plan.fold.run_of_op[i];
	const struct run *r = run < 0 ? NULL : &b->plan.fold.runs[run];
	struct junction *j = run < 0 ? NULL : &b->junctions[run];
	const char *name;

	if (!r || !b->plan.is_spine[v] || b->p->values[v].op >= r->op_first ||
	    b->plan.box_of[r->module] >= 0 ||
	    !program_module_inside(b->p, r->module, b->plan.scope))
		return false;
	name = name_inside(b, v, r->module);
	if (!name || (j->node >= 0 && j->value != v))
		return false;
	if (j->node < 0) {
		j->from = *source_of(b, i, k);
		add_junction(b, j, r, v, name);
	}
	*source_of(b, i, k) = j->node;
	return true;
}

/* What stands beside the node of op i. */
static void add_beside(struct building *b, int i)
{
	bool is_open = b->plan.inside == GRAPH_OP && b->plan.box_of[op_of(b, i)->module] < 0;

	for (int k = 0; k < op_of(b, i)->n_in; k++) {
		value_id v = op_of(b, i)->in[k];

		if (enter_layer(b, i, k) || *source_of(b, i, k) >= 0)
			continue;
		if (b->p->values[v].storage == STORAGE_WEIGHT && is_open)
			add_weight(b, i, k);
		else if (b->plan.is_hub[v] && b->p->values[v].op >= 0 &&
			 b->last_of[b->p->values[v].op] >= 0)
			add_hub(b, i, k);
	}
}

/* The node whose last op is `last`, and what stands beside it. */
static void add_node(struct building *b, int first, int last)
{
	value_id v = last_output(b, last);
	struct graph_layers layers = layers_of_node(b, last);
	struct text id = { 0 };
	struct graph_node *n;
	int cluster = cluster_of(b, home_of(b, last));

	for (int i = first; i <= last; i++)
		if (b->last_of[i] == last)
			add_beside(b, i);
	name_add_folded(&id, b->p->values[v].name, &layers);
	b->node_of[last] = graph_add_node(b->g, id.data, kind_of(b, last), cluster);
	n = &b->g->nodes[b->node_of[last]];
	n->value = v;
	n->layers = layers;
	for (int i = first; i <= last; i++) {
		if (b->last_of[i] != last)
			continue;
		node_add_op(n, i);
		for (int k = 0; k < op_of(b, i)->n_out; k++)
			n->is_spine |= b->plan.is_spine[op_of(b, i)->out[k]];
	}
	words_of_node(n, &b->plan);
}

static void add_nodes(struct building *b)
{
	for (int i = 0; i < b->plan.n_ops; i++)
		if (b->last_of[i] >= 0 && b->node_of[b->last_of[i]] < 0)
			add_node(b, i, b->last_of[i]);
}

/* ---- edges ---------------------------------------------------------------------------------- */

static int find_edge(const struct building *b, int from, int to)
{
	int e = b->first_in[to];

	while (e >= 0 && b->g->edges[e].from != from)
		e = b->next_in[e];
	return e;
}

static void tell_edge(struct building *b, struct graph_edge *e, value_id v)
{
	const struct graph_node *from = &b->g->nodes[e->from], *to = &b->g->nodes[e->to];
	const struct value *value = &b->p->values[v];
	struct text tip = { 0 };
	char shape[96];

	name_add_folded(&tip, value->name, &from->layers);
	text_addf(&tip, " %s\n%s → %s", program_format_shape(value, shape, sizeof(shape)), from->id,
		  to->id);
	e->tooltip = tip.data;
	e->is_spine = b->plan.is_spine[v] && to->is_spine;
}

/* One edge between two nodes, however many wires run there. */
static void connect(struct building *b, int from, int to, value_id v)
{
	int e = from == to ? -1 : find_edge(b, from, to);

	if (from == to)
		return;
	if (e < 0) {
		e = graph_add_edge(b->g, from, to);
		tell_edge(b, &b->g->edges[e], v);
		b->next_in = mem_grow(b->next_in, (size_t)e, &b->cap_next, sizeof(*b->next_in));
		b->next_in[e] = b->first_in[to];
		b->first_in[to] = e;
	}
	b->g->edges[e].is_hub |= b->plan.is_hub[v];
}

static void connect_junction(struct building *b, int i, value_id v, int to)
{
	const struct junction *j = &b->junctions[b->plan.fold.run_of_op[i]];
	int from = j->from;

	if (from < 0)
		from = b->node_of[b->last_of[fold_op(&b->plan.fold, b->p->values[v].op)]];
	connect(b, from, to, v);
}

static void connect_input(struct building *b, int i, int k)
{
	value_id v = op_of(b, i)->in[k];
	const struct value *value = &b->p->values[v];
	int to = b->node_of[b->last_of[i]], from = *source_of(b, i, k);

	if (from < 0 && value->op < 0)
		return; /* it is written into the box */
	if (from >= 0 && is_junction(&b->g->nodes[from]))
		connect_junction(b, i, v, from);
	if (from < 0)
		from = b->node_of[b->last_of[fold_op(&b->plan.fold, value->op)]];
	connect(b, from, to, v);
}

static void add_edges(struct building *b)
{
	b->first_in = filled(b->g->n_nodes + b->p->n_ops);
	for (int i = 0; i < b->plan.n_ops; i++)
		for (int k = 0; b->last_of[i] >= 0 && k < op_of(b, i)->n_in; k++)
			connect_input(b, i, k);
}

/* What the module drawn computes and others read: a stub for each node that would read it. */
static void add_sinks(struct building *b)
{
	for (int i = 0; b->plan.scope && i < b->plan.n_ops; i++) {
		const struct op *op = op_of(b, i);

		if (program_module_inside(b->p, op->module, b->plan.scope))
			continue;
		for (int k = 0; k < op->n_in; k++) {
			int writer = b->p->values[op->in[k]].op;
			value_id reads = last_output(b, i);

			if (writer < 0 ||
			    !program_module_inside(b->p, op_of(b, writer)->module, b->plan.scope))
				continue;
			if (b->value_node[reads] < 0)
				b->value_node[reads] =
					add_value_node(b, reads, "@stub", GRAPH_STUB, -1, &outside);
			connect(b, b->node_of[b->last_of[fold_op(&b->plan.fold, writer)]],
				b->value_node[reads], op->in[k]);
		}
	}
}

/* The output of the program, behind the node that computes it. */
static void add_output(struct building *b)
{
	int op = b->p->logits >= 0 ? b->p->values[b->p->logits].op : -1, out;

	if (op < 0 || op >= b->plan.n_ops || b->last_of[op] < 0)
		return;
	out = add_value_node(b, b->p->logits, "@output", GRAPH_OUTPUT, -1, &outside);
	connect(b, b->node_of[b->last_of[op]], out, b->p->logits);
	for (int n = out; n >= 0 && !b->g->nodes[n].is_spine;) {
		int e = b->first_in[n], next = -1;

		b->g->nodes[n].is_axis = true;
		for (; e >= 0; e = b->next_in[e])
			next = b->g->nodes[b->g->edges[e].from].kind == GRAPH_WEIGHT
				       ? next
				       : b->g->edges[e].from;
		n = next;
	}
}

static void mark_axis(struct graph *g)
{
	for (int i = 0; i < g->n_nodes; i++)
		g->nodes[i].is_axis |= g->nodes[i].is_spine;
	for (int i = 0; i < g->n_edges; i++) {
		struct graph_node *from = &g->nodes[g->edges[i].from];

		if (g->nodes[g->edges[i].to].kind == GRAPH_EMBEDDING && from->kind == GRAPH_INPUT)
			from->is_axis = true;
	}
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int build(struct graph *g, const struct program *p, const struct graph_options *o,
		 struct err *err)
{
	struct building b = { .g = g, .p = p };
	int r = plan_make(&b.plan, p, o, err);

	if (!r) {
		b.last_of = filled(b.plan.n_ops);
		b.node_of = filled(b.plan.n_ops);
		b.value_node = filled(p->n_values);
		b.source = filled(b.plan.n_ops * OP_MAX_INPUTS);
		b.cluster_of = filled(p->n_modules);
		b.junctions = mem_calloc((size_t)b.plan.fold.n_runs + 1, sizeof(*b.junctions));
		for (int i = 0; i < b.plan.fold.n_runs; i++)
			b.junctions[i] = (struct junction){ -1, -1, -1 };
		groups_make(&b.plan, b.last_of);
		add_sources(&b);
		add_nodes(&b);
		add_edges(&b);
		add_sinks(&b);
		add_output(&b);
		mark_axis(g);
	}
	plan_release(&b.plan);
	free(b.last_of);
	free(b.node_of);
	free(b.value_node);
	free(b.source);
	free(b.cluster_of);
	free(b.junctions);
	free(b.first_in);
	free(b.next_in);
	return r;
}

/* ---- too many ------------------------------------------------------------------------------- */

/* What is given up, in this order, where there are more nodes than anybody can read. */
static const struct {
	enum graph_level most; /* no finer than this */
	bool expands;
	const char *says;
} concessions[] = {
	{ GRAPH_OP, true, NULL },
	{ GRAPH_MODULE, true, "layers are drawn by their modules, not by their ops" },
	{ GRAPH_OP, false, "layers that are alike are drawn once, none by itself" },
	{ GRAPH_MODULE, false, "layers are drawn by their modules, those that are alike once" },
	{ GRAPH_MODEL, false, "layers are boxes" },
};

/* Whether giving it up changes anything of what was asked for. */
static bool is_other(int i, const struct graph_options *o)
{
	bool is_op = o->level == GRAPH_OP && !o->module;

	switch (i) {
	case 1:
		return is_op && o->n_expand > 0;
	case 2:
		return o->n_expand > 0;
	case 3:
		return is_op;
	default:
		return o->level != GRAPH_MODEL;
	}
}

static int build_smaller(struct graph *g, const struct program *p, const struct graph_options *o,
			 int i, struct err *err)
{
	struct graph_options less = *o;

	if (less.level > concessions[i].most)
		less.level = concessions[i].most;
	if (!concessions[i].expands)
		less.n_expand = 0;
	*g = (struct graph){ .level = o->module ? GRAPH_OP : less.level,
			     .heat_lo = NAN,
			     .heat_hi = NAN };
	g->title = name_clean(o->title ? o->title : "");
	return build(g, p, &less, err);
}

int graph_build(struct graph *g, const struct program *p, const struct graph_options *o,
		struct err *err)
{
	const int n = (int)(sizeof(concessions) / sizeof(concessions[0]));
	int r = build_smaller(g, p, o, 0, err), asked = g->n_nodes;

	for (int i = 1; i < n && !r && o->max_nodes > 0 && g->n_nodes > o->max_nodes; i++) {
		struct text folded = { 0 };

		if (!is_other(i, o))
			continue;
		graph_release(g);
		r = build_smaller(g, p, o, i, err);
		text_addf(&folded, "%d nodes are more than %d: %s", asked, o->max_nodes,
			  concessions[i].says);
		g->folded = folded.data;
	}
	return r;
}
