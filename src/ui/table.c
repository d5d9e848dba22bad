/*
 * table.c -- rows and columns, as a box, as aligned lines, or separated by tabs.
 *
 * A table is kept whole, since a column is as wide as its widest cell.  Cells are escaped when they
 * are added, all but line ends and tabs, which each style has its own form for, so that none in a
 * cell can look like the end of one.
 */
#include "table_fit.h"
#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RECORD_LINES 40 /* of a cell, where the maker of the table did not want all */

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

	for (const char *s = data, *end = s + len; s < end; s++) {
		size_t n = 0;

		while (s + n < end && s[n] != '\n' && s[n] != '\t')
			n++;
		text_add_escaped(&safe, s, n);
		s += n;
		if (s < end)
			text_addc(&safe, *s);
	}
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

/* The columns of the widest of its lines. */
static int lines_width(const char *s)
{
	int width = 0;

	for (;;) {
		size_t len = strcspn(s, "\n");
		int w = utf8_width(s, len);

		width = w > width ? w : width;
		if (!s[len])
			return width;
		s += len + 1;
	}
}

/* What people are shown of a cell or a title; with its lines where it may take several. */
static void make_visible(char **cell, const struct ui *ui, bool keeps_lines)
{
	struct text visible = { 0 };
	const char *s = *cell;

	text_adds(&visible, "");
	while (*s) {
		size_t len = keeps_lines ? strcspn(s, "\n") : strlen(s);

		ui_add_visible(&visible, ui, s, len);
		s += len;
		if (*s)
			text_addc(&visible, *s++);
	}
	free(*cell);
	*cell = visible.data;
}

/* Cells are as they are shown from here on. */
static void measure(struct ui_table *t, const struct ui *ui)
{
	for (int c = 0; c < t->n_columns; c++) {
		make_visible(&t->columns[c].title, ui, false);
		t->columns[c].full = cell_width(t->columns[c].title);
		t->columns[c].empty = t->n_cells > 0;
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		struct ui_column *column = &t->columns[i % (size_t)t->n_columns];
		int w;

		make_visible(&t->cells[i], ui, column->wraps);
		w = lines_width(t->cells[i]);
		column->full = w > column->full ? w : column->full;
		column->empty = column->empty && !*t->cells[i];
		column->text = column->text ||
			       (*t->cells[i] && !ui_is_name(t->cells[i], strlen(t->cells[i])));
	}
	for (int c = 0; c < t->n_columns; c++) {
		struct ui_column *column = &t->columns[c];

		if (column->set_width) {
			column->full = abs(column->set_width);
			column->right = column->right || column->set_width < 0;
		}
		column->width = column->full;
	}
}

/* ---- lines -------------------------------------------------------------------------------- */

static void pad(struct text *line, int n)
{
	while (n-- > 0)
		text_addc(line, ' ');
}

/* Running text: what does not fit is left out from the last space on, if that is not far. */
static void add_cut_text(struct text *out, const struct ui *ui, const char *cell, int width)
{
	size_t from = out->len, space;

	ui_add_clipped(out, ui, cell, strlen(cell), width);
	if (width <= 0 || cell_width(cell) <= width)
		return;
	for (space = out->len; space > from && out->data[space - 1] != ' ';)
		space--;
	if (space < from + 2 || utf8_width(out->data + from, space - from) <= width / 2)
		return;
	out->data[out->len = space - 1] = '\0';
	text_adds(out, ui_sign(ui, "…", "~"));
}

static void add_cell(struct text *line, const struct ui *ui, const struct ui_column *column,
		     const char *cell, enum ui_style style, bool pad_right)
{
	struct text clipped = { 0 };
	int gap;

	if (ui_is_name(cell, strlen(cell)))
		ui_add_cut(&clipped, ui, cell, strlen(cell), column->width, column->head);
	else
		add_cut_text(&clipped, ui, cell, column->width);
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
		if (t->columns[c].left_out)
			continue;
		text_adds(&line, corner[line.len == 0 ? 0 : 1]);
		for (int i = 0; i < t->columns[c].width + 2; i++)
			text_adds(&line, b->horizontal);
	}
	text_adds(&line, corner[2]);
	text_addc(&line, '\n');
	ui_write(ui, line.data, line.len);
	text_release(&line);
}

/* The part of a cell that stands in its line `n`, from 0; *cell moves behind it. */
static char *next_part(const struct ui_column *column, const char **cell, int n)
{
	bool whole =
		table_is_cut(column, *cell) || (column->max_lines && n + 1 >= column->max_lines);
	size_t len = whole ? strlen(*cell) : table_fold(*cell, column->width);
	char *part = mem_memdup(*cell, len);

	*cell += len;
	if (**cell == '\n')
		++*cell;
	else
		*cell += strspn(*cell, " ");
	return part;
}

