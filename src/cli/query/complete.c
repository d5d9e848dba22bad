/*
 * complete.c -- what Tab offers: see shell.h.
 *
 * The statement up to the cursor is read as tokens.  Inside a string stand points, or the values of
 * the column that the string is compared with; after FROM the tables; elsewhere the columns of the
 * tables that the statement names, wherever it does.
 */
#include "shell.h"
#include "sql_lex.h"
#include "torchless/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COMPLETE_NS 2000000000ll /* of all that one Tab asks */

/* A word at the cursor and where its candidates go. */
struct completion {
	struct shell *shell;
	const struct sql_names *names;
	const char *word; /* what was typed of it */
	struct candidates *out;
};

static bool begins(const char *name, const char *word)
{
	return !strncasecmp(name, word, strlen(word));
}

/* The name, and what follows it when it is chosen. */
static void offer(const struct completion *c, const char *name, const char *behind)
{
	struct text t = { 0 };

	if (!begins(name, c->word))
		return;
	text_addf(&t, "%s%s", name, behind);
	candidates_add(c->out, t.data);
	text_release(&t);
}

static void offer_list(const struct completion *c, const struct name_list *l, const char *behind)
{
	for (int i = 0; i < l->n; i++)
		offer(c, l->list[i], behind);
}

/* Saved queries that can be called by their name; any other is no word of the shell. */
static void offer_saved(const struct completion *c)
{
	for (int i = 0; i < c->names->saved.n; i++)
		if (*c->names->saved.list[i] && query_is_name(c->names->saved.list[i]))
			offer(c, c->names->saved.list[i], "");
}

/*
 * Names with dots, a part at a time, as folders are: "L3." before "L3.attn." before its points.
 * `behind` follows a whole name.
 */
static void offer_parts(const struct completion *c, const struct name_list *l, const char *behind)
{
	size_t typed = strlen(c->word);

	for (int i = 0; i < l->n; i++) {
		const char *name = l->list[i];
		size_t len;
		char *part;

		if (!begins(name, c->word))
			continue;
		len = typed + strcspn(name + typed, ".:");
		if (!name[len]) {
			offer(c, name, behind);
			continue;
		}
		part = mem_memdup(name, len + 1);
		candidates_add(c->out, part);
		free(part);
	}
}

/* ---- keywords -------------------------------------------------------------------------- */

/* What reading needs of SQL. */
static const char *const keywords[] = {
	"SELECT",  "FROM",     "WHERE",        "GROUP BY", "ORDER BY",  "LIMIT",      "OFFSET",
	"HAVING",  "AS",       "JOIN",         "LEFT",     "CROSS",     "NATURAL",    "ON",
	"USING",   "DISTINCT", "AND",          "OR",       "NOT",       "IN",         "IS",
	"NULL",    "LIKE",     "GLOB",         "BETWEEN",  "EXISTS",    "CASE",       "WHEN",
	"THEN",    "ELSE",     "END",          "CAST",     "ASC",       "DESC",       "UNION",
	"ALL",     "EXCEPT",   "INTERSECT",    "WITH",     "RECURSIVE", "VALUES",     "EXPLAIN",
	"COLLATE", "OVER",     "PARTITION BY", "ROWS",     "FILTER",    "QUERY PLAN",
};

/* A statement begins with these. */
static const char *const first_words[] = { "SELECT", "WITH", "EXPLAIN QUERY PLAN", "VALUES" };

/* In small letters for those who type them. */
static void offer_keyword(const struct completion *c, const char *keyword)
{
	char lower[32];
	size_t i;

	if (!islower((unsigned char)*c->word)) {
		offer(c, keyword, " ");
		return;
	}
	for (i = 0; keyword[i] && i + 1 < sizeof(lower); i++)
		lower[i] = (char)tolower((unsigned char)keyword[i]);
	lower[i] = '\0';
	offer(c, lower, " ");
}

/* ---- in strings ------------------------------------------------------------------------ */

/* Columns of few values, each with a query for them. */
static const struct {
	const char *column, *sql;
} values[] = {
	{ "role", "SELECT DISTINCT role FROM point" },
	{ "fqn", "SELECT fqn FROM point" },
	{ "module", "SELECT path FROM module" },
	{ "path", "SELECT path FROM module" },
	{ "name", "SELECT path FROM module" },
	{ "type", "SELECT DISTINCT type FROM module" },
	{ "point", "SELECT DISTINCT name FROM point" },
	{ "axes", "SELECT DISTINCT axes FROM point" },
	{ "tl_name", "SELECT tl_name FROM point WHERE tl_name IS NOT NULL" },
	{ "phase", "SELECT DISTINCT phase FROM pass" },
	{ "source", "SELECT DISTINCT source FROM token" },
	{ "dtype", "SELECT name FROM dtype" },
	{ "rule", "SELECT DISTINCT rule FROM tok_step" },
	{ "cut_by", "SELECT DISTINCT cut_by FROM cand WHERE cut_by IS NOT NULL" },
	{ "status", "SELECT DISTINCT status FROM run" },
	{ "obj", "SELECT DISTINCT obj FROM schema_doc" },
};

