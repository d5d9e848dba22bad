/*
 * history.c -- see history.h.  An entry is appended when it is made: a shell that is killed, or two
 * at the same time, lose nothing.
 */
#include "history.h"
#include "torchless/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HISTORY (64 << 20) /* bytes of the file that are read */

/* mkdir -p, for the owner only. */
static void make_directories(const char *file)
{
	char *path = mem_strdup(file);

	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	free(path);
}

char *history_file_path(const char *name)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	struct text path = { 0 };

	if (state && *state == '/')
		text_addf(&path, "%s/torchless/%s", state, name);
	else if (home && *home == '/')
		text_addf(&path, "%s/.local/state/torchless/%s", home, name);
	return path.data;
}

/* Open the file for its owner only; -1 when it is none, a link, or cannot be written. */
static int open_history(const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode) || fchmod(fd, 0600))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool write_lines(const char *path, int flags, const char *data, size_t len)
{
	bool kept;
	int fd;

	make_directories(path);
	fd = open_history(path, flags);
	kept = fd >= 0 && write(fd, data, len) == (ssize_t)len;
	if (fd >= 0)
		close(fd);
	return kept;
}

/* Where the newest HISTORY_ENTRIES lines begin, and how many lines there are. */
static size_t newest(const struct text *t, int *n_lines)
{
	size_t i = t->len, from = 0;
	int n = 0;

	for (; i > 0; i--)
		if (t->data[i - 1] == '\n' && n++ == HISTORY_ENTRIES)
			from = i;
	*n_lines = n;
	return from;
}

bool history_file_read(const char *path, struct text *out)
{
	struct text t = { 0 };
	struct stat st;
	struct err ignored;
	bool kept = true;
	size_t from;
	int n;

	if (!stat(path, &st) && S_ISREG(st.st_mode) &&
	    !text_read_file(&t, path, MAX_HISTORY, &ignored)) {
		from = newest(&t, &n);
		if (n > 2 * HISTORY_ENTRIES)
			kept = write_lines(path, O_TRUNC, t.data + from, t.len - from);
		text_add(out, t.data + from, t.len - from);
	}
	text_release(&t);
	return kept;
}

bool history_file_append(const char *path, const char *line, size_t len)
{
	return write_lines(path, O_APPEND, line, len);
}
