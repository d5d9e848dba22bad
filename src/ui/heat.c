/*
 * heat.c -- a tensor as a picture: how large it is, what stands around it, what is said below it.
 *
 * The order is: choose how many cells there is room for, pool the elements into them in one pass,
 * which also gives the statistics; then the scale is known, and whether numbers fit; then draw.
 */
#include "heat.h"

#include "torchless/mem.h"
#include "torchless/numbers.h"
#include "torchless/ui_color.h"
#include "torchless/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINES   200
#define MAX_COLUMNS 1000
#define MAX_BLOCKS  64
#define MAX_LABEL   16 /* columns */
#define MAX_STACKED 8  /* lines of labels that are written downwards */
#define MAX_NUMBER  7  /* columns of a cell, of which numbers do not need as many */
#define MIN_ROOM    24 /* of one of several pictures */
#define GAP         2  /* between pictures */

static int at_most(int wanted, int usual, int limit)
{
	int n = wanted > 0 ? wanted : usual;

	return n < limit ? n : limit;
}

static int int_min(int64_t a, int b)
{
	return (int)int64_min(a, b);
}

/* ---- the plan ----------------------------------------------------------------------------- */

/* What is a row, what a column, and how many pictures there are. */
static void plan_axes(struct heat *h)
{
	const struct array *a = h->a;

	h->column_axis = a->n_dims - 1;
	h->row_axis = a->n_dims > 1 ? a->n_dims - 2 : -1;
	h->n_leading = a->n_dims > 2 ? a->n_dims - 2 : 0;
	h->n_blocks = 1;
	for (int i = 0; i < h->n_leading; i++)
		h->n_blocks *= a->shape[i];
	h->n_shown = int_min(h->n_blocks, at_most(h->o->max_blocks, 16, MAX_BLOCKS));
	h->grid.n_rows = h->row_axis >= 0 ? a->shape[h->row_axis] : 1;
	h->grid.n_columns = h->column_axis >= 0 ? a->shape[h->column_axis] : 1;
	h->grid.causal = h->o->causal && h->row_axis >= 0;
	if (h->grid.causal)
		h->grid.ahead = a->base[h->row_axis] - a->base[h->column_axis];
	h->grid.window = int64_max(0, h->o->window);
}

/* For one of several pictures: three beside one another, two where that spares the pooling. */
static int room_beside_others(int room, int64_t columns)
{
	int third = room / 3 - GAP, half = room / 2 - GAP;

	if (columns > third && columns <= half)
		return half;
	return third > MIN_ROOM ? third : int_min(room, MIN_ROOM);
}

/* How many cells there are, and how large. */
static void plan_cells(struct heat *h)
{
	int width = at_most(h->o->max_columns, frame_width(h->ui), MAX_COLUMNS), room;
	struct ui_grid *g = &h->grid;

	h->max_lines = at_most(h->o->max_lines, h->n_shown > 1 ? 16 : 32, MAX_LINES);
	g->rows = int_min(g->n_rows, h->max_lines);
	if (g->n_rows > h->max_lines && h->ui->depth >= UI_DEPTH_256 && h->ui->utf8) {
		h->half = true;
		g->rows = int_min(g->n_rows, 2 * h->max_lines);
	}
	h->label_width = frame_label_width(h->ui, h->a, h->o->labels, h->row_axis,
					   (g->n_rows + g->rows - 1) / g->rows,
					   width / 4 < MAX_LABEL ? 1 + width / 4 : MAX_LABEL);
	width -= h->label_width + (h->label_width > 0);
	room = width > 1 ? width : 1;
	h->room = room;
	if (h->n_shown > 1)
		h->room = room_beside_others(room, g->n_columns);
	g->columns = int_min(g->n_columns, h->room);
	h->cell_width = !h->half && h->room / g->columns > 1 ? 2 : 1;
	h->across = room; /* until the width of a picture is known */
}

/* Read the elements of the pictures that are shown. */
static void pool(struct heat *h)
{
	int64_t cells = (int64_t)h->grid.rows * h->grid.columns;
	int64_t elements = h->grid.n_rows * h->grid.n_columns;
	struct stats_sum sum;

	stats_sum_init(&sum);
	h->cells = mem_calloc((size_t)(cells * h->n_shown), sizeof(*h->cells));
	for (int b = 0; b < h->n_shown; b++)
		ui_grid_pool(&h->grid, h->a->data + b * elements, h->cells + b * cells, &sum);
	h->stats = stats_finish(&sum);
}

static void plan_scale(struct heat *h)
{
	struct ui_scale scale =
		ui_scale_of(h->o->map, h->o->lo, h->o->hi, h->stats.min, h->stats.max);

	h->map = scale.map;
	h->lo = scale.lo;
	h->hi = scale.hi;
	h->fractions = h->stats.min >= 0 && h->stats.max <= 1 && h->stats.max >= 0.01;
}

