/*
 * record_impl.h -- what the files of src/record share.  Each part stands on those below it here;
 * recorder.c puts them together.
 */
#ifndef TORCHLESS_RECORD_IMPL_H
#define TORCHLESS_RECORD_IMPL_H

#include "torchless/record.h"

/* ---- recorder.c --------------------------------------------------------------------------- */

/* What the trace writer is told. */
struct trace_options recorder_trace_options(struct recorder *r);
void recorder_describe_model(struct recorder *r, struct trace_model *m);

/* ---- numbers.c: from elsewhere --------------------------------------------------------------- */

/* edit_replace_by() of value `v`; ex NULL: before there is an executor. */
int numbers_replace(struct edit *e, const struct value *v, const struct executor *ex,
		    const struct array *numbers, struct err *err);

/*
 * The shape of an edit's data into shape[], its single indices left out; returns how many sizes.
 * Where more than one is not known it is one for all numbers.
 */
int numbers_shape(const struct edit *e, const struct executor *ex, int64_t *shape);

/* ---- edits.c: what is edited --------------------------------------------------------------- */

/* Put opt.zero and opt.edits in force; the sentence says which is wrong. */
int recorder_add_edits(struct recorder *r, struct err *err);

/* ---- stop.c: at the first value that holds NaN or infinity --------------------------------- */

void value_stop_init(struct value_stop *s, bool on_nan, bool on_inf, int64_t max_keys);

/* ---- scores.c: what the model thought ------------------------------------------------------ */

void scores_init(struct scores *s, const struct session *session);

/* The tokens of the prompt. */
int scores_record_prompt(const struct scores *s, struct err *err);

/* ---- repeat.c ----------------------------------------------------------------------------- */

/* Time the run that was just recorded and has not ended, opt.repeat times. */
int recorder_repeat(struct recorder *r, struct err *err);

/* ---- profile.c ---------------------------------------------------------------------------- */

void profile_init(struct profile *p, const struct session *s, struct record_progress *progress);
void profile_restart(struct profile *p); /* before each run: times go on adding up */
void profile_release(struct profile *p);

/* Tell who listens that `p` has changed. */
static inline void progress_tell(const struct record_progress *p)
{
	if (p->tell)
		p->tell(p->ctx, p);
}

#endif
