/*
 * say.c -- what people read: sentences with commands that work when pasted, where one is, and the
 * one thing to type next.
 */
#include "school.h"
#include "show.h"
#include "torchless/called.h"
#include "torchless/mem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR          12 /* signs */
#define MOST_CHOICES 70 /* bytes of them in what is typed; more stand in a sentence before it */

static char *format(const char *fmt, va_list args)
{
	va_list again;
	char *s;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	s = mem_calloc((size_t)(n < 0 ? 0 : n) + 1, 1);
	if (n >= 0)
		vsnprintf(s, (size_t)n + 1, fmt, args);
	return s;
}

static int prose_width(const struct school *d)
{
	int width = d->in->out.width;

	return width > 0 && width < SHOW_WIDTH ? width : SHOW_WIDTH;
}

void school_say(struct school *d, int indent, const char *fmt, ...)
{
	struct text called = { 0 };
	va_list args;
	char *s;

	va_start(args, fmt);
	s = format(fmt, args);
	va_end(args);
	text_add_called(&called, s);
	text_addf(&d->out, "%*s", indent, "");
	ui_add_wrapped(&d->out, called.data, called.len, prose_width(d), indent, indent);
	text_addc(&d->out, '\n');
	text_release(&called);
	free(s);
}

void school_styled(struct school *d, enum ui_style style, const char *fmt, ...)
{
	va_list args;
	char *s;

	va_start(args, fmt);
	s = format(fmt, args);
	va_end(args);
	ui_add_styled(&d->out, &d->in->out, style, s, strlen(s));
	free(s);
}

/* ---- what to type -------------------------------------------------------------------------- */

void school_command(const struct school *d, const char *words, struct text *out)
{
	text_addf(out, "%s lesson%s%s", called_name(), *words ? " " : "", words);
	if (d->places.is_named) {
		text_adds(out, " --home ");
		text_add_shell_word(out, d->in->option[OPT_HOME].s);
	}
	if (d->in->option[OPT_COURSE].is_set) {
		text_adds(out, " --course ");
		text_add_shell_word(out, d->in->option[OPT_COURSE].s);
	}
}

void school_next(struct school *d, const char *fmt, ...)
{
	struct text command = { 0 };
	va_list args;
	char *s;

	if (d->is_watching)
		return;
	va_start(args, fmt);
	s = format(fmt, args);
	va_end(args);
	school_command(d, s, &command);
	text_addc(&d->out, '\n');
	ui_add_styled(&d->out, &d->in->out, UI_DIM, "next  ", 6);
	ui_add_command(&d->out, command.data, command.len, d->in->out.width, 8, 6);
	text_addc(&d->out, '\n');
	text_release(&command);
	free(s);
}

static bool has_place(const struct exercise *e)
{
	const char *place = section_value(e->conf, "place");

	return !place || strcmp(place, "no") != 0;
}

bool school_add_patients(const struct exercise *e, struct text *out)
{
	const char *at = section_value(e->conf, "patients");
	int n = 0;

	at = at ? at + strspn(at, " \n") : "";
	if (e->kind != EXERCISE_LOCATE || !at[strcspn(at, " \n")])
		return false;
	for (size_t len; *at; at += len + strspn(at + len, " \n")) {
		len = strcspn(at, " \n");
		text_addf(out, "%s%.*s=KEY", n++ ? " " : "", (int)len, at);
	}
	return true;
}

static const char *choice_word(const struct exercise *e)
{
	return e->kind == EXERCISE_LOCATE ? "KEY" : "CHOICE";
}

void school_add_form(const struct exercise *e, struct text *out)
{
	const char *choices = section_value(e->conf, "choices"),
		   *form = section_value(e->conf, "form");

	if (school_add_patients(e, out))
		return;
	if (e->kind == EXERCISE_LOCATE && has_place(e))
		text_adds(out, "PLACE ");
	if (!choices) {
		form = form ? form : "number";
		for (; e->kind != EXERCISE_LOCATE && *form; form++)
			text_addc(out, (char)toupper((unsigned char)*form));
		text_adds(out, e->kind == EXERCISE_LOCATE ? "KEY" : "");
		return;
	}
	if (strlen(choices) > MOST_CHOICES) {
		text_adds(out, choice_word(e));
		return;
	}
	/* Pasted as it stands it would be a pipe. */
	text_addc(out, '\'');
	for (; *choices; choices++)
		text_addc(out, *choices == ' ' || *choices == '\n' ? '|' : *choices);
	text_addc(out, '\'');
}