/* The column that a string which begins behind sql[0..len) is compared with; "" for none. */
static void compared_with(const char *sql, size_t len, char *column, size_t size)
{
	static const char *const operators[] = { "IN", "LIKE", "GLOB", "IS", "NOT", "BETWEEN" };
	size_t end, i;

	column[0] = '\0';
	for (bool compares = false;; compares = true) {
		size_t before = len;

		while (len > 0 && strchr(" \t\n=<>!(", sql[len - 1]))
			compares = compares || strchr("=<>", sql[len - 1]) != NULL, len--;
		for (end = len;
		     len > 0 && (isalnum((unsigned char)sql[len - 1]) || sql[len - 1] == '_');)
			len--;
		if (end - len == 0 || end - len >= size)
			return;
		memcpy(column, sql + len, end - len);
		column[end - len] = '\0';
		for (i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
			if (!strcasecmp(column, operators[i]))
				break;
		if (i == sizeof(operators) / sizeof(operators[0])) {
			if (!compares || before == len)
				column[0] = '\0';
			return;
		}
	}
}

/* Names as they stand in a string of SQL: with their quotes doubled. */
static void offer_in_string(const struct completion *c, const struct name_list *l,
			    const char *behind)
{
	struct name_list written = { 0 };
	struct text t = { 0 };

	for (int i = 0; i < l->n; i++) {
		text_clear(&t);
		text_adds(&t, "");
		for (const char *s = l->list[i]; *s; s++)
			text_adds(&t, *s == '\'' ? "\'\'" : (char[]){ *s, '\0' });
		name_list_add(&written, t.data, t.len);
	}
	offer_parts(c, &written, behind);
	text_release(&t);
	name_list_release(&written);
}

static void in_string(const struct completion *c, const char *sql, size_t len, const char *after)
{
	const char *close = *after == '\'' ? "" : "'";
	struct name_list list = { 0 };
	struct err ignored;
	char column[32];

	compared_with(sql, len, column, sizeof(column));
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (strcasecmp(values[i].column, column) != 0)
			continue;
		if (!name_lists_read(c->shell->rec, values[i].sql, (struct name_list *[]){ &list },
				     &ignored))
			offer_in_string(c, &list, close);
		name_list_release(&list);
		return;
	}
	offer_in_string(c, &c->names->points, close);
}

/* ---- tables and columns ---------------------------------------------------------------- */

/* The table that `name` stands for in the statement, itself or as its alias; -1: none. */
static int table_called(const struct completion *c, const char *sql, const char *name)
{
	struct sql_token t;
	int table = -1, found = name_list_find(&c->names->tables, name);

	for (t = sql_lex(sql); t.type != SQL_END && found < 0; t = sql_lex(t.s + t.len)) {
		char *word;

		if (t.type == SQL_SPACE || t.type == SQL_COMMENT || sql_is(&t, "AS"))
			continue;
		/* A table function's arguments stand between it and its alias. */
		if (t.type == SQL_WORD && table >= 0 && sql_is(&t, name))
			found = table;
		if (t.type == SQL_WORD) {
			word = mem_memdup(t.s, t.len);
			table = name_list_find(&c->names->tables, word);
			free(word);
		} else if (t.type == SQL_OTHER && *t.s == ',') {
			table = -1;
		}
	}
	return found;
}

static void offer_columns_of(const struct completion *c, const char *table)
{
	for (int i = 0; i < c->names->columns.n; i++)
		if (!strcmp(c->names->column_of.list[i], table))
			offer(c, c->names->columns.list[i], "");
}

/* The columns of every table that the statement names; whether it names one. */
static bool offer_columns(const struct completion *c, const char *sql)
{
	bool any = false;

	for (struct sql_token t = sql_lex(sql); t.type != SQL_END; t = sql_lex(t.s + t.len)) {
		char *word;
		int i;

		if (t.type != SQL_WORD)
			continue;
		word = mem_memdup(t.s, t.len);
		i = name_list_find(&c->names->tables, word);
		if (i >= 0)
			offer_columns_of(c, c->names->tables.list[i]);
		any = any || i >= 0;
		free(word);
	}
	return any;
}

static void offer_functions(const struct completion *c)
{
	if (*c->word)
		offer_list(c, &c->names->functions, "(");
}

