/*
 * tui_typing.c -- the command line of the full-screen view, and its questions.
 */
#include "tui.h"

#include "torchless/clock.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SHOWN 60 /* candidates */

/* ---- what is said ------------------------------------------------------------------------- */

/* Of a command that runs for long one sees what it says. */
void tui_write(struct tui *t, const char *data, size_t len)
{
	int64_t now = clock_ns();

	scrollback_add(&t->said, data, len);
	t->back = 0;
	if (now - t->drawn_at < 100 * 1000000ll)
		return;
	t->drawn_at = now;
	tui_draw(t);
}

/* ---- running ------------------------------------------------------------------------------ */

static void echo(struct tui *t, const char *line)
{
	struct text shown = { 0 };
	char prompt[64];

	debugger_prompt(t->f->debugger, prompt, sizeof(prompt));
	text_adds(&shown, prompt);
	text_add_visible(&shown, line, strlen(line));
	scrollback_say(&t->said, t->ui, UI_BOLD, shown.data);
	text_release(&shown);
}

/* What the front end of lines tells on stderr is told here. */
void tui_report(struct tui *t, const struct err *err)
{
	scrollback_say(&t->said, t->ui, UI_WARN, err->message);
}

void tui_run(struct tui *t, const char *line, enum line_origin origin)
{
	struct err err = { 0 };
	int r;

	echo(t, line);
	t->back = 0;
	t->runs = true;
	tui_draw(t);
	t->drawn_at = clock_ns();
	interrupted = 0;
	screen_runs(true);
	r = front_line(t->f, line, origin, &err);
	screen_runs(false);
	t->runs = false;
	interrupted = 0;
	if (r && !t->f->failed.code)
		tui_report(t, &err);
	if (t->said.is_open)
		scrollback_add(&t->said, "\n", 1);
	tui_look(t);
}

/* ---- questions ---------------------------------------------------------------------------- */

bool tui_ask(struct tui *t, const char *question)
{
	const char *last = strrchr(question, '\n');
	struct text line = { 0 };
	int answer = 0;

	/* What is asked for is one line. */
	if (last)
		scrollback_add(&t->said, question, (size_t)(last + 1 - question));
	text_addf(&line, "%s (y or n) ", last ? last + 1 : question);
	t->question = line.data;
	screen_runs(false);
	while (!answer) {
		bool waited;
		int key;

		tui_draw(t);
		key = screen_key(-1, &waited);
		if (key == KEY_OF_SIZE)
			tui_layout(t);
		else if (key == 'y' || key == 'Y')
			answer = 'y';
		else if (key == 'n' || key == 'N' || key == '\033' || key == KEY_OF_INTERRUPT ||
			 key == KEY_OF_END || key == 4)
			answer = 'n';
	}
	screen_runs(true);
	t->question = NULL;
	text_addc(&line, (char)answer);
	scrollback_say(&t->said, t->ui, UI_PLAIN, line.data);
	text_release(&line);
	return answer == 'y';
}

/* ---- completion --------------------------------------------------------------------------- */

static void show_candidates(struct tui *t, const struct candidates *c)
{
	struct text line = { 0 };
	int n = c->n < MAX_SHOWN ? c->n : MAX_SHOWN;

	for (int i = 0; i < n; i++) {
		text_adds(&line, c->list[i]);
		if (i + 1 < n)
			text_adds(&line, "  ");
	}
	if (c->n + c->n_more > n)
		text_addf(&line, "  and %d more", c->n + c->n_more - n);
	scrollback_say(&t->said, t->ui, UI_DIM, line.data);
	text_release(&line);
}

static void complete(struct tui *t)
{
	struct candidates c = { 0 };
	char *before = mem_memdup(t->edit.text.data, t->edit.cursor);
	char *after = mem_strdup(t->edit.text.data + t->edit.cursor);

	debugger_complete(t->f->debugger, before, after, &c);
	if (c.n > 0 && !edit_complete(&t->edit, &c))
		show_candidates(t, &c);
	candidates_release(&c);
	free(before);
	free(after);
}

/* ---- keys --------------------------------------------------------------------------------- */

static void stop_typing(struct tui *t)
{
	edit_remember(&t->edit, "");
	t->is_typing = t->is_searching = false;
}

static void enter(struct tui *t)
{
	char *line = mem_strdup(t->edit.text.data);

	if (t->is_searching) {
		if (*line) {
			text_clear(&t->search);
			text_adds(&t->search, line);
		}
		stop_typing(t);
		if (!tui_search(t))
			scrollback_say(&t->said, t->ui, UI_WARN, "not found");
	} else {
		bool is_kept =
			line[strspn(line, " \t")] && debugger_settings(t->f->debugger)->history;

		edit_remember(&t->edit, is_kept ? line : "");
		t->is_typing = false;
		tui_run(t, line, LINE_TYPED);
	}
	free(line);
}

static bool edit_by(struct tui *t, int key)
{
	static const struct {
		int key;
		enum edit_key edit;
	} keys[] = { { KEY_OF_LEFT, EDIT_LEFT },
		     { 2, EDIT_LEFT }, /* ^B */
		     { KEY_OF_RIGHT, EDIT_RIGHT },
		     { 6, EDIT_RIGHT },
		     { KEY_OF_HOME, EDIT_HOME },
		     { 1, EDIT_HOME },
		     { KEY_OF_END_OF_LINE, EDIT_END },
		     { 5, EDIT_END },
		     { KEY_OF_BACKSPACE, EDIT_BACKSPACE },
		     { KEY_OF_DELETE, EDIT_DELETE },
		     { 4, EDIT_DELETE },
		     { 23, EDIT_CUT_WORD }, /* ^W */
		     { KEY_WITH_ALT | 127, EDIT_CUT_WORD },
		     { 21, EDIT_CUT_BEFORE },
		     { 11, EDIT_CUT_BEHIND },
		     { KEY_OF_UP, EDIT_OLDER },
		     { 16, EDIT_OLDER },
		     { KEY_OF_DOWN, EDIT_NEWER },
		     { 14, EDIT_NEWER },
		     { KEY_WITH_ALT | 'b', EDIT_WORD_LEFT },
		     { KEY_WITH_ALT | 'f', EDIT_WORD_RIGHT } };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].key == key) {
			edit_key(&t->edit, keys[i].edit);
			return true;
		}
	return false;
}

bool tui_type(struct tui *t, int key)
{
	if (key == '\r' || key == '\n') {
		enter(t);
	} else if (key == '\033' || key == KEY_OF_INTERRUPT ||
		   (key == KEY_OF_BACKSPACE && t->edit.text.len == 0)) {
		stop_typing(t);
	} else if (key == '\t') {
		if (!t->is_searching)
			complete(t);
	} else if (key == 18) { /* ^R: the newest entry that holds what is typed */
		char *text = mem_strdup(t->edit.text.data);

		edit_search(&t->edit, text);
		free(text);
	} else if (!edit_by(t, key)) {
		if (key < ' ' || key >= KEY_OF_UP)
			return false;
		edit_insert(&t->edit, (uint32_t)key);
	}
	return true;
}
