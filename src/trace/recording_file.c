/*
 * recording_file.c -- see recording_file.h.
 *
 * SQLite finds a write-ahead log by the name of its database, so three things must not happen: an
 * old log beside a new file (SQLite would replay it there), a log left behind by a file that was
 * renamed, and two processes writing under one name.  Hence the order: write the new file under
 * another name, fold the old file's log into it (which fails while somebody writes it), rename.
 */
#include "recording_file.h"

#include "db.h"
#include "open_files.h"

#include "torchless/mem.h"
#include "torchless/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const side_files[] = { "-wal", "-shm", "-journal" };

static char *join(const char *path, const char *suffix)
{
	struct text t = { 0 };

	text_adds(&t, path);
	text_adds(&t, suffix);
	return t.data;
}

/* What SQLite keeps beside a database that is gone. */
static void remove_side_files(const char *path)
{
	size_t i;

	for (i = 0; i < sizeof(side_files) / sizeof(side_files[0]); i++) {
		char *side = join(path, side_files[i]);

		unlink(side);
		free(side);
	}
}

/* A log that could not be folded in stays with its file, whatever that is. */
static void move_side_files(const char *from, const char *to)
{
	size_t i;

	for (i = 0; i < sizeof(side_files) / sizeof(side_files[0]); i++) {
		char *old = join(from, side_files[i]), *moved = join(to, side_files[i]);

		rename(old, moved);
		free(old);
		free(moved);
	}
}

static int write_new(const char *path, const char *const *scripts, struct err *err)
{
	struct db db = { .is_new = true };
	/*
	 * SQLite would say of a read-only folder that there is no such file.  The name is this
	 * process's own and was just removed: nobody has a lock that closing could drop.
	 */
	int ret, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		return err_set(err, ERR_IO, "%s", strerror(errno));
	close(fd);
	ret = db_open(&db, path, SQLITE_OPEN_READWRITE, err);
	/*
	 * Nobody knows this name: a failure removes the file, so it needs no journal, and nothing
	 * has to be on the disk yet.
	 */
	if (!ret)
		ret = db_exec(&db,
			      "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; "
			      "PRAGMA page_size = 8192; BEGIN",
			      err);
	for (; !ret && *scripts; scripts++)
		ret = db_exec(&db, *scripts, err);
	/* Under its own name the file is read at once, and then the mode changes only by waiting.
	 */
	if (!ret)
		ret = db_exec(&db, "COMMIT; PRAGMA journal_mode = WAL", err);
	db_close(&db);
	return ret;
}

static int refuse_open(const char *path, struct err *err)
{
	if (open_files_has_lock(path))
		return err_set(err, ERR_IO,
			       "%s is being written by this process; choose another name with -o",
			       path);
	if (open_files_has(path))
		return err_set(
			err, ERR_IO,
			"%s is open in this process, which reads it; choose another name with -o",
			path);
	return err_set(
		err, ERR_IO,
		"%s is open in another program that records or reads it; choose another name with -o",
		path);
}

/* Fold the log or journal of an old database into it; whatever is no database is left alone. */
static int settle_old(const char *path, struct err *err)
{
	struct db db = { 0 };
	struct err reason = { 0 };
	int fd, code, ret;

	if (open_files_lock(path, &fd) == EWOULDBLOCK)
		return refuse_open(path, err);
	ret = db_open(&db, path, SQLITE_OPEN_READWRITE, &reason);
	if (!ret)
		ret = db_exec(&db,
			      "SELECT count(*) FROM sqlite_schema; PRAGMA journal_mode = DELETE",
			      &reason);
	code = ret && db.handle ? sqlite3_errcode(db.handle) & 0xff : SQLITE_OK;
	db_close(&db);
	open_files_unlock(fd);
	return code == SQLITE_BUSY || code == SQLITE_LOCKED ? refuse_open(path, err) : 0;
}

static int check_target(const char *path, bool *exists, struct err *err)
{
	struct stat st;

	*exists = !lstat(path, &st);
	if (!*exists)
		return errno == ENOENT ? 0 : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, "%s is a directory, not a file to record to", path);
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return err_set(err, ERR_IO, "%s is no regular file: a recording cannot go there",
			       path);
	return 0;
}

/* Give the new file its name, and the old one the name `path`.old. */
static int swap(const char *path, const char *fresh, const char *old, bool exists, struct err *err)
{
	if (exists && rename(path, old))
		return err_set(err, ERR_IO, "%s: cannot keep it as %s: %s", path, old,
			       strerror(errno));
	if (exists) {
		remove_side_files(old);
		move_side_files(path, old);
	}
	remove_side_files(path);
	if (!rename(fresh, path))
		return 0;
	err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	if (exists) {
		rename(old, path);
		move_side_files(old, path);
	}
	return err->code;
}

