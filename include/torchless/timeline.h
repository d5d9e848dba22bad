/*
 * timeline.h -- a recording's spans for ui.perfetto.dev and chrome://tracing.
 *
 * Perfetto's protobuf (protos/perfetto/trace/trace_packet.proto, track_event.proto) and Chrome's
 * JSON (Trace Event Format) say the same: tracks for prefill, decode, tokenizer, sampler and
 * writer, spans nested by module, with shapes, bytes and GB/s as arguments.
 */
#ifndef TORCHLESS_TIMELINE_H
#define TORCHLESS_TIMELINE_H

#include "torchless/inspect.h"
#include "torchless/text.h"

enum timeline_format { TIMELINE_PERFETTO, TIMELINE_CHROME };

/*
 * Write the timeline of every run to `path`, whole or not at all.  It is written as it is read: a
 * long recording is not held in memory.  ERR_IO, ERR_FORMAT, ERR_INTERRUPTED.
 */
int timeline_write(struct recording *rec, enum timeline_format format, const char *path,
		   const volatile sig_atomic_t *interrupted, struct err *err);

#endif
