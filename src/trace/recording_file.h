/*
 * recording_file.h -- what stands at a path: a recording, something else, a place for a new one.
 */
#ifndef TORCHLESS_TRACE_RECORDING_FILE_H
#define TORCHLESS_TRACE_RECORDING_FILE_H

#include "db.h"

struct trace_target;

/*
 * Make the file `path` an empty recording: `scripts` (SQL, ended by NULL) run in a new file beside
 * it, which then takes its name; the caller has its lock in *lock_fd, from the first moment on that
 * the name means it.  A file that was there is kept as `path`.old, its write-ahead log folded in;
 * it has to be `target`, if that is known.  On failure `path` is as it was, and *lock_fd -1.
 * ERR_IO, ERR_FORMAT.  In place.c.
 */
int recording_file_create(const char *path, const struct trace_target *target,
			  const char *const *scripts, int *lock_fd, struct err *err);

/*
 * Open the recording `path` read-only, with its log, or after its journal was rolled back into it.
 * `opened` is called with `ctx` after SQLite has opened the file and before it reads of it, maybe
 * more than once: it limits what a statement may take.  A log in a
 * folder that cannot be written is read in a copy, of which *is_copy tells.  ERR_IO, ERR_FORMAT;
 * the caller closes `db` in any case.  In open.c.
 */
int recording_file_open(struct db *db, const char *path, void (*opened)(struct db *db, void *ctx),
			void *ctx, bool *is_copy, struct err *err);

/*
 * Copy the file and its log to a new folder below $TMPDIR, "/tmp" where that is not set: the path
 * of the copy, which the caller frees; NULL and why: ERR_IO.  recording_copy_drop() removes it,
 * when it is open as well.  In copy.c.
 */
char *recording_copy(const char *path, struct err *err);
void recording_copy_drop(const char *copy);

/* All bytes of the file, in order, through SQLite's own table of calls: see open_files.h. */
typedef int recording_bytes_fn(void *ctx, const void *data, size_t len, struct err *err);
int recording_file_read(const char *path, recording_bytes_fn *take, void *ctx, struct err *err);

/* The first `n` bytes of the file, zeros behind its end.  ERR_IO. */
#define RECORDING_HEAD 100 /* bytes of an SQLite database's header */
int recording_file_head(const char *path, char *head, int n, struct err *err);

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
