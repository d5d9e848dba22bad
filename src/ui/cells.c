/* cells.c -- see ui_cells.h. */
#include "sgr.h"
#include "torchless/ui_cells.h"
#include "torchless/utf8.h"

#include <stdlib.h>
#include <string.h>

#define TAB 8

/* ---- paint -------------------------------------------------------------------------------- */

/* The numbers of "38;2;1;2;3m" behind "\033[", at most 5 of them. */
static int read_numbers(const char *s, int numbers[5])
{
	int n = 0;

	while (n < 5 && *s >= '0' && *s <= '9') {
		char *end;

		numbers[n++] = (int)strtol(s, &end, 10);
		s = end + (*end == ';');
	}
	return n;
}

static void set_color(struct ui_pen *pen, bool is_back, int color)
{
	if (is_back)
		pen->bg = color;
	else
		pen->fg = color;
}

/* Follow a sequence that the gate knows, at s: "\033[...m". */
static void follow(struct ui_pen *pen, const char *s)
{
	int a[5] = { 0 }, n = read_numbers(s + 2, a);

	if (a[0] == 38 || a[0] == 48)
		set_color(pen, a[0] == 48,
			  n == 5 ? UI_CELL_RGB + (a[2] << 16 | a[3] << 8 | a[4])
				 : UI_CELL_256 + a[2]);
	else if (a[0] == 39 || a[0] == 49)
		set_color(pen, a[0] == 49, UI_CELL_NONE);
	else if (a[0] >= 30 && a[0] < 38)
		pen->fg = a[0] - 30;
	else if (a[0] == 1)
		pen->bold = true;
	else if (a[0] == 2)
		pen->dim = true;
	else
		*pen = UI_PEN;
}

/* ---- cells -------------------------------------------------------------------------------- */

struct filling {
	struct ui_cell *cells;
	int n, size;
	struct ui_pen *pen;
};

/* False when there is no room. */
static bool add_cell(struct filling *f, uint32_t cp, int width)
{
	if (f->n + width > f->size)
		return false;
	f->cells[f->n++] = (struct ui_cell){ { cp }, width, *f->pen };
	if (width == 2)
		f->cells[f->n++] = (struct ui_cell){ { 0 }, 0, *f->pen };
	return true;
}

static bool add_string(struct filling *f, const char *s)
{
	if (f->n + (int)strlen(s) > f->size)
		return false;
	while (*s)
		add_cell(f, (unsigned char)*s++, 1);
	return true;
}

static bool add_tab(struct filling *f)
{
	int to = (f->n / TAB + 1) * TAB;

	if (f->n >= f->size)
		return false;
	while (f->n < to && f->n < f->size)
		add_cell(f, ' ', 1);
	return true;
}

/* A mark goes on top of the cell before it; there may be more than are kept. */
static bool add_mark(struct filling *f, uint32_t cp)
{
	struct ui_cell *cell = f->n > 0 ? &f->cells[f->n - 1] : NULL;

	if (!cell)
		return add_cell(f, ' ', 1);
	if (cell->width == 0)
		cell--;
	for (int i = 1; i <= UI_CELL_MARKS; i++)
		if (!cell->ch[i]) {
			cell->ch[i] = cp;
			break;
		}
	return true;
}

/* What sentences are written with, where there is ASCII only. */
static uint32_t in_ascii(uint32_t cp)
{
	static const struct {
		uint32_t from, to;
	} alike[] = { { 0xb7, '.' },   { 0x2013, '-' }, { 0x2019, '\'' },
		      { 0x2026, '~' }, { 0x2190, '<' }, { 0x2192, '>' },
		      { 0x2500, '-' }, { 0x2502, '|' }, { 0x2588, '#' } };

	for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++)
		if (alike[i].from == cp)
			return alike[i].to;
	return '?';
}

/* One character at s[0..len), len > 0: its bytes, 0 when there is no room for it. */
static size_t add_character(struct filling *f, const char *s, size_t len, bool utf8)
{
	uint32_t cp = 0;
	int n = utf8_decode(s, len, &cp), width = n > 0 ? utf8_width(s, (size_t)n) : 0;
	struct text escaped = { 0 };
	bool added;

	if (n == 0 || utf8_is_control(cp) || utf8_is_directing(cp)) {
		n = n > 0 ? n : 1;
		text_add_visible(&escaped, s, (size_t)n);
		added = add_string(f, escaped.data);
		text_release(&escaped);
	} else if (!utf8 && cp >= 0x80) {
		added = width == 0 || add_cell(f, in_ascii(cp), 1);
	} else {
		added = width == 0 ? add_mark(f, cp) : add_cell(f, cp, width);
	}
	return added ? (size_t)n : 0;
}

int ui_cells(const char *s, size_t len, bool utf8, struct ui_pen *pen, struct ui_cell *cells, int n,
	     size_t *used)
{
	struct filling f = { cells, 0, n, pen };
	size_t i = 0;

	while (i < len && s[i] != '\n') {
		size_t step = s[i] == '\033' ? ui_sequence(s + i, len - i) : 0;

		if (step)
			follow(pen, s + i);
		else if (s[i] == '\t')
			step = add_tab(&f);
		else
			step = add_character(&f, s + i, len - i, utf8);
		if (step == 0)
			break;
		i += step;
	}
	if (used)
		*used = i;
	return f.n;
}

int ui_cell_256(int color)
{
	if (color >= UI_CELL_RGB)
		return sgr_nearest_256(SGR_RGB(0, 0, 0) + (color - UI_CELL_RGB));
	return color >= UI_CELL_256 ? color - UI_CELL_256 : color;
}
