/*
 * graph_measure.h -- what recordings know of a program, hung on its graph.
 *
 * graph_record_new() reads a run of a recording once, into numbers a value and an op of its
 * program; everything else here reads those.  Two runs of one structure are compared on one graph;
 * two structures become a graph of two columns.
 */
#ifndef TORCHLESS_GRAPH_MEASURE_H
#define TORCHLESS_GRAPH_MEASURE_H

#include "torchless/graph.h"
#include "torchless/outline.h"

/* A run of a recording in terms of a program: what each value and op had, over all its passes. */
struct graph_record;

struct graph_record_options {
	const char *path;                /* of the recording, for sentences */
	const struct recording_run *run; /* as recording_outline() found it */
	int pass;                        /* this one alone; -1: all */
};

/*
 * Read the run; `p` is its program (recording_outline()) and must, as the recording, outlive what
 * is returned.  What the recording has and the program has not is left out; both need not agree.
 * ERR_FORMAT for a recording that is damaged, ERR_USAGE for a run without a pass, or without this
 * one.
 */
struct graph_record *graph_record_new(struct recording *rec, const struct program *p,
				      const struct graph_record_options *o, struct err *err);
void graph_record_free(struct graph_record *r); /* NULL is fine */

/* How many ops ran: all, or up to where an error or a stop ended the run.  For `until`. */
int graph_record_ops(const struct graph_record *r);

/*
 * Fill the measures of every node, colour by one of them, mark the way to the first bad value, and
 * have the subtitle say which run that is and how it ended.  `r` is of the program that g is of.
 *
 * Recordings time modules.  An op that is the whole of a module has that module's time; what a
 * module computes itself, in several ops, has the module's time without its children's, which is
 * shared out among the ops by what they compute where they are nodes of their own
 * (measures.is_estimate).  Bytes alike.  All shares of all ops add up to 1.
 */
void graph_measure(struct graph *g, const struct program *p, const struct graph_record *r,
		   enum graph_color by);

/* The layer in which the first bad value arises; -1: there is none, or it lies outside of layers.
 */
int graph_record_bad_layer(const struct graph_record *r);

/*
 * What two runs of programs of one structure disagree about; a is the reference.  The same points
 * of the same passes are compared: by the hash of all their elements, which is there without a
 * dump; where that differs by the dumps of both, and by l2, absmax and mean of all elements.  Both
 * must outlive it.  ERR_FORMAT, ERR_IO, ERR_INTERRUPTED.
 */
struct graph_comparison;
struct graph_comparison *graph_comparison_new(const struct graph_record *a,
					      const struct graph_record *b, struct err *err);
void graph_comparison_free(struct graph_comparison *c); /* NULL is fine */

/* The layer of the first value that differs, -1. */
int graph_comparison_layer(const struct graph_comparison *c);

/* Colour what differs on the graph of a's program; the subtitle names the first. */
void graph_compare(struct graph *g, const struct graph_comparison *c);

/* Whether two programs have the same modules, ops and shapes; the weights' types may differ. */
bool graph_same_structure(const struct program *a, const struct program *b);

/*
 * Two models of one structure without recordings: the types of their weights are compared; g is the
 * graph of a.
 */
void graph_compare_weights(struct graph *g, const struct program *a, const struct program *b);

/*
 * Two graphs of different structures as one of two columns, what is alike side by side, what only
 * one has in its colour.  Ids of the second have "@b" behind them.  Takes over a and b.
 */
void graph_pair(struct graph *out, struct graph *a, struct graph *b);

#endif
