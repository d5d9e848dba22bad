/*
 * tui_draw.c -- the panes, drawn.
 */
#include "tui.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { RED = 1, GREEN = 2, YELLOW = 3, BLUE = 4, MAGENTA = 5, CYAN = 6, WHITE = 7 };
#define BAR_BACK    (UI_CELL_256 + 24)
#define CHOSEN_BACK (UI_CELL_256 + 238)

/* ---- drawing ------------------------------------------------------------------------------ */

static struct ui_pen pen_of(int fg, bool bold, bool dim)
{
	return (struct ui_pen){ fg, UI_CELL_NONE, bold, dim };
}

/* What is chosen stands on a grey that any colour can be read on, where there is one. */
static enum screen_look on_ground(const struct tui *t, struct ui_pen *pen, enum screen_look look)
{
	if (look != LOOK_REVERSE || t->ui->depth < UI_DEPTH_256)
		return look;
	pen->bg = CHOSEN_BACK;
	pen->fg = pen->fg == UI_CELL_NONE ? UI_CELL_256 + 255 : pen->fg;
	return LOOK_PLAIN;
}

/* Text in a pen, up to `most` columns; the columns it takes.  NULL: its own paint. */
static int put(const struct tui *t, int y, int x, int most, const struct ui_pen *pen,
	       const char *text, enum screen_look look)
{
	struct ui_pen own = pen ? *pen : UI_PEN;
	struct ui_cell *cells;
	int n;

	if (most <= 0)
		return 0;
	look = on_ground(t, &own, look);
	cells = mem_calloc((size_t)most, sizeof(*cells));
	n = ui_cells(text, strlen(text), t->ui->utf8, &own, cells, most, NULL);
	screen_cells(y, x, cells, n, look);
	free(cells);
	return n;
}

/* The same, and blanks up to `most` columns. */
static void put_row(const struct tui *t, int y, int x, int most, const struct ui_pen *pen,
		    const char *text, enum screen_look look)
{
	int n = put(t, y, x, most, pen, text, look);
	struct ui_cell blank = { { ' ' }, 1, pen ? *pen : UI_PEN };

	look = on_ground(t, &blank.pen, look);
	for (; n < most; n++)
		screen_cells(y, x + n, &blank, 1, look);
}

/* A sentence in several rows, broken at spaces; text of ours, or escaped. */
static void put_wrapped(const struct tui *t, int y, int x, int rows, int columns,
			const struct ui_pen *pen, const char *text)
{
	for (; rows > 0 && *text; rows--, y++) {
		struct ui_pen own = *pen;
		struct ui_cell *cells = mem_calloc((size_t)columns, sizeof(*cells));
		size_t used, n;

		ui_cells(text, strlen(text), t->ui->utf8, &own, cells, columns, &used);
		free(cells);
		n = used;
		if (text[used] && text[used] != '\n')
			while (n > 0 && text[n] != ' ')
				n--;
		n = n > 0 ? n : used;
		if (n == 0)
			break;
		{
			char *line = mem_memdup(text, n);

			put(t, y, x, columns, pen, line, LOOK_PLAIN);
			free(line);
		}
		text += n;
		text += *text == ' ' || *text == '\n';
	}
}

static const char *sign(const struct tui *t, const char *utf8, const char *ascii)
{
	return t->ui->utf8 ? utf8 : ascii;
}

static int width_of(const char *s)
{
	return utf8_width(s, strlen(s));
}

/* ---- titles ------------------------------------------------------------------------------- */

static const char *const pane_names[PANE_COUNT] = {
	[PANE_PROGRAM] = "Program",
	[PANE_TENSOR] = "Tensor",
	[PANE_NEXT] = "Next token",
	[PANE_OUTPUT] = "Output",
};

