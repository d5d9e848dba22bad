/*
 * open.c -- a recording is opened for reading; see recording_file.h.
 *
 * Reading changes nothing, with one exception: a writer that was killed while it left the mode of
 * the log has a rollback journal beside the file, and until that is rolled back the file may hold
 * half of a change.  Then this process becomes the writer for that moment; where it cannot, the
 * file is not read.
 */
#include "limits.h"
#include "recording_file.h"

#include "torchless/database.h"
#include "torchless/mem.h"
#include "torchless/open_files.h"
#include "torchless/side_files.h"

#include <stdlib.h>

enum { WAIT_MS = 2000, MAX_TRIES = 20 };

struct reader {
	struct db *db;
	const char *path;
	void (*opened)(struct db *db, void *ctx);
	void *ctx;
	enum side_journal journal;
	bool is_copy;
	bool is_replaced; /* the file, while it was opened: SQLite may have taken another's log */
};

static int first_read(struct db *db, struct err *err)
{
	int64_t n;

	return db_int(db, "SELECT count(*) FROM sqlite_schema", &n, err);
}

static int open_with(struct reader *r, const char *options, struct err *err)
{
	int ret;

	if (db_open_with(r->db, r->path, SQLITE_OPEN_READONLY, options, err))
		return err->code;
	sqlite3_busy_timeout(r->db->handle, WAIT_MS);
	if (r->opened)
		r->opened(r->db, r->ctx);
	ret = first_read(r->db, err);
	r->is_replaced = r->is_replaced || database_is_replaced(r->db->handle);
	return ret;
}

/*
 * Opened for writing, SQLite rolls the journal back before it reads the first page.  Then what the
 * writer was at is done: one file without a log; that it cannot be is no reason not to read it.
 */
static int roll_back(struct reader *r, struct err *err)
{
	struct db db = { 0 };
	struct err ignored = { 0 };
	int fd = -1, ret = recording_file_lock(r->path, &fd, err);

	/* Who was in the way may have rolled it back. */
	if (!ret)
		ret = side_files_check(r->path, &r->journal, err);
	if (!ret && r->journal == JOURNAL_HOT) {
		ret = db_open(&db, r->path, SQLITE_OPEN_READWRITE, err);
		if (!ret)
			sqlite3_busy_timeout(db.handle, WAIT_MS);
		if (!ret && r->opened)
			r->opened(&db, r->ctx);
		/* The schema is read, and nothing of it run. */
		if (!ret)
			db_trust(&db, true);
		if (!ret && sqlite3_db_readonly(db.handle, "main") == 1)
			ret = err_set(err, ERR_IO, "it cannot be written");
		if (!ret)
			ret = first_read(&db, err);
		if (!ret)
			db_exec(&db, "PRAGMA journal_mode = DELETE", &ignored);
		db_close(&db);
	}
	open_files_unlock(fd);
	return ret;
}

static int open_rolled_back(struct reader *r, struct err *err)
{
	struct err why = { 0 };

	if (!roll_back(r, &why) && !open_with(r, "mode=ro", &why))
		return 0;
	if (why.code == ERR_FORMAT)
		return err_set(err, why.code, "%s", why.message);
	return err_set(
		err, ERR_IO,
		"%s was not closed: its journal, %s-journal, has to be rolled back first, in a "
		"folder that can be written and while nobody else writes it: copy both to one",
		r->path, r->path);
}

static int refuse(const struct reader *r, int code, const struct err *first, struct err *err)
{
	if (first->code == ERR_FORMAT && (code == SQLITE_NOTADB || code == SQLITE_CORRUPT))
		return err_set(err, ERR_FORMAT, "%s is damaged: %s", r->path,
			       code == SQLITE_CORRUPT ? "its pages contradict each other"
						      : "its header is not a database's");
	return err_set(err, first->code, "%s", first->message);
}

/*
 * A folder that cannot be written has no place for the shared memory of a log.  Without the log
 * (immutable) there would be what was there when it was last folded in, or half of that.
 */
static int open_copy(struct reader *r, struct err *err)
{
	const char *path = r->path;
	char *copy = recording_copy(path, err);
	int ret;

	if (!copy)
		return err->code;
	r->path = copy;
	ret = open_with(r, "mode=ro", err);
	r->path = path;
	r->is_copy = !ret;
	recording_copy_drop(copy);
	free(copy);
	return ret;
}

static int open_database(struct reader *r, struct err *err)
{
	struct err first = { 0 };
	int code;

	if (!open_with(r, "mode=ro", &first))
		return 0;
	code = db_code(r->db);
	db_close(r->db);
	if (code != SQLITE_CANTOPEN && code != SQLITE_READONLY)
		return refuse(r, code, &first, err);
	if (r->journal == JOURNAL_HOT)
		return open_rolled_back(r, err);
	if (side_files_has_log(r->path))
		return open_copy(r, err);
	return open_with(r, "mode=ro&immutable=1", err);
}

static int open_once(struct reader *r, struct err *err)
{
	if (recording_file_check(r->path, err) || side_files_check(r->path, &r->journal, err) ||
	    open_database(r, err))
		return err->code;
	return recording_file_identify(r->db, r->path, err);
}

/* Whoever replaces a recording again and again is not read in between. */
int recording_file_open(struct db *db, const char *path, void (*opened)(struct db *db, void *ctx),
			void *ctx, bool *is_copy, struct err *err)
{
	struct reader r = { .db = db, .path = path, .opened = opened, .ctx = ctx };
	int tries, ret;

	for (tries = 0;; tries++) {
		r.is_replaced = false;
		ret = open_once(&r, err);
		*is_copy = r.is_copy;
		if (!(r.is_replaced || database_is_replaced(db->handle)) || tries == MAX_TRIES)
			return ret;
		db_close(db);
		if (db->limits && db->limits->stop == LIMIT_REPLACED)
			db->limits->stop = LIMIT_NONE;
	}
}
