/*
 * lines.c -- sparklines: the last axis from left to right, one line for each index of the others.
 *
 * A line is drawn as what lies between it and 0, a column of pixels or more an element, so that one
 * element among thousands cannot be missed.  All lines of a scale are as high as each other's.
 */
#include "figure.h"

#include "torchless/numbers.h"
#include "torchless/ui.h"
#include "torchless/ui_grid.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_PANELS = 16,
	MIN_LINE = 30, /* a label is as high */
	MAX_LINE = 96,
	WISHED_HEIGHT = 1100, /* of all lines, if they can */
	MAX_CELL = 16,
	MAX_LABEL = 260,
	GAP = 12,
	ABOVE = CANVAS_LINE + 10,
	BELOW = 20 + 2 * CANVAS_LINE,
};

struct line_panel {
	const struct paint_panel *p;
	int64_t n_lines;
	int n_shown;
	struct ruler columns;
	double lo, hi; /* with 0 */
	int cell_width, width;
};

struct lines {
	struct line_panel panels[MAX_PANELS];
	int n;
	int label_width, line_height;
};

static int n_leading(const struct line_panel *l)
{
	return l->p->a->n_dims > 1 ? l->p->a->n_dims - 1 : 0;
}

/* "Once" where there is one leading axis, "head 3, q 0" where there are more. */
static void add_label(struct canvas *v, const struct line_panel *l, int64_t line, struct text *to)
{
	struct ruler x = { .a = l->p->a, .labels = l->p->labels, .n = l->n_lines };
	struct text block = { 0 };

	if (n_leading(l) == 1) {
		ruler_label(v, &x, line, MAX_LABEL, to);
		return;
	}
	ruler_block(l->p, n_leading(l), line, &block);
	canvas_fit(v, CANVAS_TEXT, block.data, block.len, MAX_LABEL, to);
	text_release(&block);
}

static void set_panel(struct figure *f, struct lines *all, int i)
{
	struct line_panel *l = &all->panels[i];
	const struct array *a = f->p->panels[i].a;
	struct ui_scale range = figure_range(f->p, i);
	struct text label = { 0 };

	*l = (struct line_panel){ .p = &f->p->panels[i], .n_lines = 1 };
	l->columns = (struct ruler){ .a = a, .labels = l->p->labels, .index = a->n_dims - 1 };
	l->columns.n = a->n_dims ? a->shape[a->n_dims - 1] : 1;
	l->n_lines = a->numel / l->columns.n;
	l->n_shown = (int)int64_min(l->n_lines, FIGURE_MAX_BODY / MIN_LINE / all->n - 4);
	l->lo = fmin(0, range.lo);
	l->hi = fmax(0, range.hi);
	for (int line = 0; line < l->n_shown; line++) {
		int width;

		add_label(&f->v, l, line, &label);
		width = canvas_text_width(&f->v, CANVAS_TEXT, label.data);
		all->label_width = width > all->label_width ? width : all->label_width;
	}
	text_release(&label);
}

/* One pixel an element at least; what does not fit is pooled to columns of two. */
static void set_width(struct line_panel *l, int room)
{
	if (l->columns.n <= room) {
		l->columns.cells = (int)l->columns.n;
		l->cell_width = (int)int64_min(MAX_CELL, room / l->columns.n);
	} else {
		l->columns.cells = room / 2;
		l->cell_width = 2;
	}
	l->columns.cell = l->cell_width;
	l->width = l->columns.cells * l->cell_width;
}

static void note_panel(struct figure *f, const struct line_panel *l)
{
	struct stats s = stats_of(l->p->a->data, l->p->a->numel);
	char a[32], b[32], prefix[FIGURE_PREFIX];

	figure_prefix(f, l->p->title, prefix);
	if (isnan(s.min))
		figure_notef(f, "%snothing is finite", prefix);
	else
		figure_notef(f, "%smin %s, max %s", prefix, figure_number(s.min, 4, a, sizeof(a)),
			     figure_number(s.max, 4, b, sizeof(b)));
	figure_note_counts(f, &s, true);
	if (l->columns.cells < l->columns.n)
		figure_notef(f, "pooled %lld to %d by max |x|", (long long)l->columns.n,
			     l->columns.cells);
	if (l->n_shown < l->n_lines)
		figure_notef(f, "%s more %s left out",
			     ui_format_count(l->n_lines - l->n_shown, a, sizeof(a)),
			     plural(l->n_lines - l->n_shown, "line", "lines"));
}

static int plan(struct figure *f, struct err *err)
{
	struct lines *all;
	int n_shown = 0, room;

	if (figure_check_panels(f->p, MAX_PANELS, err))
		return err->code;
	all = f->plan = calloc(1, sizeof(*all));
	if (!all)
		return err_set(err, ERR_MEMORY, "no memory for a picture");
	all->n = f->p->n_panels;
	for (int i = 0; i < all->n; i++) {
		set_panel(f, all, i);
		n_shown += all->panels[i].n_shown;
	}
	assert(n_shown > 0);
	room = f->room - all->label_width - GAP;
	all->line_height = WISHED_HEIGHT / n_shown;
	all->line_height = all->line_height < MIN_LINE   ? MIN_LINE
			   : all->line_height > MAX_LINE ? MAX_LINE
							 : all->line_height;
	for (int i = 0; i < all->n; i++) {
		struct line_panel *l = &all->panels[i];

		set_width(l, room);
		note_panel(f, l);
		if (all->label_width + GAP + l->width > f->body_width)
			f->body_width = all->label_width + GAP + l->width;
		f->body_height += (all->n > 1 ? ABOVE : 0) + l->n_shown * all->line_height + BELOW;
	}
	f->notes_x = all->label_width + GAP;
	return 0;
}

