/*
 * output.c -- what every command says: results on stdout, notes and warnings on stderr.
 *
 * Here too is the flag by which Ctrl-C asks whatever runs to end.  It stands below the commands, so
 * that none of them calls main.c.
 */
#include "torchless/cli.h"
#include "torchless/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

volatile sig_atomic_t interrupted;

/* Lines on stderr, broken at words where it is a terminal. */
static void write_sentences(const struct ui *ui, const char *s, size_t len)
{
	struct text shown = { 0 };

	if (!ui->is_terminal) {
		ui_write(ui, s, len);
		return;
	}
	ui_add_running(&shown, s, len);
	ui_write_lines(ui, shown.data, shown.len);
	text_release(&shown);
}

void note(const struct invocation *in, const char *fmt, ...)
{
	struct text said = { 0 }, line = { 0 };
	va_list args;

	if (!option_on(in, OPT_VERBOSE))
		return;
	va_start(args, fmt);
	text_addvf(&said, fmt, args);
	va_end(args);
	ui_add_running(&line, said.data ? said.data : "", said.len);
	text_addc(&line, '\n');
	write_sentences(&in->err, line.data, line.len);
	text_release(&said);
	text_release(&line);
}

static void say_on_stderr(const char *kind, const char *sentence)
{
	struct text line = { 0 };
	struct ui ui;

	ui_init(&ui, stderr, UI_COLOR_NEVER);
	text_addf(&line, "torchless: %s%s\n", kind, sentence);
	write_sentences(&ui, line.data, line.len);
	text_release(&line);
}

void report_error(const struct err *err)
{
	say_on_stderr("", err->message);
}

void warn(const char *fmt, ...)
{
	struct err message;
	char text[sizeof(message.message)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set(&message, ERR_USAGE, "%s", text); /* turns control bytes into '?' */
	say_on_stderr("warning: ", message.message);
}

void warn_sentence(const char *sentence)
{
	warn("%s", sentence);
}

/* Where results go; name NULL: standard output. */
static struct {
	struct ui ui;
	const char *name;
} results;

/* Ctrl-C may interrupt the write itself: that is no failure of the output. */
static int write_failed(struct err *err)
{
	if (interrupted)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	return err_set(err, ERR_IO, "cannot write to %s: %s",
		       results.name ? results.name : "standard output", strerror(errno));
}

void out_redirect(FILE *f, const char *name)
{
	results.name = name;
	ui_init(&results.ui, f ? f : stdout, UI_COLOR_NEVER);
}

/*
 * Every result that is no table comes by here, so a terminal is shut to a stranger's control bytes
 * at one place, whatever the command and the form; what is read by programs is exact.
 */
static int write_result(bool (*write)(const struct ui *, const void *, size_t), const void *data,
			size_t len, struct err *err)
{
	if (!results.ui.out)
		out_redirect(NULL, NULL);
	return write(&results.ui, data, len) ? 0 : write_failed(err);
}

int write_out(const void *data, size_t len, struct err *err)
{
	return write_result(ui_write_exact, data, len, err);
}

int write_shown(const void *data, size_t len, struct err *err)
{
	return write_result(ui_write, data, len, err);
}

int check_target(const char *path, struct err *err)
{
	static const char magic[] = "SQLite format 3"; /* and its NUL */
	char head[sizeof(magic)] = { 0 };
	struct stat st;
	FILE *f;

	/* Only what is a file is opened: opening a pipe waits for who writes to it. */
	if (!path || !strcmp(path, "-") || stat(path, &st) || !S_ISREG(st.st_mode))
		return 0;
	f = fopen(path, "rb");
	if (!f)
		return 0; /* who writes it says what is wrong */
	if (fread(head, 1, sizeof(head), f) < sizeof(head))
		head[0] = '\0';
	fclose(f);
	if (memcmp(head, magic, sizeof(magic)) != 0)
		return 0;
	return err_set(err, ERR_USAGE, "%s is a recording: write to another file", path);
}

int flush_out(struct err *err)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : write_failed(err);
}
