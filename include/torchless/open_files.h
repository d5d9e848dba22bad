/*
 * open_files.h -- the database files that this process has open, and the writer's lock on one.
 *
 * POSIX drops every lock that a process has on a file as soon as the process closes any descriptor
 * of it, and SQLite's locks are such: after that another process may delete the log of a recording
 * that is being written here.  SQLite keeps count of its own descriptors.  Hence one rule: a
 * file that may be a database is opened by SQLite and entered here, or locked here, and nowhere
 * else.
 *
 * Files are known by device and inode, so another name of one is no way around.  Any thread may
 * call.
 */
#ifndef TORCHLESS_OPEN_FILES_H
#define TORCHLESS_OPEN_FILES_H

#include <stdbool.h>

struct open_file;

/*
 * The file `path` was opened as a database, and holds no lock yet; NULL when it is none (a database
 * in memory).  And it was closed.
 */
struct open_file *open_files_enter(const char *path);
void open_files_leave(struct open_file *f);

/* Whether this process has `path` open as a database, and whether it has the lock on it. */
bool open_files_has(const char *path);
bool open_files_has_lock(const char *path);

/*
 * Become the one process, and in it the one writer, that writes the file `path`: the lock in *fd,
 * which ends with the process however that ends.  0; EWOULDBLOCK when the lock is taken, here or
 * elsewhere, or the name means another file by now; why the file does not open.  *fd is -1 unless
 * 0. Where files cannot be locked the answer is 0 as well: SQLite's locks must do.
 */
int open_files_lock(const char *path, int *fd);

/* The same, and whether nobody else has the lock for sure. */
bool open_files_lock_surely(const char *path, int *fd);

/* Whether somebody writes the file, here or elsewhere; looking leaves no trace. */
bool open_files_is_locked(const char *path);

/* Give the lock back; -1 is fine. */
void open_files_unlock(int fd);

#endif
