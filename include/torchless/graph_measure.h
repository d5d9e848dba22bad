/*
 * graph_measure.h -- what recordings know of a program, hung on its graph.
 */
#ifndef TORCHLESS_GRAPH_MEASURE_H
#define TORCHLESS_GRAPH_MEASURE_H

#include "torchless/graph.h"
#include "torchless/inspect.h"

enum graph_color { GRAPH_BY_KIND, GRAPH_BY_TIME, GRAPH_BY_L2, GRAPH_BY_ABSMAX, GRAPH_BY_BYTES };

/* A run of a recording in terms of a program: what each value and op had, over all its passes. */
struct graph_record;

/*
 * Read the newest run of the recording; `p` is its program (recording_outline()).  What the
 * recording has and the program has not is left out; both need not agree.  ERR_FORMAT, ERR_USAGE
 * for a recording without a pass.
 */
struct graph_record *graph_record_new(struct recording *rec, const struct program *p,
				      struct err *err);
void graph_record_free(struct graph_record *r); /* NULL is fine */

/* How many ops ran: all, or up to where an error or a stop ended the run.  For `until`. */
int graph_record_ops(const struct graph_record *r);

/* Fill the measures of every node, and colour by one of them; the way to the first bad value. */
void graph_measure(struct graph *g, const struct program *p, const struct graph_record *r,
		   enum graph_color by);

/*
 * Colour what differs between two runs of programs of one structure: a is the reference and g its
 * graph.
 */
int graph_compare(struct graph *g, const struct program *p, const struct graph_record *a,
		  const struct graph_record *b, struct err *err);

/* Whether two programs have the same modules, ops and shapes. */
bool graph_same_structure(const struct program *a, const struct program *b);

/*
 * Two graphs of different structures as one of two columns, what is alike side by side, what only
 * one has in its colour.  Ids of the second have "@b" behind them.  Takes over a and b.
 */
void graph_pair(struct graph *out, struct graph *a, struct graph *b);

#endif
