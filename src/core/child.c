/*
 * child.c -- see child.h.  One poll() for all three streams: a program that answers before it has
 * read everything, or complains without end, blocks neither side.
 *
 * It leads a process group, so that what it starts is ended with it; Ctrl-C at the terminal does
 * not reach that group, and is passed on by whoever waits here.
 */
#include "torchless/child.h"

#include "torchless/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLICE_MS 50 /* how long Ctrl-C may go unnoticed */

extern char **environ;

/* Of the parent: where it writes, where it reads; -1: closed. */
struct streams {
	int to, from, from_err;
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_ends(int *fd, int n)
{
	for (int i = 0; i < n; i++)
		close_end(&fd[i]);
}

/*
 * A pipe whose ends no program inherits and that lie above the standard streams: where one of
 * those is closed, its number must not be taken by an end that is then made another.
 */
static int open_pipe(int ends[2])
{
	int low[2];

	if (pipe(low))
		return -1;
	for (int i = 0; i < 2; i++)
		ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 3);
	close_ends(low, 2);
	if (ends[0] >= 0 && ends[1] >= 0)
		return 0;
	close_ends(ends, 2);
	return -1;
}

/* Start it with fd[0], fd[1], fd[2] as its standard streams; 0 or a number of errno. */
static int spawn(const struct child *c, const int fd[3], pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t usual, none;
	int rc;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGINT);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGCHLD);
	sigaddset(&usual, SIGXFSZ);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_init(&files);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&files, fd[i], i);
	rc = posix_spawnp(pid, c->argv[0], &files, &attributes, c->argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return rc;
}

/* In the copy: what spawn() asks for, and a last end where nobody is left to end it. */
static int call(const struct child *c, const int ends[6])
{
	static const int usual[] = { SIGINT, SIGPIPE, SIGCHLD, SIGXFSZ };
	const struct rlimit no_core = { 0, 0 };
	sigset_t none;

	setpgid(0, 0);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		signal(usual[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_CORE, &no_core);
	alarm((unsigned)c->seconds + 2);
	if (dup2(ends[0], 0) < 0 || dup2(ends[3], 1) < 0 || dup2(ends[5], 2) < 0)
		return EXIT_FAILURE;
	for (int i = 0; i < 6; i++)
		close(ends[i]);
	return c->call(c->ctx);
}

static int copy(const struct child *c, const int ends[6], pid_t *pid)
{
	*pid = fork();
	if (*pid < 0)
		return errno;
	if (!*pid)
		_exit(call(c, ends));
	/* By whichever of the two comes first. */
	setpgid(*pid, *pid);
	return 0;
}

/* Start it; our ends of its streams are in *s, and do not block.  0 or a number of errno. */
static int start(const struct child *c, struct streams *s, pid_t *pid)
{
	int ends[6] = { -1, -1, -1, -1, -1, -1 }; /* in, out, err: to read, to write */
	int failed = 0;

	for (int i = 0; i < 6 && !failed; i += 2)
		failed = open_pipe(ends + i) ? errno : 0;
	if (!failed)
		failed = c->argv ? spawn(c, (const int[]){ ends[0], ends[3], ends[5] }, pid)
				 : copy(c, ends, pid);
	if (failed) {
		close_ends(ends, 6);
		return failed;
	}
	close_end(&ends[0]);
	close_end(&ends[3]);
	close_end(&ends[5]);
	*s = (struct streams){ .to = ends[1], .from = ends[2], .from_err = ends[4] };
	for (int i = 0; i < 6; i++)
		if (ends[i] >= 0)
			fcntl(ends[i], F_SETFL, fcntl(ends[i], F_GETFL) | O_NONBLOCK);
	return 0;
}

static bool may_try_again(ssize_t n)
{
	return n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK);
}

/* Give what it takes now; its input is closed at the end, and when it does not want the rest. */
static void give(struct child *c, struct streams *s, size_t *given)
{
	ssize_t n = write(s->to, (const char *)c->input + *given, c->input_len - *given);

	*given += n > 0 ? (size_t)n : 0;
	if (n < 0 && !may_try_again(n) && errno != EPIPE)
		c->error = errno;
	if (*given == c->input_len || (n < 0 && !may_try_again(n)))
		close_end(&s->to);
}

