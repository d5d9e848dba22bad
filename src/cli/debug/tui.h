/*
 * tui.h -- what the files of the full-screen view share.
 *
 *	tui_screen.c      the terminal: cells, colours, keys, signals; the only one with curses
 *	tui_scrollback.c  lines that were said
 *	tui_layout.c      where the panes lie, and what they show
 *	tui_draw.c        the panes, drawn
 *	tui_search.c      rows that hold a text
 *	tui_typing.c      the command line and questions
 *	tui.c             keys and what they do; the front end
 *
 * What is on the screen is drawn anew from the state after every key; curses finds out what of it
 * is different.
 */
#ifndef DEBUG_TUI_H
#define DEBUG_TUI_H

#include "front_end.h"
#include "torchless/edit.h"
#include "torchless/ui_cells.h"

/* ---- the screen: tui_screen.c -------------------------------------------------------------- */

/* What of `ui` curses cannot show on this terminal is taken away.  ERR_TOOL; screen_close(). */
int screen_open(struct ui *ui, struct err *err);
void screen_close(void);
void screen_size(int *high, int *wide);

/* Whether a command runs: then the first Ctrl-C sets `interrupted`, and a second one leaves. */
void screen_runs(bool runs);

void screen_erase(void);
enum screen_look { LOOK_PLAIN, LOOK_REVERSE };
void screen_cells(int y, int x, const struct ui_cell *cells, int n, enum screen_look look);
/* Where the cursor is after screen_flush(); y < 0: nowhere. */
void screen_cursor(int y, int x);
void screen_flush(void);
/* Draw everything anew, whatever the terminal shows. */
void screen_refresh_all(void);

enum screen_key {
	KEY_OF_NOTHING = -1, /* the time is over */
	KEY_OF_END = -2,     /* the terminal is gone */
	KEY_OF_SIZE = -3,    /* it has another size, or is there again */
	KEY_OF_INTERRUPT = -4,
	/* Others than characters. */
	KEY_OF_UP = 0x200000,
	KEY_OF_DOWN,
	KEY_OF_LEFT,
	KEY_OF_RIGHT,
	KEY_OF_HOME,
	KEY_OF_END_OF_LINE,
	KEY_OF_PAGE_UP,
	KEY_OF_PAGE_DOWN,
	KEY_OF_DELETE,
	KEY_OF_BACKSPACE,
	KEY_OF_BACKTAB,
	KEY_OF_OTHER,
	KEY_WITH_ALT = 0x400000 /* and a character */
};
/* A character or one of the above; *waited says whether it was waited for. */
int screen_key(int milliseconds, bool *waited);
/* Whether there is more to be read, so that drawing can wait. */
bool screen_has_input(void);
/*
 * Whether other characters than `keys` come at once behind one: then it is a line that was pasted
 * or sent, and not keys that were pressed while something was running.
 */
bool screen_pasted(const char *keys);

/* ---- lines that were said: tui_scrollback.c ------------------------------------------------- */

struct scrollback {
	char **lines;
	int n;
	size_t cap, bytes;
	bool is_open; /* the last line has no end yet */
};
void scrollback_add(struct scrollback *s, const char *data, size_t len);
/* A line of its own, escaped, in a style. */
void scrollback_say(struct scrollback *s, const struct ui *ui, enum ui_style style,
		    const char *text);
void scrollback_release(struct scrollback *s);

/*
 * Draw the last rows above `back` rows from the end into an area.  Lines wrap.  How many rows are
 * above and can be gone to, at least 0.
 */
int scrollback_draw(const struct scrollback *s, bool utf8, int y, int x, int rows, int columns,
		    int back);

/* ---- the view ------------------------------------------------------------------------------ */

enum tui_pane { PANE_PROGRAM, PANE_TENSOR, PANE_NEXT, PANE_OUTPUT, PANE_COUNT };

struct tui_area {
	int y, x, rows, columns; /* rows 0: it is not shown; the first row is its title */
};

struct tui_list {
	int cursor, top;
};

#define TUI_CANDIDATES 16

struct tui {
	struct front_end *f;
	struct debugger_view *view;
	struct ui before; /* what the shell has instead of this screen */
	struct ui *ui;    /* of the output pane: in->out */

	int rows, columns;
	bool is_too_small;
	struct tui_area areas[PANE_COUNT];
	int command_y;
	enum tui_pane focus, above; /* `above`: which of the upper ones is shown where one fits */

	struct debugger_state state;
	struct debugger_row row; /* whose texts are used again */
	bool shows_source;
	struct tui_list program, source;

	struct debugger_look look;
	struct debugger_seen seen;
	struct text tensor; /* lines */
	int tensor_top;
	struct debugger_candidate candidates[TUI_CANDIDATES];
	int n_candidates;
	struct text from;

	struct scrollback said;
	int back, above_said; /* rows scrolled back, and that are above */

	struct edit_line edit;
	bool is_typing; /* ':' was pressed, or a line was begun */
	bool is_searching;
	struct text search;
	const char *question; /* that is being asked; NULL */
	bool shows_help;
	bool runs;        /* a command: there is no prompt */
	int64_t drawn_at; /* clock, while a command runs */
};

#define TUI_MIN_ROWS    10
#define TUI_MIN_COLUMNS 40

/* ---- tui_layout.c, tui_draw.c
 * ---------------------------------------------------------------------------- */

/* Take over the size of the terminal. */
void tui_layout(struct tui *t);
/* Look again at what the panes show: after a line was run. */
void tui_look(struct tui *t);
/* The same of the tensor alone. */
void tui_look_tensor(struct tui *t);
void tui_draw(struct tui *t);
/* The list in the pane of the program, and how many rows it has. */
struct tui_list *tui_list_of(struct tui *t);
int tui_list_rows(const struct tui *t);

/* ---- tui_typing.c -------------------------------------------------------------------------- */

/* A key of the command line; true when it was one.  What was typed runs by tui_run(). */
bool tui_type(struct tui *t, int key);
bool tui_ask(struct tui *t, const char *question);
/* Run a line as if it had been typed. */
void tui_run(struct tui *t, const char *line, enum line_origin origin);
/* What the debugger says. */
void tui_write(struct tui *t, const char *data, size_t len);
void tui_report(struct tui *t, const struct err *err);

/* ---- tui_search.c -------------------------------------------------------------------------- */

/* Go to the next row of the pane that holds what is searched for; false: none does. */
bool tui_search(struct tui *t);

#endif
