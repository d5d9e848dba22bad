/*
 * recording.h -- an open recording, as the files that read one see it.  Private to src/trace.
 *
 *	suggest.c      what was meant by a name that SQLite does not know
 *	saved_names.c  and by the name of a saved query that there is none of
 *	params.c       what a saved query is given: KEY=VALUE, checked
 *	saved_here.c   saved queries that torchless answers better than their SQL
 *	saved_look.c   the columns of each that a narrow screen does without
 *	query.c        a statement run, its rows handed on; cells.c what is in one
 *	reader.c       the recording opened, and its saved queries by name
 */
#ifndef TORCHLESS_TRACE_RECORDING_H
#define TORCHLESS_TRACE_RECORDING_H

#include "authorizer.h"
#include "db.h"
#include "limits.h"

#include "torchless/trace.h"

struct recording {
	struct db db;
	struct authorizer authorizer;
	struct limits limits;
	char *path;
	bool is_copy; /* what is read is not at path, but equal to it and its log */
	const char
		*names_saved; /* borrowed: the command that lists saved queries; NULL: the usual */
	const struct query *query; /* the one that is running */
	int64_t asked;             /* bytes that a question of the program's own was given */
};

/*
 * The name among the rows of `names_sql` that is nearest to `name`; "" when none is near.
 */
void recording_nearest(struct recording *r, const char *names_sql, const char *name, char *best,
		       size_t size);

/* The first column of the first row of `sql`, which may ask of :name; "" when there is none. */
void recording_first(struct recording *r, const char *sql, const char *name, char *out,
		     size_t size);

/* The saved query that the word, which is the name of none, may mean; "": none. */
void recording_saved_meant(struct recording *r, const char *word, char *best, size_t size);

/*
 * SQLite's message for SQL that is wrong; where it names what it does not know, with what was
 * meant. ERR_USAGE.
 */
int suggest_for_error(struct recording *r, struct err *err);

#endif
