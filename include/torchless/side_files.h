/*
 * side_files.h -- the files that SQLite opens by name beside a database, looked at before it does.
 *
 * SQLite trusts what lies beside a database: it waits at a FIFO named x.db-journal, it writes a log
 * through a link, and it deletes the file whose name stands at the end of a rollback journal (the
 * super-journal of a transaction over several files).  A recording is somebody else's, and so is
 * its folder; hence whoever opens one asks here first.  Nothing here opens the database itself,
 * calls SQLite or waits.
 */
#ifndef TORCHLESS_SIDE_FILES_H
#define TORCHLESS_SIDE_FILES_H

#include "torchless/err.h"
#include "torchless/text.h"

#include <stdbool.h>

enum side_journal {
	JOURNAL_NONE,
	JOURNAL_COLD, /* has nothing to roll back: SQLite ignores it */
	JOURNAL_HOT,  /* a writer was killed: its last transaction is to be taken back */
};

/*
 * Whether x-journal, x-wal and x-shm are absent or regular files, for the name `path` as it stands
 * (that of a link: its own neighbours); and for the database there, links followed, also whether
 * its journal is one that this program may leave: it changes no other file.  `journal` may be NULL.
 * ERR_FORMAT, one sentence that names the file.
 */
int side_files_regular(const char *path, struct err *err);
int side_files_check(const char *path, enum side_journal *journal, struct err *err);

/* Whether a log of some bytes lies beside the database, links followed. */
bool side_files_has_log(const char *path);

/* Remove what SQLite keeps beside a database that is gone, or give it to one of another name. */
void side_files_remove(const char *path);
void side_files_move(const char *from, const char *to);

#endif
