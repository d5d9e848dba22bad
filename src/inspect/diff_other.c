/*
 * diff_other.c -- another recording that trace_diff compares with.
 *
 * It is somebody's file: opened read-only, with the limits of the program that asks, and asked
 * only where its tables are tables.
 */
#include "diff.h"

#include "torchless/database.h"
#include "torchless/side_files.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void diff_close_other(struct diff_side *s)
{
	sqlite3_close(s->other);
	open_files_leave(s->other_file);
	s->other = NULL;
	s->other_file = NULL;
}

#define OTHER_MAX_BYTES (512 << 20) /* of one text or blob in it, as in the program */

/* Whether its tables are tables: a view of that name could take for ever. */
static bool has_tables(sqlite3 *db)
{
	sqlite3_stmt *q = NULL;
	bool has = false;

	if (sqlite3_prepare_v2(
		    db,
		    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN "
		    "('run', 'model', 'pass', 'value', 'point', 'tensor', 'tensor_chunk', "
		    "'token')",
		    -1, &q, NULL) == SQLITE_OK)
		has = sqlite3_step(q) == SQLITE_ROW && sqlite3_column_int(q, 0) == 8;
	sqlite3_finalize(q);
	return has;
}

/* That the system refused does not make it another kind of file. */
static int not_opened(sqlite3 *other, const char *path, struct err *err)
{
	int code = other ? sqlite3_errcode(other) & 0xff : SQLITE_NOMEM;
	int system = other ? sqlite3_system_errno(other) : 0;

	if (database_is_replaced(other))
		return err_set(err, ERR_IO, "%.200s was replaced while it was read", path);
	if (code == SQLITE_NOMEM)
		return err_set(err, ERR_MEMORY, "%.200s: out of memory", path);
	if (code == SQLITE_CORRUPT)
		system = database_system_error(other);
	if (system || code == SQLITE_CANTOPEN || code == SQLITE_IOERR || code == SQLITE_BUSY)
		return err_set(err, ERR_IO, "%.200s: %s", path,
			       system ? strerror(system) : sqlite3_errmsg(other));
	return err_set(err, ERR_FORMAT, "%.200s is no recording", path);
}

/* Under the limits of the program that asks, or under this one when it has none.  SQLite's answer.
 */
static int open_file(struct diff_side *s, struct inspect *in, const char *path)
{
	struct text uri = { 0 };
	int answer;

	database_uri(&uri, path, "mode=ro");
	answer = sqlite3_open_v2(uri.data, &s->other, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
	text_release(&uri);
	if ((answer & 0xff) != SQLITE_OK)
		return answer;
	s->other_file = open_files_enter(path);
	sqlite3_limit(s->other, SQLITE_LIMIT_LENGTH, OTHER_MAX_BYTES);
	sqlite3_db_config(s->other, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	sqlite3_db_config(s->other, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	if (in->host.share)
		in->host.share(in->host.ctx, s->other);
	return 0;
}

int diff_open_other(struct diff_side *s, struct inspect *in, const char *path, struct err *err)
{
	enum side_journal journal;
	struct stat st;

	if (stat(path, &st) != 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return err_set(err, ERR_IO, "%.200s: %s", path, strerror(errno));
		st.st_mode = 0;
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "'%.200s' is no run of this recording, and no file",
			       path);
	if (side_files_check(path, &journal, err))
		return err->code;
	if (open_file(s, in, path) || inspect_database_kind(s->other) != DATABASE_RECORDING ||
	    !has_tables(s->other)) {
		not_opened(s->other, path, err);
		diff_close_other(s);
		if (journal == JOURNAL_HOT)
			return err_set(err, ERR_IO,
				       "%.200s was not closed: query it once, which rolls back its "
				       "journal",
				       path);
		return err->code;
	}
	s->in = inspect_new(s->other, &in->opt);
	s->in->host = in->host;
	s->in->host.path = NULL;
	return 0;
}
