/*
 * table.c -- rows and columns, as a box, as aligned lines, or separated by tabs.
 *
 * A table is kept whole, since a column is as wide as its widest cell.  Cells are escaped when they
 * are added, all but line ends and tabs, which each style has its own form for, so that none in a
 * cell can look like the end of one.
 */
#include "torchless/mem.h"
#include "torchless/ui.h"
#include "torchless/utf8.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MIN_CLIPPED  12   /* a column of a box is not clipped below this */
#define MIN_LINES    8    /* nor one of lines below this */
#define MIN_KEPT     26   /* nor below this for a column that could be left out */
#define MAX_COMPARED 2000 /* rows whose cut names are compared */

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
		t->columns[c].width = cell_width(t->columns[c].title);
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		struct ui_column *column = &t->columns[i % (size_t)t->n_columns];
		int w;

		make_visible(&t->cells[i], ui, column->wraps);
		w = lines_width(t->cells[i]);

		if (w > column->width)
			column->width = w;
	}
	for (int c = 0; c < t->n_columns; c++)
		if (t->columns[c].set_width) {
			t->columns[c].width = abs(t->columns[c].set_width);
			t->columns[c].right = t->columns[c].right || t->columns[c].set_width < 0;
		}
}

/* ---- what there is room for --------------------------------------------------------------- */

/* A number that is cut is another one. */
static bool is_cut(const struct ui_column *c)
{
	return !c->fixed && !c->right && !c->set_width;
}

/* What borders or gaps take of a line. */
static int between_columns(const struct ui_table *t, bool box)
{
	int n = 0;

	for (int c = 0; c < t->n_columns; c++)
		n += !t->columns[c].left_out;
	return box ? 3 * n + 1 : 2 * (n - 1);
}

/* The columns of a line whose cells are cut down to `least`, but for those that could go. */
static int needed(const struct ui_table *t, bool box, int least, bool may_drop)
{
	int total = between_columns(t, box);

	for (int c = 0; c < t->n_columns; c++) {
		const struct ui_column *column = &t->columns[c];
		bool cut = is_cut(column) && column->width > least && !(may_drop && column->drops);

		if (!column->left_out)
			total += cut ? least : column->width;
	}
	return total;
}

/* Leave columns out until the others fit; false when none had to go. */
static bool leave_out(struct ui_table *t, int width, bool box)
{
	bool any = false;

	for (int c = 0; c < t->n_columns; c++)
		t->columns[c].left_out = false;
	while (width > 0 && needed(t, box, MIN_KEPT, true) > width) {
		struct ui_column *next = NULL;

		for (int c = 0; c < t->n_columns; c++) {
			struct ui_column *column = &t->columns[c];

			if (column->drops && !column->left_out &&
			    (!next || column->drops < next->drops))
				next = column;
		}
		if (!next)
			break;
		next->left_out = any = true;
	}
	return any;
}

/* Take columns off the widest until the table fits, or nothing is wide any more. */
static void shrink_to(struct ui_table *t, int available, int least)
{
	for (;;) {
		struct ui_column *widest = NULL;
		int total = 0;

		for (int c = 0; c < t->n_columns; c++) {
			struct ui_column *column = &t->columns[c];

			if (column->left_out)
				continue;
			total += column->width;
			if (is_cut(column) && (!widest || column->width > widest->width))
				widest = column;
		}
		if (total <= available || !widest || widest->width <= least)
			return;
		widest->width--;
	}
}

/* ---- names that are cut ------------------------------------------------------------------- */

static int compare_hashes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t hash_bytes(uint64_t hash, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)s[i]) * 0x100000001b3u;
	return hash;
}

/* How many cells of column c differ when the first `head` columns stay; hashes: a place a row. */
static size_t count_distinct(const struct ui_table *t, int c, int head, uint64_t *hashes)
{
	int width = t->columns[c].width;
	size_t n = 0, distinct = 0;

	for (size_t i = (size_t)c; i < t->n_cells; i += (size_t)t->n_columns) {
		const char *s = t->cells[i];
		size_t len = strlen(s), from = (size_t)head, to = (size_t)(width - 1 - head);
		uint64_t hash = 0xcbf29ce484222325u;

		if (len <= (size_t)width || !ui_is_name(s, len))
			hash = hash_bytes(hash, s, len);
		else
			hash = hash_bytes(hash_bytes(hash, s, from), s + len - to, to);
		hashes[n++] = hash;
	}
	qsort(hashes, n, sizeof(*hashes), compare_hashes);
	for (size_t i = 0; i < n; i++)
		distinct += i == 0 || hashes[i] != hashes[i - 1];
	return distinct;
}

/* How many of them differ uncut. */
static size_t count_whole(struct ui_table *t, int c, uint64_t *hashes)
{
	int width = t->columns[c].width;
	size_t n;

	t->columns[c].width = INT_MAX;
	n = count_distinct(t, c, 0, hashes);
	t->columns[c].width = width;
	return n;
}

