/*
 * db.h -- the part of SQLite that src/trace uses, without the ceremony.
 *
 * Private to src/trace.  SQL text stands next to the code that runs it and parameters are bound by
 * name, so that a reordered column cannot silently swap two values.  Every error names the file:
 * ERR_IO, which quotes the SQL, ERR_FORMAT of a damaged file, ERR_MEMORY.  A statement belongs to
 * its database: db_close() finalizes each one that is left, so callers keep statements in their
 * structs and never clean up.
 */
#ifndef TORCHLESS_TRACE_DB_H
#define TORCHLESS_TRACE_DB_H

#include "torchless/err.h"
#include "torchless/hook.h"
#include "torchless/text.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limits;
struct open_file;

struct db {
	sqlite3 *handle;
	struct open_file *file; /* see open_files.h */
	struct limits *limits;  /* that hold for its statements; NULL: the file is ours */
	char *path;             /* for errors */
	bool is_new;            /* nothing was recorded yet that an error could promise is there */
};

struct stmt {
	sqlite3_stmt *handle;
};

/*
 * Open the file of the very name `path` with SQLITE_OPEN_* flags, of a URI's `options` ("mode=ro")
 * if not NULL; with SQLITE_OPEN_MEMORY a database of no file.  Nothing is read yet.  Triggers
 * are off and the schema's text cannot be written; a reader trusts no function of the schema, and a
 * writer has no views and does what db_trust() says.
 * Who opens a file that was there has asked side_files_check() before.
 */
int db_open(struct db *db, const char *path, int flags, struct err *err);
int db_open_with(struct db *db, const char *path, int flags, const char *options, struct err *err);

/* Whether functions that are not known to be harmless may run because they stand in the schema. */
void db_trust(struct db *db, bool trusted);

/*
 * What SQLite answers has more in it than the plain code that one compares with: hence never
 * compare but these.  The plain code of the last failure; SQLITE_NOMEM without a handle.  And
 * whether an answer of a step is a failure.
 */
int db_code(const struct db *db);
bool db_failed(int answer);

/* NULL handles are fine. */
void db_close(struct db *db);

/* Run statements that return nothing of interest. */
int db_exec(struct db *db, const char *sql, struct err *err);

/* The first column of the first row as an integer; *out is untouched when there is no row. */
int db_int(struct db *db, const char *sql, int64_t *out, struct err *err);

/* "<path>: <what SQLite says>, while running <sql>"; the code after what SQLite says, see above. */
int db_fail(struct db *db, const char *sql, struct err *err);

/* Prepare `sql` the first time; later calls reset the statement and clear its bindings. */
int stmt_ready(struct db *db, struct stmt *s, const char *sql, struct err *err);

/*
 * Bind by name (":pos").  A name that the SQL does not have is a bug and asserts.  Text and blobs
 * must outlive the step; NULL data binds NULL, as a NaN does.
 */
void stmt_int(struct stmt *s, const char *name, int64_t value);
void stmt_real(struct stmt *s, const char *name, double value);
void stmt_text(struct stmt *s, const char *name, const char *value);
void stmt_text_len(struct stmt *s, const char *name, const char *value, size_t len);
void stmt_blob(struct stmt *s, const char *name, const void *data, size_t len);

/* 1: a row is ready, 0: finished (and reset), negative: an error. */
int stmt_step(struct db *db, struct stmt *s, struct err *err);

/* The text of a column of the row, NULL of a NULL; it ends with the next step.  ERR_MEMORY. */
int stmt_get_text(struct stmt *s, int i, const char **text, struct err *err);

/* Step a statement that returns no rows. */
int stmt_run(struct db *db, struct stmt *s, struct err *err);

#endif
