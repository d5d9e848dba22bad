/*
 * apart.c -- painting in a process of its own.
 *
 * What it answers with is a struct err, whose code is 0 when a picture follows.  An answer that is
 * not whole says that the process ended inside of a library.
 */
#include "torchless/child.h"
#include "torchless/paint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS   30 /* a picture takes less than one */
#define MAX_BYTES ((size_t)256 << 20)

static bool send_all(const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, at, len);

		if (n < 0 && errno != EINTR)
			return false;
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

static int paint_and_send(void *ctx)
{
	const struct paint *p = ctx;
	struct text png = { 0 };
	struct err err = { 0 };

	paint_png(&png, p, &err);
	if (!send_all(&err, sizeof(err)) || !send_all(png.data, png.len))
		return EXIT_FAILURE;
	return 0;
}

/* The process did not say why. */
static int died(const struct child *c, struct err *err)
{
	int status = c->status;

	if (c->said.len && strstr(c->said.data, "out of memory"))
		return err_set(err, ERR_MEMORY, "the picture cannot be painted: out of memory");
	if (WIFSIGNALED(status))
		return err_set(err, ERR_TOOL,
			       "the picture cannot be painted: cairo was ended by signal %d (%s), "
			       "as it may be when it is out of memory",
			       WTERMSIG(status), strsignal(WTERMSIG(status)));
	return err_set(err, ERR_TOOL,
		       "the picture cannot be painted: cairo ended with exit status %d, as it may "
		       "when it is out of memory",
		       WEXITSTATUS(status));
}

static int take(const struct child *c, struct text *out, struct err *err)
{
	struct err answer;

	if (!WIFEXITED(c->status) || WEXITSTATUS(c->status) || c->output.len < sizeof(answer))
		return died(c, err);
	memcpy(&answer, c->output.data, sizeof(answer));
	if (answer.code) {
		*err = answer;
		return err->code;
	}
	text_add(out, c->output.data + sizeof(answer), c->output.len - sizeof(answer));
	return 0;
}

static int judge(const struct child *c, enum child_end end, struct text *out, struct err *err)
{
	switch (end) {
	case CHILD_DONE:
		return take(c, out, err);
	case CHILD_INTERRUPTED:
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	case CHILD_TIMEOUT:
		return err_set(err, ERR_TOOL,
			       "the picture cannot be painted: cairo takes longer than %d s, as it "
			       "may when it is out of memory",
			       SECONDS);
	case CHILD_TOO_MUCH:
		return err_set(err, ERR_TOOL, "the picture takes more than %zu bytes", MAX_BYTES);
	default:
		return err_set(err, err_of_errno(c->error), "the picture cannot be painted: %s",
			       strerror(c->error));
	}
}

int paint_png_apart(struct text *out, const struct paint *p,
		    const volatile sig_atomic_t *interrupted, struct err *err)
{
	struct child c = { .call = paint_and_send,
			   .ctx = (void *)p,
			   .seconds = SECONDS,
			   .max_bytes = MAX_BYTES,
			   .max_said = 4096,
			   .interrupted = interrupted };
	int r = judge(&c, child_run(&c), out, err);

	child_release(&c);
	return r;
}