/* A sentence that begins with a name nobody has heard of, without it. */
static const char *without_name(const char *message, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(message, name, len) && message[len] == ':' ? message + len + 2 : message;
}

int recording_file_create(const char *path, const char *const *scripts, struct err *err)
{
	char suffix[32], *fresh, *old = join(path, ".old");
	struct err reason = { 0 };
	bool exists = false;
	int ret = check_target(path, &exists, err);

	snprintf(suffix, sizeof(suffix), ".new-%ld", (long)getpid());
	fresh = join(path, suffix);
	unlink(fresh);
	if (!ret)
		ret = write_new(fresh, scripts, &reason);
	if (reason.code)
		ret = err_set(err, ERR_IO, "%s cannot be written: %s", path,
			      without_name(reason.message, fresh));
	if (!ret && exists && !recording_file_check(path, &reason))
		ret = settle_old(path, err);
	if (!ret)
		ret = swap(path, fresh, old, exists, err);
	if (ret)
		unlink(fresh);
	free(fresh);
	free(old);
	return ret;
}

/* ---- what there is --------------------------------------------------------------------------- */

/*
 * The first `n` bytes of a file, zeros behind its end.  SQLite opens it, because this process may
 * have it open as a database; see open_files.h.
 */
static int read_head(const char *path, char *head, int n, struct err *err)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	sqlite3_file *f = mem_calloc(1, (size_t)vfs->szOsFile);
	char *full = mem_calloc(1, (size_t)vfs->mxPathname + 1);
	const char *name = NULL;
	int ret = 0, code = vfs->xFullPathname(vfs, path, vfs->mxPathname + 1, full);

	/* SQLITE_OK_SYMLINK is success too. */
	if ((code & 0xff) == SQLITE_OK) {
		name = sqlite3_create_filename(full, "", "", 0, NULL);
		errno = 0;
		code = name ? vfs->xOpen(vfs, name, f, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB,
					 NULL)
			    : SQLITE_NOMEM;
	}
	if (code == SQLITE_OK)
		code = f->pMethods->xRead(f, head, n, 0);
	if ((code & 0xff) != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
		ret = err_set(err, ERR_IO, "%s: %s", path,
			      errno ? strerror(errno) : sqlite3_errstr(code));
	if (f->pMethods)
		f->pMethods->xClose(f);
	sqlite3_free_filename((char *)name);
	free(full);
	free(f);
	return ret;
}

int recording_file_check(const char *path, struct err *err)
{
	static const char magic[16] = "SQLite format 3";
	char head[sizeof(magic)];
	struct stat st;

	if (stat(path, &st))
		return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "%s is %s, not a recording", path,
			       S_ISDIR(st.st_mode) ? "a directory" : "no regular file");
	if (read_head(path, head, sizeof(head), err))
		return err->code;
	if (!st.st_size)
		return err_set(err, ERR_FORMAT, "%s is empty, not a recording", path);
	if (memcmp(head, magic, sizeof(magic)) != 0)
		return err_set(err, ERR_FORMAT,
			       "%s is not a recording: it is not an SQLite database", path);
	return 0;
}

int recording_file_identify(struct db *db, const char *path, struct err *err)
{
	int64_t id = 0, version = 0;
	int ret = db_int(db, "PRAGMA application_id", &id, err);

	if (!ret)
		ret = db_int(db, "PRAGMA user_version", &version, err);
	if (ret)
		return ret;
	if (id != RECORDING_APPLICATION_ID)
		return err_set(err, ERR_FORMAT,
			       "%s is an SQLite database, but not a recording of torchless", path);
	if (version / 10000 != RECORDING_SCHEMA_MAJOR)
		return err_set(err, ERR_FORMAT,
			       "%s has schema version %lld.%lld; this torchless reads %d.x", path,
			       (long long)(version / 10000), (long long)(version % 10000),
			       RECORDING_SCHEMA_MAJOR);
	return 0;
}

int recording_file_lock(const char *path, int *fd, struct err *err)
{
	int code = open_files_lock(path, fd);

	if (code == EWOULDBLOCK)
		return err_set(err, ERR_IO, "%s is being written by %s process", path,
			       open_files_has_lock(path) ? "this" : "another");
	return code ? err_set(err, ERR_IO, "%s cannot be written: %s", path, strerror(code)) : 0;
}
