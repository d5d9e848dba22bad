/*
 * tui.c -- the full-screen view as a front end: keys, and what they do.
 *
 * A key is a letter for a command as long as nothing is being typed.  What comes faster than
 * anybody types was pasted, or sent by a program: it is a line.
 */
#include "tui.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdlib.h>
#include <string.h>

/* ---- moving in a pane --------------------------------------------------------------------- */

static int page_of(const struct tui *t)
{
	int rows = t->areas[t->focus].rows - 2;

	return rows > 1 ? rows : 1;
}

static void move_output(struct tui *t, int by)
{
	int back = t->back - by;

	if (back > t->back + t->above_said)
		back = t->back + t->above_said;
	t->back = back < 0 ? 0 : back;
}

/* By rows; INT_MAX / 4 is to the end. */
static void move_by(struct tui *t, int by)
{
	if (t->focus == PANE_PROGRAM) {
		struct tui_list *l = tui_list_of(t);
		int last = tui_list_rows(t) - 1;

		l->cursor += by;
		l->cursor = l->cursor < 0 ? 0 : l->cursor > last ? last : l->cursor;
	} else if (t->focus == PANE_TENSOR) {
		t->tensor_top += by;
		t->tensor_top = t->tensor_top < 0 ? 0 : t->tensor_top;
	} else if (t->focus == PANE_OUTPUT) {
		move_output(t, by);
	}
}

#define FAR (1 << 28)

static bool move(struct tui *t, int key)
{
	const struct {
		int key, by;
	} moves[] = { { KEY_OF_UP, -1 },
		      { KEY_OF_DOWN, 1 },
		      { KEY_OF_PAGE_UP, -page_of(t) },
		      { KEY_OF_PAGE_DOWN, page_of(t) },
		      { 'g', -FAR },
		      { 'G', FAR },
		      { KEY_OF_HOME, -FAR },
		      { KEY_OF_END_OF_LINE, FAR } };

	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		if (moves[i].key == key) {
			move_by(t, moves[i].by);
			return true;
		}
	return false;
}

/* ---- panes -------------------------------------------------------------------------------- */

static void next_pane(struct tui *t, int by)
{
	t->focus = (enum tui_pane)(((int)t->focus + by + PANE_COUNT) % PANE_COUNT);
	if (t->focus != PANE_OUTPUT)
		t->above = t->focus;
	tui_layout(t);
	tui_look_tensor(t);
}

static void toggle_source(struct tui *t)
{
	if (debugger_view_source(t->view))
		t->shows_source = !t->shows_source;
	else
		scrollback_say(&t->said, t->ui, UI_WARN,
			       "this program does not carry the modeling code of this model");
}

/* ---- the row at the cursor ---------------------------------------------------------------- */

static void toggle_breakpoint(struct tui *t)
{
	struct text line = { 0 };

	if (t->shows_source)
		debugger_view_source_row(t->view, t->source.cursor + 1, &t->row);
	else
		debugger_view_row(t->view, t->program.cursor, &t->row);
	if (t->row.breakpoint)
		text_addf(&line, "delete %d", t->row.breakpoint);
	else
		text_addf(&line, "break %s", t->row.location.data);
	{
		struct tui_list program = t->program, source = t->source;

		/* One goes on from the row where one is. */
		tui_run(t, line.data, LINE_SCRIPT);
		t->program = program;
		t->source = source;
	}
	text_release(&line);
}

/* The tensor of the row at the cursor; once more, another picture of it. */
static void choose_tensor(struct tui *t)
{
	int row = t->program.cursor;
	bool is_again;

	if (t->shows_source || t->focus != PANE_PROGRAM)
		row = t->look.row;
	is_again = row == t->look.row || (t->look.row < 0 && row == t->state.row);
	if (is_again)
		t->look.picture =
			(enum debugger_picture)(((int)t->look.picture + 1) % PICTURE_COUNT);
	else
		t->look = (struct debugger_look){ .row = row, .zoom = 1 };
	tui_look_tensor(t);
}

static void latest_tensor(struct tui *t)
{
	t->look = (struct debugger_look){ .row = -1, .zoom = 1 };
	tui_look_tensor(t);
}

static void change_tensor(struct tui *t, int by)
{
	if (t->seen.n_blocks > 1)
		t->look.block += by;
	else
		t->look.zoom *= by > 0 ? 2 : 0.5;
	if (t->look.zoom < 1.0 / 1024 || t->look.zoom > 1 << 20)
		t->look.zoom = 1;
	tui_look_tensor(t);
}

/* ---- keys --------------------------------------------------------------------------------- */

static const char *command_of(int key)
{
	static const struct {
		int key;
		const char *line;
	} commands[] = { { 's', "step" },
			 { 'n', "next" },
			 { 'f', "finish" },
			 { 'c', "continue" },
			 { 'S', "reverse-step" },
			 { 'N', "reverse-next" },
			 { 'F', "reverse-finish" },
			 { 'C', "reverse-continue" },
			 { 'q', "quit" } };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].key == key)
			return commands[i].line;
	return NULL;
}

