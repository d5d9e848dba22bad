/*
 * readout_impl.h -- what the lens and attribution share: how a program ends, and reading by name.
 *
 *	readout.c       the end of a program, and the lens
 *	fitted_lens.c   fitted matrices
 *	attribution.c   what a logit is made of
 */
#ifndef TORCHLESS_READOUT_IMPL_H
#define TORCHLESS_READOUT_IMPL_H

#include "torchless/readout.h"

/* The ops that make logits of the last residual stream. */
struct readout_end {
	const struct op *norm, *head;
	value_id stream; /* what the norm reads */
	int64_t D, V;
};

/* The op that computes v, NULL for what none does. */
const struct op *readout_producer(const struct program *p, value_id v);

/* ERR_FORMAT when the program ends otherwise. */
int readout_find_end(const struct program *p, struct readout_end *e, struct err *err);

/* A part of a value that has `numel` elements (-1: any number); NULL with ERR_SHAPE or the
 * source's. */
struct array *readout_read(const struct readout *r, value_id v, const char *selection,
			   int64_t numel, struct err *err);

/* Rows of a weight [N, K] that are read at once. */
int64_t readout_chunk(int64_t K);

/* ERR_INTERRUPTED once somebody wants it to end. */
int readout_interrupted(const struct readout *r, struct err *err);

#endif
