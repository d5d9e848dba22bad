/*
 * table.c -- rows and columns, as a box, as aligned lines, or separated by tabs.
 *
 * A table is kept whole, since a column is as wide as its widest cell.  Cells are escaped when they
 * are added, so every style is safe to print and a tab or a newline in a cell cannot look like the
 * end of one.
 */
#include "torchless/mem.h"
#include "torchless/ui.h"
#include "torchless/utf8.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MIN_CLIPPED 12 /* a column is not clipped below this */

void ui_table_add_column(struct ui_table *t, const char *title, bool right)
{
	t->columns = mem_realloc(t->columns, (size_t)t->n_columns + 1, sizeof(*t->columns));
	t->columns[t->n_columns++] =
		(struct ui_column){ .title = mem_strdup(title), .right = right };
}

void ui_table_init(struct ui_table *t, const char *titles)
{
	*t = (struct ui_table){ 0 };
	while (*titles) {
		size_t len = strcspn(titles, ",");
		bool right = *titles == '>';
		char *title = mem_memdup(titles + right, len - right);

		ui_table_add_column(t, title, right);
		free(title);
		titles += len + (titles[len] == ',');
	}
}

void ui_table_release(struct ui_table *t)
{
	for (int i = 0; i < t->n_columns; i++)
		free(t->columns[i].title);
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->columns);
	free(t->cells);
	*t = (struct ui_table){ 0 };
}

void ui_table_cell(struct ui_table *t, const void *data, size_t len)
{
	struct text safe = { 0 };

	text_add_escaped(&safe, data, len);
	t->cells = mem_grow(t->cells, t->n_cells, &t->cap_cells, sizeof(*t->cells));
	t->cells[t->n_cells++] = safe.data ? safe.data : mem_strdup("");
}

void ui_table_cellf(struct ui_table *t, const char *fmt, ...)
{
	char buf[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf, sizeof(buf), fmt, args);
	va_end(args);
	ui_table_cell(t, buf, strlen(buf));
}

enum ui_table_style ui_table_style_for(const struct ui *ui)
{
	return ui->is_terminal ? UI_TABLE_LINES : UI_TABLE_TABS;
}

static int cell_width(const char *s)
{
	return utf8_width(s, strlen(s));
}

/* What people are shown of a cell or a title: a program gets the direction of text as it is. */
static void make_visible(char **cell)
{
	struct text visible = { 0 };

	text_add_visible(&visible, *cell, strlen(*cell));
	if (visible.len == strlen(*cell)) {
		text_release(&visible);
		return;
	}
	free(*cell);
	*cell = visible.data;
}

static void measure(struct ui_table *t)
{
	for (int c = 0; c < t->n_columns; c++) {
		make_visible(&t->columns[c].title);
		t->columns[c].width = cell_width(t->columns[c].title);
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		struct ui_column *column = &t->columns[i % (size_t)t->n_columns];
		int w;

		make_visible(&t->cells[i]);
		w = cell_width(t->cells[i]);

		if (w > column->width)
			column->width = w;
	}
}

/* Take columns off the widest until the table fits, or nothing is wide any more. */
static void shrink_to(struct ui_table *t, int available)
{
	for (;;) {
		struct ui_column *widest = NULL;
		int total = 0;

		for (int c = 0; c < t->n_columns; c++) {
			struct ui_column *column = &t->columns[c];

			total += column->width;
			if (!column->fixed && (!widest || column->width > widest->width))
				widest = column;
		}
		if (total <= available || !widest || widest->width <= MIN_CLIPPED)
			return;
		widest->width--;
	}
}

static void pad(struct text *line, int n)
{
	while (n-- > 0)
		text_addc(line, ' ');
}

