/*
 * query.c -- a user's SQL over a recording: compiled, bound, run within limits.
 *
 * The authorizer says what SQL may do; here is how long it may take and how much memory.
 */
#include "recording.h"

#include "torchless/clock.h"
#include "torchless/database.h"
#include "torchless/mem.h"
#include "torchless/sql_error.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- failing ------------------------------------------------------------------------------- */

#define COUNT_NS    250000000ll /* how long the rows behind the last one shown are counted */
#define ASKED_BYTES (64 << 20)  /* of all rows that a question of the program's own may have */
#define ASKED_CELL  64          /* of that, what a cell takes beside its text */

static int fail_length(struct recording *r, struct err *err)
{
	int max = sqlite3_limit(r->db.handle, SQLITE_LIMIT_SQL_LENGTH, -1);

	/* While it is compiled, the SQL itself may be what is too long. */
	if (strlen(r->authorizer.sql) > (size_t)max)
		return err_set(err, ERR_USAGE,
			       "the SQL is longer than the %d MB that a statement may have",
			       max >> 20);
	return err_set(err, ERR_USAGE,
		       "a text or blob of the query is larger than the %d MB that one may have",
		       sqlite3_limit(r->db.handle, SQLITE_LIMIT_LENGTH, -1) >> 20);
}

/* What a statement failed with, while it was compiled or while it ran. */
static int fail_query(struct recording *r, struct err *err)
{
	int code = sqlite3_errcode(r->db.handle) & 0xff;
	int carried = sql_error_carried(sqlite3_extended_errcode(r->db.handle));

	/* While it was compiled SQLite read the schema. */
	if (!r->limits.stop && database_is_replaced(r->db.handle))
		return limits_fail(&r->limits, LIMIT_REPLACED, err);
	if (r->limits.stop || code == SQLITE_INTERRUPT)
		return limits_fail(&r->limits, r->limits.stop, err);
	if (r->authorizer.refusal[0])
		return err_set(err, ERR_USAGE, "%s", r->authorizer.refusal);
	if (carried)
		return err_set(err, carried, "%s", sqlite3_errmsg(r->db.handle));
	switch (code) {
	case SQLITE_NOMEM:
		return limits_fail_memory(err);
	case SQLITE_TOOBIG:
		return strstr(sqlite3_errmsg(r->db.handle), "too big") ? fail_length(r, err)
								       : suggest_for_error(r, err);
	case SQLITE_ERROR:
	case SQLITE_MISUSE:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
		return suggest_for_error(r, err);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		if (database_system_error(r->db.handle))
			return err_set(err, ERR_IO, "%s: %s", r->path,
				       strerror(database_system_error(r->db.handle)));
		return err_set(err, ERR_FORMAT, "%s: %s", r->path, sqlite3_errmsg(r->db.handle));
	default:
		return err_set(err, ERR_IO, "%s: %s", r->path, sqlite3_errmsg(r->db.handle));
	}
}

/* ---- compiling ----------------------------------------------------------------------------- */

static bool is_pragma(const char *sql)
{
	return !strncasecmp(sql + strspn(sql, " \t\r\n;"), "pragma", 6);
}

