/*
 * reader.c -- opening a recording, read-only; asking it is query.c.
 *
 * A recording is somebody else's file: it is opened read-only, its views are not trusted with
 * functions that act, and user SQL passes the authorizer.  A recording that is being written, or
 * whose writer was killed, opens too: SQLite reads the write-ahead log beside it.
 */
#include "recording.h"
#include "recording_file.h"
#include "slow.h"

#include "torchless/database.h"
#include "torchless/mem.h"
#include "torchless/trace.h"

#include <stdlib.h>

/* ---- opening ------------------------------------------------------------------------------- */

/*
 * What lists and checks saved queries, for recordings made before they had topics, notes and
 * checked parameters.  A temporary view hides the file's table of the same name; a copy would run
 * whatever a column of it computes.
 */
static const char saved_queries_of_old[] =
	"CREATE TEMP VIEW saved_param AS SELECT NULL name, NULL doc, NULL refuse, 0 rowid WHERE 0;"
	"CREATE TEMP VIEW saved_query AS SELECT name, sql, doc, NULL note, params, 'Saved' topic "
	"FROM main.saved_query;";

static int add_missing_views(struct recording *r, struct err *err)
{
	int64_t is_old = 0;
	int ret = db_int(&r->db,
			 "SELECT sum(name = 'saved_query') AND NOT sum(name = 'saved_param') "
			 "FROM sqlite_schema WHERE type = 'table'",
			 &is_old, err);
	return ret || !is_old ? ret : db_exec(&r->db, saved_queries_of_old, err);
}

/* Before the first statement over the file; of another connection where a journal is rolled back.
 */
static void guard(struct db *db, void *ctx)
{
	struct recording *r = ctx;

	db->limits = &r->limits;
	limits_install(&r->limits, db->handle);
	slow_replace(&r->limits, db->handle);
	r->authorizer.allows_all = true;
	authorizer_install(&r->authorizer, &r->limits, db->handle);
}

/* What sorting and joining need stays in memory, which is limited; the disk is not. */
static int open_guarded(struct recording *r, struct err *err)
{
	struct limits_scope outer;
	int ret;

	limits_enter(&r->limits, LIMIT_LOOKUP, LIMITS_LOOKUP_NS, LIMITS_LOOKUP_LENGTH, &outer);
	ret = recording_file_open(&r->db, r->path, guard, r, &r->is_copy, err);
	if (!ret)
		ret = db_exec(&r->db, "PRAGMA temp_store = MEMORY", err);
	if (!ret)
		ret = add_missing_views(r, err);
	r->limits.handle = r->db.handle;
	limits_leave(&r->limits, &outer);
	return ret;
}

static void warn_of_copy(const struct recording *r, void (*warn)(const char *sentence))
{
	struct text t = { 0 };

	text_addf(
		&t,
		"%s was not finished, and its folder cannot be written: a copy of it and its log is read",
		r->path);
	warn(t.data);
	text_release(&t);
}

struct recording *recording_open_within(const char *path, const struct recording_limits *limits,
					struct err *err)
{
	struct recording *r = mem_calloc(1, sizeof(*r));

	r->path = mem_strdup(path);
	r->limits.interrupted = limits ? limits->interrupted : NULL;
	recording_allow(r, limits ? limits->max_ns : 0);
	if (open_guarded(r, err)) {
		recording_close(r);
		return NULL;
	}
	r->authorizer.allows_all = false;
	if (r->is_copy && limits && limits->warn)
		warn_of_copy(r, limits->warn);
	return r;
}

extern const char schema_sql[], indexes_sql[], schema_doc_sql[], saved_queries_sql[];

static int make_empty(struct recording *r, struct err *err)
{
	const char *const scripts[] = { schema_sql, indexes_sql, schema_doc_sql,
					saved_queries_sql };

	if (db_open(&r->db, r->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, err))
		return err->code;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		if (db_exec(&r->db, scripts[i], err))
			return err->code;
	guard(&r->db, r);
	r->limits.handle = r->db.handle;
	return db_exec(&r->db, "PRAGMA temp_store = MEMORY", err);
}

struct recording *recording_open_empty(const struct recording_limits *limits, struct err *err)
{
	struct recording *r = mem_calloc(1, sizeof(*r));

