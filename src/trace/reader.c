/*
 * reader.c -- opening a recording, read-only; asking it is query.c.
 *
 * A recording is somebody else's file: it is opened read-only, its views are not trusted with
 * functions that act, and user SQL passes the authorizer.  A recording that is being written, or
 * whose writer was killed, opens too: SQLite reads the write-ahead log beside it.
 */
#include "recording.h"
#include "recording_file.h"

#include "torchless/mem.h"
#include "torchless/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- opening ------------------------------------------------------------------------------- */

/* "file:" URI of a path: '?', '#' and '%' would end or change it. */
static void add_uri(struct text *uri, const char *path, const char *options)
{
	const char *c;

	text_adds(uri, "file:");
	/* "//" at the start would be read as an authority. */
	if (path[0] == '/' && path[1] == '/')
		text_adds(uri, "///");
	for (c = path; *c; c++) {
		if (strchr("?#%", *c))
			text_addf(uri, "%%%02X", (unsigned)*c);
		else
			text_addc(uri, *c);
	}
	text_adds(uri, options);
}

static int open_with(struct recording *r, const char *options, struct err *err)
{
	struct text uri = { 0 };
	int64_t n;
	int ret;

	add_uri(&uri, r->path, options);
	ret = db_open(&r->db, uri.data, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
	text_release(&uri);
	free(r->db.path);
	r->db.path = mem_strdup(r->path);
	if (ret)
		return ret;
	recording_guard(r);
	sqlite3_busy_timeout(r->db.handle, 2000);
	return db_int(&r->db, "SELECT count(*) FROM sqlite_schema", &n, err);
}

/* Whether a log lies beside the file: without it the file may lack rows, or hold half of some. */
static bool has_log(const char *path)
{
	struct text log = { 0 };
	struct stat st;
	bool found;

	text_addf(&log, "%s-wal", path);
	found = !stat(log.data, &st) && st.st_size > 0;
	text_release(&log);
	return found;
}

static int open_database(struct recording *r, struct err *err)
{
	struct err first = { 0 };
	int code;

	if (!open_with(r, "?mode=ro", &first))
		return recording_file_identify(&r->db, r->path, err);
	code = sqlite3_errcode(r->db.handle);
	db_close(&r->db);
	/* A folder that cannot be written has no place for the shared memory of a log. */
	if ((code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && has_log(r->path))
		return err_set(err, ERR_IO,
			       "%s has a log, %s-wal, which cannot be read in a folder that cannot "
			       "be written: copy both to another one",
			       r->path, r->path);
	if ((code == SQLITE_CANTOPEN || code == SQLITE_READONLY) &&
	    !open_with(r, "?mode=ro&immutable=1", err))
		return recording_file_identify(&r->db, r->path, err);
	if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
		return err_set(err, ERR_FORMAT, "%s is damaged: %s", r->path,
			       code == SQLITE_CORRUPT ? "its pages contradict each other"
						      : "its header is not a database's");
	return err_set(err, first.code, "%s", first.message);
}

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

void recording_guard(struct recording *r)
{
	r->db.limits = &r->limits;
	limits_install(&r->limits, r->db.handle);
	r->authorizer.allows_all = true;
	authorizer_install(&r->authorizer, &r->limits, r->db.handle);
}

/* What sorting and joining need stays in memory, which is limited; the disk is not. */
static int open_guarded(struct recording *r, struct err *err)
{
	struct limits_scope outer;
	int ret;

	limits_enter(&r->limits, LIMIT_LOOKUP, LIMITS_LOOKUP_NS, LIMITS_LOOKUP_LENGTH, &outer);
	ret = open_database(r, err);
	if (!ret)
		ret = db_exec(&r->db, "PRAGMA temp_store = MEMORY", err);
	if (!ret)
		ret = add_missing_views(r, err);
	r->limits.handle = r->db.handle;
	limits_leave(&r->limits, &outer);
	return ret;
}

struct recording *recording_open_within(const char *path, const struct recording_limits *limits,
					struct err *err)
{
	struct recording *r;

	if (recording_file_check(path, err))
		return NULL;
	r = mem_calloc(1, sizeof(*r));
	r->path = mem_strdup(path);
	r->limits.interrupted = limits ? limits->interrupted : NULL;
	recording_allow(r, limits ? limits->max_ns : 0);
	if (open_guarded(r, err)) {
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
	limits_release(&r->limits);
	free(r->path);
	free(r);
}

struct sqlite3 *recording_handle(struct recording *r)
{
	return r->db.handle;
}

/* ---- for those who run on its connection ---------------------------------------------------- */

void recording_share_limits(struct recording *r, struct sqlite3 *other)
{
	limits_share(&r->limits, other);
}

bool recording_is_over(struct recording *r)
{
	return limits_reached(&r->limits);
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
	recording_nearest(r, "SELECT name FROM saved_query ORDER BY name", name, best,
			  sizeof(best));
	if (best[0])
		return err_set(err, ERR_USAGE,
			       "there is no saved query \"%s\"; did you mean \"%s\"?", name, best);
	return err_set(err, ERR_USAGE,
		       "there is no saved query \"%s\"; `torchless query --list` names them", name);
}
