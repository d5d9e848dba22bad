/*
 * graph.h -- the compute graph as it is drawn: what `torchless graph` says to Graphviz.
 *
 * A program is a list of ops; a picture of it is a few boxes.  graph_build() makes nodes, edges and
 * clusters of a program: at which level, with which layers folded into one.  graph_measure() hangs
 * on them what a recording knows, graph_compare() what two recordings disagree about.  Writers turn
 * the result into dot or JSON.  Each step reads the one before it and nothing else, so every
 * picture of a graph, and its JSON, have the same ids.
 *
 * An id is a name that the rest of the program accepts: of a node the point it computes
 * ("model.layers.3.self_attn.q_proj:out"; of folded layers "model.layers.[0-29].…"), of a cluster
 * the module's path, of an edge the ids of its ends with "->" between them.  What is drawn several
 * times for the reader's sake (a hub, a stub, a weight that is tied) has "@" and the cluster behind
 * it.  Ids, and with them the lines of a picture, do not depend on what else is drawn.
 */
#ifndef TORCHLESS_GRAPH_H
#define TORCHLESS_GRAPH_H

#include "torchless/program.h"
#include "torchless/text.h"

enum graph_level {
	GRAPH_MODEL,  /* a box a run of equal layers */
	GRAPH_MODULE, /* a node a leaf module, and what a module computes itself in one or two */
	GRAPH_OP,     /* a node an op, with its formula; weights are nodes */
};

/* What a node is: its colour, its shape and its line in the legend. */
enum graph_kind {
	GRAPH_INPUT,
	GRAPH_EMBEDDING,
	GRAPH_NORM,
	GRAPH_LINEAR,
	GRAPH_ROTARY,
	GRAPH_ATTENTION, /* scores, mask, softmax, mix */
	GRAPH_CACHE,
	GRAPH_ACTIVATION, /* silu, mul */
	GRAPH_RESIDUAL,   /* what adds to the residual stream */
	GRAPH_OUTPUT,
	GRAPH_WEIGHT,
	GRAPH_LAYERS, /* layers, or a module, that are one box */
	GRAPH_HUB,    /* cos, sin, positions: repeated in each cluster that reads them */
	GRAPH_STUB,   /* the other end of an edge that leaves the module shown */
	GRAPH_KINDS
};

/* Layers that are drawn as one: [first, last], alike in structure, shapes, dtypes and window. */
struct graph_layers {
	int first, last; /* -1, -1: outside of layers */
	int stride;      /* op i of the first layer is op i + n * stride of the nth after it */
};

/* What nodes are coloured by, and what their series are of; of KIND, l2. */
enum graph_color { GRAPH_BY_KIND, GRAPH_BY_TIME, GRAPH_BY_L2, GRAPH_BY_ABSMAX, GRAPH_BY_BYTES };

/* What a recording says of a node; a number that is not there is NaN. */
struct graph_measures {
	double share; /* of the time of all passes, 0..1 */
	double l2;    /* of its value, in the last pass that has it; of folded layers the largest */
	double absmax;        /* the same */
	double bytes;         /* of weights, cache and activations moved, a pass */
	int64_t n_nan, n_inf; /* of its value; infinities that a mask puts there are none */
	char shape[40];       /* "5,9,64": of its value there; "" */
	int pass;             /* that has it, -1 */
	double *series;       /* [last - first + 1] of what it is coloured by; NULL: not folded */
	double lo, hi;        /* of the series */
	enum graph_color by;
	int worst;        /* the layer of hi, or the first that holds a NaN; -1 */
	bool is_known;    /* it was recorded at all */
	bool is_estimate; /* share and bytes are its part of what its module computes itself */
	bool is_bad;      /* on the way to the first bad value, or behind it */
	bool holds_bad; /* a value of its ops holds a NaN, or an infinity that no mask put there */
	bool is_first;  /* the first bad value, or the first that differs, arises here */
	double heat;    /* 0..1 on the scale of the picture; NaN: not coloured by it */
};

