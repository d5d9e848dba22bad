/*
 * diverge.h -- where a patient's recording first differs from that of its healthy twin.
 */
#ifndef LESSON_DIVERGE_H
#define LESSON_DIVERGE_H

#include "torchless/lesson.h"

struct divergence {
	bool is_there; /* false: all that both computed is within the tolerance */
	int64_t run, pass;
	char fqn[160];           /* "model.layers.0.self_attn:q_rot" */
	char place[96];          /* where two elements differ most, "pos=3, head=0, d_head=1" */
	char problem[128];       /* which limit is broken */
	double healthy, patient; /* those elements */
};

/*
 * Compare two recordings of the same prompts, run by run, by trace_diff(): the tolerances are those
 * between two implementations in f32.  Errors as of recordings.
 */
int recordings_diverge(const struct classroom *room, const char *healthy, const char *patient,
		       struct divergence *d, struct err *err);

#endif
