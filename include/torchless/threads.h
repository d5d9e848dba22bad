/*
 * threads.h -- a pool that runs one parallel loop at a time.
 *
 * The caller's thread works too.  Workers spin for a few microseconds between loops, then sleep,
 * so that a busy neighbour costs little (docs/decisions/0006).  Nothing here decides what a loop
 * computes: callers split work into items whose results do not depend on who runs them.
 */
#ifndef TORCHLESS_THREADS_H
#define TORCHLESS_THREADS_H

#include "torchless/err.h"

#include <signal.h>
#include <stdint.h>

struct threads;

/* CPUs this process may use: affinity mask, capped by the cgroup's CPU quota; at least 1. */
int threads_available(void);

/*
 * A pool of n threads, the caller is one of them.  NULL with ERR_USAGE or ERR_IO on failure.
 * fork() waits for workers that are just being started: the copy has their locks, not them.
 */
struct threads *threads_new(int n, struct err *err);
void threads_free(struct threads *pool);
int threads_count(const struct threads *pool);

/*
 * Call body(ctx, i, worker) for every i in [0, n), each once, worker in [0, threads_count).
 * Returns when all are done; everything written is visible to the caller.  Not re-entrant.
 * pool NULL runs on the caller's thread.
 */
void threads_for(struct threads *pool, int64_t n, void (*body)(void *ctx, int64_t i, int worker),
		 void *ctx);

/*
 * From now on a loop ends early once *flag is not 0, before its next items; NULL: no loop does.
 * Whoever asks for it throws away what such a loop has left half done.  Not during a loop.
 */
void threads_interrupt(struct threads *pool, const volatile sig_atomic_t *flag);

#endif