/* "━ Program ━━━━━": heavy and bold where the keys go. */
static void draw_title(const struct tui *t, enum tui_pane pane, const char *name, const char *more)
{
	const struct tui_area *a = &t->areas[pane];
	bool has_focus = t->focus == pane;
	struct ui_pen line = pen_of(has_focus ? CYAN : UI_CELL_NONE, has_focus, !has_focus),
		      bold = pen_of(has_focus ? CYAN : UI_CELL_NONE, true, false),
		      plain = pen_of(UI_CELL_NONE, false, true);
	const char *rule = has_focus ? sign(t, "━", "=") : sign(t, "─", "-");
	int x = 0;

	/* Up to the line between the columns. */
	for (int i = a->x > 0 ? -1 : 0; i <= a->columns; i++)
		if (a->x + i < t->columns)
			put(t, a->y, a->x + i, 1, &line, rule, LOOK_PLAIN);
	x += 1 + put(t, a->y, a->x + 1, a->columns - 1, &plain, " ", LOOK_PLAIN);
	x += put(t, a->y, a->x + x, a->columns - x, &bold, name, LOOK_PLAIN);
	x += put(t, a->y, a->x + x, a->columns - x, &plain, " ", LOOK_PLAIN);
	if (*more && a->columns - x > 4) {
		x += put(t, a->y, a->x + x, a->columns - x - 2, &plain, more, LOOK_PLAIN);
		put(t, a->y, a->x + x, 1, &plain, " ", LOOK_PLAIN);
	}
}

static struct ui_pen bar_pen(const struct tui *t, bool bold)
{
	struct ui_pen pen = pen_of(UI_CELL_NONE, bold, false);

	if (t->ui->depth >= UI_DEPTH_256) {
		pen.fg = UI_CELL_256 + 255;
		pen.bg = BAR_BACK;
	}
	return pen;
}

static enum screen_look bar_look(const struct tui *t)
{
	return t->ui->depth >= UI_DEPTH_256 ? LOOK_PLAIN : LOOK_REVERSE;
}

/* "prefill · pass 0 · token 8/9 · layer 1/5 · op 24/110". */
static void add_place(const struct tui *t, struct text *out)
{
	const struct debugger_state *s = &t->state;
	const char *dot = sign(t, " · ", "  ");

	if (!s->has_begun) {
		text_adds(out, "not begun: s or c begins");
		return;
	}
	text_adds(out, s->has_ended ? "end of the generation" : s->phase);
	if (s->now.pass >= 0)
		text_addf(out, "%spass %d", dot, s->now.pass);
	if (s->T > 0)
		text_addf(out, "%stoken %lld/%lld", dot, (long long)(s->pos0 + s->T - 1),
			  (long long)s->n_tokens);
	if (s->layer >= 0)
		text_addf(out, "%slayer %d/%d", dot, s->layer, s->n_layers);
	if (s->now.pass >= 0 && s->now.op < s->n_ops)
		text_addf(out, "%sop %d/%d", dot, s->now.op, s->n_ops);
}

static void draw_top(const struct tui *t)
{
	struct ui_pen bold = bar_pen(t, true), plain = bar_pen(t, false);
	struct text name = { 0 }, place = { 0 }, right = { 0 };
	int x = 0, width;

	debugger_view_name(t->view, &name);
	add_place(t, &place);
	text_adds(&right, "");
	if (t->state.n_edits)
		text_addf(&right, "%s %d  ", sign(t, "✎", "edits"), t->state.n_edits);
	if (t->state.n_breakpoints)
		text_addf(&right, "%s %d  ", sign(t, "●", "breakpoints"), t->state.n_breakpoints);
	text_addf(&right, "%s ", t->state.is_live ? "live" : "recording");
	put_row(t, 0, 0, t->columns, &plain, " ", bar_look(t));
	x = 1 + put(t, 0, 1, t->columns / 3, &bold, name.data, bar_look(t));
	width = width_of(right.data);
	put(t, 0, x + 2, t->columns - x - 2 - width - 1, &plain, place.data, bar_look(t));
	put(t, 0, t->columns - width, width, &plain, right.data, bar_look(t));
	text_release(&name);
	text_release(&place);
	text_release(&right);
}

