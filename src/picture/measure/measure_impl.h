/*
 * measure_impl.h -- what the files of this room share.
 *
 * From the ground up: cost.c says how much of a module's time and bytes is whose, record.c reads a
 * run of a recording, measure.c hangs it on the nodes of a graph and bad.c marks the way to the
 * first bad value; compare.c judges the values of two runs and verdict.c hangs that on the nodes;
 * structure.c compares programs, pair.c sets two graphs side by side.
 */
#ifndef PICTURE_MEASURE_IMPL_H
#define PICTURE_MEASURE_IMPL_H

#include "torchless/graph_measure.h"

#include <math.h>

/* ---- a run ---------------------------------------------------------------------------------- */

/* A value of the program as one pass had it. */
struct record_value {
	int64_t id; /* the recording's; 0: it has none */
	int pass;
	int64_t dims[TENSOR_MAX_DIMS]; /* -1: there is none */
	double l2, absmax, mean;       /* NaN: not there */
	int64_t numel, n_nan, n_inf;
	int64_t hash;
	bool has_hash, has_dump;
};

/* What one op took in the passes that were read; of a module's own time, its part. */
struct record_op {
	double ns, bytes; /* all passes together; bytes a pass */
	bool is_known;
};

struct record_pass {
	int64_t id, pos0, T; /* positions [pos0, pos0 + T) */
	bool has_ended;
};

/* A row of a dictionary of the recording and what it is called in the program. */
struct record_name {
	int64_t id;
	int index;
};

/* When a value was bad for the first time. */
struct record_bad {
	int64_t id; /* of value; 0: never */
	int pass;
	bool is_nan; /* else infinite */
};

struct graph_record {
	struct recording *rec;
	const struct program *program;
	char *path;
	struct recording_run run;
	int pass; /* the one that was asked for, -1: all */
	struct record_name *points, *modules;
	size_t n_points, cap_points, n_modules, cap_modules;
	struct record_pass *passes;
	size_t n_passes, cap_passes;
	struct record_value *values; /* [n_values], of the last pass that has it */
	struct record_bad *bad;      /* [n_values] */
	struct record_op *ops;       /* [n_ops] */
	double ns;                   /* of all ops */
	value_id first_bad;          /* -1: none */
	int n_ran;                   /* ops of the last pass */
};

/*
 * What pass `pass` of the run has, over `values` [n_values], which is emptied first.  As
 * recording_ask() fails.
 */
int record_values(const struct graph_record *r, int pass, struct record_value *values,
		  struct err *err);

/* ---- whose a module's own time is ----------------------------------------------------------- */

/* What a pass, or several, is to a cost. */
struct cost_passes {
	const struct record_pass *passes;
	size_t n;
};

/*
 * What one op computes (operations and elements written) and moves (bytes, as the recorder counts
 * them) in these passes: only parts of a whole, known otherwise, are made of it.
 */
double cost_work(const struct program *p, int op, const struct cost_passes *passes);
double cost_bytes(const struct program *p, int op, const struct cost_passes *passes);

/* Whether the point holds infinities on purpose. */
bool is_masked(const struct value *v);

/* ---- a node and its layers ------------------------------------------------------------------ */

/* Whether a node is a mark in the picture, of something that is drawn elsewhere. */
bool is_mark(const struct graph_node *n);

/* How many layers a node stands for; 1 outside of layers. */
int node_layers(const struct graph_node *n);

/* Op i of those the node stands for, in its layer k; -1: there is none. */
int node_op(const struct graph_node *n, const struct program *p, int i, int k);

/* What its id names in its layer k, -1. */
value_id node_value(const struct graph_node *n, const struct program *p, int k);

/* Mark the way to the first bad value and from there on; measures are filled. */
void bad_mark(struct graph *g, const struct program *p, const struct graph_record *r);

/* ---- two runs ------------------------------------------------------------------------------- */

/* What two runs say of one value: of the passes that both have, the first of the worst. */
struct judged {
	enum graph_verdict verdict;
	int pass;
	char *why; /* "nmse 3e-12, max 4e-06"; NULL */
};

struct graph_comparison {
	const struct program *program;
	struct judged *values; /* [n_values] */
	size_t n_passes;       /* that were compared */
	value_id first;        /* that differs, in the order of execution; -1 */
};

#endif
