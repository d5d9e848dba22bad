/*
 * graph_output.h -- where a graph goes: dot text on stdout, a file of a format by its name, the
 * screen.
 */
#ifndef CLI_PICTURE_GRAPH_OUTPUT_H
#define CLI_PICTURE_GRAPH_OUTPUT_H

#include "torchless/cli.h"

/*
 * Whether -o and --view ask for something that can be, before anything is computed: ERR_USAGE for a
 * name that ends in none of .svg, .png, .pdf and .dot; ERR_TOOL for a terminal without pictures.
 */
int graph_output_check(struct invocation *in, struct err *err);

/*
 * Write dot text as -o and --view say; to stdout without them.  A file is replaced by a whole one
 * or stays; where there is no picture, the dot text is kept beside its name and the sentence says
 * so.
 */
int graph_output_write(struct invocation *in, const struct text *dot, struct err *err);

#endif
