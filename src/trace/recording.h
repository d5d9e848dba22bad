/*
 * recording.h -- an open recording, as the files that read one see it.  Private to src/trace.
 */
#ifndef TORCHLESS_TRACE_RECORDING_H
#define TORCHLESS_TRACE_RECORDING_H

#include "authorizer.h"
#include "db.h"

#include "torchless/trace.h"

/* Why the query that is running is to stop. */
enum query_stop { QUERY_GOES_ON, QUERY_INTERRUPTED, QUERY_TOO_LONG, QUERY_NO_ROW, QUERY_COUNTED };

struct recording {
	struct db db;
	struct authorizer authorizer;
	char *path;

	/* The query that is running; times of CLOCK_MONOTONIC in nanoseconds, 0: none. */
	const struct query *query;
	int64_t deadline, row_deadline, count_deadline;
	enum query_stop stop;
};

/*
 * The name among the rows of `names_sql` that is nearest to `name`; "" when none is near.
 */
void recording_nearest(struct recording *r, const char *names_sql, const char *name, char *best,
		       size_t size);

/*
 * SQLite's message for SQL that is wrong; where it names what it does not know, with what was
 * meant. ERR_USAGE.
 */
int suggest_for_error(struct recording *r, struct err *err);

#endif
