/*
 * output.c -- what the debugger says, on its way to stdout, and its questions.
 *
 * What is written at once is shown a page at a time when it is longer than the screen, so that
 * leaving the pager leaves the output and not the session.
 */
#include "front_end.h"

#include <errno.h>
#include <string.h>

/* Nobody has asked for anything before the first prompt. */
static bool is_paged(const struct front_end *f)
{
	return f->is_person && f->has_prompted && f->debugger &&
	       debugger_settings(f->debugger)->pagination;
}

void front_write(void *ctx, const char *data, size_t len)
{
	struct front_end *f = ctx;
	struct ui_pager p;

	if (f->failed.code)
		return;
	if (f->screen) {
		f->screen->write(f->screen->ctx, data, len);
		return;
	}
	if (!is_paged(f)) {
		write_shown(data, len, &f->failed);
		return;
	}
	ui_pager_open(&p, &f->in->out);
	ui_write(&p.ui, data, len);
	ui_pager_close(&p);
}

void front_report(struct front_end *f, const struct err *err)
{
	if (f->screen) {
		f->screen->report(f->screen->ctx, err);
		return;
	}
	if (flush_out(&f->failed))
		return;
	report_error(err);
}

bool front_ask(void *ctx, const char *question)
{
	struct front_end *f = ctx;
	const char *last = strrchr(question, '\n');
	struct text prompt = { 0 }, line = { 0 };
	struct err ignored = { 0 };
	bool answered = false, yes = true;

	if (f->screen)
		return f->screen->ask(f->screen->ctx, question);
	if (!f->reader || !f->is_person)
		return true;
	/* A prompt is one line. */
	if (last)
		front_write(f, question, (size_t)(last + 1 - question));
	text_addf(&prompt, "%s (y or n) ", last ? last + 1 : question);
	while (!answered) {
		int got = line_read(f->reader, prompt.data, &line, &ignored);
		const char *s = line.data + strspn(line.data, " \t");

		yes = got == LINE_READ && (*s == 'y' || *s == 'Y');
		answered = got != LINE_READ || yes || *s == 'n' || *s == 'N';
		if (got != LINE_READ)
			fputc('\n', stderr);
		else if (!answered)
			fputs("Please answer y or n.\n", stderr);
	}
	text_release(&prompt);
	text_release(&line);
	return yes;
}

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/*
 * For a person the first Ctrl-C stops the command at the next op, a second one ends the program;
 * the next command is like the first.  At the prompt the line editor has its own handler.  What is
 * being written goes on: a write that ended early would mark stdout as failed for good.
 */
static int run_line(struct front_end *f, const char *line, enum line_origin origin, struct err *err)
{
	struct sigaction action = { .sa_handler = on_interrupt,
				    .sa_flags = (int)(SA_RESETHAND | SA_RESTART) };
	struct sigaction before;
	int r;

	/* A screen has handlers of its own, which give the terminal back. */
	if (!f->is_person || f->screen)
		return debugger_line(f->debugger, line, origin, err);
	sigaction(SIGINT, &action, &before);
	r = debugger_line(f->debugger, line, origin, err);
	sigaction(SIGINT, &before, NULL);
	return r;
}

int front_line(struct front_end *f, const char *line, enum line_origin origin, struct err *err)
{
	int r = run_line(f, line, origin, err);

	if (!f->failed.code)
		flush_out(&f->failed);
	if (f->failed.code) {
		*err = f->failed;
		return err->code;
	}
	f->quit = f->quit || r == DEBUGGER_QUIT;
	return r < 0 ? r : 0;
}
