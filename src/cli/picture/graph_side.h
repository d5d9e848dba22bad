/*
 * graph_side.h -- what a graph is of: a model, or a recording with what it knows.
 */
#ifndef CLI_GRAPH_SIDE_H
#define CLI_GRAPH_SIDE_H

#include "torchless/cli.h"
#include "torchless/graph_measure.h"

struct graph_side {
	const char *path;      /* borrowed, of --diff */
	struct recording *rec; /* NULL: it is a model */
	struct recording_run run;
	struct model model;
	struct graph_record *record; /* of a recording */
	struct text title;
};

/*
 * The recording at `path`: the run and pass that were asked for.  Close it whatever happens, as all
 * below.
 */
int graph_side_recording(struct graph_side *s, const struct invocation *in, const char *path,
			 struct err *err);

/* What `path` is: an SQLite file is a recording, anything else a model. */
int graph_side_open(struct graph_side *s, const struct invocation *in, const char *path,
		    struct err *err);
void graph_side_close(struct graph_side *s);

/* "SmolLM2-135M · 30 layers"; a model without a name is called by its architecture. */
void graph_add_title(struct text *title, const char *name, const struct config *c);

/*
 * Where something begins that is worth seeing alone: that layer is drawn by itself and the others
 * are boxes, unless it was said which are.  `room` must live as long as the options.
 */
void graph_open_layer(struct graph_options *o, int layer, struct graph_layers *room);

/* The graph of two sides, as --diff wants it: a is the reference. */
int graph_of_two(struct graph *g, const struct graph_side *a, const struct graph_side *b,
		 const struct graph_options *o, struct err *err);

#endif