static bool is_pooled(const struct heat *h)
{
	return h->grid.rows < h->grid.n_rows || h->grid.columns < h->grid.n_columns;
}

/* Whether columns have names, one each. */
static bool has_labels(const struct heat *h)
{
	const struct ui_labels *labels = h->o->labels;

	return labels && labels->label && h->column_axis >= 0 &&
	       h->grid.columns == h->grid.n_columns &&
	       labels->label(labels->ctx, h->column_axis, h->a->base[h->column_axis]);
}

/* Numbers are written where all of them fit as they are. */
static void plan_numbers(struct heat *h)
{
	int64_t n = (int64_t)h->grid.rows * h->grid.columns * h->n_shown;
	int widest = 0;
	char number[32];

	if (!h->o->numbers || h->half || is_pooled(h) || h->grid.columns * 3 > h->room)
		return;
	for (int64_t i = 0; i < n; i++) {
		int len =
			h->cells[i] == UI_GRID_ABSENT
				? 0
				: (int)strlen(heat_number(h, h->cells[i], number, sizeof(number)));

		widest = len > widest ? len : widest;
	}
	if (h->grid.columns * (widest + 1) > h->room)
		return;
	h->numbers = true;
	h->cell_width = widest + 1;
	while (h->cell_width < MAX_NUMBER && h->n_shown == 1 && has_labels(h) &&
	       h->grid.columns * (h->cell_width + 1) <= h->room)
		h->cell_width++; /* for the labels above them */
}

/* ---- above a picture ---------------------------------------------------------------------- */

static void add_title(const struct heat *h, struct text *t, int64_t block)
{
	frame_add_block(t, h->ui, h->a, h->o->labels, h->n_leading, block);
}

static int width_of(const struct text *t)
{
	return t->len ? utf8_width(t->data, t->len) : 0;
}

static void plan_blocks(struct heat *h)
{
	int room = h->across, title_width;
	struct text title = { 0 };

	h->block_width = h->grid.columns * h->cell_width;
	h->across = 1;
	if (h->n_blocks == 1)
		return;
	for (int b = 0; b < h->n_shown; b++) {
		text_clear(&title);
		add_title(h, &title, b);
		title_width = width_of(&title);
		h->block_width = title_width > h->block_width ? title_width : h->block_width;
	}
	text_release(&title);
	h->across = (room + GAP) / (h->block_width + GAP);
	h->across = h->across < 1 ? 1 : int_min(h->n_shown, h->across);
}

/* The first column of the tensor that column c of the picture stands for. */
static int64_t first_column(const struct heat *h, int64_t c)
{
	return ui_grid_start(h->grid.n_columns, h->grid.columns, c);
}

/* Each column has its label above it, clipped. */
static void add_labels(const struct heat *h, struct text *t)
{
	struct text label = { 0 };

	for (int c = 0; c < h->grid.columns; c++) {
		text_clear(&label);
		frame_add_label(&label, h->ui, h->a, h->o->labels, h->column_axis,
				first_column(h, c), h->cell_width - 1);
		frame_pad(t, h->cell_width - width_of(&label));
		text_add(t, label.data ? label.data : "", label.len);
	}
	text_release(&label);
}

/* Indices as far apart as they need. */
static void add_ruler(const struct heat *h, struct text *t)
{
	static const int steps[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000 };
	struct text label = { 0 };
	int step = 0, used = 0, widest;

	frame_add_label(&label, h->ui, h->a, NULL, h->column_axis,
			h->column_axis < 0 ? 0 : h->grid.n_columns - 1, 0);
	widest = width_of(&label);
	while (step < 9 && steps[step] * h->cell_width < widest + 2)
		step++;
	for (int c = 0; c < h->grid.columns; c += steps[step]) {
		text_clear(&label);
		frame_add_label(&label, h->ui, h->a, NULL, h->column_axis, first_column(h, c), 0);
		if (c * h->cell_width + width_of(&label) > h->block_width && c > 0)
			break;
		frame_pad(t, c * h->cell_width - used);
		text_add(t, label.data ? label.data : "", label.len);
		used = c * h->cell_width + width_of(&label);
	}
	frame_pad(t, h->grid.columns * h->cell_width - used);
	text_release(&label);
}

/* The character of a label at s with what combines with it. */
static size_t cluster(const char *s, size_t len)
{
	size_t n = 0;

	do {
		int one = utf8_decode(s + n, len - n, NULL);

		n += one > 0 ? (size_t)one : 1;
	} while (n < len && utf8_width(s + n, (size_t)utf8_decode(s + n, len - n, NULL)) == 0);
	return n;
}

