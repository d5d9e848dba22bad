/*
 * heat.c -- heat maps: tiles of cells, what stands beside them, and what is said below.
 */
#include "heat.h"

#include "torchless/ui.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Letters fit on a cell from here on. */
enum { MARK_WIDTH = 14, MARK_HEIGHT = 24 };

/* ---- notes -------------------------------------------------------------------------------- */

static void note_scale(struct figure *f, const struct heat *h, const struct heat_scale *s)
{
	int digits = figure_digits(s->stats.min, s->stats.max, s->stats.max - s->stats.min);
	char min[32], max[32], prefix[FIGURE_PREFIX];

	figure_prefix(f, h->n_scales > 1 ? s->caption : NULL, prefix);
	figure_number(s->stats.min, digits, min, sizeof(min));
	figure_number(s->stats.max, digits, max, sizeof(max));
	if (isnan(s->stats.min))
		figure_notef(f, "%snothing is finite", prefix);
	else if (!(s->stats.max > s->stats.min))
		figure_notef(f, "%sall %s", prefix, min);
	else
		figure_notef(f, "%smin %s, max %s", prefix, min, max);
	if (s->stats.min < s->scale.lo || s->stats.max > s->scale.hi)
		figure_notef(f, "what lies beyond the scale has the colour of its end");
}

/* "pooled q 512 to 64, k 576 to 120 by max |x|" */
static void note_pooled(struct figure *f, const struct heat *h)
{
	const struct heat_panel *p = &h->panels[0];
	const struct ruler *axes[] = { &p->rows, &p->columns };
	struct text said = { 0 }, name = { 0 };

	for (int i = 0; i < 2; i++) {
		if (axes[i]->cells == axes[i]->n)
			continue;
		ruler_name(&f->v, axes[i], &name);
		text_addf(&said, "%s%s %lld to %d", said.len ? ", " : "", name.data,
			  (long long)axes[i]->n, axes[i]->cells);
	}
	if (said.len)
		figure_notef(f, "pooled %s by max |x|", said.data);
	text_release(&said);
	text_release(&name);
}

static bool has_absent(const struct heat *h)
{
	for (int i = 0; i < h->n_tiles; i++) {
		const struct ui_grid *g = &h->panels[h->tiles[i].panel].grid;

		for (int k = 0; k < g->rows * g->columns; k++)
			if (h->tiles[i].cells[k] == UI_GRID_ABSENT)
				return true;
	}
	return false;
}

static void note_all(struct figure *f, const struct heat *h)
{
	struct stats_sum all;
	struct stats stats;
	char number[32];

	stats_sum_init(&all);
	for (int i = 0; i < h->n_scales; i++)
		stats_sum_merge(&all, &h->scales[i].sum);
	stats = stats_finish(&all);
	if (has_absent(h))
		figure_swatchf(f, CANVAS_BLANK, '\0', "not seen");
	figure_note_counts(f, &stats, true);
	for (int i = 0; i < h->n_scales; i++)
		note_scale(f, h, &h->scales[i]);
	note_pooled(f, h);
	if (h->n_left_out)
		figure_notef(f, "%s more left out",
			     ui_format_count(h->n_left_out, number, sizeof(number)));
}

static int plan(struct figure *f, struct err *err)
{
	struct heat *h = calloc(1, sizeof(*h));

	if (!h)
		return err_set(err, ERR_MEMORY, "no memory for a picture");
	f->plan = h;
	if (heat_plan(h, f, err))
		return err->code;
	f->body_height = h->tiles_height + heat_scales_height(h);
	if (f->body_width < heat_scales_width(h))
		f->body_width = heat_scales_width(h);
	if (f->body_width > f->room)
		f->body_width = f->room;
	f->notes_x = h->tiles[0].x;
	note_all(f, h);
	return 0;
}

static void release(struct figure *f)
{
	struct heat *h = f->plan;

	for (int i = 0; h && i < h->n_tiles; i++)
		free(h->tiles[i].cells);
	free(h);
}

/* ---- a tile ------------------------------------------------------------------------------- */

static uint32_t color_of(const struct heat *h, const struct heat_panel *p, uint32_t cell)
{
	const struct ui_scale *s = &h->scales[p->scale].scale;

	if (cell == UI_GRID_ABSENT)
		return CANVAS_BLANK;
	return ui_map_color(s->map, UI_ON_PAPER, s->lo, s->hi, (double)ui_grid_value(cell));
}

static char mark_of(float x)
{
	return isnan(x) ? '!' : x > 0 ? '^' : 'v';
}

/* A number, or the mark of what is not finite. */
static void draw_letters(const struct heat *h, struct canvas *v, const struct heat_tile *t,
			 const struct canvas_cells *at, int i, uint32_t color)
{
	uint32_t cell = t->cells[i];
	int column = i % at->columns, row = i / at->columns;
	char number[32];
	struct text text = { 0 };

	if (h->numbers)
		heat_cell_text(h, t, cell, number, sizeof(number));
	else if (!isfinite(ui_grid_value(cell)) && at->cell_width >= MARK_WIDTH &&
		 at->cell_height >= MARK_HEIGHT)
		snprintf(number, sizeof(number), "%c", mark_of(ui_grid_value(cell)));
	else
		return;
	canvas_fit(v, CANVAS_TEXT, number, strlen(number), 400, &text);
	canvas_text(v, CANVAS_TEXT, ui_color_is_dark(color) ? CANVAS_WHITE : CANVAS_BLACK,
		    at->x + (column + 0.5) * at->cell_width, at->y + (row + 0.5) * at->cell_height,
		    CANVAS_MIDDLE, text.data);
	text_release(&text);
}

