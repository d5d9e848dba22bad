/*
 * slow.h -- SQL functions whose time is a product of lengths, replaced.
 *
 * SQLite looks at neither clock nor Ctrl-C while it is inside of a function.  Most take a few
 * nanoseconds a byte; those here took the product of two lengths, which no limit on one of them
 * bounds.
 */
#ifndef TORCHLESS_TRACE_SLOW_H
#define TORCHLESS_TRACE_SLOW_H

#include <sqlite3.h>

struct limits;

/* Give the connection versions of instr, replace, trim, ltrim, rtrim and json_patch that end. */
void slow_replace(struct limits *l, sqlite3 *handle);

/* Give back what they need of memory; NULL members are fine. */
void slow_release(struct limits *l);

#endif
