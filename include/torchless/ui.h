/*
 * ui.h -- how results look: tables, sparklines, bars, numbers with units, a pager.
 *
 * A `struct ui` says what one stream can show.  A terminal gets borders, colour and escaped bytes;
 * anything else gets data: tab-separated rows without a heading, as the sqlite3 shell writes them.
 * Nothing here prints bytes of a model, a token or a prompt to a terminal without escaping them.
 */
#ifndef TORCHLESS_UI_H
#define TORCHLESS_UI_H

#include "torchless/tensor.h"
#include "torchless/text.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum ui_color { UI_COLOR_AUTO, UI_COLOR_ALWAYS, UI_COLOR_NEVER };

/* How many colours there are; styles need 16. */
enum ui_depth { UI_DEPTH_NONE, UI_DEPTH_16, UI_DEPTH_256, UI_DEPTH_24BIT };

struct ui {
	FILE *out;
	bool is_terminal;
	bool color;
	bool utf8; /* by the locale */
	int width; /* columns; 0: unlimited, no terminal */
	enum ui_depth depth;
};

/*
 * What `out` can show.  Colour follows `color`; AUTO means a terminal, unless NO_COLOR is set or
 * TERM is dumb.  $COLUMNS stands in for a terminal that does not tell its width.
 *
 * How many colours is told by the environment, on a pipe too when colour is asked for, since it
 * ends on the same terminal: COLORTERM truecolor or 24bit, or a TERM of a terminal known for it,
 * is 24-bit; a TERM with 256color is 256; any other, and none, is 16.
 */
void ui_init(struct ui *ui, FILE *out, enum ui_color color);

/* The terminal may have another width now. */
void ui_resize(struct ui *ui);

enum ui_style { UI_PLAIN, UI_BOLD, UI_DIM, UI_GOOD, UI_WARN, UI_ITALIC, UI_CODE, UI_STYLE_COUNT };

/* Append s[0..len) with the escape sequences of `style` around it when `ui` has colour. */
void ui_add_styled(struct text *t, const struct ui *ui, enum ui_style style, const char *s,
		   size_t len);

/*
 * Write to ui->out, the last gate before a terminal: of control characters it gets line feeds,
 * tabs, the sequences of enum ui_style and those that pictures are painted with (sgr.h); any other,
 * what is no UTF-8 and what turns the direction of text is escaped, wherever it came from. Anything
 * else than a terminal gets the bytes as they are. Where there is no UTF-8, people are shown ASCII
 * (ui_add_ascii()), piped or not. False when it could not be written (errno).
 */
bool ui_write(const struct ui *ui, const void *data, size_t len);

/* The same of what programs read, or of a text that is the result: exact but on a terminal. */
bool ui_write_exact(const struct ui *ui, const void *data, size_t len);

/* The columns that painted text takes, its sequences not counted; well-formed UTF-8, one line. */
int ui_columns(const char *s, size_t len);

/* ---- numbers ------------------------------------------------------------------------------ */

/* Each writes into buf and returns it. */
const char *ui_format_time(int64_t ns, char *buf, size_t size);  /* "48 ms", "2.1 s" */
const char *ui_format_count(int64_t n, char *buf, size_t size);  /* "1,382" */
const char *ui_format_params(int64_t n, char *buf, size_t size); /* "134.5 M" */
const char *ui_format_number(double x, char *buf, size_t size);  /* "0.00312", "12", "9.1e+04" */

/*
 * A share of 0..1: "60.81 %", "0.002 %", "100 %", as the saved queries round a percentage, to four
 * digits that count, so that what is little is never 0.
 */
const char *ui_format_percent(double share, char *buf, size_t size);

/* ---- pictures ----------------------------------------------------------------------------- */

/* ▁▂▃▄▅▆▇█ scaled to [0, max]; '!' where x is not finite.  " .:-=+*#" without UTF-8. */
void ui_add_spark(struct text *t, const struct ui *ui, const double *x, int n);

/* A bar of `width` columns, `share` of it (0..1) filled. */
void ui_add_bar(struct text *t, const struct ui *ui, double share, int width);

/*
 * A contiguous tensor on one line: "f32[20,64] mean 0.003 std 0.41 absmax 6.2 ▁▂▅█▃▁▁▁", the
 * picture a histogram from the least to the greatest finite value; the elements themselves when
 * they are few.
 */
void ui_add_tensor(struct text *t, const struct ui *ui, const struct tensor *tensor);

/* ---- text that came from outside ---------------------------------------------------------- */

/*
 * Append bytes from outside as people are shown them within a line: on a terminal a line end is ⏎
 * and a tab ⇥, other control bytes, what is no UTF-8 and what turns the direction of text \xNN;
 * elsewhere as text_add_visible().  Without UTF-8 all of it is ASCII.
 */
void ui_add_visible(struct text *t, const struct ui *ui, const void *data, size_t len);

/*
 * Append text as ASCII: the signs that this program writes with (· … → µ, lines of boxes) become
 * what stands for them, every other character the bytes it has, \xNN.
 */
void ui_add_ascii(struct text *t, const void *data, size_t len);

/* The sign where it can be shown, else what stands for it. */
const char *ui_sign(const struct ui *ui, const char *utf8, const char *ascii);

