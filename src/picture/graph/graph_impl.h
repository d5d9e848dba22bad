/*
 * graph_impl.h -- how a program becomes nodes, edges and clusters, and those become text.
 *
 * From the ground up: memory.c (the arrays of a graph), names.c (ids, and what a name may hold),
 * kinds.c (what is drawn how), fold.c (which layers are alike), plan.c (what of the program is
 * drawn, as a box or open), groups.c (an op to its node), words.c (what a node says of itself),
 * build.c (all of it in order); and beside them escape.c, label.c, dot.c and json.c, which read a
 * finished graph.
 */
#ifndef PICTURE_GRAPH_IMPL_H
#define PICTURE_GRAPH_IMPL_H

#include "torchless/graph.h"

/* ---- memory.c: appending; the index of what was added, its numbers set to "none" ------------- */

int graph_add_node(struct graph *g, char *id, enum graph_kind kind, int cluster);
int graph_add_edge(struct graph *g, int from, int to);
int graph_add_cluster(struct graph *g, char *id, int parent);
void node_add_op(struct graph_node *n, int op);

/* Where the residual stream enters a layer: a point, no op. */
bool is_junction(const struct graph_node *n);

/* ---- names.c -------------------------------------------------------------------------------- */

/* Append `s` as it may be an id, a label or a title: control bytes and what no XML may hold are
 * seen as \n, \xNN. */
void name_add_clean(struct text *out, const char *s);
char *name_clean(const char *s);

/* The text without its owner: "" becomes NULL. */
char *name_take(struct text *t);

/* Append a path or a name of the first of these layers as one of all of them: "layers.[0-29].mlp".
 */
void name_add_folded(struct text *out, const char *name, const struct graph_layers *layers);

/* Append at most `columns` of the name, its middle left out. */
void name_add_cut(struct text *out, const char *s, int columns);

/* ---- kinds.c -------------------------------------------------------------------------------- */

struct kind_look {
	const char *kind, *word; /* in JSON, in the legend */
	const char *fill, *border;
	const char *shape; /* of Graphviz */
	const char *style;
};
extern const struct kind_look kind_looks[GRAPH_KINDS];

/* Ops that a module computes itself are one node at module level where their group is the same. */
struct op_look {
	enum graph_kind kind;
	const char *group; /* NULL: a node of its own */
};
extern const struct op_look op_looks[OP_COUNT];

extern const char *const level_names[];
const char *verdict_word(const struct graph *g, enum graph_verdict v);

/* ---- fold.c --------------------------------------------------------------------------------- */

/* Layers that are drawn as one, or one that is drawn by itself. */
struct run {
	int module; /* of the first layer */
	int op_first, op_end;
	int all_end; /* of the ops of its last layer */
	struct graph_layers layers;
	bool is_box;
};

struct fold {
	struct run *runs;
	int n_runs;
	int *run_of_op; /* [n_ops], -1 outside of layers */
};

/*
 * Layers that follow each other and are alike in everything but their number and their weights.
 * `apart` says which are never folded (by layer), `box_of` which module is the box that an op's is
 * in (or -1): layers drawn differently are not alike.
 */
void fold_layers(struct fold *out, const struct program *p, int n_ops, const bool *apart,
		 const int *box_of);
void fold_release(struct fold *f);

/* The op that stands for this one: the same in the first layer of its run. */
int fold_op(const struct fold *f, int op);

/* The layers of an op, -1, -1 outside. */
struct graph_layers fold_layers_of(const struct fold *f, int op);

/* ---- plan.c --------------------------------------------------------------------------------- */

struct plan {
	const struct program *p;
	enum graph_level inside; /* at which level an open module shows its own ops */
	int n_ops;               /* those behind are not drawn */
	int scope;               /* the module that is drawn; 0: all */
	int *box_of;             /* [n_modules] the outermost module that is a box, or -1 */
	bool *is_leaf;           /* [n_modules] */
	bool *is_spine;          /* [n_values] it holds the residual stream */
	bool *is_hub;            /* [n_values] it is read all over */
	struct fold fold;
};

/* ERR_USAGE for a module or glob that is not there. */
int plan_make(struct plan *plan, const struct program *p, const struct graph_options *o,
	      struct err *err);
void plan_release(struct plan *plan);

/* Whether op i is drawn: in the scope, and of the first of its layers. */
bool plan_shows(const struct plan *plan, int op);

/* ---- groups.c ------------------------------------------------------------------------------- */

/* node_of[i] for every op that is drawn: ops of one number are one node.  Numbers are those of the
 * last op of each. */
void groups_make(const struct plan *plan, int *last_of);

/* ---- words.c -------------------------------------------------------------------------------- */

/* The part of a name behind its last dot or its colon. */
const char *words_leaf(const char *name);
void words_add_module(struct text *out, const struct plan *plan, int m,
		      const struct graph_layers *layers);
/* "×30 · same shape, own weights" of several layers. */
void words_add_times(struct text *out, const struct graph_layers *layers);
/* A line more about a value: what it is, or its bytes. */
void words_add_value(struct text *out, const struct value *v);
/* "f32[T, 64]" */
char *words_shape(const struct value *v);
/* What is written into a node of a value that no op of the picture computes. */
char *words_name_value(const struct plan *plan, value_id v, enum graph_kind kind);
/* An input of the program that is the same in every pass. */
bool words_is_constant(const struct value *v);

/* Fill name, type, formula, shape, weight, note and tooltip of a node by its ops. */
void words_of_node(struct graph_node *n, const struct plan *plan);

/* ---- escape.c ------------------------------------------------------------------------------- */

/* A name in quotes; a text of lines that hovers, in quotes; the text of an HTML-like label; a URL.
 */
void escape_string(struct text *out, const char *s);
void escape_tooltip(struct text *out, const char *s);
void escape_html(struct text *out, const char *s);
void escape_url(struct text *out, const char *s);

/* ---- label.c -------------------------------------------------------------------------------- */

struct look {
	const char *fill, *border;
	const char *ink, *pale; /* of the name, of the rest */
	double width;           /* of the border */
	char color[8];          /* what `fill` points to when it was measured */
	bool is_table;          /* the label draws the box */
};

bool label_is_circle(const struct graph_node *n, enum graph_level level);
void label_add_node(struct text *out, const struct graph_node *n, enum graph_level level,
		    const struct look *look);
/* "12 % of time · l2 30.1" */
void label_add_measures(struct text *t, const struct graph_measures *m);

/* Append all that was measured of a node, and what differs: lines of what hovers. */
void label_add_tooltip(struct text *t, const struct graph_node *n);

#endif
