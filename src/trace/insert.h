/*
 * insert.h -- rows of a table that are written thousands of times a second.  One table of columns
 * gives both the INSERT and its values, so that the two cannot disagree.
 */
#ifndef TORCHLESS_TRACE_INSERT_H
#define TORCHLESS_TRACE_INSERT_H

#include "db.h"

#include "torchless/text.h"

enum column_type {
	COLUMN_INT,     /* int64_t */
	COLUMN_ORDINAL, /* int64_t, NULL when negative */
	COLUMN_REAL,    /* double, NULL when NaN */
	COLUMN_BLOB,    /* struct bytes, NULL when data is */
};

struct column {
	const char *name;
	enum column_type type;
	size_t offset; /* in the row's struct */
};

/* The rest is insert.c's.  It must stay where it is until its database is closed. */
struct insert {
	const char *table;
	const struct column *columns;
	int n_columns;
	size_t row_bytes;

	struct stmt stmt;
	const char *rows;
	size_t n_rows;
};

/* Insert n rows, structs of row_bytes each: all of them or none. */
int insert_rows(struct db *db, struct insert *in, const void *rows, size_t n, struct err *err);

#endif
