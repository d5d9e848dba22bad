/*
 * timeline.h -- a recording's spans for ui.perfetto.dev and chrome://tracing.
 *
 * Perfetto's protobuf and Chrome's JSON say the same: a process a run, in it tracks for the
 * tokenizer, prefill, decode, the sampler and the writer of the recording; spans nested by module,
 * with shapes, bytes and GB/s as arguments; instants for tokens and the first bad value; counters.
 *
 * Runs lie as far apart as they began; inside of one, time is the recording's (v_span.ts), which
 * stands still while the recorder works.
 */
#ifndef TORCHLESS_TIMELINE_H
#define TORCHLESS_TIMELINE_H

#include "torchless/inspect.h"

enum timeline_format { TIMELINE_PERFETTO, TIMELINE_CHROME };

/* Where it goes, piece by piece; 0, or a negative code with a sentence. */
struct timeline_target {
	int (*write)(void *ctx, const void *data, size_t len, struct err *err);
	/* Called now and then with the share that is done, 0 to 1; may be NULL. */
	void (*progress)(void *ctx, double share);
	void *ctx;
};

struct timeline_counts {
	int64_t n_runs, n_passes, n_spans, n_tokens;
	int64_t n_moved; /* spans that do not lie in the one around them, cut to what does */
	int64_t n_left;  /* spans that are in no pass of the program, left out */
};

/*
 * Write the timeline of every run.  It is written as it is read: of a long recording, only the
 * passes (not their spans) are held in memory.  A recording is a stranger's file: whatever its
 * spans say, those that are written nest, and times lie in [0, 2^62] nanoseconds.  `name` is the
 * recording's, for sentences.  `counts` may be NULL.  ERR_USAGE when there is no run; ERR_FORMAT,
 * ERR_MEMORY, ERR_INTERRUPTED as recording_query(), or what `write` says.
 */
int timeline_write(struct recording *rec, const char *name, enum timeline_format format,
		   const struct timeline_target *to, struct timeline_counts *counts,
		   struct err *err);

#endif