static int count_clusters(const struct text *label)
{
	int n = 0;

	for (size_t i = 0; i < label->len; i += cluster(label->data + i, label->len - i))
		n++;
	return n;
}

static void column_label(const struct heat *h, int c, struct text *label)
{
	text_clear(label);
	frame_add_label(label, h->ui, h->a, h->o->labels, h->column_axis, c, MAX_STACKED);
}

/* Line y of `height` of labels that are written downwards and end at the picture. */
static void add_stacked(const struct heat *h, struct text *t, int y, int height)
{
	struct text label = { 0 };

	for (int c = 0; c < h->grid.columns; c++) {
		size_t at = 0, len = 0;
		int i, width;

		column_label(h, c, &label);
		i = count_clusters(&label) - height + y;
		for (int k = 0; k <= i; k++) {
			at += len;
			len = cluster(label.data + at, label.len - at);
		}
		width = i < 0 ? 0 : utf8_width(label.data + at, len);
		if (width > h->cell_width) {
			text_addc(t, '?');
			width = 1;
		} else if (i >= 0) {
			text_add(t, label.data + at, len);
		}
		frame_pad(t, h->cell_width - width);
	}
	text_release(&label);
}

/* Whether there is room above each column for what it is called. */
static bool has_wide_cells(const struct heat *h)
{
	char buf[32];

	if (has_labels(h))
		return h->cell_width >= 4;
	return h->cell_width >
	       (int)strlen(ui_format_count(h->a->base[h->column_axis] + h->grid.n_columns, buf,
					   sizeof(buf)));
}

/* How many lines stand above the pictures, and one of them. */
static int head_height(const struct heat *h)
{
	struct text label = { 0 };
	int height = 1;

	if (h->column_axis < 0)
		return 0;
	if (has_wide_cells(h) || !has_labels(h))
		return 1;
	for (int c = 0; c < h->grid.columns; c++) {
		int n;

		column_label(h, c, &label);
		n = count_clusters(&label);
		height = n > height ? n : height;
	}
	text_release(&label);
	return height;
}

static void add_head(const struct heat *h, struct text *t, int y, int height)
{
	if (has_wide_cells(h))
		add_labels(h, t);
	else if (has_labels(h))
		add_stacked(h, t, y, height);
	else
		add_ruler(h, t);
}

/* ---- the pictures ------------------------------------------------------------------------- */

/* The label of line y, in its place. */
static void add_row_label(const struct heat *h, struct text *t, int y)
{
	struct text label = { 0 };

	if (h->label_width == 0)
		return;
	frame_add_label(&label, h->ui, h->a, h->o->labels, h->row_axis,
			ui_grid_start(h->grid.n_rows, h->grid.rows, h->half ? 2 * y : y),
			h->label_width);
	frame_pad(t, h->label_width - width_of(&label));
	text_add(t, label.data ? label.data : "", label.len);
	text_addc(t, ' ');
	text_release(&label);
}

/* `part` of a picture, with what is between it and the next one. */
static void add_part(const struct heat *h, struct text *t, const struct text *part, int columns,
		     bool last)
{
	text_add(t, part->data ? part->data : "", part->len);
	if (last)
		text_addc(t, '\n');
	else
		frame_pad(t, h->block_width + GAP - columns);
}

/* Pictures from..to, beside one another. */
static void add_pictures(const struct heat *h, struct text *t, int from, int to)
{
	int lines = h->half ? (h->grid.rows + 1) / 2 : h->grid.rows, height = head_height(h);
	int picture = h->grid.columns * h->cell_width;
	struct text part = { 0 };

	for (int y = h->n_blocks > 1 ? -1 : 0; y < height + lines; y++) {
		if (y < height)
			frame_pad(t, h->label_width + (h->label_width > 0));
		else
			add_row_label(h, t, y - height);
		for (int b = from; b < to; b++) {
			text_clear(&part);
			if (y < 0)
				add_title(h, &part, b);
			else if (y < height)
				add_head(h, &part, y, height);
			else
				heat_draw_line(h, &part, b, y - height);
			add_part(h, t, &part, y < 0 ? width_of(&part) : picture, b + 1 == to);
		}
	}
	text_release(&part);
}

/* ---- below them --------------------------------------------------------------------------- */

