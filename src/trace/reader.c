/*
 * reader.c -- opening a recording and asking it, read-only.
 *
 * A recording is somebody else's file: it is opened read-only, its views are not trusted with
 * functions that act, and user SQL passes the authorizer.  A recording that is being written, or
 * whose writer was killed, opens too: SQLite reads the write-ahead log beside it.
 */
#include "authorizer.h"
#include "recording_file.h"

#include "torchless/mem.h"
#include "torchless/trace.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

struct recording {
	struct db db;
	struct authorizer authorizer;
	char *path;
	const volatile int *interrupted; /* of the query that is running */
};

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

struct recording *recording_open(const char *path, struct err *err)
{
	struct recording *r;

	if (recording_file_check(path, err))
		return NULL;
	r = mem_calloc(1, sizeof(*r));
	r->path = mem_strdup(path);
	if (open_database(r, err)) {
		recording_close(r);
		return NULL;
	}
	authorizer_install(&r->authorizer, r->db.handle);
	return r;
}

void recording_close(struct recording *r)
{
	if (!r)
		return;
	db_close(&r->db);
	free(r->path);
	free(r);
}

/* ---- suggestions --------------------------------------------------------------------------- */

/* The name of `names_sql`'s rows that is nearest to `name`; "" when none is near. */
static void nearest_name(struct recording *r, const char *names_sql, const char *name, char *best,
			 size_t size)
{
	struct stmt s = { 0 };
	struct err ignored;
	int distance, best_distance = (int)strlen(name) / 3 + 2;

	best[0] = '\0';
	if (stmt_ready(&r->db, &s, names_sql, &ignored))
		return;
	while (stmt_step(&r->db, &s, &ignored) > 0) {
		const char *candidate = (const char *)sqlite3_column_text(s.handle, 0);

		distance = candidate ? text_distance(name, candidate) : INT_MAX;
		if (distance < best_distance) {
			best_distance = distance;
			snprintf(best, size, "%s", candidate);
		}
	}
	sqlite3_finalize(s.handle);
}

static const struct {
	const char *message; /* SQLite's, up to the name */
	const char *names;   /* what could have been meant */
} unknowns[] = {
	{ "no such table: ", "SELECT name FROM sqlite_schema WHERE type IN ('view', 'table') "
			     "ORDER BY type DESC, name" },
	{ "no such column: ",
	  "SELECT DISTINCT p.name FROM sqlite_schema s, pragma_table_info(s.name) p "
	  "WHERE s.type IN ('view', 'table') ORDER BY s.type DESC, 1" },
	{ "no such function: ", "SELECT DISTINCT name FROM pragma_function_list" },
};

/* SQLite's message for SQL that is wrong, with the nearest name when it knows none. */
static int fail_sql(struct recording *r, struct err *err)
{
	char message[400], best[128] = "";
	const char *name;
	size_t i;

	snprintf(message, sizeof(message), "%s", sqlite3_errmsg(r->db.handle));
	for (i = 0; i < sizeof(unknowns) / sizeof(unknowns[0]) && !best[0]; i++) {
		if (strncmp(message, unknowns[i].message, strlen(unknowns[i].message)) != 0)
			continue;
		name = message + strlen(unknowns[i].message);
		if (strchr(name, '.'))
			name = strrchr(name, '.') + 1;
		nearest_name(r, unknowns[i].names, name, best, sizeof(best));
	}
	if (best[0])
		return err_set(err, ERR_USAGE, "%s; did you mean \"%s\"?", message, best);
	return err_set(err, ERR_USAGE, "%s", message);
}

/* ---- running ------------------------------------------------------------------------------- */

static int fail_prepare(struct recording *r, struct err *err)
{
	int code = sqlite3_errcode(r->db.handle);

	if (r->authorizer.refusal[0])
		return err_set(err, ERR_USAGE, "%s", r->authorizer.refusal);
	if (code == SQLITE_ERROR || code == SQLITE_TOOBIG || code == SQLITE_MISUSE)
		return fail_sql(r, err);
	return err_set(err, code == SQLITE_CORRUPT ? ERR_FORMAT : ERR_IO, "%s: %s", r->path,
		       sqlite3_errmsg(r->db.handle));
}

static bool is_pragma(const char *sql)
{
	return !strncasecmp(sql + strspn(sql, " \t\r\n;"), "pragma", 6);
}

