/*
 * suggest.c -- what was meant by SQL that SQLite does not understand.
 *
 * SQLite's message names what it does not know; the recording knows what there is.
 */
#include "recording.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SUGGEST_NS 500000000 /* what finding out what was meant may take, a question */

/* :name is what is not known, :sql the statement; a query has those that it needs. */
static void bind_given(struct stmt *s, const char *name, const char *sql)
{
	if (sqlite3_bind_parameter_index(s->handle, ":name"))
		stmt_text(s, ":name", name);
	if (sqlite3_bind_parameter_index(s->handle, ":sql"))
		stmt_text(s, ":sql", sql);
}

/* A name longer than what a message shows is nobody's slip. */
static void offer(struct text_nearest *near, sqlite3_stmt *s, char *best, size_t size)
{
	const char *candidate = (const char *)sqlite3_column_text(s, 0);

	if (candidate && (size_t)sqlite3_column_bytes(s, 0) < size &&
	    text_nearest_offer(near, candidate))
		snprintf(best, size, "%s", candidate);
}

void recording_nearest(struct recording *r, const char *names_sql, const char *name, char *best,
		       size_t size)
{
	struct stmt s = { 0 };
	struct err ignored;
	struct text_nearest near = { .name = name, .distance = text_too_far(name) };
	struct limits_scope outer;

	best[0] = '\0';
	limits_enter(&r->limits, LIMIT_LOOKUP, SUGGEST_NS, LIMITS_LOOKUP_LENGTH, &outer);
	if (!stmt_ready(&r->db, &s, names_sql, &ignored)) {
		bind_given(&s, name, r->authorizer.sql);
		while (stmt_step(&r->db, &s, &ignored) > 0)
			offer(&near, s.handle, best, size);
	}
	sqlite3_finalize(s.handle);
	limits_leave(&r->limits, &outer);
}

void recording_first(struct recording *r, const char *sql, const char *name, char *out, size_t size)
{
	struct stmt s = { 0 };
	struct limits_scope outer;
	struct err ignored;
	const char *text;

	out[0] = '\0';
	limits_enter(&r->limits, LIMIT_LOOKUP, SUGGEST_NS, LIMITS_LOOKUP_LENGTH, &outer);
	if (!stmt_ready(&r->db, &s, sql, &ignored)) {
		bind_given(&s, name, r->authorizer.sql);
		if (stmt_step(&r->db, &s, &ignored) > 0) {
			text = (const char *)sqlite3_column_text(s.handle, 0);
			snprintf(out, size, "%s", text ? text : "");
		}
	}
	sqlite3_finalize(s.handle);
	limits_leave(&r->limits, &outer);
}

/* Tables, views and table functions, each with its columns. */
#define COLUMNS                                                                                    \
	"(SELECT p.name col, s.name tbl, s.type = 'view' is_public, s.type <> 'view' o "           \
	"FROM sqlite_schema s, pragma_table_info(s.name) p WHERE s.type IN ('view', 'table') "     \
	"UNION ALL SELECT p.name, m.name, 1, 2 FROM pragma_module_list m, "                        \
	"pragma_table_info(m.name) p WHERE " OWN_MODULES ")"
#define OWN_MODULES                                                                                \
	"m.name NOT GLOB 'fts*' AND m.name NOT GLOB 'rtree*' AND m.name NOT GLOB 'pragma_*' "      \
	"AND m.name NOT GLOB 'json_*' AND m.name NOT IN ('dbstat', 'sqlite_stmt', 'bytecode', "    \
	"'tables_used')"

/* What a statement that reads is made of; and words that begin one elsewhere. */
#define KEYWORDS                                                                                   \
	"SELECT column1 FROM (VALUES ('SELECT'), ('FROM'), ('WHERE'), ('GROUP'), ('ORDER'), "      \
	"('BY'), ('LIMIT'), ('OFFSET'), ('HAVING'), ('JOIN'), ('LEFT'), ('NATURAL'), ('USING'), "  \
	"('DISTINCT'), ('BETWEEN'), ('EXISTS'), ('UNION'), ('EXCEPT'), ('INTERSECT'), ('WITH'), "  \
	"('RECURSIVE'), ('VALUES'), ('EXPLAIN'), ('COLLATE'), ('PARTITION'), ('FILTER'))"
