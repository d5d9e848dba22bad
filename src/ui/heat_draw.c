/*
 * heat_draw.c -- a value as a colour, a shade or a letter.
 *
 * Whatever a colour says is said by a letter too where it matters: what is not finite has marks,
 * and without 256 colours values below and above 0 have shades of two kinds, lines and fills.
 */
#include "heat.h"

#include "torchless/ui_color.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const fills[] = { " ", "░", "▒", "▓", "█" };
static const char *const fills_ascii[] = { " ", ".", "+", "*", "#" };
static const char *const lines[] = { " ", "·", "-", "=", "≡" };
static const char *const lines_ascii[] = { " ", ",", "-", "=", "%" };
static const char *const ramp_ascii[] = { " ", ".", ":", "-", "=", "+", "*", "#", "%", "@" };
#define N_FILLS 5
#define N_RAMP  10

static bool is_painted(const struct heat *h)
{
	return h->ui->depth >= UI_DEPTH_256;
}

/* '!', '^' or 'v' for what is not finite; 0. */
static char mark_of(float x)
{
	return isnan(x) ? '!' : isfinite(x) ? 0 : x > 0 ? '^' : 'v';
}

static int color_at(const struct heat *h, double p)
{
	return h->map == UI_MAP_DIVERGING ? sgr_diverging(p) : sgr_sequential(p);
}

/* The colour of a cell that is there. */
static int color_of(const struct heat *h, float x)
{
	return SGR_OF((int)ui_map_color(h->map, UI_ON_TERMINAL, h->lo, h->hi, (double)x));
}

/* ---- shades ------------------------------------------------------------------------------- */

/* Blank means that there is no element where it can be meant so. */
static const char *sequential_shade_at(const struct heat *h, double p)
{
	int n = h->ui->utf8 ? N_FILLS : N_RAMP, level = (int)fmin(n - 1, p * n);

	if (h->ui->utf8)
		return level == 0 && h->grid.causal ? "·" : fills[level];
	return ramp_ascii[level == 0 && h->grid.causal ? 1 : level];
}

static const char *shade_at(const struct heat *h, double p)
{
	bool utf8 = h->ui->utf8, negative = p < 0.5;
	int level;

	if (h->map == UI_MAP_SEQUENTIAL)
		return sequential_shade_at(h, p);
	level = (int)fmin(N_FILLS - 1, fabs(2 * p - 1) * N_FILLS);
	if (negative)
		return utf8 ? lines[level] : lines_ascii[level];
	return utf8 ? fills[level] : fills_ascii[level];
}

/* One of the 16 colours. */
static int letter_color(const struct heat *h, double p)
{
	if (h->map == UI_MAP_SEQUENTIAL)
		return h->numbers ? SGR_NONE : SGR_CYAN;
	return p < 0.5 ? SGR_BLUE : SGR_YELLOW;
}

/* ---- cells -------------------------------------------------------------------------------- */

const char *heat_number(const struct heat *h, uint32_t cell, char *buf, size_t size)
{
	float x = ui_grid_value(cell);
	char mark = mark_of(x);

	if (mark)
		snprintf(buf, size, "%s", mark == '!' ? "nan" : mark == '^' ? "inf" : "-inf");
	else if (!h->fractions)
		snprintf(buf, size, "%.3g", (double)x);
	else if (snprintf(buf, size, "%.2f", (double)x) > 0 && buf[0] == '0')
		memmove(buf, buf + 1, strlen(buf));
	else
		buf[3] = '\0'; /* 1.0 */
	return buf;
}

/* The cell's letters, on whatever is behind them: a number, marks, or one text again and again. */
static void add_letters(const struct heat *h, struct text *t, uint32_t cell, const char *shade)
{
	char number[32], mark = mark_of(ui_grid_value(cell));

	if (h->numbers) {
		text_addf(t, "%*s", h->cell_width, heat_number(h, cell, number, sizeof(number)));
		return;
	}
	for (int i = 0; i < h->cell_width; i++)
		if (mark)
			text_addc(t, mark);
		else
			text_adds(t, shade);
}

