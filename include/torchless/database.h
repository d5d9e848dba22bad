/*
 * database.h -- what one has to know of SQLite to open the file of a recording and to believe it.
 */
#ifndef TORCHLESS_DATABASE_H
#define TORCHLESS_DATABASE_H

#include "torchless/text.h"

#include <stdbool.h>

/*
 * Append the URI that means the file of the very name `path` to SQLite, which reads more into
 * ":memory:" and "file:x"; `options` ("mode=ro") may be NULL.
 */
void database_uri(struct text *uri, const char *path, const char *options);

/*
 * SQL: whether a column holds JSON.  json_valid() says no when it finds no memory, and what it says
 * no to is left out: it is asked again, so that one allocation that fails loses nothing.
 */
#define SQL_JSON_VALID(column) "(json_valid(" column ") OR json_valid(" column "))"

struct sqlite3;

/*
 * Whether the name of an open database means another file by now.  SQLite finds the log by that
 * name, so that it may have read the pages of one file through the log of the other: asked once a
 * transaction that reads has begun, "no" means that the two belong together until it ends.
 */
bool database_is_replaced(struct sqlite3 *db);

/*
 * Why the system refused to read an open database or its log, 0 when it did not: SQLite calls what
 * a disk cannot read damaged.
 */
int database_system_error(struct sqlite3 *db);

/*
 * For src/inspect: run SQL of the program's own on a recording's connection, which may make what is
 * temporary: views over the functions that were added.  ERR_IO.
 */
struct recording;
struct err;
int recording_add_views(struct recording *r, const char *sql, struct err *err);

#endif
