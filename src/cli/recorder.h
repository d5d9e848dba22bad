/*
 * recorder.h -- the parts of `torchless trace`: recording, profiling, the summary.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "generate.h"
#include "torchless/trace.h"

#define TOP 20 /* candidates recorded at a position of the prompt */

/* Where time goes, in the order the summary shows it. */
enum part { PART_EMBED, PART_ATTENTION, PART_MLP, PART_LM_HEAD, PART_COUNT };
extern const char *const part_names[PART_COUNT];

/* A hook that times ops, measures the residual stream and draws the progress bar. */
struct profile {
	struct hook hook;
	const struct session *session;
	const struct ui *bar; /* where the progress bar goes, NULL: nowhere */
	enum part *part_of;   /* of each module */
	enum part part;       /* of the op before */
	int64_t entered_ns, ns[PART_COUNT];
	double *residual; /* l2 of the prompt's last position after each layer */
	int shown_layer;
};
void profile_init(struct profile *p, const struct session *s, const struct ui *bar);
void profile_release(struct profile *p);
void profile_clear_bar(struct profile *p);

struct recorder {
	struct invocation *in;
	struct generation g;
	struct profile profile;
	struct hook scores; /* reads the logits when a pass ends */
	struct capture_policy capture;
	struct trace_writer *writer;
	const char *path;
	struct text piece; /* the one asked for last */
	struct candidate next[TOP];
	int64_t n_next; /* what the model predicts after the prompt */
	struct trace_totals totals;
};

/* For people on a terminal's stdout, else on stderr; with --json one document on stdout. */
int summary_print(const struct recorder *r, struct err *err);

#endif
