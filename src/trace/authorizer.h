/*
 * authorizer.h -- what a user's SQL may do: read the recording, and nothing else.
 */
#ifndef TORCHLESS_TRACE_AUTHORIZER_H
#define TORCHLESS_TRACE_AUTHORIZER_H

#include "limits.h"

#include <sqlite3.h>
#include <stdbool.h>

struct authorizer {
	const char *sql;   /* the statement being compiled, for the sentence */
	char refusal[200]; /* why it was refused; "" when it was not */
	bool allows_all;   /* while the recording is opened */
	struct limits *limits;
};

/* Install the authorizer, which also stops what takes too long to compile. */
void authorizer_install(struct authorizer *a, struct limits *l, sqlite3 *handle);

/* Refuse the statement at a->sql as a whole, naming it by its first word. */
void authorizer_refuse(struct authorizer *a);

#endif
