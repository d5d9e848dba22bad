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

/*
 * Attention over all the queries of a run, whichever passes they were in: [head,q,k] from position
 * 0 of the keys, of the points pattern and scores_masked, computed from q_rot and k_rot as the pass
 * did where these were recorded, else put together from what is stored.  pass= is one pass's.  Of
 * queries that do not follow one another it is the last that do; a row whose keys were not all
 * recorded is NaN.  Only what a selection asks for is computed.  ERR_USAGE for any other point, and
 * with the --capture that would have kept it.
 */
struct array_source recording_attention_source(struct recording_tensors *t);

/*
 * Append the bytes that a token stands for in the model of a run (0: the newest), by the
 * checkpoint's vocabulary where that is at hand, else as far as the recording knows: 1; 0 where
 * nobody does, or the run is not there.  A vocabulary is read once, and what fails while it is
 * read is an error: ERR_IO, ERR_MEMORY, ERR_FORMAT, ERR_INTERRUPTED.
 */
int recording_token(struct recording_tensors *t, int64_t run, int64_t id, struct text *out,
		    struct err *err);

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
