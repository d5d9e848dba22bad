/*
 * remembered.h -- answers that take a while, kept under the user's cache directory.
 *
 * A convenience and nothing else: what cannot be read is computed again, what cannot be written is
 * not kept, and nobody is told.  The name of an answer says all that it depends on; whoever reads
 * one looks at it as at any other file.
 */
#ifndef TORCHLESS_REMEMBERED_H
#define TORCHLESS_REMEMBERED_H

#include "torchless/text.h"

#include <stdbool.h>

/* Append what was remembered under `name`, a file name, to *answer; false: nothing was. */
bool remembered_get(const char *name, struct text *answer);

/* Whoever reads meanwhile sees the answer before or the whole of this one. */
void remembered_put(const char *name, const char *answer);

#endif
