/*
 * child.h -- a process that is given bytes and gives others, for so long: another program, or a
 * function of ours that calls what may crash, wait without end, or write to stderr.
 */
#ifndef TORCHLESS_CHILD_H
#define TORCHLESS_CHILD_H

#include "torchless/text.h"

#include <signal.h>

enum child_end {
	CHILD_DONE,        /* it ended by itself; `status` is as of waitpid() */
	CHILD_MISSING,     /* it could not be started: `error` is of errno */
	CHILD_TIMEOUT,     /* it was ended, as the rest was */
	CHILD_TOO_MUCH,    /* it wrote more than max_bytes */
	CHILD_UNHEARD,     /* the system failed to carry what it says: `error` is of errno */
	CHILD_INTERRUPTED, /* *interrupted was set */
};

struct child {
	char *const *argv; /* argv[0] is looked for in PATH unless it holds a '/' */
	/*
	 * Where argv is NULL: what is called in a copy of this process, and returns its exit
	 * status.  The copy has the thread that asks and no other, so nobody may be at work on
	 * another one meanwhile: what that had locked would stay so.  It ends without atexit().
	 */
	int (*call)(void *ctx);
	void *ctx;
	const void *input;
	size_t input_len;
	double seconds;
	size_t max_bytes, max_said;
	const volatile sig_atomic_t *interrupted; /* NULL: nothing ends it */

	/* The result. */
	struct text output; /* at most max_bytes */
	struct text said;   /* the first max_said bytes of its stderr, as they are */
	bool said_more;
	int status, error;
};

/*
 * Run it to its end, or end it; when this returns, it is gone, and all that it started in its
 * process group.  It need not read its input.  Descriptors of ours do not reach a program.
 */
enum child_end child_run(struct child *c);
void child_release(struct child *c);

#endif
