/*
 * schema_check.c -- see schema_check.h.
 *
 * SQLite keeps the text of each CREATE.  What the texts should be is asked of SQLite too: the
 * scripts run in a database in memory, so that there is no second list to keep up to date.
 */
#include "schema_check.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

extern const char schema_sql[], schema_before_sql[], indexes_sql[];

enum { N_COLUMNS = 4 }; /* type, name, tbl_name, sql */

struct object {
	char *text[N_COLUMNS]; /* NULL: an index that a table makes for itself has no sql */
};

struct schema {
	struct object *objects;
	size_t n, cap;
};

static const char all_objects[] =
	"SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid";

static void release(struct schema *s)
{
	size_t i;
	int c;

	for (i = 0; i < s->n; i++)
		for (c = 0; c < N_COLUMNS; c++)
			free(s->objects[i].text[c]);
	free(s->objects);
}

static int read_object(struct stmt *q, const char *row[N_COLUMNS], struct err *err)
{
	int c, ret = 0;

	for (c = 0; c < N_COLUMNS && !ret; c++)
		ret = stmt_get_text(q, c, &row[c], err);
	return ret;
}

static int add_objects(struct schema *s, struct db *db, struct err *err)
{
	struct stmt q = { 0 };
	int c, ret = stmt_ready(db, &q, all_objects, err);

	while (!ret && (ret = stmt_step(db, &q, err)) > 0) {
		const char *row[N_COLUMNS];
		struct object o;

		ret = read_object(&q, row, err);
		if (ret)
			break;
		for (c = 0; c < N_COLUMNS; c++)
			o.text[c] = row[c] ? mem_strdup(row[c]) : NULL;
		s->objects = mem_grow(s->objects, s->n, &s->cap, sizeof(o));
		s->objects[s->n++] = o;
	}
	sqlite3_finalize(q.handle);
	return ret;
}

/* The objects of a script of which each statement stands alone when `each`. */
static int add_script(struct schema *s, const char *sql, bool each, struct err *err)
{
	struct db db = { 0 };
	sqlite3_stmt *q = NULL;
	int ret = 0;

	while (*sql && !ret) {
		if (!db.handle)
			ret = db_open(&db, "", SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, err);
		if (!ret && sqlite3_prepare_v2(db.handle, sql, -1, &q, &sql) != SQLITE_OK)
			ret = db_fail(&db, sql, err);
		if (!ret && q && db_failed(sqlite3_step(q)))
			ret = db_fail(&db, sqlite3_sql(q), err);
		sqlite3_finalize(q);
		q = NULL;
		if (!ret && each) {
			ret = add_objects(s, &db, err);
			db_close(&db);
		}
	}
	if (!ret && db.handle)
		ret = add_objects(s, &db, err);
	db_close(&db);
	return ret;
}

/* What ANALYZE makes in some builds of SQLite. */
static void add_samples(struct schema *s)
{
	static const char *const text[N_COLUMNS] = {
		"table", "sqlite_stat4", "sqlite_stat4",
		"CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"
	};
	struct object o;
	int c;

	for (c = 0; c < N_COLUMNS; c++)
		o.text[c] = mem_strdup(text[c]);
	s->objects = mem_grow(s->objects, s->n, &s->cap, sizeof(o));
	s->objects[s->n++] = o;
}

static int known_schema(struct schema *s, struct err *err)
{
	struct text now = { 0 };
	int ret;

	text_adds(&now, schema_sql);
	text_adds(&now, indexes_sql);
	ret = add_script(s, now.data, false, err);
	text_release(&now);
	if (!ret)
		ret = add_script(s, schema_before_sql, true, err);
	add_samples(s);
	return ret;
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool has(const struct schema *s, const char *const row[N_COLUMNS])
{
	size_t i;
	int c;

	for (i = 0; i < s->n; i++) {
		for (c = 0; c < N_COLUMNS && is_same(s->objects[i].text[c], row[c]); c++)
			;
		if (c == N_COLUMNS)
			return true;
	}
	return false;
}

static int refuse(const char *const row[N_COLUMNS], const char *path, struct err *err)
{
	return err_set(err, ERR_FORMAT,
		       "%s has a %.20s \"%.100s\" that is not a recording's: it can be read, not "
		       "continued",
		       path, row[0] ? row[0] : "thing", row[1] ? row[1] : "");
}

int schema_check(struct db *db, const char *path, struct err *err)
{
	struct schema known = { 0 };
	struct stmt q = { 0 };
	int ret = known_schema(&known, err) || stmt_ready(db, &q, all_objects, err) ? err->code : 0;

	while (!ret && (ret = stmt_step(db, &q, err)) > 0) {
		const char *row[N_COLUMNS];

		ret = read_object(&q, row, err);
		if (!ret && !has(&known, row))
			ret = refuse(row, path, err);
	}
	sqlite3_finalize(q.handle);
	release(&known);
	return ret;
}
