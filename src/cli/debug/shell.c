/*
 * shell.c -- a person at a terminal, or lines from a pipe.
 *
 * A person is told what went wrong and goes on.  A pipe goes on too, as gdb does with its standard
 * input, and ends with the status of the first failure.
 */
#include "front_end.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the file that is read first ----------------------------------------------------------- */

static bool init_path(struct text *path)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && *config == '/')
		text_addf(path, "%s/torchless/init", config);
	else if (home && *home == '/')
		text_addf(path, "%s/.config/torchless/init", home);
	return path->len > 0;
}

/* Commands of somebody else's are not run; the working directory is never looked into. */
int front_init(struct front_end *f, struct err *err)
{
	struct text path = { 0 };
	struct stat st;
	int r = 0;

	if (init_path(&path) && !stat(path.data, &st)) {
		if (S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & S_IWOTH))
			r = front_file(f, path.data, err);
		else
			warn("%s is not read: it is no file that only you can write", path.data);
	}
	text_release(&path);
	return r;
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void complete(void *ctx, const char *before, const char *after, struct candidates *c)
{
	struct front_end *f = ctx;

	debugger_complete(f->debugger, before, after, c);
}

static void remember(struct front_end *f, const char *line)
{
	if (line[strspn(line, " \t\r")] && debugger_settings(f->debugger)->history)
		line_remember(f->reader, line);
}

/* One line that was typed; what failed is told, and the session stands. */
static int take_line(struct front_end *f, const struct text *line, struct err *err)
{
	int r;

	if (strlen(line->data) != line->len)
		r = err_set(err, ERR_USAGE, "the line holds a NUL byte");
	else
		r = front_line(f, line->data, f->is_person ? LINE_TYPED : LINE_SCRIPT, err);
	interrupted = f->is_person ? 0 : interrupted;
	if (!r && interrupted)
		r = err_set(err, ERR_INTERRUPTED, "interrupted");
	if (f->failed.code || (r == ERR_INTERRUPTED && !f->is_person))
		return r;
	if (r) {
		front_report(f, err);
		if (!f->is_person && f->n_failed++ == 0)
			f->first_failure = r;
	}
	return f->failed.code;
}

/* Ctrl-C at the prompt, which takes back a list of commands too. */
static int cancel(struct front_end *f, struct err *err)
{
	struct err ignored;

	if (!f->is_person)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	fputs("\n", stderr);
	debugger_end_lines(f->debugger, &ignored);
	return 0;
}

/* Ctrl-D in a list of commands gives that up, and a person stays; *is_over: nobody does. */
static int at_end(struct front_end *f, bool *is_over, struct err *err)
{
	int r;

	if (f->is_person)
		fputs("\n", stderr);
	r = debugger_end_lines(f->debugger, err);
	*is_over = !r || !f->is_person;
	if (!*is_over)
		front_report(f, err);
	return f->is_person ? f->failed.code : r;
}

/* `tui`: the same session with panes, until one leaves them. */
static void show_screen(struct front_end *f)
{
	struct err err = { 0 };

	if (front_tui(f, NULL, &err)) {
		front_report(f, &err);
		if (f->n_failed++ == 0)
			f->first_failure = err.code;
	}
	debugger_line(f->debugger, "tui disable", LINE_SCRIPT, &err);
}

static int read_lines(struct front_end *f, struct err *err)
{
	struct text line = { 0 };
	char prompt[64];
	bool is_over = false;
	int r = 0;

	while (!r && !f->quit && !is_over) {
		int got;

		debugger_prompt(f->debugger, prompt, sizeof(prompt));
		f->has_prompted = true;
		got = line_read(f->reader, prompt, &line, err);
		ui_resize(&f->in->out);
		if (got < 0)
			r = got;
		else if (got == LINE_END)
			r = at_end(f, &is_over, err);
		else if (got == LINE_CANCELLED)
			r = cancel(f, err);
		else {
			remember(f, line.data);
			r = take_line(f, &line, err);
			if (!r && debugger_settings(f->debugger)->full_screen)
				show_screen(f);
		}
	}
	text_release(&line);
	return r;
}

int front_shell(struct front_end *f, struct err *err)
{
	struct line_options o = { .ui = &f->in->out,
				  .interrupted = &interrupted,
				  .history = "debug_history",
				  .verbose = option_on(f->in, OPT_VERBOSE),
				  .complete = complete,
				  .ctx = f };
	int r;

	f->reader = line_reader_new(&o);
	r = read_lines(f, err);
	line_reader_free(f->reader);
	f->reader = NULL;
	return r;
}
