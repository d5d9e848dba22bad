/*
 * pager.c -- text that is longer than the screen, through $PAGER.
 *
 * What is printed is kept until it is known to be longer than the screen: a pager is started only
 * then, so a short text stays where it is, whatever the pager is.
 */
#include "torchless/text.h"
#include "torchless/ui.h"
#include "torchless/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Whether a directory of $PATH holds an executable of this name. */
static bool is_installed(const char *name)
{
	const char *path = getenv("PATH");
	struct text file = { 0 };
	bool found = false;

	while (path && *path && !found) {
		size_t len = strcspn(path, ":");

		text_clear(&file);
		text_addf(&file, "%.*s/%s", (int)len, path, name);
		found = len > 0 && access(file.data, X_OK) == 0;
		path += len + (path[len] == ':');
	}
	text_release(&file);
	return found;
}

/* The command of the pager, NULL when there is none or it is turned off. */
static const char *pager_command(void)
{
	const char *pager = getenv("PAGER");

	if (!pager)
		return is_installed("less") ? "less -FRX" : NULL;
	pager += strspn(pager, " \t");
	return *pager && strcmp(pager, "cat") != 0 ? pager : NULL;
}

static int screen_rows(const struct ui *ui)
{
	const char *lines = getenv("LINES");
	struct winsize size;

	if (!ioctl(fileno(ui->out), TIOCGWINSZ, &size) && size.ws_row > 0)
		return size.ws_row;
	return lines && atoi(lines) > 0 ? atoi(lines) : 24;
}

/* Columns of a line, without its escape sequences. */
static int columns(const char *s, size_t len)
{
	int width = 0;

	for (size_t i = 0, n; i < len; i += n) {
		if (s[i] == '\033') {
			for (n = 1; i + n < len && s[i + n] != 'm';)
				n++;
			n += i + n < len;
			continue;
		}
		for (n = 1; i + n < len && s[i + n] != '\033';)
			n++;
		width += utf8_width(s + i, n);
	}
	return width;
}

/* Whether the text and the prompt behind it take more than the screen. */
static bool is_longer(const struct ui *ui, const char *s, size_t len)
{
	int rows = 1, most = screen_rows(ui);

	for (size_t i = 0, n; i < len && rows <= most; i += n + 1) {
		const char *end = memchr(s + i, '\n', len - i);

		n = end ? (size_t)(end - (s + i)) : len - i;
		rows += 1 + (ui->width > 0 ? (columns(s + i, n) - 1) / ui->width : 0);
	}
	return rows > most;
}

/* Start the command with its input at a pipe, whose other end is *fd; false when it cannot be. */
static bool start(const char *command, pid_t *pid, int *fd)
{
	char sh[] = "sh", option[] = "-c";
	char *const argv[] = { sh, option, (char *)command, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t usual;
	int ends[2];
	bool started;

	if (pipe(ends))
		return false;
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	sigemptyset(&usual);
	sigaddset(&usual, SIGINT);
	sigaddset(&usual, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, ends[0], STDIN_FILENO);
	posix_spawn_file_actions_addclose(&files, ends[0]);
	started = posix_spawn(pid, "/bin/sh", &files, &attributes, argv, environ) == 0;
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	close(ends[0]);
	*fd = ends[1];
	if (!started)
		close(ends[1]);
	return started;
}

/* Feed the pager until it has all or leaves, and wait for its end; false: there was none to run. */
static bool show(const char *command, const char *data, size_t len)
{
	int fd, status = 0;
	pid_t pid;

	if (!start(command, &pid, &fd))
		return false;
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			break;
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	close(fd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	/* What sh says when it finds no such command, or none that it may run. */
	return !WIFEXITED(status) || (WEXITSTATUS(status) != 127 && WEXITSTATUS(status) != 126);
}

/* While a pager runs, Ctrl-C is its business, and its early end is no failure of ours. */
static bool show_undisturbed(const char *command, const char *data, size_t len)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, interrupt, pipe_signal;
	bool shown;

	sigaction(SIGINT, &ignore, &interrupt);
	sigaction(SIGPIPE, &ignore, &pipe_signal);
	shown = show(command, data, len);
	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGPIPE, &pipe_signal, NULL);
	return shown;
}

void ui_pager_open(struct ui_pager *p, const struct ui *ui)
{
	*p = (struct ui_pager){ .ui = *ui, .out = ui->out };
	if (!ui->is_terminal || !isatty(STDIN_FILENO) || !pager_command())
		return;
	p->ui.out = open_memstream(&p->data, &p->len);
	if (!p->ui.out)
		p->ui.out = ui->out;
}

void ui_pager_close(struct ui_pager *p)
{
	if (p->ui.out == p->out)
		return;
	fclose(p->ui.out);
	p->ui.out = p->out;
	fflush(p->out);
	if (!is_longer(&p->ui, p->data, p->len) ||
	    !show_undisturbed(pager_command(), p->data, p->len))
		fwrite(p->data, 1, p->len, p->out); /* came through ui_write() */
	free(p->data);
}