/* Compile the statement at *sql and move *sql behind it; *s is NULL for white space. */
static int prepare_next(struct recording *r, const char **sql, sqlite3_stmt **s, struct err *err)
{
	int code;

	r->authorizer.sql = *sql;
	r->authorizer.refusal[0] = '\0';
	limits_watch(&r->limits);
	code = sqlite3_prepare_v2(r->db.handle, *sql, -1, s, sql);
	limits_unwatch(&r->limits);
	if (code != SQLITE_OK)
		return fail_query(r, err);
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

/* The place of KEY=VALUE for the parameter `name` (":key"), the last one; -1: it is not given. */
static int find_param(const struct query *q, const char *name)
{
	int i = q->n_params - 1;

	while (i >= 0 && !is_key(q->params[i], name))
		i--;
	return i;
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

static int bind_blob(sqlite3_stmt *s, int index, struct bytes b, const char *name, struct err *err)
{
	if (sqlite3_bind_blob64(s, index, b.data, b.len, SQLITE_STATIC) == SQLITE_OK)
		return 0;
	return err_set(err, ERR_USAGE, "%s has %zu bytes: too many for a value of SQL", name,
		       b.len);
}

static int bind_params(sqlite3_stmt *s, const struct query *q, struct err *err)
{
	int i, n = sqlite3_bind_parameter_count(s);

	for (i = 1; i <= n; i++) {
		const char *name = sqlite3_bind_parameter_name(s, i);
		int at = name && *name != '?' ? find_param(q, name) : -1;

		if (!name || *name == '?')
			return err_set(err, ERR_USAGE,
				       "a parameter without a name cannot be given: write :name");
		if (at < 0)
			return err_set(
				err, ERR_USAGE,
				"the parameter %s is not given: %s=VALUE gives it, in the shell .set %s=VALUE",
				name, name + 1, name + 1);
		if (!q->blobs || !q->blobs[at].data)
			bind_typed(s, i, strchr(q->params[at], '=') + 1);
		else if (bind_blob(s, i, q->blobs[at], name, err))
			return err->code;
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

/* ---- running ------------------------------------------------------------------------------- */

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

/* A statement being run. */
struct running {
	sqlite3_stmt *stmt;
	struct rows rows;
	struct cell *cells;
	struct rows_found found;
};

/* The rows behind the last one handed over are counted, as long as that is quick. */
static int count_rest(struct recording *r, struct running *run, struct err *err)
{
	int code;

	limits_begin(&r->limits, LIMIT_REST, COUNT_NS);
	while ((code = limits_step(&r->limits, run->stmt)) == SQLITE_ROW) {
		run->found.found++;
		run->found.more = true;
		if (limits_reached(&r->limits))
			break;
	}
	if (r->limits.stop == LIMIT_REST)
		return 0;
	run->found.complete = code == SQLITE_DONE;
	return run->found.complete ? 0 : fail_query(r, err);
}

/* The cells of the row, and that a question of the program's own gets no more than it can use. */
static int read_row(struct recording *r, struct running *run, struct err *err)
{
	for (int i = 0; i < run->rows.n_columns; i++) {
		struct cell *c = &run->cells[i];

		*c = cell_of(run->stmt, i);
		if (sqlite3_errcode(r->db.handle) == SQLITE_NOMEM)
			return limits_fail_memory(err);
		r->asked += (int64_t)c->s.len + ASKED_CELL;
	}
	if (r->limits.ns[LIMIT_LOOKUP] && r->asked > ASKED_BYTES)
		return err_set(err, ERR_FORMAT,
			       "%s: its own tables answer with more than the %d MB that they may",
			       r->path, ASKED_BYTES >> 20);
	return 0;
}

static int step_rows(struct recording *r, struct running *run, struct err *err)
{
	const struct query *q = r->query;
	int code, ret = q->begin ? q->begin(q->ctx, &run->rows) : 0;

	limits_begin(&r->limits, LIMIT_ROW, q->max_wait_ns);
	while (!ret && (code = limits_step(&r->limits, run->stmt)) != SQLITE_DONE) {
		if (code != SQLITE_ROW)
			return fail_query(r, err);
		ret = read_row(r, run, err);
		if (!ret && q->row)
			ret = q->row(q->ctx, &run->rows, run->cells);
		run->found.found++;
		limits_begin(&r->limits, LIMIT_ROW, q->max_wait_ns);
		if (!ret && run->found.found == q->max_rows)
			return q->end ? count_rest(r, run, err) : 0;
	}
	run->found.complete = !ret;
	return ret;
}

static int run_statement(struct recording *r, sqlite3_stmt *s, struct err *err)
{
	const struct query *q = r->query;
	int i, n = sqlite3_column_count(s), ret = bind_params(s, q, err);
	struct running run = { .stmt = s };
	int64_t begin = clock_ns();
	const char **columns;

	if (ret || !n)
		return ret;
	columns = mem_calloc((size_t)n, sizeof(*columns));
	run.cells = mem_calloc((size_t)n, sizeof(*run.cells));
	for (i = 0; i < n && !ret; i++) {
		columns[i] = sqlite3_column_name(s, i);
		if (!columns[i])
			ret = limits_fail_memory(err);
	}
	run.rows = (struct rows){ n, columns };
	if (!ret)
		ret = step_rows(r, &run, err);
	limits_begin(&r->limits, LIMIT_REST, 0);
	limits_begin(&r->limits, LIMIT_ROW, 0);
	r->limits.stop = LIMIT_NONE;
	run.found.ns = clock_ns() - begin;
	if (ret >= 0 && q->end)
		ret = q->end(q->ctx, &run.found) < 0 ? err->code : ret;
	free(columns);
	free(run.cells);
	return ret;
}

static int run_statements(struct recording *r, const char *sql, struct err *err)
{
	sqlite3_stmt *s;
	int ret = check_statements(r, sql, r->query, err);

	while (*sql && !ret) {
		ret = prepare_next(r, &sql, &s, err);
		if (ret || !s)
			continue;
		ret = run_statement(r, s, err);
		sqlite3_finalize(s);
	}
	return ret;
}

/* Run under a scope of the kind. */
static int run_within(struct recording *r, const char *sql, const struct query *q, enum limit kind,
		      int64_t max_ns, int length, struct err *err)
{
	const volatile int *interrupted = r->limits.interrupted;
	struct limits_scope outer;
	int ret;

	r->query = q;
	r->asked = 0;
	limits_enter(&r->limits, kind, max_ns, length, &outer);
	if (q->interrupted)
		r->limits.interrupted = q->interrupted;
	ret = run_statements(r, sql, err);
	r->limits.interrupted = interrupted;
	limits_leave(&r->limits, &outer);
	r->query = NULL;
	r->authorizer.sql = "";
	return ret < 0 ? ret : 0;
}

int recording_query(struct recording *r, const char *sql, const struct query *q, struct err *err)
{
	return run_within(r, sql, q, LIMIT_STATEMENTS, q->max_ns, 0, err);
}

int recording_ask(struct recording *r, const char *sql, const struct query *q, struct err *err)
{
	int64_t ns = q->max_ns ? q->max_ns : LIMITS_LOOKUP_NS;

	return run_within(r, sql, q, LIMIT_LOOKUP, ns, LIMITS_LOOKUP_LENGTH, err);
}

bool sql_is_complete(const char *sql)
{
	return sqlite3_complete(sql) == 1;
}