static void draw_keys(const struct tui *t)
{
	static const struct {
		const char *key, *does;
	} keys[] = { { "s", "step" },    { "n", "next" },  { "f", "finish" },  { "c", "continue" },
		     { "SNFC", "back" }, { "b", "break" }, { ":", "command" }, { "?", "help" },
		     { "q", "quit" },    { "h", "heat" },  { "+-", "head" },   { "v", "source" },
		     { "Tab", "pane" },  { "/", "search" } };
	static const struct {
		const char *key, *does;
	} typing[] = { { "Enter", "run" },
		       { "Tab", "complete" },
		       { "Up", "history" },
		       { "Esc", "back to keys" } };
	struct ui_pen key = pen_of(CYAN, true, false), does = pen_of(UI_CELL_NONE, false, true);
	int x = 1, n = t->is_typing ? 4 : (int)(sizeof(keys) / sizeof(keys[0]));

	for (int i = 0; i < n; i++) {
		const char *name = t->is_typing ? typing[i].key : keys[i].key;
		const char *text = t->is_typing ? typing[i].does : keys[i].does;
		int gap = t->columns >= 136 ? 2 : 1, left = t->columns - x;

		if ((int)(strlen(name) + strlen(text)) + 1 > left)
			continue;
		x += put(t, t->rows - 1, x, left, &key, name, LOOK_PLAIN) + 1;
		x += put(t, t->rows - 1, x, t->columns - x, &does, text, LOOK_PLAIN) + gap;
	}
}

/* ---- the program -------------------------------------------------------------------------- */

struct tui_list *tui_list_of(struct tui *t)
{
	return t->shows_source ? &t->source : &t->program;
}

int tui_list_rows(const struct tui *t)
{
	const char *source = debugger_view_source(t->view);
	int n = 0;

	if (!t->shows_source || !source)
		return debugger_view_n_rows(t->view);
	for (; *source; source++)
		n += *source == '\n';
	return n;
}

static void draw_marks(const struct tui *t, const struct debugger_row *row, int y, int x,
		       enum screen_look look)
{
	struct ui_pen red = pen_of(RED, true, false), green = pen_of(GREEN, false, false),
		      yellow = pen_of(YELLOW, true, false), dim = pen_of(UI_CELL_NONE, false, true);

	if (row->breakpoint)
		put(t, y, x, 1, &red,
		    row->breakpoint_is_enabled ? sign(t, "●", "B") : sign(t, "○", "b"), look);
	if (row->is_current)
		put(t, y, x + 1, t->ui->utf8 ? 2 : 3, &yellow, sign(t, "─▶", "-->"), look);
	x += 4;
	if (row->mark == MARK_FAULT)
		put(t, y, x, 1, &red, "!", look);
	else if (row->is_edited)
		put(t, y, x, 1, &yellow, sign(t, "✎", "E"), look);
	else if (row->mark == MARK_COMPUTED)
		put(t, y, x, 1, &green, sign(t, "✓", "+"), look);
	else if (row->mark == MARK_AHEAD)
		put(t, y, x, 1, &dim, "~", look);
}

static void draw_program_row(struct tui *t, int i, int y, bool is_cursor)
{
	const struct tui_area *a = &t->areas[PANE_PROGRAM];
	enum screen_look look = is_cursor ? LOOK_REVERSE : LOOK_PLAIN;
	struct ui_pen plain = UI_PEN, bold = pen_of(UI_CELL_NONE, true, false),
		      dim = pen_of(UI_CELL_NONE, false, true), module = pen_of(CYAN, false, false),
		      here = pen_of(YELLOW, true, false);
	const struct ui_pen *name;
	int x, room, width;

	debugger_view_row(t->view, i, &t->row);
	name = t->row.is_current           ? &here
	       : t->row.kind == ROW_MODULE ? &module
	       : t->row.mark == MARK_AHEAD ? &dim
	       : t->row.kind != ROW_OP     ? &bold
					   : &plain;
	if (is_cursor)
		put_row(t, y, a->x, a->columns, &plain, "", look);
	draw_marks(t, &t->row, y, a->x, look);
	x = 6 + (a->columns >= 40 ? 2 : 1) * t->row.depth;
	x += put(t, y, a->x + x, a->columns - x, name, t->row.name.data, look);
	room = a->columns - x - 2;
	width = width_of(t->row.what.data);
	if (room >= 8 && a->columns >= 44)
		put(t, y, a->x + (width < room ? a->columns - width : x + 2), room, &dim,
		    t->row.what.data, look);
}

