/*
 * tui_layout.c -- where the panes lie, and what they show.
 *
 *	title: model, place, phase
 *	program     | tensor          from 66 columns on side by side; fewer: one of the three at a
 *time | next token output, command line keys
 */
#include "tui.h"

#include <string.h>

#define TWO_COLUMNS 66

/* ---- where the panes lie ------------------------------------------------------------------ */

static void lay_side_by_side(struct tui *t, int rows)
{
	int left = t->columns * 2 / 5, next = rows * 2 / 5;

	left = left < 30 ? 30 : left > 76 ? 76 : left;
	next = next < 4 ? 4 : next > 12 ? 12 : next;
	t->areas[PANE_PROGRAM] = (struct tui_area){ 1, 0, rows, left - 1 };
	t->areas[PANE_TENSOR] =
		(struct tui_area){ 1, left + 2, rows - next, t->columns - left - 2 };
	t->areas[PANE_NEXT] =
		(struct tui_area){ 1 + rows - next, left + 2, next, t->columns - left - 2 };
}

void tui_layout(struct tui *t)
{
	int body, output;

	screen_size(&t->rows, &t->columns);
	t->is_too_small = t->rows < TUI_MIN_ROWS || t->columns < TUI_MIN_COLUMNS;
	memset(t->areas, 0, sizeof(t->areas));
	if (t->is_too_small)
		return;
	body = t->rows - 2;
	output = body * 3 / 10 < 4 ? 4 : body * 3 / 10;
	if (t->columns >= TWO_COLUMNS && body - output >= 8)
		lay_side_by_side(t, body - output);
	else
		t->areas[t->above] = (struct tui_area){ 1, 0, body - output, t->columns };
	t->areas[PANE_OUTPUT] = (struct tui_area){ 1 + body - output, 0, output - 1, t->columns };
	t->command_y = t->rows - 2;
	t->ui->width = t->columns;
}

/* ---- what they show ----------------------------------------------------------------------- */

void tui_look_tensor(struct tui *t)
{
	const struct tui_area *area = &t->areas[PANE_TENSOR];
	struct ui ui = *t->ui;
	struct err err = { 0 };

	text_clear(&t->tensor);
	text_clear(&t->seen.name);
	text_clear(&t->seen.line);
	text_adds(&t->tensor, "");
	text_adds(&t->seen.name, "");
	text_adds(&t->seen.line, "");
	t->tensor_top = 0;
	if (area->rows < 3)
		return;
	ui.width = area->columns;
	t->look.lines = area->rows - 2;
	t->look.ui = &ui;
	if (debugger_view_tensor(t->view, &t->look, &t->seen, &t->tensor, &err)) {
		text_clear(&t->tensor);
		text_adds(&t->tensor, err.message);
	}
	t->look.block = t->seen.block;
	t->look.ui = NULL;
}

void tui_look(struct tui *t)
{
	debugger_view_refresh(t->view);
	debugger_view_state(t->view, &t->state);
	if (t->state.row >= 0)
		t->program.cursor = t->state.row;
	if (t->state.line > 0)
		t->source.cursor = t->state.line - 1;
	if (!debugger_view_source(t->view))
		t->shows_source = false;
	text_clear(&t->from);
	text_adds(&t->from, "");
	t->n_candidates =
		debugger_view_candidates(t->view, TUI_CANDIDATES, t->candidates, &t->from);
	tui_look_tensor(t);
}