#define IN_SHELL                                                                                   \
	"SELECT 'type ' || column2 || ' in the shell that `torchless query` opens' FROM (VALUES "  \
	"('show', '.schema'), ('describe', '.schema'), ('desc', '.schema'), ('use', '.open'), "    \
	"('help', '.help'), ('source', '.read'), ('quit', '.quit'), ('exit', '.quit')) "           \
	"WHERE column1 = lower(:name)"

/* For each message of SQLite's, up to the name, what to say; the first that finds something. */
static const struct {
	const char *message, *sql;
	const char *says; /* before what is found; NULL: the rows are names, the nearest is meant */
} hints[] = {
	{ "no such table: ",
	  "SELECT name FROM sqlite_schema WHERE type IN ('view', 'table') "
	  "ORDER BY type DESC, name",
	  NULL },
	{ "no such table: ", "SELECT m.name FROM pragma_module_list m WHERE " OWN_MODULES, NULL },
	{ "no such column: ",
	  "SELECT group_concat(tbl, ', ') FROM (SELECT DISTINCT tbl FROM " COLUMNS
	  " WHERE is_public AND col = :name COLLATE NOCASE ORDER BY o, tbl)",
	  "it is a column of " },
	{ "no such column: ",
	  "SELECT col FROM " COLUMNS " WHERE instr(lower(:sql), lower(tbl)) ORDER BY o, tbl",
	  NULL },
	{ "no such column: ",
	  "SELECT 'text goes in single quotes' FROM point WHERE :name IN (role, name) OR :name GLOB 'L[0-9]*' LIMIT 1",
	  "" },
	{ "no such table: ",
	  "SELECT '`torchless query ' || name || '` is a saved query' FROM saved_query "
	  "WHERE name = :name AND name NOT GLOB '*[^a-z-]*'",
	  "" },
	{ "no such function: ", "SELECT DISTINCT name FROM pragma_function_list", NULL },
	{ "near \"", IN_SHELL, "" },
	{ "near \"",
	  "SELECT '`torchless query ' || name || '` is a saved query, and each KEY=VALUE a word of its own' "
	  "FROM saved_query WHERE name NOT GLOB '*[^a-z-]*' AND substr(trim(:sql), 1, length(name)) = name "
	  "AND substr(trim(:sql), length(name) + 1, 1) IN (' ', ',', '=', '(', ';') "
	  "ORDER BY length(name) DESC LIMIT 1",
	  "" },
	{ "near \"", KEYWORDS, NULL },
};

int suggest_for_error(struct recording *r, struct err *err)
{
	char message[400], found[200] = "";

	snprintf(message, sizeof(message), "%s", sqlite3_errmsg(r->db.handle));
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		const char *dot;
		const char *name = message + strlen(hints[i].message);
		char quoted[64];

		if (strncmp(message, hints[i].message, strlen(hints[i].message)) != 0)
			continue;
		/* Of 'near "SELCT": syntax error' the word, which goes on behind it. */
		if (hints[i].message[strlen(hints[i].message) - 1] == '"') {
			snprintf(quoted, sizeof(quoted), "%.*s", (int)strcspn(name, "\""), name);
			name = quoted;
		}
		/* What stands before a dot is a table's name, but not of a point: L3.attn. */
		dot = strrchr(name, '.');
		if (dot && !(name[0] == 'L' && isdigit((unsigned char)name[1])))
			name = dot + 1;
		if (!hints[i].says) {
			recording_nearest(r, hints[i].sql, name, found, sizeof(found));
			if (found[0])
				return err_set(err, ERR_USAGE, "%s; did you mean \"%s\"?", message,
					       found);
			continue;
		}
		recording_first(r, hints[i].sql, name, found, sizeof(found));
		if (found[0])
			return err_set(err, ERR_USAGE, "%s; %s%s", message, hints[i].says, found);
	}
	return err_set(err, ERR_USAGE, "%s", message);
}
