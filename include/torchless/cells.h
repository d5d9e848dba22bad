/*
 * cells.h -- what a cell of a query's row is, beyond its type in SQL.
 */
#ifndef TORCHLESS_CELLS_H
#define TORCHLESS_CELLS_H

#include "torchless/trace.h"

/* A blob that is a tensor, or the rows of one that a chunk holds. */
struct cell_tensor {
	struct tensor tensor;
	int64_t chunk;      /* -1: all of it */
	int64_t whole_rows; /* of axis 0, when it is a chunk */
};

/* Whether the cell i of a row is a tensor; it is a view of the cell's bytes. */
bool cell_tensor(const struct rows *rows, const struct cell *cells, int i, struct cell_tensor *t);

/* Whether a cell is text, or a short blob that is: pieces of tokens are blobs. */
bool cell_is_text(const struct cell *c);

#endif
