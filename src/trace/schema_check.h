/*
 * schema_check.h -- whether the schema of a database is one that this program writes.
 */
#ifndef TORCHLESS_TRACE_SCHEMA_CHECK_H
#define TORCHLESS_TRACE_SCHEMA_CHECK_H

#include "db.h"

/*
 * Whether every table, view and index of the database is, to the letter, one of a recording of this
 * program or of an earlier version of it: nothing else (a trigger, a generated column, an index
 * over an expression) may run when it is written.  Runs nothing of the schema itself.  ERR_FORMAT
 * names the first that is foreign, and `path`.
 */
int schema_check(struct db *db, const char *path, struct err *err);

#endif