void school_what_next(struct school *d, const struct exercise *e)
{
	const char *choices;
	struct text form = { 0 };

	if (!e) {
		school_next(d, "start");
		return;
	}
	if (exercise_is_done(&d->learner, e)) {
		school_next(d, learner_next(&d->learner, e) ? "next" : "progress");
		return;
	}
	if (e->file) {
		school_say(d, 0, "\nWrite it in %s/%s/%s%s", d->places.home, e->lesson->dir,
			   e->file, d->is_watching ? " and save it." : ", then:");
		school_next(d, "check %s", e->id);
		return;
	}
	if (e->kind == EXERCISE_MILESTONE) {
		school_next(d, "check %s", e->id);
		return;
	}
	school_add_form(e, &form);
	choices = section_value(e->conf, "choices");
	if (choices && strlen(choices) > MOST_CHOICES)
		school_say(d, 0, "\n%s is one of: %s", choice_word(e), choices);
	school_next(d, "answer %s %s", e->id, form.data);
	text_release(&form);
}

void school_say_folder(struct school *d, const struct exercise *e)
{
	char *here = e->kind == EXERCISE_LOCATE ? getcwd(NULL, 0) : NULL;
	struct text folder = { 0 }, word = { 0 };

	text_addf(&folder, "%s/%s", d->places.home, e->lesson->dir);
	text_add_shell_word(&word, folder.data);
	if (here && strcmp(here, folder.data) != 0)
		school_say(d, 0, "\nIts recordings lie in the lesson's folder: `cd %s`.",
			   word.data);
	free(here);
	text_release(&folder);
	text_release(&word);
}

/* ---- where --------------------------------------------------------------------------------- */

const char *school_kind(enum exercise_kind kind)
{
	static const char *const names[EXERCISE_KINDS] = {
		[EXERCISE_PREDICT] = "predict",
		[EXERCISE_VALUE] = "value",
		[EXERCISE_SQL] = "sql",
		[EXERCISE_KERNEL] = "kernel",
		[EXERCISE_LOCATE] = "locate",
		[EXERCISE_BENCH] = "bench",
		[EXERCISE_MILESTONE] = "milestone",
	};

	return names[kind];
}

void school_add_file(const struct exercise *e, struct text *out)
{
	if (e->file)
		text_addf(out, "%s/%s", e->lesson->dir, e->file);
}

void school_add_bar(const struct school *d, int done, int all, int width, struct text *out)
{
	int filled = all > 0 ? done * width / all : 0;

	(void)d;
	text_addc(out, '[');
	for (int i = 0; i < width; i++)
		text_addc(out, i < filled ? '#' : '-');
	text_addf(out, "] %d/%d", done, all);
}

/* The line with the lesson's title, the first `n_title` bytes of it. */
static void add_place(const struct school *d, const struct exercise *e, size_t n_title,
		      struct text *out)
{
	const struct lesson *l = e->lesson;
	const char *dot = ui_sign(&d->in->out, "·", "-");

	text_clear(out);
	text_addf(out, "lesson %s%s%.*s %s exercise %s (%d of %d)", l->number, n_title ? " " : "",
		  (int)n_title, l->title, dot, e->id, (int)(e - l->exercises) + 1, l->n_exercises);
	if (e->file)
		text_addf(out, " %s ", dot);
	school_add_file(e, out);
}

/* As much of the title as fits beside the bar, up to its colon or none; then the bar is below. */
void school_place(struct school *d, const struct exercise *e)
{
	const char *title = e->lesson->title;
	const size_t titles[] = { strlen(title), strcspn(title, ":"), 0 };
	const struct ui *ui = &d->in->out;
	struct text line = { 0 }, bar = { 0 };
	int room = 2;

	school_add_bar(d, learner_n_done(&d->learner, NULL), course_n_exercises(&d->course), BAR,
		       &bar);
	for (int i = 0; i < 3; i++) {
		add_place(d, e, titles[i], &line);
		if (ui->width <= 0)
			break;
		room = ui->width - ui_columns(line.data, line.len) - ui_columns(bar.data, bar.len);
		if (room >= 2)
			break;
	}
	if (room >= 2) {
		ui_add_styled(&d->out, ui, UI_BOLD, line.data, line.len);
		text_addf(&d->out, "%*s%s\n", room, "", bar.data);
	} else {
		struct text wrapped = { 0 };

		ui_add_wrapped(&wrapped, line.data, line.len, ui->width, 2, 0);
		ui_add_styled(&d->out, ui, UI_BOLD, wrapped.data, wrapped.len);
		text_addf(&d->out, "\n%s\n", bar.data);
		text_release(&wrapped);
	}
	text_release(&line);
	text_release(&bar);
}

void school_markdown(struct school *d, const struct lesson *l, const char *markdown, int indent)
{
	lesson_show_markdown(&d->out, &d->in->out, l, markdown, indent);
}

int school_flush(struct school *d, struct err *err)
{
	int r = d->out.len ? write_shown(d->out.data, d->out.len, err) : 0;

	text_clear(&d->out);
	return r ? r : flush_out(err);
}

void school_json(struct text *t, const char *key, const char *value)
{
	text_addf(t, "\"%s\":", key);
	if (value)
		text_add_json(t, value, strlen(value));
	else
		text_adds(t, "null");
}