static void draw_source_row(struct tui *t, int i, int y, bool is_cursor)
{
	const struct tui_area *a = &t->areas[PANE_PROGRAM];
	enum screen_look look = is_cursor ? LOOK_REVERSE : LOOK_PLAIN;
	struct ui_pen plain = UI_PEN, dim = pen_of(UI_CELL_NONE, false, true),
		      here = pen_of(YELLOW, true, false);
	const char *s = debugger_view_source(t->view);
	struct text line = { 0 };
	char number[16];

	for (int n = 0; n < i && *s; n++) {
		s += strcspn(s, "\n");
		s += *s == '\n';
	}
	debugger_view_source_row(t->view, i + 1, &t->row);
	if (is_cursor)
		put_row(t, y, a->x, a->columns, &plain, "", look);
	draw_marks(t, &t->row, y, a->x, look);
	snprintf(number, sizeof(number), "%3d", i + 1);
	put(t, y, a->x + 4, 4, &dim, number, look);
	text_adds(&line, "");
	/* Two columns a tab: these panes are narrow. */
	for (size_t n = strcspn(s, "\n"); n > 0; n--, s++)
		if (*s == '\t')
			text_adds(&line, "  ");
		else
			text_addc(&line, *s);
	put(t, y, a->x + 8, a->columns - 8,
	    t->row.is_current ? &here
	    : t->row.op < 0   ? &dim
			      : &plain,
	    line.data, look);
	text_release(&line);
}

/* The cursor stays in sight, with some of what is around it. */
static void scroll_to_cursor(struct tui_list *l, int rows, int n)
{
	int around = rows > 8 ? 3 : 0;

	l->cursor = l->cursor >= n ? n - 1 : l->cursor;
	l->cursor = l->cursor < 0 ? 0 : l->cursor;
	if (l->cursor < l->top + around)
		l->top = l->cursor - around;
	if (l->cursor >= l->top + rows - around)
		l->top = l->cursor - rows + around + 1;
	l->top = l->top > n - rows ? n - rows : l->top;
	l->top = l->top < 0 ? 0 : l->top;
}

static void draw_program(struct tui *t)
{
	const struct tui_area *a = &t->areas[PANE_PROGRAM];
	struct tui_list *l = tui_list_of(t);
	int n = tui_list_rows(t), rows = a->rows - 1;
	char more[64];

	snprintf(more, sizeof(more), "%d of %d", l->cursor + 1, n);
	draw_title(t, PANE_PROGRAM,
		   t->shows_source && t->state.file ? t->state.file
		   : t->shows_source                ? "Source"
						    : pane_names[PANE_PROGRAM],
		   more);
	scroll_to_cursor(l, rows, n);
	for (int i = 0; i < rows && l->top + i < n; i++) {
		bool is_cursor = t->focus == PANE_PROGRAM && l->top + i == l->cursor;

		if (t->shows_source)
			draw_source_row(t, l->top + i, a->y + 1 + i, is_cursor);
		else
			draw_program_row(t, l->top + i, a->y + 1 + i, is_cursor);
	}
}

/* ---- the tensor --------------------------------------------------------------------------- */

static int count_lines(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += *s == '\n' || !s[1];
	return n;
}

static void draw_statistics(const struct tui *t)
{
	const struct tui_area *a = &t->areas[PANE_TENSOR];
	struct text line = { 0 };

	ui_add_clipped(&line, t->ui, t->seen.line.data, t->seen.line.len, a->columns);
	put(t, a->y + 1, a->x, a->columns, NULL, line.data, LOOK_PLAIN);
	text_release(&line);
}

