/*
 * authorizer.h -- what a user's SQL may do: read the recording, and nothing else.
 */
#ifndef TORCHLESS_TRACE_AUTHORIZER_H
#define TORCHLESS_TRACE_AUTHORIZER_H

#include <sqlite3.h>

struct authorizer {
	const char *sql;   /* the statement being compiled, for the sentence */
	char refusal[200]; /* why it was refused; "" when it was not */
};

/* Install the authorizer, and limits that keep a hostile query or file small. */
void authorizer_install(struct authorizer *a, sqlite3 *handle);

/* Refuse the statement at a->sql as a whole, naming it by its first word. */
void authorizer_refuse(struct authorizer *a);

#endif
