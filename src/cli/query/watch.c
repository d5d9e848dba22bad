/*
 * watch.c -- ends a command that is deaf.
 *
 * SQLite looks at the clock between the steps of its machine, not inside of one: a comparison of
 * long texts or a LIKE may go on for minutes.  The recording is only read, so ending the process
 * there loses nothing; what was printed is flushed.
 */
#include "query.h"
#include "torchless/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DEAF_NS 1000000000ll /* behind its limit; what listens stops within milliseconds */
#define LOOK_NS 100000000

struct query_watch {
	struct recording *rec;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool is_over;
};

/* As main() ends: the sentence, the status, and what was printed. */
static void end_process(const struct err *err)
{
	report_error(err);
	if (!ftrylockfile(stdout))
		fflush(stdout);
	_exit(err_exit_status(err->code));
}

static void *watch(void *ctx)
{
	struct query_watch *w = ctx;
	struct err err = { 0 };
	struct timespec until;

	pthread_mutex_lock(&w->lock);
	while (!w->is_over) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += LOOK_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&w->ended, &w->lock, &until);
		if (!w->is_over && recording_deaf(w->rec, DEAF_NS, &err))
			end_process(&err);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Ctrl-C is for the thread that may be reading or writing: here it would not interrupt that. */
static int start(struct query_watch *w)
{
	sigset_t all, old;
	int failed;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&w->thread, NULL, watch, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return failed;
}

struct query_watch *query_watch_new(struct recording *rec)
{
	struct query_watch *w = mem_calloc(1, sizeof(*w));
	pthread_condattr_t monotonic;

	w->rec = rec;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (!start(w))
		return w;
	/* Without a thread the limits hold where SQLite asks. */
	pthread_cond_destroy(&w->ended);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}

void query_watch_free(struct query_watch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->is_over = true;
	pthread_cond_signal(&w->ended);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->ended);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
