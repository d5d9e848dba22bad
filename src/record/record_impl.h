/*
 * record_impl.h -- what the files of src/record share.  Each part stands on those below it here;
 * recorder.c puts them together.
 */
#ifndef TORCHLESS_RECORD_IMPL_H
#define TORCHLESS_RECORD_IMPL_H

#include "torchless/record.h"

/* ---- recorder.c --------------------------------------------------------------------------- */

/* What the trace writer is told. */
struct trace_options recorder_trace_options(const struct recorder *r);
void recorder_describe_model(struct recorder *r, struct trace_model *m);

/* ---- edits.c: what is zeroed --------------------------------------------------------------- */

/* Put opt.zero in force; ERR_USAGE says which is wrong. */
int recorder_add_zeros(struct recorder *r, struct err *err);

/* ---- stop.c: at the first value that holds NaN or infinity --------------------------------- */

void value_stop_init(struct value_stop *s, bool on_nan, bool on_inf, int64_t max_keys);

/* ---- scores.c: what the model thought ------------------------------------------------------ */

void scores_init(struct scores *s, const struct session *session);

/* The tokens of the prompt. */
int scores_record_prompt(const struct scores *s, struct err *err);

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