/* Every name of a program begins so. */
static const char *short_name(const char *name)
{
	return strncmp(name, "model.", 6) ? name : name + 6;
}

static void draw_tensor(struct tui *t)
{
	const struct tui_area *a = &t->areas[PANE_TENSOR];
	static const char *const pictures[] = { "heat", "histogram", "numbers" };
	struct ui_pen dim = pen_of(UI_CELL_NONE, false, true);
	int n = count_lines(t->tensor.data), rows = a->rows - 2;
	const char *line = t->tensor.data;
	struct text more = { 0 };

	if (t->seen.n_blocks > 1)
		text_addf(&more, "%lld of %lld  ", (long long)t->seen.block + 1,
			  (long long)t->seen.n_blocks);
	if (t->seen.line.len && t->look.picture != PICTURE_HEAT)
		text_addf(&more, "%s  ", pictures[t->look.picture]);
	text_adds(&more, short_name(t->seen.name.data));
	draw_title(t, PANE_TENSOR, t->look.row >= 0 ? "Chosen tensor" : pane_names[PANE_TENSOR],
		   more.data);
	text_release(&more);
	if (!t->seen.line.len) {
		put_wrapped(t, a->y + 1, a->x, a->rows - 1, a->columns, &dim, t->tensor.data);
		return;
	}
	draw_statistics(t);
	if (t->seen.n_blocks == 0) {
		put_wrapped(t, a->y + 2, a->x, rows, a->columns, &dim, t->tensor.data);
		return;
	}
	t->tensor_top = t->tensor_top > n - rows ? n - rows : t->tensor_top;
	t->tensor_top = t->tensor_top < 0 ? 0 : t->tensor_top;
	for (int i = 0; *line && i < t->tensor_top + rows; i++) {
		if (i >= t->tensor_top)
			put(t, a->y + 2 + i - t->tensor_top, a->x, a->columns, NULL, line,
			    LOOK_PLAIN);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
}

/* ---- tokens ------------------------------------------------------------------------------- */

/* The last tokens that fit, up to the one behind this pass: its own are bright. */
static int first_token_that_fits(const struct tui *t, int64_t last, int room)
{
	int64_t first = last;

	for (int width = 0; first > 0; first--) {
		struct text piece = { 0 };

		debugger_view_token(t->view, first, &piece);
		width += (piece.len ? width_of(piece.data) : 0) + 1;
		text_release(&piece);
		if (width > room)
			return (int)first + 1;
	}
	return (int)first;
}

static void draw_tokens(const struct tui *t, int y, int x, int columns)
{
	const struct debugger_state *s = &t->state;
	int64_t last = s->T > 0 ? s->pos0 + s->T : s->n_tokens - 1, i;
	struct ui_pen dim = pen_of(UI_CELL_NONE, false, true), plain = UI_PEN,
		      bold = pen_of(CYAN, true, false);
	int end = x + columns;

	if (s->n_tokens == 0) {
		put(t, y, x, columns, &dim, "no tokens yet", LOOK_PLAIN);
		return;
	}
	last = last >= s->n_tokens ? s->n_tokens - 1 : last;
	i = first_token_that_fits(t, last, columns - 4);
	if (i > 0)
		x += put(t, y, x, end - x, &dim, sign(t, "… ", ".. "), LOOK_PLAIN);
	for (; i <= last && x < end; i++) {
		bool is_here = s->T > 0 && i >= s->pos0 && i < s->pos0 + s->T,
		     is_last = is_here && i == s->pos0 + s->T - 1;
		struct text piece = { 0 };

		text_adds(&piece, "");
		debugger_view_token(t->view, i, &piece);
		x += put(t, y, x, end - x,
			 is_last   ? &bold
			 : is_here ? &plain
				   : &dim,
			 piece.data, is_last ? LOOK_REVERSE : LOOK_PLAIN);
		x += put(t, y, x, end - x, &dim, sign(t, "│", "|"), LOOK_PLAIN);
		text_release(&piece);
	}
}

static void draw_candidate(const struct tui *t, int i, int y, int x, int columns)
{
	int token = columns >= 50 ? 20 : 12, bar = columns - token - 10;
	struct ui_pen number = pen_of(UI_CELL_NONE, i == 0, false),
		      green = pen_of(GREEN, false, false);
	struct text piece = { 0 }, quoted = { 0 }, drawn = { 0 };
	double p = t->candidates[i].p;
	char percent[16];

	text_adds(&piece, "");
	debugger_view_piece(t->view, t->candidates[i].id, &piece);
	text_addf(&quoted, "'%s'", piece.data);
	put(t, y, x, token, &number, quoted.data, LOOK_PLAIN);
	snprintf(percent, sizeof(percent), "%5.1f%%", printed(100 * p));
	put(t, y, x + token + 1, 8, &number, percent, LOOK_PLAIN);
	bar = (int)((bar > 40 ? 40 : bar) * p + 0.5);
	if (bar > 0) {
		ui_add_bar(&drawn, t->ui, 1, bar);
		put(t, y, x + token + 9, bar, &green, drawn.data, LOOK_PLAIN);
	}
	text_release(&piece);
	text_release(&quoted);
	text_release(&drawn);
}

static void draw_next(const struct tui *t)
{
	const struct tui_area *a = &t->areas[PANE_NEXT];
	struct ui_pen dim = pen_of(UI_CELL_NONE, false, true);
	int rows = a->rows - 2, n = t->n_candidates < rows ? t->n_candidates : rows;

	draw_title(t, PANE_NEXT, pane_names[PANE_NEXT], t->from.data);
	draw_tokens(t, a->y + 1, a->x, a->columns);
	for (int i = 0; i < n; i++)
		draw_candidate(t, i, a->y + 2 + i, a->x, a->columns);
	if (n == 0 && rows > 0)
		put(t, a->y + 2, a->x, a->columns, &dim,
		    "nothing of this pass tells what comes next yet", LOOK_PLAIN);
}

/* ---- the output, the command line --------------------------------------------------------- */

static void draw_output(struct tui *t)
{
	const struct tui_area *a = &t->areas[PANE_OUTPUT];
	char more[64] = "";

	if (t->back > 0)
		snprintf(more, sizeof(more), "%d %s below", t->back,
			 plural(t->back, "row", "rows"));
	draw_title(t, PANE_OUTPUT, pane_names[PANE_OUTPUT], more);
	t->above_said = scrollback_draw(&t->said, t->ui->utf8, a->y + 1, a->x, a->rows - 1,
					a->columns, t->back);
}

/* The part of what is typed around the cursor, where it does not fit. */
static void draw_command(const struct tui *t)
{
	struct ui_pen bold = pen_of(t->question ? YELLOW : GREEN, true, false), plain = UI_PEN;
	char prompt[64];
	const char *text = t->edit.text.data;
	int x, room, width;
	size_t from = 0;

	if (t->question) {
		x = put(t, t->command_y, 0, t->columns - 1, &bold, t->question, LOOK_PLAIN);
		screen_cursor(t->command_y, x);
		return;
	}
	if (t->runs) {
		screen_cursor(-1, -1);
		return;
	}
	if (t->is_searching)
		snprintf(prompt, sizeof(prompt), "/");
	else
		debugger_prompt(t->f->debugger, prompt, sizeof(prompt));
	x = put(t, t->command_y, 0, t->columns, &bold, prompt, LOOK_PLAIN);
	room = t->columns - x - 1;
	/* Far into a long line only what can be on the screen is measured: a column has 4 bytes. */
	if (t->edit.cursor > 4 * (size_t)t->columns)
		from = t->edit.cursor - 4 * (size_t)t->columns;
	while ((text[from] & 0xc0) == 0x80)
		from++;
	while ((width = utf8_width(text + from, t->edit.cursor - from)) > room) {
		from++;
		while ((text[from] & 0xc0) == 0x80)
			from++;
	}
	put(t, t->command_y, x, room + 1, &plain, text + from, LOOK_PLAIN);
	screen_cursor(t->command_y, x + width);
}

/* ---- help --------------------------------------------------------------------------------- */

static const char *const help_lines[] = {
	"s n f c   step, next, finish, continue       S N F C  the same, back in time",
	"Enter     the last command once more",
	"b         a breakpoint at the cursor, or none",
	"Tab       the next pane; Up Down PgUp PgDn g G go up and down in it",
	"h         the tensor of the row at the cursor; again: histogram, numbers",
	".         the tensor that was made last, as time goes on",
	"+ -       another head, or the scale of the colours",
	"v         the modeling source, or the program",
	"/         search in this pane; / Enter goes on",
	":         type any command; `help` lists them, Tab completes, Up is history",
	"          (a pasted line, and one that begins with another letter, needs no :)",
	"Ctrl-C    ends a command that runs; twice, the program",
	"Ctrl-L    draws all anew                     Ctrl-Z  back to the shell",
	"q         quit; `tui disable` goes to the plain prompt",
	"",
};
static const char utf8_marks[] =
	"● breakpoint  ○ disabled  ─▶ here  ✓ computed  ~ not yet  ✎ edited  "
	"! NaN or inf";
static const char ascii_marks[] =
	"B breakpoint  b disabled  --> here  + computed  ~ not yet  E edited  "
	"! NaN or inf";

static void draw_help(const struct tui *t)
{
	int n = (int)(sizeof(help_lines) / sizeof(help_lines[0])), y = 2;
	struct ui_pen bold = pen_of(CYAN, true, false), plain = UI_PEN,
		      dim = pen_of(UI_CELL_NONE, false, true);

	put(t, 0, 1, t->columns - 1, &bold, "Keys", LOOK_PLAIN);
	for (int i = 0; i < n && y < t->rows - 1; i++, y++) {
		const char *line = i == n - 1 ? sign(t, utf8_marks, ascii_marks) : help_lines[i];

		put(t, y, 1, t->columns - 1, &plain, line, LOOK_PLAIN);
	}
	put(t, t->rows - 1, 1, t->columns - 1, &dim, "any key goes back", LOOK_PLAIN);
	screen_cursor(-1, -1);
}

/* ---- all of it ---------------------------------------------------------------------------- */

static void draw_too_small(const struct tui *t)
{
	struct ui_pen plain = UI_PEN;
	struct text line = { 0 };

	text_addf(&line,
		  "This window is too small: %d columns and %d rows at least, it has %d and %d.",
		  TUI_MIN_COLUMNS, TUI_MIN_ROWS, t->columns, t->rows);
	/* Broken at any column: it is very narrow. */
	for (int y = 0, at = 0; y < t->rows && at < (int)line.len; y++)
		at += put(t, y, 0, t->columns, &plain, line.data + at, LOOK_PLAIN);
	screen_cursor(-1, -1);
	text_release(&line);
}

static void draw_divider(const struct tui *t)
{
	const struct tui_area *a = &t->areas[PANE_PROGRAM];
	struct ui_pen dim = pen_of(UI_CELL_NONE, false, true);

	for (int y = a->y; a->rows > 0 && a->columns < t->columns && y < a->y + a->rows; y++)
		put(t, y, a->columns + 1, 1, &dim,
		    sign(t, y == a->y ? "┬" : "│", y == a->y ? "+" : "|"), LOOK_PLAIN);
}

void tui_draw(struct tui *t)
{
	screen_erase();
	if (t->is_too_small) {
		draw_too_small(t);
	} else if (t->shows_help) {
		draw_help(t);
	} else {
		draw_top(t);
		if (t->areas[PANE_PROGRAM].rows)
			draw_program(t);
		if (t->areas[PANE_TENSOR].rows)
			draw_tensor(t);
		if (t->areas[PANE_NEXT].rows)
			draw_next(t);
		draw_divider(t);
		draw_output(t);
		draw_command(t);
		draw_keys(t);
	}
	screen_flush();
}
