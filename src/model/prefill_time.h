/* prefill_time.h -- how long the rest of a prompt will take, after its first chunk. */
#ifndef TORCHLESS_MODEL_PREFILL_TIME_H
#define TORCHLESS_MODEL_PREFILL_TIME_H

#include "torchless/session.h"

/*
 * Nanoseconds that the prompt of a session takes beyond its first `done` positions, which took
 * `spent_ns`: matrices cost the same for every position, attention as much as a position sees.
 */
int64_t prefill_left_ns(const struct session *s, int64_t done, int64_t spent_ns);

/* "40 s", "2 h 10 min", "3 days" into buf; returns it. */
const char *prefill_format(int64_t ns, char *buf, size_t size);

#endif
