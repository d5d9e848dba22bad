/* db.c -- see db.h. */
#include "db.h"

#include "limits.h"

#include "torchless/database.h"
#include "torchless/mem.h"
#include "torchless/open_files.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int db_code(const struct db *db)
{
	return db->handle ? sqlite3_errcode(db->handle) & 0xff : SQLITE_NOMEM;
}

bool db_failed(int answer)
{
	int code = answer & 0xff;

	return code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE;
}

/* What the user can do something about, NULL for anything else. */
static const char *known_reason(const struct db *db, int code)
{
	sqlite3 *handle = db->handle;
	int system = handle && code == SQLITE_IOERR ? sqlite3_system_errno(handle) : 0;

	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		system = database_system_error(handle);

	if (code == SQLITE_FULL || system == ENOSPC || system == EFBIG || system == EDQUOT)
		return db->is_new ? "the disk is full"
				  : "the disk is full; what was recorded before is there";
	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return "another process is using it";
	if (code == SQLITE_READONLY)
		return "it, or its folder, cannot be written";
	if (handle && sqlite3_extended_errcode(handle) == SQLITE_IOERR_WRITE)
		return db->is_new ? "the disk is full or failing, or the file may grow no larger"
				  : "the disk is full or failing, or the file may grow no larger; "
				    "what was recorded before is there";
	return system ? strerror(system) : NULL;
}

int db_fail(struct db *db, const char *sql, struct err *err)
{
	int code = db_code(db);
	const char *reason = known_reason(db, code);

	if (db->limits && !db->limits->stop && database_is_replaced(db->handle))
		db->limits->stop = LIMIT_REPLACED;
	if (db->limits && db->limits->stop)
		return limits_fail(db->limits, db->limits->stop, err);
	if (code == SQLITE_NOMEM)
		return limits_fail_memory(err);
	if (db->limits && code == SQLITE_TOOBIG)
		return err_set(
			err, ERR_FORMAT,
			"%s: a text of its own tables is larger than the %d MB that it may be",
			db->path, LIMITS_LOOKUP_LENGTH >> 20);
	if ((code == SQLITE_CORRUPT || code == SQLITE_NOTADB) && !reason)
		return err_set(err, ERR_FORMAT, "%s is damaged: %s", db->path,
			       sqlite3_errmsg(db->handle));
	if (reason)
		return err_set(err, ERR_IO, "%s: %s", db->path, reason);
	return err_set(err, ERR_IO, "%s: %s, while running \"%.160s\"", db->path,
		       sqlite3_errmsg(db->handle), sql);
}

/* The system's reason says more than "unable to open database file". */
static const char *why_not_open(sqlite3 *handle)
{
	int code = handle ? sqlite3_system_errno(handle) : ENOMEM;

	return code ? strerror(code) : sqlite3_errmsg(handle);
}

void db_trust(struct db *db, bool trusted)
{
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, trusted, (int *)NULL);
}

/*
 * The file is somebody else's: what stands in its schema acts on nothing.  A connection that writes
 * has to trust functions while it reads the schema (before SQLite 3.41 json_valid() in a CHECK is
 * refused otherwise), which runs none.
 */
static void distrust(struct db *db, bool writes)
{
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, (int *)NULL);
	if (writes)
		sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, (int *)NULL);
	else
		db_trust(db, false);
}

int db_open_with(struct db *db, const char *path, int flags, const char *options, struct err *err)
{
	struct text uri = { 0 };
	int code;

	db->path = mem_strdup(path);
	if (flags & SQLITE_OPEN_MEMORY)
		text_adds(&uri, ":memory:");
	else
		database_uri(&uri, path, options);
	code = sqlite3_open_v2(uri.data, &db->handle, flags | SQLITE_OPEN_URI, NULL);
	text_release(&uri);
	if (db_failed(code))
		return err_set(err, db->handle ? ERR_IO : ERR_MEMORY, "%s: %s", path,
			       why_not_open(db->handle));
	sqlite3_extended_result_codes(db->handle, 1);
	if (!(flags & SQLITE_OPEN_MEMORY))
		distrust(db, flags & SQLITE_OPEN_READWRITE);
	db->file = open_files_enter(sqlite3_db_filename(db->handle, "main"));
	return 0;
}

