/*
 * sql_lex.c -- see sql_lex.h.  SQLite's own rules; nothing here can fail.
 */
#include "sql_lex.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80);
}

/* Up to the closing character, which stands for itself when it is doubled. */
static void lex_quoted(struct sql_token *t, char close)
{
	const char *end = t->s + 1;

	for (;; end += 2) {
		end = strchr(end, close);
		if (!end || close == ']' || end[1] != close)
			break;
	}
	t->is_open = !end;
	t->len = end ? (size_t)(end - t->s) + 1 : strlen(t->s);
}

static void lex_comment(struct sql_token *t, const char *close)
{
	const char *end = strstr(t->s + 2, close);

	t->type = SQL_COMMENT;
	t->is_open = !end;
	t->len = end ? (size_t)(end - t->s) + strlen(close) : strlen(t->s);
}

struct sql_token sql_lex(const char *s)
{
	struct sql_token t = { .type = SQL_OTHER, .s = s, .len = 1 };

	if (!*s) {
		t.type = SQL_END;
		t.len = 0;
	} else if (isspace((unsigned char)*s)) {
		t.type = SQL_SPACE;
		t.len = strspn(s, " \t\r\n\f\v");
	} else if (!strncmp(s, "--", 2)) {
		lex_comment(&t, "\n");
	} else if (!strncmp(s, "/*", 2)) {
		lex_comment(&t, "*/");
	} else if (*s == '\'') {
		t.type = SQL_STRING;
		lex_quoted(&t, '\'');
	} else if (*s == '"' || *s == '`' || *s == '[') {
		t.type = SQL_QUOTED;
		lex_quoted(&t, *s == '[' ? ']' : *s);
	} else if (is_word(*s) && *s != '$') {
		t.type = SQL_WORD;
		for (t.len = 0; is_word(s[t.len]);)
			t.len++;
	}
	return t;
}

bool sql_is(const struct sql_token *t, const char *word)
{
	return t->type == SQL_WORD && strlen(word) == t->len && !strncasecmp(t->s, word, t->len);
}

bool sql_begins(const char *s)
{
	static const char *const words[] = {
		"SELECT",  "WITH",   "VALUES",    "EXPLAIN", "PRAGMA",   "INSERT",
		"UPDATE",  "DELETE", "REPLACE",   "CREATE",  "DROP",     "ALTER",
		"ATTACH",  "DETACH", "VACUUM",    "ANALYZE", "BEGIN",    "COMMIT",
		"REINDEX", "END",    "SAVEPOINT", "RELEASE", "ROLLBACK",
	};
	struct sql_token t = sql_lex(s);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (sql_is(&t, words[i]))
			/* No number follows the others: `explain-token` is a name. */
			return !i || t.s[t.len] != '-' || t.s[t.len + 1] == '-';
	return false;
}
