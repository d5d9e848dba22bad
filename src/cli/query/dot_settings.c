/*
 * dot_settings.c -- the dot commands that say how rows are shown, how many, and for how long they
 * may be waited for; without an argument each says what holds.
 */
#include "shell.h"
#include "torchless/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int say(const struct shell *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A line where results go. */
static int say(const struct shell *s, const char *fmt, ...)
{
	char line[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	ui_write_lines(&s->in->out, line, strlen(line));
	return 0;
}

/* A number from 0 to max; ERR_USAGE. */
static int read_number(const char *command, const char *word, double max, double *out,
		       struct err *err)
{
	char *end;

	errno = 0;
	*out = strtod(word, &end);
	if (end == word || *end || errno || !(*out >= 0 && *out <= max))
		return err_set(err, ERR_USAGE, ".%s wants a number from 0 to %g, not \"%s\"",
			       command, max, word);
	return 0;
}

static int read_switch(const char *command, const char *word, bool *on, struct err *err)
{
	static const char *const words[][2] = { { "off", "on" }, { "no", "yes" }, { "0", "1" } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (int value = 0; value < 2; value++)
			if (!strcmp(words[i][value], word)) {
				*on = value;
				return 0;
			}
	return err_set(err, ERR_USAGE, ".%s is on or off, not \"%s\"", command, word);
}

/* ---- form ------------------------------------------------------------------------------ */

int dot_mode(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	struct text names = { 0 };
	int r = 0, i = 0;

	(void)rest;
	if (w->list.n == 0)
		return say(s, "mode %s\n", query_form_names[s->set.form]);
	for (; query_form_names[i] && strcmp(query_form_names[i], w->list.list[0]) != 0; i++)
		text_addf(&names, "%s%s", i ? ", " : "", query_form_names[i]);
	if (query_form_names[i])
		s->set.form = (enum query_form)i;
	else
		r = err_set(err, ERR_USAGE, "there is no mode \"%s\"; it is one of %s",
			    w->list.list[0], names.data);
	text_release(&names);
	return r;
}

int dot_headers(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	static const char *const words[] = { "as the mode has them", "on", "off" };
	bool on = false;

	(void)rest;
	if (w->list.n == 0)
		return say(s, "headers %s\n", words[s->set.headers]);
	if (read_switch("headers", w->list.list[0], &on, err))
		return err->code;
	s->set.headers = on ? HEADERS_ON : HEADERS_OFF;
	return 0;
}

static int say_widths(const struct shell *s)
{
	struct text line = { 0 };

	text_adds(&line, "width");
	for (int i = 0; i < s->set.n_widths; i++)
		text_addf(&line, " %d", s->set.widths[i]);
	text_adds(&line, s->set.n_widths ? "\n" : ": as wide as what is in it\n");
	ui_write_lines(&s->in->out, line.data, line.len);
	text_release(&line);
	return 0;
}

int dot_width(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	int widths[QUERY_WIDTHS];

	(void)rest;
	if (w->list.n == 0)
		return say_widths(s);
	if (w->list.n > QUERY_WIDTHS)
		return err_set(err, ERR_USAGE, ".width takes %d numbers at most", QUERY_WIDTHS);
	for (int i = 0; i < w->list.n; i++) {
		const char *word = w->list.list[i];
		char *end;
		long n = strtol(word, &end, 10);

		if (end == word || *end || n < -1000 || n > 1000)
			return err_set(err, ERR_USAGE,
				       ".width wants columns from -1000 to 1000, not \"%s\"", word);
		widths[i] = (int)n;
	}
	memcpy(s->set.widths, widths, sizeof(widths[0]) * (size_t)w->list.n);
	s->set.n_widths = w->list.n;
	/* 0 of the first alone is what there was. */
	while (s->set.n_widths > 0 && s->set.widths[s->set.n_widths - 1] == 0)
		s->set.n_widths--;
	return 0;
}

/* ---- limits ---------------------------------------------------------------------------- */

int dot_limit(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	double x;

	(void)rest;
	if (w->list.n == 0) {
		long long rows = shell_settings(s).max_rows;

		return say(s, "limit %lld%s\n", rows, rows ? "" : ": all rows");
	}
	if (read_number("limit", w->list.list[0], 1e15, &x, err))
		return err->code;
	s->limit = (int64_t)x;
	return 0;
}

int dot_timeout(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	double x;

	(void)rest;
	if (w->list.n == 0 && s->set.max_wait_ns)
		return say(s, "timeout %g s without a row\n", (double)s->set.max_wait_ns / 1e9);
	if (w->list.n == 0)
		return say(s, "timeout %g%s\n", (double)s->set.max_ns / 1e9,
			   s->set.max_ns ? " s" : ": never");
	if (read_number("timeout", w->list.list[0], 1e6, &x, err))
		return err->code;
	s->set.max_ns = (int64_t)(x * 1e9);
	s->set.max_wait_ns = 0;
	return 0;
}

int dot_timer(struct shell *s, const struct words *w, const char *rest, struct err *err)
{
	(void)rest;
	if (w->list.n == 0)
		return say(s, "timer %s\n", s->is_timed ? "on" : "off");
	return read_switch("timer", w->list.list[0], &s->is_timed, err);
}