static int last_shown(const struct ui_table *t)
{
	int last = -1;

	for (int c = 0; c < t->n_columns; c++)
		last = t->columns[c].left_out ? last : c;
	return last;
}

/* Line n of a row; cells[i] moves behind what was printed. Returns whether something is left. */
static bool print_line(const struct ui_table *t, const struct ui *ui, const char **cells, int n,
		       enum ui_style style, const struct border *b)
{
	struct text line = { 0 };
	bool left = false;

	for (int c = 0; c < t->n_columns; c++) {
		bool last = c == last_shown(t);
		char *part;

		if (t->columns[c].left_out)
			continue;
		part = next_part(&t->columns[c], &cells[c], n);

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
	for (int n = 0; print_line(t, ui, rest, n, style, b);)
		n++;
	free((void *)rest);
}

static bool is_interrupted(const struct ui_table *t)
{
	return t->interrupted && *t->interrupted;
}

static void print_tabs(const struct ui_table *t, const struct ui *ui)
{
	struct text line = { 0 };

	for (size_t i = 0; i < t->n_cells && !is_interrupted(t); i++) {
		bool is_last = (i + 1) % (size_t)t->n_columns == 0;

		text_clear(&line);
		text_add_escaped(&line, t->cells[i], strlen(t->cells[i]));
		ui_write_exact(ui, line.data ? line.data : "", line.len);
		ui_write_exact(ui, is_last ? "\n" : "\t", 1);
	}
	text_release(&line);
}

void ui_table_drops(struct ui_table *t, const char *titles)
{
	for (int order = 1; *titles; order++) {
		size_t len = strcspn(titles, ",");
		int c = 0;

		while (c < t->n_columns && (strlen(t->columns[c].title) != len ||
					    memcmp(t->columns[c].title, titles, len) != 0))
			c++;
		if (c < t->n_columns)
			t->columns[c].drops = order;
		titles += len + (titles[len] == ',');
	}
}

static bool any_left_out(const struct ui_table *t)
{
	for (int c = 0; c < t->n_columns; c++)
		if (t->columns[c].left_out)
			return true;
	return false;
}

/* Which columns are not there, those with nothing in them apart. */
static void print_left_out(const struct ui_table *t, const struct ui *ui)
{
	struct text names[2] = { 0 }, line = { 0 }, styled = { 0 };

	for (int c = 0; c < t->n_columns; c++) {
		struct text *list = &names[t->columns[c].empty];

		if (t->columns[c].left_out)
			text_addf(list, "%s%s", list->len ? ", " : "", t->columns[c].title);
	}
	text_adds(&line, names[0].len ? "not shown at this width: " : "not shown, for they are ");
	text_adds(&line, names[0].len ? names[0].data : "");
	text_addf(&line, "%s%s%s", names[0].len && names[1].len ? "; " : "",
		  names[1].len ? "empty: " : "", names[1].len ? names[1].data : "");
	text_adds(&line, names[0].len ? "; wider or piped shows all" : "");
	ui_add_styled(&styled, ui, UI_DIM, line.data, line.len);
	text_clear(&line);
	ui_add_wrapped(&line, styled.data, styled.len, ui->width, 0, 0);
	text_addc(&line, '\n');
	ui_write(ui, line.data, line.len);
	text_release(&names[0]);
	text_release(&names[1]);
	text_release(&line);
	text_release(&styled);
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
	struct ui_column title = { .width = 0, .head = -1 }, value = { .width = 0, .head = -1 };
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
		value.wraps = value.width > 0;
		value.max_lines = t->columns[c].wraps ? 0 : MAX_RECORD_LINES;
		for (int n = 0; n == 0 || *rest; n++) {
			char *part = next_part(&value, &rest, n);

			text_clear(&line);
			add_cell(&line, ui, &title, name, UI_DIM, true);
			text_adds(&line, "  ");
			add_cell(&line, ui, &value, part, UI_PLAIN, false);
			text_addc(&line, '\n');
			ui_write(ui, line.data, line.len);
			free(part);
			name = "";
		}
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
	measure(t, ui);
	if (style == UI_TABLE_RECORDS || !table_fit(t, ui, b != NULL)) {
		print_records(t, ui);
		return;
	}
	titles = mem_calloc((size_t)t->n_columns, sizeof(*titles));
	for (int c = 0; c < t->n_columns; c++)
		titles[c] = t->columns[c].title;
	if (b)
		print_rule(t, ui, b, b->top);
	if (!t->no_titles)
		print_row(t, ui, titles, b ? UI_BOLD : UI_DIM, b);
	if (b && !t->no_titles)
		print_rule(t, ui, b, b->middle);
	for (size_t i = 0; i < t->n_cells && !is_interrupted(t); i += (size_t)t->n_columns)
		print_row(t, ui, t->cells + i, UI_PLAIN, b);
	if (b)
		print_rule(t, ui, b, b->bottom);
	if (any_left_out(t))
		print_left_out(t, ui);
	free(titles);
}