enum graph_verdict { GRAPH_UNCOMPARED, GRAPH_EQUAL, GRAPH_CLOSE, GRAPH_DIFFERS, GRAPH_ONLY_HERE };

struct graph_node {
	char *id, *name; /* the name is what is written first: "q_proj" */
	char *type;      /* "LlamaRMSNorm", or the op's name; NULL */
	char *formula;   /* of the op; NULL */
	char *shape;     /* of its value, "f32[T, 9, 64]"; NULL */
	char *weight;    /* "bf16[576, 576]" of a weight written into the box; NULL */
	char *note;      /* one line more: "×30 · same shape, own weights"; NULL */
	char *tooltip;   /* what it is, some lines */
	enum graph_kind kind;
	int cluster;     /* index into clusters, -1 */
	int *ops, n_ops; /* what it stands for, in the first of its layers */
	value_id value;  /* what its id names there, -1 */
	struct graph_layers layers;
	bool is_spine; /* it holds the residual stream */
	bool is_axis;  /* it stands on the line that the stream is drawn as: what it comes from, too
			*/
	struct graph_measures measures;
	enum graph_verdict verdict;
	char *difference; /* "nmse 3e-12", what differs, some lines; NULL */
};

struct graph_edge {
	char *id, *label; /* a label is the shape, where it is worth saying; NULL */
	char *tooltip;
	int from, to; /* nodes */
	bool is_spine, is_hub, is_bad;
};

struct graph_cluster {
	char *id, *name, *type; /* "model.layers.[0-29]", "layers 0–29", "LlamaDecoderLayer" */
	char *note;             /* "×30 · same shape, own weights"; NULL */
	char *tooltip;
	int parent; /* -1 */
	int column; /* 0; 1 for the second of two graphs side by side */
	struct graph_layers layers;
};

/* In execution order, a cluster before what is in it. */
struct graph {
	struct graph_node *nodes;
	struct graph_edge *edges;
	struct graph_cluster *clusters;
	int n_nodes, n_edges, n_clusters;
	size_t cap_nodes, cap_edges, cap_clusters;
	enum graph_level level;
	bool is_pair;            /* two columns: what is "close" has other shapes */
	char *title;             /* "SmolLM2-135M · 30 layers" */
	char *subtitle;          /* what the numbers are: "pass 0, coloured by time"; NULL */
	char *folded;            /* why it shows less than was asked for, a sentence; NULL */
	double heat_lo, heat_hi; /* the ends of the colour scale, NaN: none */
	bool heat_is_log;        /* between them */
	char *heat_name;         /* "share of the time", "l2, log scale"; NULL: none */
	char *heat_unit;         /* "%" of a part of 1, "B", "" */
	char *series_name;       /* what the series of its nodes are of, "l2"; NULL */
};

struct graph_options {
	enum graph_level level;
	const char *title;
	const char *module; /* only this one, down to its ops; NULL: the whole model */
	/* Layers drawn by themselves, with their insides: first <= last; the rest are boxes. */
	const struct graph_layers *expand;
	int n_expand;
	const char *const *collapse; /* globs of module paths that are one node each */
	int n_collapse;
	int max_nodes; /* beyond, it folds itself and says so in `folded`; 0: any number */
	int until;     /* only the ops before this one; 0: all */
};

/*
 * The graph of a program, with weights or without (model_outline()).  ERR_USAGE naming the nearest
 * for a module, layer or glob that is not there.  Release it whatever happens.
 */
int graph_build(struct graph *g, const struct program *p, const struct graph_options *o,
		struct err *err);
void graph_release(struct graph *g);

/* Read "3", "3-7", "all" of a model of n_layers.  ERR_USAGE. */
int graph_layers_parse(const char *text, int n_layers, struct graph_layers *out, struct err *err);

/* Append the graph as dot, or as one JSON document {nodes, edges, clusters}. */
void graph_add_dot(struct text *out, const struct graph *g);
void graph_add_json(struct text *out, const struct graph *g);

#endif