/* Compile the statement at *sql and move *sql behind it; *s is NULL for white space. */
static int prepare_next(struct recording *r, const char **sql, sqlite3_stmt **s, struct err *err)
{
	r->authorizer.sql = *sql;
	r->authorizer.refusal[0] = '\0';
	if (sqlite3_prepare_v2(r->db.handle, *sql, -1, s, sql) != SQLITE_OK)
		return fail_prepare(r, err);
	/*
	 * VACUUM INTO writes a file without a question to the authorizer, which has been asked
	 * about every pragma, among them some that SQLite counts as writing.
	 */
	if (*s && !sqlite3_stmt_readonly(*s) && !is_pragma(r->authorizer.sql)) {
		authorizer_refuse(&r->authorizer);
		sqlite3_finalize(*s);
		*s = NULL;
		return err_set(err, ERR_USAGE, "%s", r->authorizer.refusal);
	}
	r->authorizer.sql = "";
	return 0;
}

/* Whether `param`, KEY=VALUE, is for the parameter `name` (":key"). */
static bool is_key(const char *param, const char *name)
{
	size_t len = strcspn(param, "=");

	return param[len] && strlen(name + 1) == len && !memcmp(name + 1, param, len);
}

/* The VALUE of KEY=VALUE for the parameter `name` (":key"), NULL when it is not given. */
static const char *find_param(const struct query *q, const char *name)
{
	int i;

	for (i = q->n_params - 1; i >= 0; i--) {
		if (is_key(q->params[i], name))
			return strchr(q->params[i], '=') + 1;
	}
	return NULL;
}

/* Whatever looks like a number is one, so that pos=4 compares with integers. */
static void bind_typed(sqlite3_stmt *s, int index, const char *value)
{
	char *end;
	long long integer;
	double real;

	errno = 0;
	integer = strtoll(value, &end, 10);
	if (*value && !isspace((unsigned char)*value) && !*end && !errno) {
		sqlite3_bind_int64(s, index, integer);
		return;
	}
	real = strtod(value, &end);
	if (*value && strspn(value, "+-.0123456789eE") == strlen(value) && !*end)
		sqlite3_bind_double(s, index, real);
	else
		sqlite3_bind_text(s, index, value, -1, SQLITE_STATIC);
}

static int bind_params(sqlite3_stmt *s, const struct query *q, struct err *err)
{
	int i, n = sqlite3_bind_parameter_count(s);

	for (i = 1; i <= n; i++) {
		const char *name = sqlite3_bind_parameter_name(s, i);
		const char *value = name && *name != '?' ? find_param(q, name) : NULL;

		if (!name || *name == '?')
			return err_set(err, ERR_USAGE,
				       "a parameter without a name cannot be given: write :name");
		if (!value)
			return err_set(err, ERR_USAGE,
				       "the parameter %s is not given: add %s=VALUE", name,
				       name + 1);
		bind_typed(s, i, value);
	}
	return 0;
}

static bool uses_param(sqlite3_stmt *s, const char *param)
{
	int i, n = sqlite3_bind_parameter_count(s);

	for (i = 1; i <= n; i++) {
		const char *name = sqlite3_bind_parameter_name(s, i);

		if (name && is_key(param, name))
			return true;
	}
	return false;
}

/* Every statement compiles and every parameter is used, before the first row is shown. */
static int check_statements(struct recording *r, const char *sql, const struct query *q,
			    struct err *err)
{
	bool *used = mem_calloc((size_t)q->n_params + 1, sizeof(*used));
	sqlite3_stmt *s;
	int i, ret = 0;

	while (*sql && !ret) {
		ret = prepare_next(r, &sql, &s, err);
		for (i = 0; !ret && s && i < q->n_params; i++)
			used[i] = used[i] || uses_param(s, q->params[i]);
		if (!ret)
			sqlite3_finalize(s);
	}
	for (i = 0; !ret && i < q->n_params; i++) {
		if (!strchr(q->params[i], '='))
			ret = err_set(err, ERR_USAGE, "\"%s\" is not KEY=VALUE", q->params[i]);
		else if (!used[i])
			ret = err_set(err, ERR_USAGE, "the query has no parameter :%.*s",
				      (int)strcspn(q->params[i], "="), q->params[i]);
	}
	free(used);
	return ret;
}

static struct cell cell_of(sqlite3_stmt *s, int i)
{
	struct cell c = { .type = CELL_NULL };

