/*
 * leftovers.h -- what a process leaves that was killed before it had recorded anything.
 *
 * A new recording is PATH.new-PID until it has its name, and is locked: the lock tells whether some
 * process is still at it, not the number.  Nothing that somebody could miss is taken for such a
 * file.
 */
#ifndef TORCHLESS_TRACE_LEFTOVERS_H
#define TORCHLESS_TRACE_LEFTOVERS_H

#include <stdbool.h>

/* Remove what stands beside `path` under such names. */
void leftovers_sweep(const char *path);

/*
 * Whether the file `path`, whose lock the caller has, is a recording without a run: nobody wants it
 * kept, least of all in place of what is.
 */
bool leftovers_is_blank(const char *path);

#endif
