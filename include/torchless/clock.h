/*
 * clock.h -- the clocks of the system, each in nanoseconds.
 *
 * What a duration is measured with depends on whose time it is: the wall's, one thread's work or
 * the whole process's.  Only the calendar's clock says when something was.
 */
#ifndef TORCHLESS_CLOCK_H
#define TORCHLESS_CLOCK_H

#include <stdint.h>

/* Time that passes, from no particular moment; never goes backward (CLOCK_MONOTONIC). */
int64_t clock_ns(void);

/* Processor time of the calling thread: what it waits for is not in it. */
int64_t clock_thread_ns(void);

/* Processor time of all threads of the process. */
int64_t clock_process_ns(void);

/* The calendar, since 1970-01-01 UTC; may be set, so no difference of two is a duration. */
int64_t clock_unix_ns(void);

#endif
