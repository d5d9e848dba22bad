/*
 * ask.c -- what a terminal can show: by what it calls itself, else by asking it.
 *
 * Every terminal answers "what are you" (DA1), those that can kitty's pictures answer a question of
 * theirs before it: so nobody waits longer than for the last answer.
 */
#include "torchless/clock.h"
#include "torchless/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Time for a slow connection, or a busy machine; nearly every terminal ends it by an answer. */
#define WAIT_NS INT64_C(1000000000)

#define ASK_KITTY "\033_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\033\\"
#define ASK_DA1   "\033[c"

static bool is_one_of(const char *s, const char *const *words)
{
	for (; s && *words; words++)
		if (strstr(s, *words))
			return true;
	return false;
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

/* A terminal inside a terminal: variables may be those of the outer one, of which one sees no more.
 */
static bool is_inside(const char *term)
{
	return is_set("TMUX") || is_set("STY") || !strncmp(term, "screen", 6) ||
	       !strncmp(term, "tmux", 4);
}

static bool is_kitty_by_name(void)
{
	static const char *const terms[] = { "kitty", "ghostty", NULL };
	static const char *const programs[] = { "WezTerm", "ghostty", NULL };

	return is_set("KITTY_WINDOW_ID") || is_one_of(getenv("TERM"), terms) ||
	       is_one_of(getenv("TERM_PROGRAM"), programs);
}

static bool is_sixel_by_name(const char *term)
{
	static const char *const terms[] = { "foot", "mlterm", "sixel", NULL };

	return is_one_of(term, terms);
}

/* ---- the answers ---------------------------------------------------------------------------- */

/* The answer to DA1 in s, "\033[?62;4;22c": where it begins, NULL while it is not whole. */
static const char *da1_answer(const char *s)
{
	for (const char *at = s; (at = strstr(at, "\033[?")); at += 3)
		if (at[3 + strspn(at + 3, "0123456789;")] == 'c')
			return at;
	return NULL;
}

/* Whether the attributes behind the class of terminal name 4, sixels. */
static bool has_sixel(const char *answer)
{
	const char *at = strchr(answer, ';'), *end = strchr(answer, 'c');

	for (; at && at < end; at = strchr(at + 1, ';'))
		if (at[1] == '4' && (at[2] == ';' || at[2] == 'c'))
			return true;
	return false;
}

/* What came until the last answer, or the end of patience; a terminal says no more than this. */
static bool hear(int fd, char *buf, size_t size)
{
	int64_t end = clock_ns() + WAIT_NS, left;
	size_t n = 0;

	while ((left = end - clock_ns()) > 0 && n < size - 1) {
		struct pollfd polled = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (poll(&polled, 1, (int)(left / 1000000) + 1) <= 0)
			continue;
		got = read(fd, buf + n, size - 1 - n);
		if (got <= 0 && errno != EINTR && errno != EAGAIN)
			break;
		for (; got > 0; got--, n++) /* a NUL would hide what is behind it */
			buf[n] = buf[n] ? buf[n] : ' ';
		buf[n] = '\0';
		if (da1_answer(buf))
			return true;
	}
	return false;
}

static enum terminal_pictures ask(int fd, const char *question)
{
	char heard[512] = "";
	size_t len = strlen(question);
	struct termios before, raw;
	bool answered;

	if (tcgetattr(fd, &before))
		return TERMINAL_NONE;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(fd, TCSANOW, &raw))
		return TERMINAL_NONE;
	answered = write(fd, question, len) == (ssize_t)len && hear(fd, heard, sizeof(heard));
	/* An answer that comes late would be taken for something typed. */
	tcsetattr(fd, answered ? TCSANOW : TCSAFLUSH, &before);
	if (strstr(heard, "\033_Gi=31;OK"))
		return TERMINAL_KITTY;
	return answered && has_sixel(da1_answer(heard)) ? TERMINAL_SIXEL : TERMINAL_NONE;
}

/* Signals that would end or stop us wait until the terminal is as it was: for a second at most. */
static enum terminal_pictures ask_undisturbed(int fd, const char *question)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTOU };
	enum terminal_pictures found;
	sigset_t held, before;

	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&held, numbers[i]);
	pthread_sigmask(SIG_BLOCK, &held, &before);
	found = ask(fd, question);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return found;
}

enum terminal_pictures terminal_pictures(const struct ui *ui)
{
	static const char *const no_pictures[] = { "dumb", "linux", NULL };
	const char *term = getenv("TERM"), *name;
	enum terminal_pictures found = TERMINAL_NONE;
	bool inside;
	int fd;

	if (!ui->is_terminal || !term || !*term || is_one_of(term, no_pictures))
		return TERMINAL_NONE;
	inside = is_inside(term);
	if (!inside && is_kitty_by_name())
		return TERMINAL_KITTY;
	if (!inside && is_sixel_by_name(term))
		return TERMINAL_SIXEL;
	fflush(ui->out);
	name = ttyname(fileno(ui->out));
	fd = name ? open(name, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
	if (fd < 0)
		return TERMINAL_NONE;
	if (tcgetpgrp(fd) == getpgrp()) /* in the background one may not */
		found = ask_undisturbed(fd, inside ? ASK_DA1 : ASK_KITTY ASK_DA1);
	close(fd);
	return found;
}
