/*
 * what_is.h -- what a file seems to be that is not what was asked for.
 *
 * A table of recognisers: first bytes decide, never suffixes, since what a download, a clone or a
 * cache leaves behind often has the right name and another content.
 */
#ifndef TORCHLESS_WHAT_IS_H
#define TORCHLESS_WHAT_IS_H

#include "torchless/err.h"
#include "torchless/text.h"

#include <stddef.h>

/* What was asked for; it tells what to do instead. */
enum what_for {
	WHAT_MODEL,   /* after -m */
	WHAT_WEIGHTS, /* a file of weights inside a directory */
	WHAT_JSON,    /* a text there */
	WHAT_RECORDING,
	WHAT_TEMPLATE, /* any text but what stands for a file that is not there; none, too */
};

/*
 * ERR_FORMAT and a sentence, that `path` is this and what to do, when its bytes begin as those of
 * something else than `wanted`, or there are none; 0 when nothing is recognised.  `head` holds the
 * first `len` bytes.
 */
int what_is_refuse_bytes(const char *path, const char *head, size_t len, enum what_for wanted,
			 struct err *err);

/* A remedy of what_is.def with the words that stand for names in its commands filled in. */
void what_is_add_remedy(struct text *t, const char *remedy, const char *path);

/* The same of a file; 0 too when it cannot be read, which whoever opens it says better. */
int what_is_refuse(const char *path, enum what_for wanted, struct err *err);

#endif
