/*
 * place.c -- a new recording takes its name; see recording_file.h.
 *
 * SQLite finds a write-ahead log by the name of its database, so three things must not happen: an
 * old log beside a new file (SQLite would replay it there), a log left behind by a file that was
 * renamed, and two processes writing under one name.  Hence the order: the new file is written
 * under another name and locked there; the old one is locked and its log folded in, which fails
 * while somebody writes it; then the new one takes the name in one step that fails where another
 * has taken it.  The lock is the file's, not the name's: from its first moment on the name leads to
 * a file that is locked.
 */
#include "leftovers.h"
#include "recording_file.h"

#include "torchless/mem.h"
#include "torchless/open_files.h"
#include "torchless/side_files.h"
#include "torchless/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	const char *path;
	struct trace_target target; /* what is there */
	bool is_blank;              /* and is not worth keeping */
	char *old;                  /* the name that it is kept under */
	char *fresh;                /* and that of the new file, until it has its own */
	int old_fd, fresh_fd;       /* their locks; -1: none */
};

static char *join(const char *path, const char *suffix)
{
	struct text t = { 0 };

	text_adds(&t, path);
	text_adds(&t, suffix);
	return t.data;
}

/* ---- what is there --------------------------------------------------------------------------- */

struct trace_target trace_target_look(const char *path)
{
	struct trace_target t = { .is_known = true };
	struct stat st;

	if (lstat(path, &st))
		return t;
	t.exists = true;
	t.device = (uint64_t)st.st_dev;
	t.inode = (uint64_t)st.st_ino;
	t.is_busy = !stat(path, &st) && S_ISREG(st.st_mode) && open_files_is_locked(path);
	return t;
}

bool trace_target_drops_old(const char *path)
{
	struct text old = { 0 };
	bool drops;

	text_addf(&old, "%s.old", path);
	drops = trace_target_look(path).exists && trace_target_look(old.data).exists;
	text_release(&old);
	return drops;
}

static int refuse_busy(const char *path, struct err *err)
{
	return err_set(err, ERR_IO,
		       "%s is being written by %s process; choose another name with -o", path,
		       open_files_has_lock(path) ? "this" : "another");
}

/* A recording that came while this one got ready is not replaced: nobody could mean it. */
static int check_same(const struct place *p, struct err *err)
{
	struct trace_target now = trace_target_look(p->path);

	if (now.exists == p->target.exists && now.device == p->target.device &&
	    now.inode == p->target.inode)
		return 0;
	return err_set(err, ERR_IO,
		       "%s is being written by another process, or was until now; choose another "
		       "name with -o",
		       p->path);
}

static int check_old_name(const char *old, struct err *err)
{
	struct stat st;

	if (!lstat(old, &st) && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return err_set(err, ERR_IO,
			       "%s is no regular file, so that nothing can be kept under this name",
			       old);
	return side_files_regular(old, err);
}

/* What /dev/fd/1 is: whatever it leads to at the moment, the name is the system's. */
static bool leads_to_proc(const char *path)
{
	static const char proc[] = "/proc/";
	char to[sizeof(proc) - 1];

	return readlink(path, to, sizeof(to)) == (ssize_t)sizeof(to) &&
	       !memcmp(to, proc, sizeof(to));
}

/* What others take for standard output, or SQLite's clients for memory or the address of a file. */
static bool is_no_name(const char *path)
{
	return !strcmp(path, "-") || !strcmp(path, ":memory:") || !strncasecmp(path, "file:", 5);
}

static int check_target(const struct place *p, struct err *err)
{
	struct stat st;
	bool is_proc;

	if (!*p->path)
		return err_set(err, ERR_USAGE, "-o \"\": a recording needs a name");
	if (is_no_name(p->path))
		return err_set(
			err, ERR_USAGE,
			"-o %s: a recording is a file, and that is none to SQLite; for a file "
			"of that very name say ./%s",
			p->path, p->path);
	if (lstat(p->path, &st))
		return errno == ENOENT ? side_files_regular(p->path, err)
				       : err_set(err, ERR_IO, "%s: %s", p->path, strerror(errno));
	/* Through a link, to see what somebody means; one to nowhere is replaced as a file is. */
	is_proc = S_ISLNK(st.st_mode) && leads_to_proc(p->path);
	if (S_ISLNK(st.st_mode) && stat(p->path, &st))
		st.st_mode = S_IFREG;
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, "%s is a directory, not a file to record to", p->path);
	if (!S_ISREG(st.st_mode) || is_proc)
		return err_set(err, ERR_IO, "%s is no regular file: a recording cannot go there",
			       p->path);
	if (p->target.is_busy)
		return refuse_busy(p->path, err);
	return check_old_name(p->old, err) ? err->code : side_files_regular(p->path, err);
}

