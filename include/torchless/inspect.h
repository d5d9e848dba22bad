/*
 * inspect.h -- tensors of a recording as SQL: functions and table functions.
 *
 * A recording alone answers questions about names, times and statistics.  These functions open what
 * was dumped: slices, reductions, comparisons, attention and the logit lens.  One table names them
 * all; `torchless query --functions`, completion, docs/sql.md and registration read it.  The same
 * sources build as a loadable extension for the sqlite3 shell and Python (`make extension`).
 */
#ifndef TORCHLESS_INSPECT_H
#define TORCHLESS_INSPECT_H

#include "torchless/array.h"
#include "torchless/kernels.h"
#include "torchless/trace.h"

struct inspect_options {
	const char *model;             /* where the checkpoint is; NULL: where the recording says */
	struct threads *pool;          /* NULL: the caller's thread */
	const struct kernels *kernels; /* NULL: the fastest */
	/* Asked for a tensor by name before the recording: an executor at a stop.  NULL: none. */
	const struct array_source *live;
	bool live_only; /* names are asked of nobody else: the recording holds nothing by now */
};

/*
 * Add every function to the recording's connection.  Nothing is read and no checkpoint is opened
 * until a function needs it.  Strings, pool, kernels and live must outlive the recording.  ERR_IO.
 */
int recording_add_functions(struct recording *rec, const struct inspect_options *o,
			    struct err *err);

/*
 * Tensors of a recording without SQL, as its functions find them: the source's names are those of
 * points, where run= and pass= say which one (the newest run, the first stored value), and
 * weight:NAME, which opens the checkpoint that the recording was made with.  The options are as
 * above, but that `live` is not asked.  Every tensor is found within ten seconds, or
 * ERR_INTERRUPTED. Free it before the recording.
 */
struct recording_tensors;
struct recording_tensors *recording_tensors_new(struct recording *rec,
						const struct inspect_options *o);
void recording_tensors_free(struct recording_tensors *t); /* NULL is fine */
struct array_source recording_tensors_source(struct recording_tensors *t);

/* What a user is told about a function. */
struct sql_function {
	const char *name;    /* "t_topk" */
	const char *args;    /* "(t, k)", "[, axis]" marks what may be left out */
	const char *columns; /* of a table function, "head, q, k, score, p"; NULL: a scalar one */
	const char *doc;     /* one sentence */
	const char *example; /* an expression or a whole query */
};

/* In the order of the documentation. */
extern const struct sql_function sql_function_table[];
extern const int sql_function_table_len;

#endif