static void add_scale(const struct heat *h, struct notes *n)
{
	struct text piece = { 0 };
	char lo[32], hi[32], min[32], max[32];
	int columns, digits = frame_digits(h->stats.min, h->stats.max, 1);

	if (isnan(h->stats.min)) {
		notes_addf(n, "nothing is finite");
		return;
	}
	snprintf(min, sizeof(min), "%.*g", digits, h->stats.min);
	snprintf(max, sizeof(max), "%.*g", digits, h->stats.max);
	snprintf(lo, sizeof(lo), "%.*g", digits, h->lo);
	snprintf(hi, sizeof(hi), "%.*g", digits, h->hi);
	if (!(h->hi > h->lo)) {
		notes_addf(n, "all %s", min);
		return;
	}
	if (h->numbers && h->ui->depth < UI_DEPTH_256 && h->map == UI_MAP_SEQUENTIAL) {
		notes_addf(n, "min %s max %s", min, max);
		return;
	}
	text_addf(&piece, "%s ", lo);
	columns = heat_draw_scale(h, &piece);
	text_addf(&piece, " %s", hi);
	notes_add(n, piece.data, piece.len, columns + (int)(strlen(lo) + strlen(hi)) + 2);
	text_release(&piece);
	notes_addf(n, "min %s max %s", min, max);
	if (h->stats.min < h->lo || h->stats.max > h->hi)
		notes_addf(n, "what lies beyond the scale has the colour of its end");
}

/* "pooled q 512→64, k 576→120 by max |x|" */
static void add_pooled(const struct heat *h, struct notes *n)
{
	const struct ui_grid *g = &h->grid;
	const char *arrow = h->ui->utf8 ? "→" : "->", *comma = "";
	struct text piece = { 0 };

	if (!is_pooled(h))
		return;
	text_adds(&piece, "pooled ");
	for (int i = 0; i < 2; i++) {
		int64_t from = i ? g->n_columns : g->n_rows;
		int to = i ? g->columns : g->rows;

		if (from == to)
			continue;
		text_adds(&piece, comma);
		if (h->a->axes[0]) {
			frame_add_axis(&piece, h->a, i ? h->column_axis : h->row_axis);
			text_addc(&piece, ' ');
		}
		text_addf(&piece, "%lld%s%d", (long long)from, arrow, to);
		comma = ", ";
	}
	text_adds(&piece, " by max |x|");
	notes_add(n, piece.data, piece.len, width_of(&piece));
	text_release(&piece);
}

static void add_left_out(const struct heat *h, struct notes *n)
{
	struct text piece = { 0 };
	char number[32];

	if (h->n_shown == h->n_blocks)
		return;
	if (h->n_leading == 1) {
		frame_add_axis(&piece, h->a, 0);
		text_addf(&piece, " %lld to %lld left out", (long long)h->a->base[0] + h->n_shown,
			  (long long)h->a->base[0] + h->n_blocks - 1);
	} else {
		text_addf(&piece, "%s more %s left out",
			  ui_format_count(h->n_blocks - h->n_shown, number, sizeof(number)),
			  plural(h->n_blocks - h->n_shown, "picture", "pictures"));
	}
	notes_add(n, piece.data, piece.len, width_of(&piece));
	text_release(&piece);
}

static void add_legend(const struct heat *h, struct text *t)
{
	struct notes n = { t, frame_width(h->ui), 0 };
	struct text piece = { 0 };

	if (h->row_axis >= 0 && h->a->axes[0]) {
		text_adds(&piece, "rows ");
		frame_add_axis(&piece, h->a, h->row_axis);
		text_adds(&piece, ", columns ");
		frame_add_axis(&piece, h->a, h->column_axis);
		notes_add(&n, piece.data, piece.len, width_of(&piece));
		text_release(&piece);
	}
	add_scale(h, &n);
	notes_add_counts(&n, &h->stats, true);
	add_pooled(h, &n);
	add_left_out(h, &n);
	notes_end(&n);
}

void ui_add_heat(struct text *t, const struct ui *ui, const struct array *a,
		 const struct ui_heat_options *o)
{
	static const struct ui_heat_options usual = { 0 };
	struct heat h = { .ui = ui, .a = a, .o = o ? o : &usual };

	if (!frame_has_elements(t, a))
		return;
	plan_axes(&h);
	plan_cells(&h);
	pool(&h);
	plan_scale(&h);
	plan_numbers(&h);
	plan_blocks(&h);
	for (int b = 0; b < h.n_shown; b += h.across)
		add_pictures(&h, t, b, int_min(h.n_shown, b + h.across));
	add_legend(&h, t);
	free(h.cells);
}

void ui_add_pattern(struct text *t, const struct ui *ui, const struct array *a,
		    const struct ui_labels *tokens, int64_t window)
{
	const struct ui_heat_options o = { .labels = tokens,
					   .hi = 1,
					   .map = UI_MAP_SEQUENTIAL,
					   .numbers = true,
					   .causal = true,
					   .window = window };

	ui_add_heat(t, ui, a, &o);
}