/* The clause that the cursor is in, as far as it matters. */
static bool wants_table(const char *sql, size_t len)
{
	static const char *const others[] = { "SELECT", "WHERE", "ON",    "GROUP", "ORDER",
					      "HAVING", "LIMIT", "USING", "SET" };
	struct sql_token t = sql_lex(sql);
	bool in_from = false, after_table = false;

	for (; t.type != SQL_END && t.s < sql + len; t = sql_lex(t.s + t.len)) {
		if (sql_is(&t, "FROM") || sql_is(&t, "JOIN") ||
		    (t.type == SQL_OTHER && *t.s == ',' && in_from)) {
			in_from = true;
			after_table = false;
			continue;
		}
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			in_from = in_from && !sql_is(&t, others[i]);
		after_table = after_table || t.type == SQL_WORD;
	}
	return in_from && !after_table;
}

static void offer_beginnings(const struct completion *c)
{
	for (size_t i = 0; i < sizeof(first_words) / sizeof(first_words[0]); i++)
		offer_keyword(c, first_words[i]);
	offer_saved(c);
	for (int i = 0; i < dot_commands_len && !*c->word; i++) {
		char name[32];

		snprintf(name, sizeof(name), ".%s", dot_commands[i].name);
		offer(c, name, "");
	}
}

/* A word of SQL behind sql[0..len); `all` is the whole statement. */
static void in_sql(const struct completion *c, const char *sql, size_t len, const char *all)
{
	if (wants_table(sql, len)) {
		offer_list(c, &c->names->tables, "");
		return;
	}
	if (!offer_columns(c, all) && *c->word)
		offer_list(c, &c->names->columns, "");
	offer_functions(c);
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]) && *c->word; i++)
		offer_keyword(c, keywords[i]);
}

/* Complete the SQL before[from..]: `sql` is all up to the cursor, `all` also what stands behind. */
static void complete_sql(struct completion *c, const char *sql, const char *all, size_t line,
			 const char *after)
{
	struct sql_token t = sql_lex(sql), last = t;
	size_t len = strlen(sql), start;
	char *table;
	int i;

	/* Where nothing is offered too: whoever called may have had another word in mind. */
	c->out->start = len >= line ? len - line : 0;
	for (; t.type != SQL_END; t = sql_lex(t.s + t.len))
		last = t;
	if (last.is_open && last.type == SQL_COMMENT)
		return;
	if (last.type == SQL_STRING && last.is_open) {
		start = (size_t)(last.s - sql) + 1;
		c->word = sql + start;
		c->out->start = start >= line ? start - line : 0;
		in_string(c, sql, start - 1, after);
		return;
	}
	start = last.type == SQL_WORD || last.is_open ? (size_t)(last.s - sql) + last.is_open : len;
	c->word = sql + start;
	c->out->start = start >= line ? start - line : 0;
	if (start > 0 && sql[start - 1] == '.') {
		size_t from = start - 1;

		while (from > 0 && (isalnum((unsigned char)sql[from - 1]) || sql[from - 1] == '_'))
			from--;
		table = mem_memdup(sql + from, start - 1 - from);
		i = table_called(c, all, table);
		if (i >= 0)
			offer_columns_of(c, c->names->tables.list[i]);
		free(table);
	} else {
		in_sql(c, sql, start, all);
	}
}

/* ---- names of saved queries and dot commands ------------------------------------------- */

/* Behind KEY= the file of a tensor, another recording, or what the recording tells of the key. */
static void offer_values(struct completion *c, const char *word)
{
	size_t len = strcspn(word, "=");
	char *key = mem_memdup(word, len);
	const char *sql = query_values_sql(key);
	struct name_list list = { 0 }, docs = { 0 };
	struct err ignored;

	c->word += len + 1;
	c->out->start += len + 1;
	if (*c->word == '@') {
		c->word++;
		c->out->start++;
		candidates_add_files(c->out, c->word, ".npy");
	} else {
		if (sql && !name_lists_read(c->shell->rec, sql,
					    (struct name_list *[]){ &list, &docs }, &ignored))
			offer_list(c, &list, "");
		if (*c->word && query_takes_file(key))
			candidates_add_files(c->out, c->word, ".db");
	}
	name_list_release(&list);
	name_list_release(&docs);
	free(key);
}