static void draw_cells(const struct heat *h, struct canvas *v, const struct heat_tile *t, int x,
		       int y)
{
	const struct heat_panel *p = &h->panels[t->panel];
	const struct canvas_cells at = {
		x, y, p->grid.columns, p->grid.rows, h->cell_width, h->cell_height
	};
	int n = at.columns * at.rows;
	uint32_t *colors = calloc((size_t)n, sizeof(*colors));

	for (int i = 0; colors && i < n; i++)
		colors[i] = color_of(h, p, t->cells[i]);
	if (colors)
		canvas_cells(v, &at, colors);
	canvas_frame(v, CANVAS_FRAME, x, y, at.columns * at.cell_width, at.rows * at.cell_height);
	for (int i = 0; colors && i < n; i++)
		if (t->cells[i] != UI_GRID_ABSENT)
			draw_letters(h, v, t, &at, i, colors[i]);
	free(colors);
}

static void draw_row_labels(const struct heat *h, struct canvas *v, const struct ruler *rows, int x,
			    int y)
{
	struct text label = { 0 };

	for (int64_t row = ruler_first(rows, h->row_step); rows->index >= 0 && row < rows->n;
	     row += h->row_step) {
		double at = y + ruler_place(rows, row);

		ruler_label(v, rows, row, h->label_width - 10, &label);
		canvas_text(v, CANVAS_TEXT, CANVAS_BLACK, x - 10, at, CANVAS_END, label.data);
		if (h->row_step > 1)
			canvas_fill(v, CANVAS_FRAME, x - 7, floor(at), 6, 1);
	}
	text_release(&label);
}

static void draw_column_labels(const struct heat *h, struct canvas *v, const struct ruler *columns,
			       int x, int y)
{
	struct text label = { 0 };

	for (int64_t row = ruler_first(columns, h->column_step);
	     columns->index >= 0 && row < columns->n; row += h->column_step) {
		double at = x + ruler_place(columns, row);

		ruler_label(v, columns, row, 200, &label);
		if (h->upright)
			canvas_text_up(v, CANVAS_TEXT, CANVAS_BLACK, at, y + 10, CANVAS_END,
				       label.data);
		else
			canvas_text(v, CANVAS_TEXT, CANVAS_BLACK, at, y + 8 + CANVAS_LINE / 2.0,
				    CANVAS_MIDDLE, label.data);
		if (h->column_step > 1)
			canvas_fill(v, CANVAS_FRAME, floor(at), y + 1, 1, 6);
	}
	text_release(&label);
}

/* "a: head 3" */
static void draw_title(const struct heat *h, struct canvas *v, const struct heat_tile *t, int x,
		       int y)
{
	const struct heat_panel *p = &h->panels[t->panel];
	bool has_title = h->n_panels > 1 && p->p->title, has_block = p->n_blocks > 1;
	struct text block = { 0 }, title = { 0 };
	char first[200];

	ruler_block(p->p, p->n_leading, t->block, &block);
	text_addf(&title, "%s%s%s", has_title ? figure_copy(p->p->title, first, sizeof(first)) : "",
		  has_title && has_block ? ": " : "", has_block ? block.data : "");
	canvas_fit(v, CANVAS_TEXT, title.data, title.len, h->tile_width, &block);
	canvas_text(v, CANVAS_TEXT, CANVAS_BLACK, x, y - 10 - CANVAS_LINE / 2.0 + 4, CANVAS_START,
		    block.data);
	text_release(&block);
	text_release(&title);
}

static void draw_tile(const struct heat *h, struct canvas *v, const struct heat_tile *t, int x,
		      int y)
{
	const struct heat_panel *p = &h->panels[t->panel];

	x += t->x;
	y += t->y;
	draw_cells(h, v, t, x, y);
	if (h->title_height)
		draw_title(h, v, t, x, y);
	if (t->has_row_labels)
		draw_row_labels(h, v, &p->rows, x, y);
	if (t->has_column_labels)
		draw_column_labels(h, v, &p->columns, x, y + p->grid.rows * h->cell_height);
}

static void draw(struct figure *f, int x, int y)
{
	struct heat *h = f->plan;
	const struct heat_panel *p = &h->panels[0];
	const struct heat_tile *last = &h->tiles[h->n_tiles - 1];
	int left = h->tiles[0].x, right = h->tiles[h->across - 1].x + h->tile_width;
	struct text name = { 0 };

	for (int i = 0; i < h->n_tiles; i++)
		draw_tile(h, &f->v, &h->tiles[i], x, y);
	ruler_name(&f->v, &p->rows, &name);
	canvas_text_up(&f->v, CANVAS_TEXT, CANVAS_GREY, x + CANVAS_LINE / 2.0,
		       y + (h->tiles[0].y + last->y + h->tile_height) / 2.0, CANVAS_MIDDLE,
		       name.data);
	ruler_name(&f->v, &p->columns, &name);
	canvas_text(&f->v, CANVAS_TEXT, CANVAS_GREY, x + (left + right) / 2.0,
		    y + h->tiles_height - CANVAS_LINE / 2.0, CANVAS_MIDDLE, name.data);
	heat_draw_scales(h, &f->v, x + left, y + h->tiles_height, f->body_width - left);
	text_release(&name);
}

const struct figure_kind heat_kind = { plan, draw, release };
