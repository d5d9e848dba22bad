/*
 * test_child.c -- a copy of this process that answers, crashes, is silent or says too much: who
 * asked goes on, and knows which.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "torchless/child.h"
#include "torchless/threads.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct child c;
static pid_t asked; /* of whoever asks */

static enum child_end run(int (*call)(void *ctx), double seconds)
{
	static int number = 7;

	asked = getpid();
	c = (struct child){ .call = call,
			    .ctx = &number,
			    .seconds = seconds,
			    .max_bytes = 1 << 20,
			    .max_said = 16 };
	return child_run(&c);
}

static int answer(void *ctx)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%d of %s", *(int *)ctx,
			 getpid() == asked ? "this process" : "another");

	if (write(1, line, (size_t)n) != n || write(2, "and complains", 13) != 13)
		return 1;
	*(int *)ctx = 8;
	return 3;
}

Test(child, a_copy_answers)
{
	for (int i = 0; i < 2; i++) { /* what it does to memory stays its own */
		cr_assert_eq(run(answer, 1000), CHILD_DONE);
		cr_assert_str_eq(c.output.data, "7 of another");
		cr_assert_str_eq(c.said.data, "and complains");
		cr_assert(WIFEXITED(c.status) && WEXITSTATUS(c.status) == 3);
		child_release(&c);
	}
}

static int crash(void *ctx)
{
	(void)ctx;
	raise(SIGKILL);
	return 0;
}

Test(child, a_copy_dies)
{
	cr_assert_eq(run(crash, 1000), CHILD_DONE);
	cr_assert(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGKILL);
	cr_assert_eq(c.output.len, 0);
	child_release(&c);
}

static int wait_for_ever(void *ctx)
{
	(void)ctx;
	for (;;)
		pause();
	return 0;
}

Test(child, a_silent_copy_is_ended)
{
	cr_assert_eq(run(wait_for_ever, 0.2), CHILD_TIMEOUT);
	cr_assert(WIFSIGNALED(c.status) && WTERMSIG(c.status) == SIGKILL);
	child_release(&c);
}

static int write_on(void *ctx)
{
	static const char block[4096];

	(void)ctx;
	while (write(1, block, sizeof(block)) > 0)
		;
	return 0;
}

Test(child, a_copy_says_too_much)
{
	cr_assert_eq(run(write_on, 1000), CHILD_TOO_MUCH);
	cr_assert_leq(c.output.len, 1 << 20);
	child_release(&c);
}

static volatile sig_atomic_t stop;

static void *set_stop(void *ctx)
{
	const struct timespec pause = { .tv_nsec = 50000000 };

	(void)ctx;
	nanosleep(&pause, NULL);
	stop = 1;
	return NULL;
}

Test(child, ctrl_c_ends_a_copy)
{
	pthread_t thread;

	c = (struct child){ .call = wait_for_ever, .seconds = 1000, .interrupted = &stop };
	pthread_create(&thread, NULL, set_stop, NULL);
	cr_assert_eq(child_run(&c), CHILD_INTERRUPTED);
	pthread_join(thread, NULL);
	child_release(&c);
}

/*
 * As a thread starts, the address sanitizer (or an allocator) holds a lock for a moment; here it
 * is a long one.
 */
static _Atomic int holders;

struct beginning {
	void *(*routine)(void *);
	void *arg;
};

static void *hold_then_begin(void *ctx)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	struct beginning b = *(struct beginning *)ctx;

	free(ctx);
	nanosleep(&moment, NULL);
	holders--;
	return b.routine(b.arg);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*routine)(void *),
		   void *arg)
{
	union {
		void *symbol;
		int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	} next = { .symbol = dlsym(RTLD_NEXT, "pthread_create") };
	struct beginning *b = malloc(sizeof(*b));

	*b = (struct beginning){ routine, arg };
	holders++;
	return next.create(thread, attr, hold_then_begin, b);
}

static int count_holders(void *ctx)
{
	(void)ctx;
	return holders;
}

Test(child, a_copy_waits_for_workers_that_start)
{
	struct err err = { 0 };
	struct threads *pool = threads_new(4, &err);

	cr_assert_not_null(pool, "%s", err.message);
	cr_assert_eq(run(count_holders, 1000), CHILD_DONE);
	cr_assert(WIFEXITED(c.status) && WEXITSTATUS(c.status) == 0, "%d hold a lock",
		  WEXITSTATUS(c.status));
	child_release(&c);
	threads_free(pool);
}