/* Take what is there; false when it is more than we want. */
static bool take(struct child *c, struct streams *s)
{
	char buf[4096];
	ssize_t n = read(s->from, buf, sizeof(buf));

	if (n > 0) {
		if ((size_t)n > c->max_bytes - c->output.len)
			return false;
		text_add(&c->output, buf, (size_t)n);
	} else if (!may_try_again(n)) {
		c->error = n < 0 ? errno : c->error;
		close_end(&s->from);
	}
	return true;
}

/* What it complains of is read to its end, and kept as far as anybody will read it. */
static void hear(struct child *c, struct streams *s)
{
	char buf[4096];
	ssize_t n = read(s->from_err, buf, sizeof(buf));

	if (n > 0) {
		size_t room = c->max_said - c->said.len;

		c->said_more |= (size_t)n > room;
		text_add(&c->said, buf, (size_t)n < room ? (size_t)n : room);
	} else if (!may_try_again(n)) {
		c->error = n < 0 ? errno : c->error;
		close_end(&s->from_err);
	}
}

/* Whether nobody waits any longer, and why. */
static bool is_over(const struct child *c, int64_t end, enum child_end *why)
{
	if (c->interrupted && *c->interrupted)
		*why = CHILD_INTERRUPTED;
	else if (clock_ns() >= end)
		*why = CHILD_TIMEOUT;
	else
		return false;
	return true;
}

static enum child_end talk(struct child *c, struct streams *s, int64_t end)
{
	enum child_end why;
	size_t given = 0;

	if (c->input_len == 0)
		close_end(&s->to);
	while (s->from >= 0 || s->from_err >= 0) {
		struct pollfd polled[3] = { { .fd = s->to, .events = POLLOUT },
					    { .fd = s->from, .events = POLLIN },
					    { .fd = s->from_err, .events = POLLIN } };

		if (is_over(c, end, &why))
			return why;
		if (poll(polled, 3, SLICE_MS) <= 0)
			continue;
		if (polled[0].revents)
			give(c, s, &given);
		if (polled[1].revents && !take(c, s))
			return CHILD_TOO_MUCH;
		if (polled[2].revents)
			hear(c, s);
		if (c->error)
			return CHILD_UNHEARD;
	}
	return CHILD_DONE;
}

/*
 * Wait for its end, which it may put off after closing its streams.  It is left unreaped, so that
 * its number, by which its group is ended, is nobody else's.
 */
static enum child_end await(const struct child *c, pid_t pid, int64_t end)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	enum child_end why;
	siginfo_t info;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) && errno != EINTR)
			return CHILD_DONE;
		if (info.si_pid == pid)
			return CHILD_DONE;
		if (is_over(c, end, &why))
			return why;
		nanosleep(&pause, NULL);
	}
}

static enum child_end run(struct child *c)
{
	int64_t end = clock_ns() + (int64_t)(c->seconds * 1e9);
	struct streams s = { -1, -1, -1 };
	enum child_end why;
	pid_t pid;

	c->error = start(c, &s, &pid);
	if (c->error)
		return CHILD_MISSING;
	why = talk(c, &s, end);
	close_end(&s.to);
	if (why == CHILD_DONE)
		why = await(c, pid, end);
	close_end(&s.from);
	close_end(&s.from_err);
	kill(-pid, SIGKILL);
	while (waitpid(pid, &c->status, 0) < 0 && errno == EINTR)
		;
	return why;
}

/* A reader that leaves early is no failure of ours, and whoever ignores SIGCHLD never hears how. */
enum child_end child_run(struct child *c)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, usual = { .sa_handler = SIG_DFL };
	struct sigaction pipe_before, child_before;
	enum child_end why;

	sigaction(SIGPIPE, &ignore, &pipe_before);
	sigaction(SIGCHLD, &usual, &child_before);
	why = run(c);
	sigaction(SIGCHLD, &child_before, NULL);
	sigaction(SIGPIPE, &pipe_before, NULL);
	return why;
}

void child_release(struct child *c)
{
	text_release(&c->output);
	text_release(&c->said);
}