static void add_cell(struct text *line, const struct ui *ui, const struct ui_column *column,
		     const char *cell, enum ui_style style, bool pad_right)
{
	struct text clipped = { 0 };
	int gap;

	ui_add_clipped(&clipped, ui, cell, strlen(cell), column->width);
	gap = column->width - utf8_width(clipped.data ? clipped.data : "", clipped.len);
	if (column->right)
		pad(line, gap);
	ui_add_styled(line, ui, style, clipped.data ? clipped.data : "", clipped.len);
	if (!column->right && pad_right)
		pad(line, gap);
	text_release(&clipped);
}

/* What stands around the cells of a box; [0] UTF-8, [1] ASCII. */
static const struct border {
	const char *vertical, *horizontal, *top[3], *middle[3], *bottom[3];
} borders[] = {
	{ "│", "─", { "┌", "┬", "┐" }, { "├", "┼", "┤" }, { "└", "┴", "┘" } },
	{ "|", "-", { "+", "+", "+" }, { "+", "+", "+" }, { "+", "+", "+" } },
};

static void print_rule(const struct ui_table *t, const struct ui *ui, const struct border *b,
		       const char *const corner[3])
{
	struct text line = { 0 };

	for (int c = 0; c < t->n_columns; c++) {
		text_adds(&line, corner[c == 0 ? 0 : 1]);
		for (int i = 0; i < t->columns[c].width + 2; i++)
			text_adds(&line, b->horizontal);
	}
	text_adds(&line, corner[2]);
	text_addc(&line, '\n');
	ui_write(ui, line.data, line.len);
	text_release(&line);
}

/* How many bytes of s fit into `width` columns, up to a space where there is one. */
static size_t fold(const char *s, int width)
{
	size_t i = 0, space = 0;
	int used = 0;

	while (s[i]) {
		int n = utf8_decode(s + i, strlen(s + i), NULL), w;

		n = n > 0 ? n : 1;
		w = utf8_width(s + i, (size_t)n);
		if (s[i] == ' ')
			space = i;
		if (used + w > width)
			return space ? space : i ? i : (size_t)n;
		used += w;
		i += (size_t)n;
	}
	return i;
}

/* The part of a wrapping cell that stands in this line; *cell moves behind it. */
static char *next_part(const struct ui_column *column, const char **cell)
{
	size_t len = column->wraps ? fold(*cell, column->width) : strlen(*cell);
	char *part = mem_memdup(*cell, len);

	*cell += len;
	*cell += strspn(*cell, " ");
	return part;
}

/* One line of a row; cells[i] moves behind what was printed. Returns whether something is left. */
static bool print_line(const struct ui_table *t, const struct ui *ui, const char **cells,
		       enum ui_style style, const struct border *b)
{
	struct text line = { 0 };
	bool left = false;

	for (int c = 0; c < t->n_columns; c++) {
		bool last = c == t->n_columns - 1;
		char *part = next_part(&t->columns[c], &cells[c]);

		left = left || *cells[c];
		if (b)
			text_addf(&line, "%s ", b->vertical);
		add_cell(&line, ui, &t->columns[c], part, style, b || !last);
		text_adds(&line, b ? " " : last ? "" : "  ");
		free(part);
	}
	if (b)
		text_adds(&line, b->vertical);
	text_addc(&line, '\n');
	ui_write(ui, line.data, line.len);
	text_release(&line);
	return left;
}

/* One row: `cells` holds n_columns of them. */
static void print_row(const struct ui_table *t, const struct ui *ui, char *const *cells,
		      enum ui_style style, const struct border *b)
{
	const char **rest = mem_calloc((size_t)t->n_columns, sizeof(*rest));

	for (int c = 0; c < t->n_columns; c++)
		rest[c] = cells[c];
	while (print_line(t, ui, rest, style, b))
		;
	free((void *)rest);
}

static bool is_interrupted(const struct ui_table *t)
{
	return t->interrupted && *t->interrupted;
}