/* The parameters of a saved query that were not given yet, as KEY=; then what they take. */
static void offer_parameters(struct completion *c, int saved, const char *line)
{
	const char *p = c->names->saved_params.list[saved];

	if (strchr(c->word, '=')) {
		offer_values(c, c->word);
		return;
	}
	while (*p) {
		size_t len = strcspn(p, "=");
		struct text given = { 0 };
		char *key = mem_memdup(p, len);

		text_addf(&given, " %s=", key);
		if (*key && query_is_name(key) && !strstr(line, given.data) && begins(key, c->word))
			offer(c, given.data + 1, "");
		free(key);
		text_release(&given);
		p += len;
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
}

/* Where the word at the end of the line begins. */
static size_t last_word(const char *line)
{
	size_t i = strlen(line);

	while (i > 0 && line[i - 1] != ' ' && line[i - 1] != '\t')
		i--;
	return i;
}

/* The saved query that the line from `name` on calls, with its end behind the name; -1: none. */
static int saved_at(const struct sql_names *n, const char *name)
{
	char *word = mem_memdup(name, strcspn(name, " \t"));
	int i = name_list_find(&n->saved, word);

	free(word);
	return i;
}

static void complete_mode(const struct completion *c)
{
	for (int i = 0; query_form_names[i]; i++)
		offer(c, query_form_names[i], "");
}

static void complete_commands(const struct completion *c)
{
	for (int i = 0; i < dot_commands_len; i++)
		offer(c, dot_commands[i].name, dot_commands[i].max_args ? " " : "");
}

/* The argument of a dot command that begins at line[from]. */
static void complete_argument(struct completion *c, enum dot_argument kind, const char *line,
			      size_t from, const char *after)
{
	const char *argument = line + from;
	bool is_first = last_word(line) <= from;
	int saved = is_first ? -1 : saved_at(c->names, argument);

	c->out->start = last_word(line);
	c->word = line + c->out->start;
	if (kind == DOT_SAVED || (kind == DOT_SQL && (is_first || saved >= 0))) {
		if (saved >= 0)
			offer_parameters(c, saved, argument);
		else if (is_first)
			offer_saved(c);
		if (kind == DOT_SAVED || saved >= 0)
			return;
	}
	if (kind == DOT_SQL) {
		struct text all = { 0 };

		text_addf(&all, "%s%s", argument, after);
		complete_sql(c, argument, all.data, 0, after);
		c->out->start += from;
		text_release(&all);
	} else if (kind == DOT_VALUE) {
		if (strchr(c->word, '='))
			offer_values(c, c->word);
	} else if (!is_first) {
		return;
	} else if (kind == DOT_COMMAND) {
		complete_commands(c);
	} else if (kind == DOT_MODE) {
		complete_mode(c);
	} else if (kind == DOT_FILE) {
		candidates_add_files(c->out, c->word, "");
	} else if (kind == DOT_RECORDING) {
		candidates_add_files(c->out, c->word, ".db");
	} else if (kind == DOT_SWITCH) {
		offer(c, "on", "");
		offer(c, "off", "");
	} else if (kind == DOT_POINT) {
		offer_parts(c, &c->names->points, "");
	} else if (kind == DOT_FUNCTION) {
		offer_functions(c);
	} else if (kind == DOT_SCHEMA) {
		offer_list(c, &c->names->tables, "");
		offer_saved(c);
	}
}

static void complete_dot(struct completion *c, const char *line, const char *after)
{
	size_t dot = strspn(line, " \t"), len = strcspn(line + dot, " \t");
	const struct dot_command *command;
	struct err ignored;
	char *name;

	if (!line[dot + len]) {
		c->out->start = dot + 1;
		c->word = line + dot + 1;
		complete_commands(c);
		return;
	}
	name = mem_memdup(line + dot + 1, len - 1);
	command = dot_find(name, &ignored);
	free(name);
	len += strspn(line + dot + len, " \t");
	if (command)
		complete_argument(c, command->argument, line, dot + len, after);
}

void query_complete(void *ctx, const char *before, const char *after, struct candidates *out)
{
	struct shell *s = ctx;
	struct completion c = { .shell = s, .names = &s->names, .word = "", .out = out };
	size_t indent = strspn(before, " \t"), lines = s->statement.len;
	struct text sql = { 0 }, all = { 0 };
	struct err ignored;
	int saved;

	recording_allow(s->rec, COMPLETE_NS);
	if (sql_names_read(&s->names, s->rec, &ignored))
		return;
	saved = lines ? -1 : saved_at(&s->names, before + indent);
	if (!lines && before[indent] == '.') {
		complete_dot(&c, before, after);
	} else if (!lines && query_is_name(before + indent)) {
		out->start = indent;
		c.word = before + indent;
		offer_beginnings(&c);
	} else if (saved >= 0 && last_word(before) > indent) {
		out->start = last_word(before);
		c.word = before + out->start;
		offer_parameters(&c, saved, before + indent);
	} else {
		text_addf(&sql, "%s%s", lines ? s->statement.data : "", before);
		text_addf(&all, "%s%s", sql.data, after);
		complete_sql(&c, sql.data, all.data, lines, after);
	}
	text_release(&sql);
	text_release(&all);
}
