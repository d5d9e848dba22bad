/*
 * recording_file.h -- what stands at a path: a recording, something else, a place for a new one.
 */
#ifndef TORCHLESS_TRACE_RECORDING_FILE_H
#define TORCHLESS_TRACE_RECORDING_FILE_H

#include "db.h"

/*
 * Make the file `path` an empty recording: `scripts` (SQL, ended by NULL) run in a new file beside
 * it, which then takes its name.  A file that was there is kept as `path`.old, its write-ahead log
 * folded in.  On failure `path` is as it was.  ERR_IO.
 */
int recording_file_create(const char *path, const char *const *scripts, struct err *err);

/*
 * Whether `path` can be a recording, before SQLite (which takes an empty file for an empty
 * database) looks: ERR_IO, ERR_FORMAT.  And whether an open database is one: ERR_FORMAT for any
 * other, and for a newer major version.
 */
int recording_file_check(const char *path, struct err *err);
int recording_file_identify(struct db *db, const char *path, struct err *err);

/*
 * Become the one that writes the file `path`: a lock in *fd that ends with the process, however
 * that ends.  Give it back with open_files_unlock().  ERR_IO when another process has it, or
 * another writer of this one; reading needs no lock.
 */
int recording_file_lock(const char *path, int *fd, struct err *err);

#endif