static void print_tabs(const struct ui_table *t, const struct ui *ui)
{
	for (size_t i = 0; i < t->n_cells && !is_interrupted(t); i++) {
		bool is_last = (i + 1) % (size_t)t->n_columns == 0;

		ui_write(ui, t->cells[i], strlen(t->cells[i]));
		ui_write(ui, is_last ? "\n" : "\t", 1);
	}
}

/* What borders or gaps take of a line. */
static int between_columns(const struct ui_table *t, bool box)
{
	return box ? 3 * t->n_columns + 1 : 2 * (t->n_columns - 1);
}

/* Whether the columns fit when each is clipped as far as it may be. */
static bool fits(const struct ui_table *t, const struct ui *ui)
{
	int total = between_columns(t, true);

	for (int c = 0; c < t->n_columns; c++) {
		bool clips = !t->columns[c].fixed && t->columns[c].width > MIN_CLIPPED;

		total += clips ? MIN_CLIPPED : t->columns[c].width;
	}
	return ui->width <= 0 || total <= ui->width;
}

bool ui_table_fits(struct ui_table *t, const struct ui *ui)
{
	measure(t);
	return fits(t, ui);
}

static void print_record_heading(const struct ui *ui, size_t n, int width)
{
	struct text line = { 0 };

	text_addf(&line, "%s row %zu ", ui->utf8 ? "──" : "--", n);
	for (int i = (int)strlen("-- row  ") + 2; i < width; i++)
		text_adds(&line, ui->utf8 ? "─" : "-");
	ui_add_styled(&line, ui, UI_PLAIN, "\n", 1);
	ui_write(ui, line.data, line.len);
	text_release(&line);
}

static void print_records(const struct ui_table *t, const struct ui *ui)
{
	struct ui_column title = { .width = 0 }, value = { .width = 0 };
	struct text line = { 0 };

	for (int c = 0; c < t->n_columns; c++)
		if (cell_width(t->columns[c].title) > title.width)
			title.width = cell_width(t->columns[c].title);
	if (ui->width > title.width + 2)
		value.width = ui->width - title.width - 2;
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t c = i % (size_t)t->n_columns;
		const char *name = t->columns[c].title, *rest = t->cells[i];

		if (c == 0)
			print_record_heading(ui, i / (size_t)t->n_columns + 1, 40);
		value.wraps = t->columns[c].wraps && value.width > 0;
		do {
			char *part = next_part(&value, &rest);

			text_clear(&line);
			add_cell(&line, ui, &title, name, UI_DIM, true);
			text_adds(&line, "  ");
			add_cell(&line, ui, &value, part, UI_PLAIN, false);
			text_addc(&line, '\n');
			ui_write(ui, line.data, line.len);
			free(part);
			name = "";
		} while (*rest);
	}
	text_release(&line);
}

void ui_table_print(struct ui_table *t, const struct ui *ui, enum ui_table_style style)
{
	const struct border *b = style == UI_TABLE_BOX ? &borders[ui->utf8 ? 0 : 1] : NULL;
	char **titles;

	if (t->n_columns == 0)
		return;
	if (style == UI_TABLE_TABS) {
		print_tabs(t, ui);
		return;
	}
	measure(t);
	if (style == UI_TABLE_RECORDS || (b && !fits(t, ui))) {
		print_records(t, ui);
		return;
	}
	if (ui->width > 0)
		shrink_to(t, ui->width - between_columns(t, b != NULL));
	titles = mem_calloc((size_t)t->n_columns, sizeof(*titles));
	for (int c = 0; c < t->n_columns; c++)
		titles[c] = t->columns[c].title;
	if (b)
		print_rule(t, ui, b, b->top);
	print_row(t, ui, titles, b ? UI_BOLD : UI_DIM, b);
	if (b)
		print_rule(t, ui, b, b->middle);
	for (size_t i = 0; i < t->n_cells && !is_interrupted(t); i += (size_t)t->n_columns)
		print_row(t, ui, t->cells + i, UI_PLAIN, b);
	if (b)
		print_rule(t, ui, b, b->bottom);
	free(titles);
}