/*
 * Where the names of a column are cut, so that as many as can be still differ: near the middle.
 * False when some that differ look alike then.
 */
static bool choose_head(struct ui_table *t, int c)
{
	size_t rows = t->n_cells / (size_t)t->n_columns, best = 0;
	bool differ;
	int width = t->columns[c].width, middle = (width - 1) / 2;
	uint64_t *hashes;

	t->columns[c].head = middle;
	if (width < 3 || rows < 2 || rows > MAX_COMPARED)
		return true;
	hashes = mem_calloc(rows, sizeof(*hashes));
	for (int away = 0; away <= middle; away++)
		for (int side = -1; side <= 1; side += 2) {
			int head = middle + side * away;
			size_t n = head > 0 && head < width - 1 ? count_distinct(t, c, head, hashes)
								: 0;

			if (n > best)
				best = n, t->columns[c].head = head;
		}
	differ = best >= count_whole(t, c, hashes);
	free(hashes);
	return differ;
}

/* The columns as they are printed; true when one was left out. *differ: no two names became one. */
static bool fit(struct ui_table *t, const struct ui *ui, bool box, bool *differ)
{
	bool left_out = leave_out(t, ui->width, box);

	*differ = true;
	if (ui->width <= 0)
		return false;
	shrink_to(t, ui->width - between_columns(t, box), box ? MIN_CLIPPED : MIN_LINES);
	for (int c = 0; c < t->n_columns; c++)
		if (!t->columns[c].left_out)
			*differ = choose_head(t, c) && *differ;
	return left_out;
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

/* How many bytes of s fit into `width` columns, up to a space where there is one. */
static size_t fold(const char *s, int width)
{
	size_t i = 0, space = 0;
	int used = 0;

	while (s[i] && s[i] != '\n') {
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

/* One line of a row; cells[i] moves behind what was printed. Returns whether something is left. */
static bool print_line(const struct ui_table *t, const struct ui *ui, const char **cells,
		       enum ui_style style, const struct border *b)
{
	struct text line = { 0 };
	bool left = false;

	for (int c = 0; c < t->n_columns; c++) {
		bool last = c == last_shown(t);
		char *part;

		if (t->columns[c].left_out)
			continue;
		part = next_part(&t->columns[c], &cells[c]);

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
	struct text line = { 0 };

	for (size_t i = 0; i < t->n_cells && !is_interrupted(t); i++) {
		bool is_last = (i + 1) % (size_t)t->n_columns == 0;

		text_clear(&line);
		text_add_escaped(&line, t->cells[i], strlen(t->cells[i]));
		ui_write(ui, line.data ? line.data : "", line.len);
		ui_write(ui, is_last ? "\n" : "\t", 1);
	}
	text_release(&line);
}

/* Whether a box fits when each column is clipped as far as it may be. */
static bool fits(struct ui_table *t, const struct ui *ui)
{
	leave_out(t, ui->width, true);
	return ui->width <= 0 || needed(t, true, MIN_CLIPPED, false) <= ui->width;
}

void ui_table_drops(struct ui_table *t, const char *titles)
{
	for (int order = 1; *titles; order++) {
		size_t len = strcspn(titles, ",");
		int c = 0;

		while (c < t->n_columns && (strlen(t->columns[c].title) != len ||
					    memcmp(t->columns[c].title, titles, len) != 0))
			c++;
		assert(c < t->n_columns);
		t->columns[c].drops = order;
		titles += len + (titles[len] == ',');
	}
}

static void print_left_out(const struct ui_table *t, const struct ui *ui)
{
	struct text names = { 0 }, line = { 0 }, styled = { 0 };

	for (int c = 0; c < t->n_columns; c++)
		if (t->columns[c].left_out)
			text_addf(&names, "%s%s", names.len ? ", " : "", t->columns[c].title);
	text_addf(&names, "; wider or piped shows all");
	text_adds(&line, "not shown at this width: ");
	text_add(&line, names.data, names.len);
	ui_add_styled(&styled, ui, UI_DIM, line.data, line.len);
	text_clear(&line);
	ui_add_wrapped(&line, styled.data, styled.len, ui->width, 0, 0);
	text_addc(&line, '\n');
	ui_write(ui, line.data, line.len);
	text_release(&names);
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
	bool left_out, differ;
	char **titles;

	if (t->n_columns == 0)
		return;
	if (style == UI_TABLE_TABS) {
		print_tabs(t, ui);
		return;
	}
	measure(t, ui);
	if (style == UI_TABLE_RECORDS || (b && !fits(t, ui))) {
		print_records(t, ui);
		return;
	}
	left_out = fit(t, ui, b != NULL, &differ);
	/* A row that cannot be told from another says less than one that takes its lines. */
	if (b && !differ) {
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
	if (left_out)
		print_left_out(t, ui);
	free(titles);
}