/* ---- the new file ---------------------------------------------------------------------------- */

/* A name that nobody has, and the lock on it; SQLite would say of a read-only folder that there is
 * no such file. */
static int make_fresh(struct place *p, struct err *err)
{
	char suffix[48];
	int i, fd, code = EEXIST;

	for (i = 0; i < 16; i++) {
		snprintf(suffix, sizeof(suffix), i ? ".new-%ld-%d" : ".new-%ld", (long)getpid(), i);
		free(p->fresh);
		p->fresh = join(p->path, suffix);
		fd = open(p->fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
		code = fd < 0 ? errno : 0;
		if (code && code != EEXIST)
			break;
		if (code)
			continue;
		close(fd);
		code = open_files_lock(p->fresh, &p->fresh_fd);
		if (!code)
			return 0;
		unlink(p->fresh);
		/* Somebody was sweeping in that moment. */
		if (code != EWOULDBLOCK && code != ENOENT)
			break;
	}
	free(p->fresh);
	p->fresh = NULL;
	err_set(err, ERR_IO, "%s cannot be written: %s", p->path, strerror(code));
	return ERR_IO;
}

/* A sentence that begins with a name nobody has heard of, without it. */
static const char *without_name(const char *message, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(message, name, len) && message[len] == ':' ? message + len + 2 : message;
}

static int write_fresh(struct place *p, const char *const *scripts, struct err *err)
{
	struct db db = { .is_new = true };
	struct err reason = { 0 };
	int ret = db_open(&db, p->fresh, SQLITE_OPEN_READWRITE, &reason);

	/*
	 * Nobody knows this name: a failure removes the file, so it needs no journal on
	 * the disk, and nothing has to be there yet.
	 */
	if (!ret)
		ret = db_exec(&db,
			      "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; "
			      "PRAGMA page_size = 8192; BEGIN",
			      &reason);
	for (; !ret && *scripts; scripts++)
		ret = db_exec(&db, *scripts, &reason);
	/* Under its own name the file is read at once, and then the mode changes only by waiting.
	 */
	if (!ret)
		ret = db_exec(&db, "COMMIT; PRAGMA journal_mode = WAL", &reason);
	db_close(&db);
	if (ret)
		err_set(err, ERR_IO, "%s cannot be written: %s", p->path,
			without_name(reason.message, p->fresh));
	return ret;
}

/* ---- the old one ----------------------------------------------------------------------------- */

static int refuse_open(const char *path, struct err *err)
{
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

/*
 * Fold the log or journal of an old database into it.  Whatever is no database is left alone, and
 * so is one with a journal that is not its own: SQLite is not told of these.
 */
static int settle_old(const char *path, struct err *err)
{
	struct db db = { 0 };
	struct err reason = { 0 };
	int code, ret;

	if (recording_file_check(path, &reason) || side_files_check(path, NULL, &reason))
		return 0;
	ret = db_open(&db, path, SQLITE_OPEN_READWRITE, &reason);
	if (!ret)
		ret = db_exec(&db,
			      "SELECT count(*) FROM sqlite_schema; PRAGMA journal_mode = DELETE",
			      &reason);
	code = ret ? db_code(&db) : SQLITE_OK;
	db_close(&db);
	return code == SQLITE_BUSY || code == SQLITE_LOCKED ? refuse_open(path, err) : 0;
}

static int lock_old(struct place *p, struct err *err)
{
	/* What cannot even be read (another user's, a link to nowhere) is renamed all the same. */
	if (open_files_lock(p->path, &p->old_fd) == EWOULDBLOCK)
		return refuse_busy(p->path, err);
	if (check_same(p, err) || settle_old(p->path, err))
		return err->code;
	p->is_blank = p->old_fd >= 0 && leftovers_is_blank(p->path);
	return 0;
}

/* ---- the name -------------------------------------------------------------------------------- */

/* Where a file has one name only: an empty file takes it, and is replaced. */
static int claim(const struct place *p)
{
	int fd = open(p->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	int code = 0;

	if (fd < 0)
		return errno;
	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		code = EEXIST;
	else if (rename(p->fresh, p->path))
		code = errno;
	close(fd);
	return code;
}

/* Give the new file a name that nobody has; else EEXIST, or why not. */
static int take_name(const struct place *p)
{
	int code;

	if (!link(p->fresh, p->path)) {
		unlink(p->fresh);
		return 0;
	}
	code = errno;
	if (code == EPERM || code == EOPNOTSUPP || code == ENOSYS || code == EMLINK ||
	    code == EINVAL)
		code = claim(p);
	return code;
}

static int fail_name(const struct place *p, int code, struct err *err)
{
	return code == EEXIST ? refuse_busy(p->path, err)
			      : err_set(err, ERR_IO, "%s: %s", p->path, strerror(code));
}

/* Without second names there is a moment in which the name is nobody's. */
static int replace_by_moving(const struct place *p, struct err *err)
{
	int code;

	side_files_remove(p->old);
	if (rename(p->path, p->old))
		return err_set(err, ERR_IO, "%s: cannot keep it as %s: %s", p->path, p->old,
			       strerror(errno));
	side_files_move(p->path, p->old);
	code = take_name(p);
	if (!code)
		return 0;
	if (code != EEXIST && !rename(p->old, p->path))
		side_files_move(p->old, p->path);
	return fail_name(p, code, err);
}

/* The name is that of the old file, and in the next moment that of the new one. */
static int replace(const struct place *p, struct err *err)
{
	char *second;
	int code;

	if (p->is_blank) {
		side_files_remove(p->path);
		return rename(p->fresh, p->path) ? fail_name(p, errno, err) : 0;
	}
	second = join(p->fresh, "-old");
	if (link(p->path, second)) {
		free(second);
		return replace_by_moving(p, err);
	}
	side_files_remove(p->old);
	code = rename(second, p->old) ? errno : 0;
	if (code)
		err_set(err, ERR_IO, "%s: cannot keep it as %s: %s", p->path, p->old,
			strerror(code));
	unlink(second); /* there still when it failed, or when the two were one file before */
	free(second);
	if (code)
		return err->code;
	side_files_move(p->path, p->old);
	if (!rename(p->fresh, p->path))
		return 0;
	code = errno;
	side_files_move(p->old, p->path);
	unlink(p->old);
	return fail_name(p, code, err);
}

static int take(const struct place *p, struct err *err)
{
	int code;

	if (p->target.exists)
		return replace(p, err);
	code = take_name(p);
	if (code)
		return fail_name(p, code, err);
	/* The log of a file that is gone; while the name was free, it could have been another's. */
	side_files_remove(p->path);
	return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int create(struct place *p, const char *const *scripts, struct err *err)
{
	if (check_target(p, err) || check_same(p, err))
		return err->code;
	leftovers_sweep(p->path);
	if (make_fresh(p, err) || write_fresh(p, scripts, err))
		return err->code;
	if (p->target.exists && lock_old(p, err))
		return err->code;
	return take(p, err);
}

int recording_file_create(const char *path, const struct trace_target *target,
			  const char *const *scripts, int *lock_fd, struct err *err)
{
	struct place p = { .path = path, .old_fd = -1, .fresh_fd = -1, .target = *target };
	int ret;

	if (!p.target.is_known)
		p.target = trace_target_look(path);
	p.old = join(path, ".old");
	ret = create(&p, scripts, err);
	if (ret && p.fresh)
		unlink(p.fresh);
	open_files_unlock(p.old_fd);
	if (ret) {
		open_files_unlock(p.fresh_fd);
		p.fresh_fd = -1;
	}
	*lock_fd = p.fresh_fd;
	free(p.fresh);
	free(p.old);
	return ret;
}
