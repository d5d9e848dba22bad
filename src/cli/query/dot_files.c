/*
 * dot_files.c -- the dot commands that name a file: where results go, what is read, which recording
 * is asked.
 *
 * A result never takes the place of a recording, the one that is asked or another: what was
 * recorded cannot be had again.
 */
#include "shell.h"
#include "torchless/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 16         /* files that read files */
#define MAX_FILE  (64 << 20) /* bytes of one */

/* ---- .output, .once -------------------------------------------------------------------- */

static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What SQLite keeps beside a recording is a part of it. */
static int check_beside(const struct shell *s, const char *path, struct err *err)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	struct text name = { 0 };
	int r = 0;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]) && !r; i++) {
		text_clear(&name);
		text_addf(&name, "%s%s", s->path, suffixes[i]);
		if (is_same_file(path, name.data))
			r = err_set(err, ERR_USAGE,
				    "%s belongs to the recording: write to another file", path);
	}
	text_release(&name);
	return r;
}

int shell_output_end(struct shell *s, struct err *err)
{
	bool failed;

	if (!s->output.file)
		return 0;
	out_redirect(NULL, NULL);
	s->in->out = s->screen;
	failed = ferror(s->output.file) != 0;
	failed = fclose(s->output.file) != 0 || failed;
	s->output.file = NULL;
	s->output.once = false;
	if (failed)
		err_set(err, ERR_IO, "cannot write to %s: %s", s->output.path, strerror(errno));
	free(s->output.path);
	s->output.path = NULL;
	return failed ? err->code : 0;
}

static int output_to(struct shell *s, const char *path, bool once, struct err *err)
{
	FILE *f;

	if (*path == '|')
		return err_set(err, ERR_USAGE, "%s: results go to a file, no command is run", path);
	if (check_target(path, err) || check_beside(s, path, err) || shell_output_end(s, err))
		return err->code;
	f = fopen(path, "we");
	if (!f)
		return err_set(err, err_of_errno(errno), "cannot write to %s: %s", path,
			       strerror(errno));
	fflush(stdout);
	s->output.file = f;
	s->output.path = mem_strdup(path);
	s->output.once = once;
	ui_init(&s->in->out, f, UI_COLOR_NEVER);
	out_redirect(f, s->output.path);
	return 0;
}

int dot_output(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	(void)rest;
	if (w->list.n == 0 || !strcmp(w->list.list[0], "stdout"))
		return shell_output_end(s, err);
	return output_to(s, w->list.list[0], false, err);
}

int dot_once(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	(void)rest;
	return output_to(s, w->list.list[0], true, err);
}

/* ---- .read ----------------------------------------------------------------------------- */

/* "FILE:LINE: " before the sentence. */
static int place(struct err *err, const char *path, int line)
{
	char message[sizeof(err->message)];

	memcpy(message, err->message, sizeof(message));
	return err_set(err, err->code, "%s:%d: %s", path, line, message);
}

/* Its lines, one after the other; the first that fails ends it. */
static int take_lines(struct shell *s, const char *path, char *line, struct err *err)
{
	int r = 0;

	for (int n = 1; line && !r && !s->quit; n++) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		if (end || *line)
			r = s->take_line(s, line, err);
		line = end ? end + 1 : NULL;
		/* The last semicolon may be left out. */
		if (!r && !line && s->statement.len)
			r = s->end_statement(s, err);
		if (r && !s->is_placed)
			r = place(err, path, n);
		s->is_placed = r != 0;
	}
	return r;
}

int dot_read(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	const char *path = w->list.list[0];
	struct text file = { 0 };
	int r;

	(void)rest;
	if (s->depth == MAX_DEPTH)
		return err_set(err, ERR_USAGE,
			       "%s: files that .read one another are at most %d deep", path,
			       MAX_DEPTH);
	r = text_read_file(&file, path, MAX_FILE, err);
	if (!r && file.len && strlen(file.data) != file.len)
		r = err_set(err, ERR_USAGE, "%s holds a NUL byte: it is no text", path);
	if (!r && file.len) {
		s->depth++;
		r = take_lines(s, path, file.data, err);
		s->depth--;
		s->is_placed = s->is_placed && s->depth > 0;
		text_clear(&s->statement);
	}
	text_release(&file);
	return r;
}

/* ---- .open ----------------------------------------------------------------------------- */

int dot_open(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	struct recording *rec;

	(void)rest;
	if (query_open(s->in, w->list.list[0], s->set.max_ns, &rec, err))
		return err->code;
	shell_use(s, rec, w->list.list[0]);
	return 0;
}