	switch (sqlite3_column_type(s, i)) {
	case SQLITE_INTEGER:
		c.type = CELL_INT;
		c.i = sqlite3_column_int64(s, i);
		break;
	case SQLITE_FLOAT:
		c.type = CELL_REAL;
		c.d = sqlite3_column_double(s, i);
		break;
	case SQLITE_TEXT:
		c.type = CELL_TEXT;
		c.s.data = (const char *)sqlite3_column_text(s, i);
		c.s.len = (size_t)sqlite3_column_bytes(s, i);
		break;
	case SQLITE_BLOB:
		c.type = CELL_BLOB;
		c.s.data = sqlite3_column_blob(s, i);
		c.s.len = (size_t)sqlite3_column_bytes(s, i);
		break;
	default:
		break;
	}
	if (!c.s.data)
		c.s.data = "";
	return c;
}

static int fail_step(struct recording *r, struct err *err)
{
	int code = sqlite3_errcode(r->db.handle);

	if (code == SQLITE_INTERRUPT)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (code == SQLITE_ERROR || code == SQLITE_TOOBIG || code == SQLITE_MISMATCH)
		return fail_sql(r, err);
	return err_set(err, code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ERR_FORMAT : ERR_IO,
		       "%s: %s", r->path, sqlite3_errmsg(r->db.handle));
}

static int step_rows(struct recording *r, sqlite3_stmt *s, const struct rows *rows,
		     struct cell *cells, const struct query *q, struct err *err)
{
	int i, code, ret = q->begin ? q->begin(q->ctx, rows) : 0;

	while (!ret && (code = sqlite3_step(s)) != SQLITE_DONE) {
		if (code != SQLITE_ROW)
			return fail_step(r, err);
		for (i = 0; i < rows->n_columns; i++)
			cells[i] = cell_of(s, i);
		ret = q->row ? q->row(q->ctx, rows, cells) : 0;
	}
	return ret;
}

static int run_statement(struct recording *r, sqlite3_stmt *s, const struct query *q,
			 struct err *err)
{
	int i, n = sqlite3_column_count(s), ret = bind_params(s, q, err);
	const char **columns;
	struct cell *cells;

	if (ret || !n)
		return ret;
	columns = mem_calloc((size_t)n, sizeof(*columns));
	cells = mem_calloc((size_t)n, sizeof(*cells));
	for (i = 0; i < n; i++)
		columns[i] = sqlite3_column_name(s, i);
	ret = step_rows(r, s, &(struct rows){ n, columns }, cells, q, err);
	free(columns);
	free(cells);
	return ret;
}

static int poll_interrupt(void *ctx)
{
	const struct recording *r = ctx;

	return *r->interrupted;
}

int recording_query(struct recording *r, const char *sql, const struct query *q, struct err *err)
{
	sqlite3_stmt *s;
	int ret = check_statements(r, sql, q, err);

	r->interrupted = q->interrupted;
	sqlite3_progress_handler(r->db.handle, q->interrupted ? 10000 : 0, poll_interrupt, r);
	while (*sql && !ret) {
		ret = prepare_next(r, &sql, &s, err);
		if (ret || !s)
			continue;
		ret = run_statement(r, s, q, err);
		sqlite3_finalize(s);
	}
	sqlite3_progress_handler(r->db.handle, 0, NULL, NULL);
	r->authorizer.sql = "";
	return ret < 0 ? ret : 0;
}

/* ---- saved queries ------------------------------------------------------------------------- */

int recording_saved_query(struct recording *r, const char *name, struct text *sql,
			  struct text *params_json, struct err *err)
{
	struct stmt s = { 0 };
	char best[128];
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
		text_adds(sql, (const char *)sqlite3_column_text(s.handle, 0));
		text_adds(params_json, (const char *)sqlite3_column_text(s.handle, 1));
	}
	sqlite3_finalize(s.handle);
	if (ret)
		return ret < 0 ? ret : 0;
	nearest_name(r, "SELECT name FROM saved_query ORDER BY name", name, best, sizeof(best));
	if (best[0])
		return err_set(err, ERR_USAGE,
			       "there is no saved query \"%s\"; did you mean \"%s\"?", name, best);
	return err_set(err, ERR_USAGE,
		       "there is no saved query \"%s\"; `torchless query --list` names them", name);
}