	r->path = mem_strdup("nothing is recorded");
	r->limits.interrupted = limits ? limits->interrupted : NULL;
	recording_allow(r, limits ? limits->max_ns : 0);
	if (make_empty(r, err)) {
		recording_close(r);
		return NULL;
	}
	r->authorizer.allows_all = false;
	return r;
}

struct recording *recording_open(const char *path, struct err *err)
{
	return recording_open_within(path, NULL, err);
}

void recording_allow(struct recording *r, int64_t max_ns)
{
	limits_begin(&r->limits, LIMIT_ALL, max_ns);
}

void recording_close(struct recording *r)
{
	if (!r)
		return;
	db_close(&r->db);
	slow_release(&r->limits);
	free(r->path);
	free(r);
}

int recording_add_views(struct recording *r, const char *sql, struct err *err)
{
	bool before = r->authorizer.allows_all;
	int ret;

	r->authorizer.allows_all = true;
	ret = db_exec(&r->db, sql, err);
	r->authorizer.allows_all = before;
	return ret;
}

struct sqlite3 *recording_handle(struct recording *r)
{
	return r->db.handle;
}

const char *recording_path(const struct recording *r)
{
	return r->path;
}

/* ---- for those who run on its connection ---------------------------------------------------- */

void recording_share_limits(struct recording *r, struct sqlite3 *other)
{
	limits_share(&r->limits, other);
	slow_replace(&r->limits, other);
}

bool recording_is_over(struct recording *r)
{
	return limits_reached(&r->limits);
}

int recording_within(struct recording *r, int64_t ns, int (*look)(void *ctx, struct err *err),
		     void *ctx, struct err *err)
{
	struct limits_scope outer;
	int ret;

	limits_enter(&r->limits, LIMIT_LOOKUP, ns, 0, &outer);
	limits_watch(&r->limits);
	ret = look(ctx, err);
	limits_unwatch(&r->limits);
	if (ret == ERR_INTERRUPTED && r->limits.stop)
		ret = limits_fail(&r->limits, r->limits.stop, err);
	limits_leave(&r->limits, &outer);
	return ret;
}

int recording_deaf(struct recording *r, int64_t ns, struct err *err)
{
	enum limit which = limits_overdue(&r->limits, ns);

	return which ? limits_fail(&r->limits, which, err) : 0;
}

/* ---- saved queries ------------------------------------------------------------------------- */

/* The row of the query called `name`: 1, 0 when there is none. */
static int read_saved(struct recording *r, const char *name, struct text *sql,
		      struct text *params_json, struct err *err)
{
	struct stmt s = { 0 };
	int ret = stmt_ready(
		&r->db, &s,
		"SELECT coalesce(CAST(sql AS TEXT), \'\'), coalesce(CAST(params AS TEXT), \'{}\')"
		" FROM saved_query WHERE name = :name",
		err);

	if (ret)
		return ret;
	stmt_text(&s, ":name", name);
	ret = stmt_step(&r->db, &s, err);
	if (ret > 0) {
		const char *text = (const char *)sqlite3_column_text(s.handle, 0);
		const char *params = (const char *)sqlite3_column_text(s.handle, 1);

		text_adds(sql, text ? text : "");
		text_adds(params_json, params ? params : "");
		if (!text || !params)
			ret = limits_fail_memory(err);
	}
	sqlite3_finalize(s.handle);
	return ret;
}

void recording_names_saved(struct recording *r, const char *command)
{
	r->names_saved = command;
}

int recording_saved_query(struct recording *r, const char *name, struct text *sql,
			  struct text *params_json, struct err *err)
{
	struct limits_scope outer;
	char best[128];
	int ret;

	limits_enter(&r->limits, LIMIT_LOOKUP, LIMITS_LOOKUP_NS, LIMITS_LOOKUP_LENGTH, &outer);
	ret = read_saved(r, name, sql, params_json, err);
	limits_leave(&r->limits, &outer);
	if (ret)
		return ret < 0 ? ret : 0;
	recording_saved_meant(r, name, best, sizeof(best));
	if (best[0])
		return err_set(err, ERR_USAGE,
			       "there is no saved query \"%s\"; did you mean \"%s\"?", name, best);
	return err_set(err, ERR_USAGE, "there is no saved query \"%s\"; `%s` names them", name,
		       r->names_saved ? r->names_saved : "torchless query --list");
}
