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

static int prose_width(const struct school *d)
{
	int width = d->in->out.width;

	return width > 0 && width < SHOW_WIDTH ? width : SHOW_WIDTH;
}

void school_say(struct school *d, int indent, const char *fmt, ...)
{
	struct text said = { 0 }, called = { 0 };
	va_list args;

	text_adds(&said, "");
	va_start(args, fmt);
	text_addvf(&said, fmt, args);
	va_end(args);
	text_add_called(&called, said.data);
	text_addf(&d->out, "%*s", indent, "");
	ui_add_wrapped(&d->out, called.data, called.len, prose_width(d), indent, indent);
	text_addc(&d->out, '\n');
	text_release(&said);
	text_release(&called);
}

void school_styled(struct school *d, enum ui_style style, const char *fmt, ...)
{
	struct text said = { 0 };
	va_list args;

	text_adds(&said, "");
	va_start(args, fmt);
	text_addvf(&said, fmt, args);
	va_end(args);
	ui_add_styled(&d->out, &d->in->out, style, said.data, said.len);
	text_release(&said);
}

/* ---- what to type -------------------------------------------------------------------------- */

/* "torchless lesson WORDS" with the options that have to be typed again. */
static void add_command(const struct school *d, const char *words, struct text *out)
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
	struct text words = { 0 }, command = { 0 };
	va_list args;

	if (d->is_watching)
		return;
	text_adds(&words, "");
	va_start(args, fmt);
	text_addvf(&words, fmt, args);
	va_end(args);
	add_command(d, words.data, &command);
	text_addc(&d->out, '\n');
	ui_add_styled(&d->out, &d->in->out, UI_DIM, "next  ", 6);
	ui_add_command(&d->out, command.data, command.len, d->in->out.width, 8, 6);
	text_addc(&d->out, '\n');
	text_release(&words);
	text_release(&command);
}

static const char *choice_word(const struct exercise *e)
{
	return e->kind == EXERCISE_LOCATE ? "KEY" : "CHOICE";
}

void school_add_form(const struct exercise *e, struct text *out)
{
	const char *choices = section_value(e->conf, "choices"),
		   *form = section_value(e->conf, "form");

	if (show_add_patients(e, out))
		return;
	if (e->kind == EXERCISE_LOCATE && show_has_place(e))
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

void school_add_file(const struct exercise *e, struct text *out)
{
	if (e->file)
		text_addf(out, "%s/%s", e->lesson->dir, e->file);
}

void school_add_bar(int done, int all, int width, struct text *out)
{
	int filled = all > 0 ? done * width / all : 0;

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

	school_add_bar(learner_n_done(&d->learner, NULL), course_n_exercises(&d->course), BAR,
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
