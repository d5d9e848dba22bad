/*
 * state.c -- what every function asks of a connection: statements, threads, how far it has grown.
 *
 * This is the ground of src/inspect and calls none of its other files; what keeps something for the
 * next call is forgotten by life.c.
 */
#include "inspect_impl.h"

#include "torchless/database.h"

#include <string.h>

struct threads *inspect_pool(struct inspect *in)
{
	struct err ignored;

	if (in->opt.pool)
		return in->opt.pool;
	if (!in->own_pool)
		in->own_pool = threads_new(threads_available(), &ignored);
	return in->own_pool;
}

enum database_kind inspect_database_kind(sqlite3 *db)
{
	enum database_kind kind = DATABASE_OTHER;
	sqlite3_stmt *q = NULL;

	if (sqlite3_prepare_v2(db,
			       "SELECT a.application_id, v.user_version / 10000 FROM "
			       "pragma_application_id a, pragma_user_version v",
			       -1, &q, NULL) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW && sqlite3_column_int(q, 0) == RECORDING_APPLICATION_ID)
		kind = sqlite3_column_int(q, 1) == RECORDING_SCHEMA_MAJOR ? DATABASE_RECORDING
									  : DATABASE_OTHER_VERSION;
	sqlite3_finalize(q);
	return kind;
}

/* Why SQLite failed, after its code. */
static int fail(struct inspect *in, struct err *err)
{
	int code = sqlite3_errcode(in->db) & 0xff;
	int system = code == SQLITE_CORRUPT ? database_system_error(in->db) : 0;

	if (system)
		return err_set(err, ERR_IO, "the recording cannot be read: %s", strerror(system));
	switch (code) {
	case SQLITE_NOMEM:
		return err_set(err, ERR_MEMORY, "out of memory");
	case SQLITE_INTERRUPT:
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_BUSY:
	case SQLITE_FULL:
		return err_set(err, ERR_IO, "the recording cannot be read: %s",
			       sqlite3_errmsg(in->db));
	default:
		return err_set(err, ERR_FORMAT, "the recording is damaged: %s",
			       sqlite3_errmsg(in->db));
	}
}

int inspect_prepare(struct inspect *in, const char *sql, sqlite3_stmt **s, struct err *err)
{
	if (sqlite3_prepare_v2(in->db, sql, -1, s, NULL) == SQLITE_OK)
		return 0;
	fail(in, err);
	if (err->code == ERR_FORMAT && inspect_database_kind(in->db) == DATABASE_OTHER)
		return err_set(err, ERR_USAGE,
			       "the main database is no recording of torchless: open one first");
	return err->code;
}

bool inspect_is_over(const struct inspect *in)
{
	return in->host.is_over && in->host.is_over(in->host.ctx);
}

/* Within a statement of who calls a function its transaction has begun before. */
int inspect_step(struct inspect *in, sqlite3_stmt *s, struct err *err)
{
	bool begins = !sqlite3_stmt_busy(s) && sqlite3_txn_state(in->db, "main") == SQLITE_TXN_NONE;
	int code = sqlite3_step(s) & 0xff;

	if (inspect_is_over(in))
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (begins && database_is_replaced(in->db))
		return err_set(err, ERR_IO, "%s was replaced while it was read",
			       sqlite3_db_filename(in->db, "main"));
	if (code == SQLITE_ROW || code == SQLITE_DONE)
		return code == SQLITE_ROW;
	return fail(in, err);
}

#define KEPT_BYTES ((int64_t)1 << 30)

int inspect_keep(int64_t *kept, int64_t bytes, struct err *err)
{
	*kept += bytes;
	if (*kept <= KEPT_BYTES)
		return 0;
	return err_set(err, ERR_MEMORY, "rows of the recording take more than the %lld MB they may",
		       (long long)(KEPT_BYTES >> 20));
}

int inspect_newest_run(struct inspect *in, int64_t *run, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int ret;

	*run = 0;
	if (inspect_prepare(in, "SELECT max(id) FROM run", &s, err))
		return err->code;
	ret = inspect_step(in, s, err);
	if (ret > 0)
		*run = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return ret < 0 ? ret : 0;
}

int64_t inspect_state(struct inspect *in)
{
	struct err ignored = { 0 };
	sqlite3_stmt *s = NULL;
	int64_t state = 0;

	if (inspect_prepare(in, "SELECT max(id) FROM value", &s, &ignored))
		return 0;
	if (sqlite3_step(s) == SQLITE_ROW)
		state = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return state;
}

int inspect_is_live(struct inspect *in, const char *text, struct err *err)
{
	const struct array_source *live = in->opt.live;
	struct err why = { 0 };
	struct array head;
	int r = live ? live->find(live->ctx, text, &head, &why) : ERR_USAGE;

	if (r && r != ERR_USAGE)
		*err = why;
	return r == ERR_USAGE ? 0 : r ? r : 1;
}
