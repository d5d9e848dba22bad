/*
 * sql_lex.h -- SQL in tokens, as far as a person who types it needs: is the cursor in a string?
 */
#ifndef TORCHLESS_SQL_LEX_H
#define TORCHLESS_SQL_LEX_H

#include <stdbool.h>
#include <stddef.h>

enum sql_token_type {
	SQL_END,
	SQL_SPACE,
	SQL_COMMENT,
	SQL_WORD,   /* a name, keyword or number */
	SQL_STRING, /* 'text' */
	SQL_QUOTED, /* "name", `name`, [name] */
	SQL_OTHER,  /* one character */
};

struct sql_token {
	enum sql_token_type type;
	const char *s;
	size_t len;
	bool is_open; /* a string, quoted name or comment that does not end */
};

/* The token at the beginning of s; SQL_END at its end. */
struct sql_token sql_lex(const char *s);

/* Whether the token is this word, in any case. */
bool sql_is(const struct sql_token *t, const char *word);

/* Whether s begins with a word that a statement can begin with, one that is refused too. */
bool sql_begins(const char *s);

#endif