static void begin_typing(struct tui *t, bool is_searching)
{
	t->is_typing = true;
	t->is_searching = is_searching;
}

/* A key that is no command: false. */
static bool act(struct tui *t, int key)
{
	if (command_of(key)) {
		tui_run(t, command_of(key), LINE_TYPED);
		return true;
	}
	switch (key) {
	case 'b':
		toggle_breakpoint(t);
		return true;
	case 'h':
		choose_tensor(t);
		return true;
	case '.':
		latest_tensor(t);
		return true;
	case '+':
	case '-':
		change_tensor(t, key == '+' ? 1 : -1);
		return true;
	case 'v':
		toggle_source(t);
		return true;
	case '\t':
		next_pane(t, 1);
		return true;
	case KEY_OF_BACKTAB:
		next_pane(t, -1);
		return true;
	case '/':
	case ':':
		begin_typing(t, key == '/');
		return true;
	case '?':
		t->shows_help = true;
		return true;
	case '\r':
	case '\n':
		tui_run(t, "", LINE_TYPED);
		return true;
	case 4: /* ^D */
		tui_run(t, "quit", LINE_TYPED);
		return true;
	case KEY_OF_INTERRUPT:
		scrollback_say(&t->said, t->ui, UI_DIM, "q quits");
		return true;
	case '\033':
		return true;
	}
	return move(t, key);
}

/* Whether a list of commands is being typed: then every key belongs to it. */
static bool wants_lines(const struct tui *t)
{
	char prompt[64];

	return !strcmp(debugger_prompt(t->f->debugger, prompt, sizeof(prompt)), ">");
}

static bool begins_line(int key)
{
	return key > ' ' && key < KEY_OF_UP && key != ':' && key != '/';
}

static void press(struct tui *t, int key, bool waited)
{
	struct err ignored;

	if (t->shows_help) {
		t->shows_help = false;
	} else if (t->is_typing || wants_lines(t)) {
		if (key == KEY_OF_INTERRUPT)
			debugger_end_lines(t->f->debugger, &ignored);
		tui_type(t, key);
	} else if (begins_line(key) &&
		   ((waited && screen_pasted("snfcSNFCbhvgG+-.?q")) || !act(t, key))) {
		begin_typing(t, false);
		tui_type(t, key);
	} else if (!begins_line(key)) {
		act(t, key);
	}
}

/* ---- the front end ------------------------------------------------------------------------ */

static void loop(struct tui *t)
{
	while (!t->f->quit && !t->f->failed.code &&
	       debugger_settings(t->f->debugger)->full_screen) {
		bool waited;
		int key;

		if (!screen_has_input())
			tui_draw(t);
		key = screen_key(-1, &waited);
		if (key == KEY_OF_END)
			break;
		if (key == KEY_OF_SIZE) {
			tui_layout(t);
			tui_look_tensor(t);
		} else if (key == 12) { /* ^L */
			screen_refresh_all();
		} else if (key != KEY_OF_NOTHING) {
			press(t, key, waited);
		}
	}
}

static void release(struct tui *t)
{
	debugger_view_free(t->view);
	debugger_row_release(&t->row);
	text_release(&t->seen.name);
	text_release(&t->seen.line);
	text_release(&t->tensor);
	text_release(&t->from);
	text_release(&t->search);
	scrollback_release(&t->said);
	edit_close(&t->edit);
}

static void on_write(void *ctx, const char *data, size_t len)
{
	tui_write(ctx, data, len);
}

static bool on_ask(void *ctx, const char *question)
{
	return tui_ask(ctx, question);
}

static void on_report(void *ctx, const struct err *err)
{
	tui_report(ctx, err);
}

static void greet(struct tui *t)
{
	scrollback_say(&t->said, t->ui, UI_DIM,
		       "Single keys run commands: s steps, ? lists them.  : types any command.");
}

int front_tui(struct front_end *f, int (*scripts)(struct front_end *f, struct err *err),
	      struct err *err)
{
	struct tui *t = mem_calloc(1, sizeof(*t));
	const struct front_screen shown = { on_write, on_ask, on_report, t };
	int r;

	t->f = f;
	t->ui = &f->in->out;
	t->before = *t->ui;
	t->look = (struct debugger_look){ .row = -1, .zoom = 1 };
	r = screen_open(t->ui, err);
	if (!r) {
		struct err ignored;

		debugger_line(f->debugger, "tui", LINE_SCRIPT, &ignored);
		t->view = debugger_view_new(f->debugger);
		edit_open(&t->edit, "debug_history");
		text_adds(&t->search, "");
		text_adds(&t->tensor, "");
		f->screen = &shown;
		greet(t);
		tui_layout(t);
		tui_look(t);
		screen_runs(true);
		r = scripts ? scripts(f, err) : 0;
		screen_runs(false);
		interrupted = 0;
		tui_look(t);
		if (!r)
			loop(t);
	}
	screen_close();
	f->screen = NULL;
	*t->ui = t->before;
	ui_resize(t->ui);
	release(t);
	free(t);
	return r;
}
