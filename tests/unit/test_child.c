/*
 * test_child.c -- a copy of this process that answers, crashes, is silent or says too much: who
 * asked goes on, and knows which.
 */
#include "torchless/child.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
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