/* A row a line. */
static void draw_cell(const struct heat *h, struct brush *b, uint32_t cell)
{
	float x = ui_grid_value(cell);
	double p = isfinite(x) ? ui_map_place(h->lo, h->hi, (double)x) : 0;
	int color;

	if (cell == UI_GRID_ABSENT) {
		brush_set_back(b, SGR_NONE);
		frame_pad(b->t, h->cell_width);
	} else if (is_painted(h)) {
		color = color_of(h, x);
		if (h->numbers || mark_of(x))
			brush_set(b, sgr_text_on(color), color);
		else
			brush_set_back(b, color);
		add_letters(h, b->t, cell, " ");
	} else {
		brush_set(b, mark_of(x) ? SGR_MAGENTA : letter_color(h, p), SGR_NONE);
		add_letters(h, b->t, cell, shade_at(h, p));
	}
}

/* The mark that is shown of two: what is rarer and worse comes first. */
static char worse_mark(char a, char b)
{
	static const char order[] = "!^v";

	for (const char *mark = order; *mark; mark++)
		if (a == *mark || b == *mark)
			return *mark;
	return 0;
}

/*
 * Two rows a line: the upper one is the letter's colour, the lower one what is behind it.  A mark
 * takes both.
 */
static void draw_halves(const struct heat *h, struct brush *b, uint32_t upper, uint32_t lower)
{
	char up = upper ? mark_of(ui_grid_value(upper)) : 0;
	char mark = worse_mark(up, lower ? mark_of(ui_grid_value(lower)) : 0);

	if (mark) {
		int color = color_of(h, ui_grid_value(mark == up ? upper : lower));

		brush_set(b, sgr_text_on(color), color);
		text_addc(b->t, mark);
	} else if (upper && lower) {
		brush_set(b, color_of(h, ui_grid_value(upper)), color_of(h, ui_grid_value(lower)));
		text_adds(b->t, "▀");
	} else if (upper || lower) {
		brush_set(b, color_of(h, ui_grid_value(upper ? upper : lower)), SGR_NONE);
		text_adds(b->t, upper ? "▀" : "▄");
	} else {
		brush_set_back(b, SGR_NONE);
		text_addc(b->t, ' ');
	}
}

void heat_draw_line(const struct heat *h, struct text *t, int block, int y)
{
	const struct ui_grid *g = &h->grid;
	const uint32_t *cells = h->cells + (int64_t)block * g->rows * g->columns;
	const uint32_t *row = cells + (int64_t)(h->half ? 2 * y : y) * g->columns;
	struct brush b = BRUSH(t, h->ui->depth);

	for (int c = 0; c < g->columns; c++) {
		if (h->half)
			draw_halves(h, &b, row[c], 2 * y + 1 < g->rows ? row[g->columns + c] : 0);
		else
			draw_cell(h, &b, row[c]);
	}
	brush_set(&b, SGR_NONE, SGR_NONE);
}

int heat_draw_scale(const struct heat *h, struct text *t)
{
	struct brush b = BRUSH(t, h->ui->depth);
	int n = is_painted(h)                ? 16
		: h->map == UI_MAP_DIVERGING ? 2 * N_FILLS - 1
		: h->ui->utf8                ? N_FILLS
					     : N_RAMP;

	for (int i = 0; i < n; i++) {
		double p = (double)i / (n - 1);

		if (is_painted(h)) {
			brush_set(&b, SGR_NONE, color_at(h, p));
			text_addc(t, ' ');
		} else {
			brush_set(&b, letter_color(h, p), SGR_NONE);
			text_adds(t, shade_at(h, p));
		}
	}
	brush_set(&b, SGR_NONE, SGR_NONE);
	return n;
}