int db_open(struct db *db, const char *path, int flags, struct err *err)
{
	return db_open_with(db, path, flags, NULL, err);
}

void db_close(struct db *db)
{
	sqlite3_stmt *s;

	while (db->handle && (s = sqlite3_next_stmt(db->handle, NULL)))
		sqlite3_finalize(s);
	sqlite3_close(db->handle);
	open_files_leave(db->file);
	free(db->path);
	db->file = NULL;
	db->handle = NULL;
	db->path = NULL;
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
	if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(db, sql, err);
	return 0;
}

int db_int(struct db *db, const char *sql, int64_t *out, struct err *err)
{
	struct stmt s = { 0 };
	int ret = stmt_ready(db, &s, sql, err);

	if (ret)
		return ret;
	ret = stmt_step(db, &s, err);
	if (ret > 0)
		*out = sqlite3_column_int64(s.handle, 0);
	sqlite3_finalize(s.handle);
	return ret < 0 ? ret : 0;
}

int stmt_ready(struct db *db, struct stmt *s, const char *sql, struct err *err)
{
	if (s->handle) {
		sqlite3_reset(s->handle);
		sqlite3_clear_bindings(s->handle);
		return 0;
	}
	if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, NULL) !=
	    SQLITE_OK)
		return db_fail(db, sql, err);
	return 0;
}

static int parameter(const struct stmt *s, const char *name)
{
	int index = sqlite3_bind_parameter_index(s->handle, name);

	assert(index > 0 && "the SQL has no such parameter");
	return index;
}

void stmt_int(struct stmt *s, const char *name, int64_t value)
{
	sqlite3_bind_int64(s->handle, parameter(s, name), value);
}

void stmt_real(struct stmt *s, const char *name, double value)
{
	sqlite3_bind_double(s->handle, parameter(s, name), value);
}

void stmt_text(struct stmt *s, const char *name, const char *value)
{
	sqlite3_bind_text(s->handle, parameter(s, name), value, -1, SQLITE_STATIC);
}

void stmt_text_len(struct stmt *s, const char *name, const char *value, size_t len)
{
	sqlite3_bind_text64(s->handle, parameter(s, name), value, len, SQLITE_STATIC, SQLITE_UTF8);
}

/* A blob of no bytes is not NULL, whatever its pointer. */
static void bind_blob(sqlite3_stmt *s, int index, const void *data, size_t len)
{
	if (data && !len)
		sqlite3_bind_zeroblob(s, index, 0);
	else
		sqlite3_bind_blob64(s, index, data, len, SQLITE_STATIC);
}

void stmt_blob(struct stmt *s, const char *name, const void *data, size_t len)
{
	bind_blob(s->handle, parameter(s, name), data, len);
}

int stmt_step(struct db *db, struct stmt *s, struct err *err)
{
	int answer = db->limits ? limits_step(db->limits, s->handle) : sqlite3_step(s->handle);
	int ret = 0;

	if ((answer & 0xff) == SQLITE_ROW)
		return 1;
	if (db_failed(answer))
		ret = db_fail(db, sqlite3_sql(s->handle), err);
	sqlite3_reset(s->handle);
	return ret;
}

int stmt_get_text(struct stmt *s, int i, const char **text, struct err *err)
{
	bool is_null = sqlite3_column_type(s->handle, i) == SQLITE_NULL;

	*text = (const char *)sqlite3_column_text(s->handle, i);
	return *text || is_null ? 0 : limits_fail_memory(err);
}

int stmt_run(struct db *db, struct stmt *s, struct err *err)
{
	int ret = stmt_step(db, s, err);

	assert(ret <= 0 && "the SQL returns rows");
	return ret;
}