/* Append at most `width` columns of the escaped bytes, `…` for what was left out. 0: all. */
void ui_add_clipped(struct text *t, const struct ui *ui, const void *data, size_t len, int width);

/*
 * The same for a name, which is cut in the middle: the first `head` columns of it stay (-1: half of
 * the room), and as many of its end as there is room for.
 */
void ui_add_cut(struct text *t, const struct ui *ui, const void *data, size_t len, int width,
		int head);

/* Whether it is a name: printable ASCII in parts ("a.b", "a_b", "a/b"), and no space. */
bool ui_is_name(const char *s, size_t len);

/*
 * Append lines, broken between words where they are wider than `width` (0: nowhere); what goes on
 * begins `indent` columns in.  `at` columns of the first are there already.  Escape sequences have
 * no columns, and lines of boxes keep their shape.
 */
void ui_add_wrapped(struct text *out, const char *s, size_t len, int width, int indent, int at);

/* Write lines for people, broken so where the stream has a width.  As ui_write(). */
bool ui_write_lines(const struct ui *ui, const char *s, size_t len);

/* The quote of a shell that is open behind `s`, when `quote` (0: none) was before it. */
char ui_shell_quote(char quote, const char *s, size_t len);

/*
 * Append a command of a shell, without a line end; broken with a backslash at spaces outside of
 * quotes where it is wider than `width` (0: nowhere), so that it can be pasted still.  `at` columns
 * of the line are there; what goes on begins `indent` columns in.
 */
void ui_add_command(struct text *out, const char *s, size_t len, int width, int indent, int at);

/*
 * Append what a terminal may be sent of running text: line feeds and tabs stay, other control
 * bytes and what turns the direction of text are escaped, bytes that are no UTF-8 become U+FFFD.
 */
void ui_add_running(struct text *t, const void *data, size_t len);

/* ---- tables ------------------------------------------------------------------------------- */

/* Rows of a result that are shown on a terminal, where nobody said how many. */
#define UI_TABLE_ROWS 1000

enum ui_table_style {
	UI_TABLE_TABS,    /* tab-separated, no heading: for programs */
	UI_TABLE_LINES,   /* aligned columns under a dim heading */
	UI_TABLE_BOX,     /* with borders; RECORDS where not even a row of names and numbers fits */
	UI_TABLE_RECORDS, /* a line a cell, its title before it */
};

struct ui_table {
	int n_columns;
	struct ui_column {
		char *title;
		bool right;    /* align right */
		bool fixed;    /* never clipped to make the table fit */
		bool wraps;    /* goes on in the next line instead of being clipped */
		int drops;     /* left out where there is no room, 1 first; 0: never */
		int set_width; /* as wide as that, right-aligned when negative; 0: as its cells */
		/* Found out when it is printed: */
		bool empty, left_out; /* nothing stands in it; it is not shown */
		bool text;            /* not only names */
		int full, width;      /* uncut, as shown */
		int head;      /* of a name that is cut: the columns that stay before the cut */
		int max_lines; /* of text that wraps since it has no room; 0: as wraps says */
	} * columns;
	char **cells; /* row by row, already escaped */
	size_t n_cells, cap_cells;
	bool no_titles;                           /* LINES and a BOX have rows only */
	const volatile sig_atomic_t *interrupted; /* NULL: nothing ends printing */
};

/* Titles separated by commas; one that begins with '>' is aligned to the right. */
void ui_table_init(struct ui_table *t, const char *titles);
void ui_table_release(struct ui_table *t);
void ui_table_add_column(struct ui_table *t, const char *title, bool right);

/* The next cell, left to right; bytes are escaped. */
void ui_table_cell(struct ui_table *t, const void *data, size_t len);
void ui_table_cellf(struct ui_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Leave these columns ("doc,file"), in that order, out of LINES and a BOX on a terminal that is too
 * narrow for them; a last line says which.  A title that is no column's means nothing.
 */
void ui_table_drops(struct ui_table *t, const char *titles);

/*
 * Print it to ui->out.  On a terminal too narrow a BOX does without columns that are empty and
 * those that may go, names are clipped in their middle, so that those of a column still differ, and
 * text goes on in the next line of its cell (in LINES it is clipped); nothing is clipped elsewhere.
 */
void ui_table_print(struct ui_table *t, const struct ui *ui, enum ui_table_style style);

/* LINES on a terminal, TABS elsewhere: what listings for people and programs use. */
enum ui_table_style ui_table_style_for(const struct ui *ui);

/* ---- what is longer than the screen ------------------------------------------------------- */

/*
 * What is printed on `ui` between open and close goes through $PAGER when it is longer than the
 * screen, on the stream itself otherwise.  A pager runs only where stdin and the stream are a
 * terminal; `less -FRX` when PAGER is not set, none when it is empty or `cat`.  One that does not
 * exist or ends early loses nothing but what it did not show.
 */
struct ui_pager {
	struct ui ui; /* print on this one */
	FILE *out;    /* where it goes in the end */
	char *data;   /* what was printed; NULL: it is on `out` already */
	size_t len;
};
void ui_pager_open(struct ui_pager *p, const struct ui *ui);
void ui_pager_close(struct ui_pager *p);

#endif