static void release(struct figure *f)
{
	free(f->plan);
}

/* Where x is in a line, from its upper side. */
static int place(const struct lines *all, const struct line_panel *l, double x)
{
	double p = ui_map_place(l->lo, l->hi, x);

	return (int)lround((1 - p) * (all->line_height - 5)) + 2;
}

static void draw_element(struct canvas *v, const struct lines *all, const struct line_panel *l,
			 float x, int left, int top)
{
	int zero = place(all, l, 0), at;

	if (!isfinite(x)) {
		canvas_fill(v, ui_map_color(UI_MAP_SEQUENTIAL, UI_ON_PAPER, 0, 1, (double)x), left,
			    top + 2, l->cell_width, all->line_height - 4);
		return;
	}
	at = place(all, l, (double)x);
	if (at != zero)
		canvas_fill(v, CANVAS_BAR, left, top + (at < zero ? at : zero + 1), l->cell_width,
			    at < zero ? zero - at : at - zero);
}

/* A label is at 0, as far as it stays beside its own line. */
static int label_place(const struct lines *all, const struct line_panel *l)
{
	int zero = place(all, l, 0), most = all->line_height - MIN_LINE / 2;

	return zero < MIN_LINE / 2 ? MIN_LINE / 2 : zero > most ? most : zero;
}

static void draw_line(struct figure *f, const struct line_panel *l, int line, uint32_t *cells,
		      int x, int y)
{
	const struct lines *all = f->plan;
	const struct ui_grid g = {
		.n_rows = 1, .n_columns = l->columns.n, .rows = 1, .columns = l->columns.cells
	};
	struct stats_sum sum;
	struct text label = { 0 };

	stats_sum_init(&sum);
	ui_grid_pool(&g, l->p->a->data + line * l->columns.n, cells, &sum);
	canvas_fill(&f->v, CANVAS_RULE, x, y + place(all, l, 0), l->width, 1);
	for (int i = 0; i < g.columns; i++)
		draw_element(&f->v, all, l, ui_grid_value(cells[i]), x + i * l->cell_width, y);
	add_label(&f->v, l, line, &label);
	canvas_text(&f->v, CANVAS_TEXT, CANVAS_BLACK, x - GAP, y + label_place(all, l), CANVAS_END,
		    label.data);
	text_release(&label);
}

/* Indices or words below the lines, as many as there is room for, and the name of the axis. */
static void draw_columns(struct figure *f, const struct line_panel *l, int x, int y)
{
	struct text label = { 0 };
	int64_t step = ruler_step(&l->columns, ruler_width(&f->v, &l->columns, 1, 160) + 16);
	int64_t row = ruler_first(&l->columns, step);

	for (; l->columns.index >= 0 && row < l->columns.n; row += step) {
		double at = x + ruler_place(&l->columns, row);

		ruler_label(&f->v, &l->columns, row, 160, &label);
		canvas_fill(&f->v, CANVAS_FRAME, floor(at), y + 1, 1, 6);
		canvas_text(&f->v, CANVAS_TEXT, CANVAS_BLACK, at, y + 8 + CANVAS_LINE / 2.0,
			    CANVAS_MIDDLE, label.data);
	}
	ruler_name(&f->v, &l->columns, &label);
	canvas_text(&f->v, CANVAS_TEXT, CANVAS_GREY, x + l->width / 2.0, y + 12 + CANVAS_LINE * 1.5,
		    CANVAS_MIDDLE, label.data);
	text_release(&label);
}

static void draw(struct figure *f, int x, int y)
{
	const struct lines *all = f->plan;
	struct text text = { 0 };

	x += all->label_width + GAP;
	for (int i = 0; i < all->n; i++) {
		const struct line_panel *l = &all->panels[i];
		const char *title = l->p->title ? l->p->title : "";
		uint32_t *cells = calloc((size_t)l->columns.cells, sizeof(*cells));

		if (all->n > 1) {
			canvas_fit(&f->v, CANVAS_BOLD, title, strnlen(title, 4096), l->width,
				   &text);
			canvas_text(&f->v, CANVAS_BOLD, CANVAS_BLACK, x, y + CANVAS_LINE / 2.0,
				    CANVAS_START, text.data);
			y += ABOVE;
		}
		canvas_frame(&f->v, CANVAS_FRAME, x, y, l->width, l->n_shown * all->line_height);
		for (int line = 0; cells && line < l->n_shown; line++, y += all->line_height)
			draw_line(f, l, line, cells, x, y);
		draw_columns(f, l, x, y);
		y += BELOW;
		free(cells);
	}
	text_release(&text);
}

const struct figure_kind lines_kind = { plan, draw, release };
