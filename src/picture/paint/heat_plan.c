/*
 * heat_plan.c -- how large heat maps are and where their tiles are.
 *
 * The cells are as large as the room allows: every number of tiles beside one another is tried, and
 * the one by which most is painted is taken.  What has more rows or columns than there are pixels
 * is pooled to cells of two pixels: one is no more than a hair in print.
 */
#include "heat.h"

#include "torchless/mem.h"
#include "torchless/numbers.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_CELL = 64,
	MAX_ROW = 36,     /* the height of a cell that need not be square */
	MAX_NUMBER = 110, /* the width of a cell with a number in it */
	POOLED_CELL = 2,
	MAX_ROW_LABEL = 260,
	MAX_COLUMN_LABEL = 200,
	TILE_GAP = 28,
	LABEL_GAP = 10,
	TEXT_HEIGHT = 26,    /* of words one under the other */
	INDEX_DISTANCE = 48, /* of indices, of which not all are needed */
};

/* ---- panels and tiles --------------------------------------------------------------------- */

static void set_panel(struct heat_panel *p, const struct paint_panel *from)
{
	const struct array *a = from->a;
	int row_axis = a->n_dims > 1 ? a->n_dims - 2 : -1;

	*p = (struct heat_panel){ .p = from, .n_blocks = 1 };
	p->rows = (struct ruler){ .a = a, .labels = from->labels, .index = row_axis };
	p->columns = (struct ruler){ .a = a, .labels = from->labels, .index = a->n_dims - 1 };
	p->rows.n = row_axis >= 0 ? a->shape[row_axis] : 1;
	p->columns.n = a->n_dims > 0 ? a->shape[a->n_dims - 1] : 1;
	p->n_leading = a->n_dims > 2 ? a->n_dims - 2 : 0;
	for (int i = 0; i < p->n_leading; i++)
		p->n_blocks *= a->shape[i];
	p->grid = (struct ui_grid){ .n_rows = p->rows.n, .n_columns = p->columns.n };
	p->grid.causal = from->causal && row_axis >= 0;
	if (p->grid.causal)
		p->grid.ahead = a->base[row_axis] - a->base[row_axis + 1];
	p->grid.window = int64_max(0, from->window);
}

static int set_panels(struct heat *h, const struct paint *p, struct err *err)
{
	if (figure_check_panels(p, HEAT_MAX_PANELS, err))
		return err->code;
	h->n_panels = p->n_panels;
	for (int i = 0; i < p->n_panels; i++)
		set_panel(&h->panels[i], &p->panels[i]);
	return 0;
}

/* Block by block, the panels beside one another. */
static void set_tiles(struct heat *h)
{
	int64_t blocks = 1, all = 0;

	for (int i = 0; i < h->n_panels; i++) {
		blocks = int64_max(blocks, h->panels[i].n_blocks);
		all += h->panels[i].n_blocks;
	}
	for (int64_t b = 0; b < blocks && h->n_tiles + h->n_panels <= HEAT_MAX_TILES; b++)
		for (int i = 0; i < h->n_panels; i++)
			if (b < h->panels[i].n_blocks)
				h->tiles[h->n_tiles++] =
					(struct heat_tile){ .panel = i, .block = b };
	h->n_left_out = all - h->n_tiles;
}

/* ---- sizes -------------------------------------------------------------------------------- */

struct room {
	int width, height; /* for the cells of all tiles */
};

static bool is_square(const struct heat *h)
{
	const struct paint_panel *p = h->panels[0].p;
	size_t len = strlen(p->a->axes);

	return p->causal || (len >= 3 && strcmp(p->a->axes + len - 3, "q,k") == 0);
}

static int64_t most_rows(const struct heat *h)
{
	int64_t n = 1;

	for (int i = 0; i < h->n_panels; i++)
		n = int64_max(n, h->panels[i].rows.n);
	return n;
}

static int64_t most_columns(const struct heat *h)
{
	int64_t n = 1;

	for (int i = 0; i < h->n_panels; i++)
		n = int64_max(n, h->panels[i].columns.n);
	return n;
}

/* The pixels of a cell so that n of them fit, and how many there are. */
static int cell_for(int64_t n, int room, int most, int *cells)
{
	room = room < POOLED_CELL ? POOLED_CELL : room;
	if (n > room) {
		*cells = room / POOLED_CELL;
		return POOLED_CELL;
	}
	*cells = (int)n;
	return (int)int64_min(most, room / n);
}

struct size {
	int across, columns, rows, cell_width, cell_height;
};

/* As many elements a cell one way as the other, and cells as wide as they are high. */
static void make_square(const struct heat *h, struct size *s)
{
	double pooled = fmax((double)most_columns(h) / s->columns, (double)most_rows(h) / s->rows);

	s->columns = (int)fmax(1, floor((double)most_columns(h) / pooled));
	s->rows = (int)fmax(1, floor((double)most_rows(h) / pooled));
	s->cell_width = s->cell_height =
		s->cell_width < s->cell_height ? s->cell_width : s->cell_height;
}

/* Of a tile that has so much room. */
static struct size size_for(const struct heat *h, struct room tile, int across)
{
	struct size s = { .across = across };

	s.cell_width = cell_for(most_columns(h), tile.width, MAX_CELL, &s.columns);
	s.cell_height =
		cell_for(most_rows(h), tile.height, is_square(h) ? MAX_CELL : MAX_ROW, &s.rows);
	if (is_square(h))
		make_square(h, &s);
	return s;
}

static double painted(const struct size *s)
{
	return (double)s->columns * s->cell_width * s->rows * s->cell_height;
}

static void set_size(struct heat *h, const struct size *s)
{
	assert(s->across > 0); /* there is a panel */
	h->across = s->across;
	h->down = (h->n_tiles + s->across - 1) / s->across;
	h->cell_width = s->cell_width;
	h->cell_height = s->cell_height;
	for (int i = 0; i < h->n_panels; i++) {
		h->panels[i].grid.columns = (int)int64_min(s->columns, h->panels[i].columns.n);
		h->panels[i].grid.rows = (int)int64_min(s->rows, h->panels[i].rows.n);
	}
	h->tile_width = s->columns * s->cell_width;
	h->tile_height = s->rows * s->cell_height;
}

/* What is left of the body for cells, with `across` tiles beside one another. */
static struct room room_for(const struct heat *h, const struct figure *f, int across)
{
	int down = (h->n_tiles + across - 1) / across;
	int gutters = h->same_rows ? 1 : across, feet = h->same_columns ? 1 : down;
	int height = f->room < FIGURE_MAX_BODY ? f->room : FIGURE_MAX_BODY;

	return (struct room){
		(f->room - h->name_width - gutters * h->label_width - (across - 1) * TILE_GAP) /
			across,
		(height - feet * h->label_height - down * h->title_height - (down - 1) * TILE_GAP) /
			down,
	};
}

/* Choose how many tiles are beside one another: panels all or none, blocks as suits them. */
static void size_all(struct heat *h, const struct figure *f)
{
	struct size best = { 0 };

	for (int across = h->n_tiles; across >= 1; across--) {
		struct size s;

		if (h->n_panels > 1 && across != h->n_panels && across != 1)
			continue;
		s = size_for(h, room_for(h, f, across), across);
		if (best.across == 0 || painted(&s) > painted(&best) * 1.02)
			best = s;
	}
	set_size(h, &best);
}

/* ---- labels ------------------------------------------------------------------------------- */

static void set_cells(struct heat *h)
{
	for (int i = 0; i < h->n_panels; i++) {
		h->panels[i].rows.cells = h->panels[i].grid.rows;
		h->panels[i].rows.cell = h->cell_height;
		h->panels[i].columns.cells = h->panels[i].grid.columns;
		h->panels[i].columns.cell = h->cell_width;
	}
}

/* Whether two axes read the same, as far as anybody sees. */
static bool same_labels(struct canvas *v, const struct ruler *a, const struct ruler *b)
{
	struct text one = { 0 }, other = { 0 };
	bool same = a->index == b->index && a->n == b->n &&
		    (a->index < 0 || a->a->base[a->index] == b->a->base[b->index]);

	for (int64_t row = 0; same && a->index >= 0 && row < a->n; row += 1 + a->n / 200) {
		ruler_label(v, a, row, MAX_ROW_LABEL, &one);
		ruler_label(v, b, row, MAX_ROW_LABEL, &other);
		same = strcmp(one.data, other.data) == 0;
	}
	text_release(&one);
	text_release(&other);
	return same;
}

/* What labels may take before it is known which of them are shown. */
static void estimate_labels(struct heat *h, struct canvas *v)
{
	int most = h->n_tiles > 1 ? MAX_ROW_LABEL * 2 / 3 : MAX_ROW_LABEL;

	h->same_rows = h->same_columns = true;
	for (int i = 0; i < h->n_panels; i++) {
		struct heat_panel *p = &h->panels[i];
		int width;

		width = p->rows.index < 0 ? 0 : ruler_width(v, &p->rows, 1, most) + LABEL_GAP;
		h->label_width = width > h->label_width ? width : h->label_width;
		h->same_rows = h->same_rows && same_labels(v, &h->panels[0].rows, &p->rows);
		h->same_columns =
			h->same_columns && same_labels(v, &h->panels[0].columns, &p->columns);
		if (p->rows.index >= 0)
			h->name_width = CANVAS_LINE + LABEL_GAP;
	}
	h->label_height =
		ruler_has_words(&h->panels[0].columns) ? MAX_COLUMN_LABEL : CANVAS_LINE + LABEL_GAP;
	h->title_height = h->n_tiles > 1 ? CANVAS_LINE + 8 : 0;
}

/* Indices can be counted: where not all of them fit, fewer will do. */
static int distance_of(const struct ruler *rows)
{
	bool all = ruler_step(rows, TEXT_HEIGHT) == 1;

	return all || ruler_has_words(rows) ? TEXT_HEIGHT : INDEX_DISTANCE;
}

/* Which labels are shown, how, and what they take. */
static void place_labels(struct heat *h, struct canvas *v)
{
	bool words = ruler_has_words(&h->panels[0].columns);
	int widest = 0;

	h->row_step = h->column_step = 1;
	for (int i = 0; i < h->n_panels; i++) {
		struct ruler *rows = &h->panels[i].rows, *columns = &h->panels[i].columns;
		int64_t step = ruler_step(rows, distance_of(rows));
		int width;

		h->row_step = step > h->row_step ? step : h->row_step;
		width = ruler_width(v, columns, 1, MAX_COLUMN_LABEL);
		widest = width > widest ? width : widest;
	}
	h->upright = words && widest > h->cell_width - 8;
	for (int i = 0; i < h->n_panels; i++) {
		int64_t step = ruler_step(&h->panels[i].columns,
					  h->upright ? TEXT_HEIGHT + 2 : widest + 16);

		h->column_step = step > h->column_step ? step : h->column_step;
	}
	if (h->upright) {
		h->label_height = 0;
		for (int i = 0; i < h->n_panels; i++) {
			int width = ruler_width(v, &h->panels[i].columns, h->column_step,
						MAX_COLUMN_LABEL);

			if (width + LABEL_GAP > h->label_height)
				h->label_height = width + LABEL_GAP;
		}
	} else {
		h->label_height = h->panels[0].columns.index < 0 ? 0 : CANVAS_LINE + LABEL_GAP;
	}
}

/* ---- numbers in cells --------------------------------------------------------------------- */

/* As many decimals as the largest needs for three digits; 0.0 is not written -0.0. */
static void fixed_number(double x, double absmax, char *buf, size_t size)
{
	int decimals = (int)fmin(4, fmax(0, 2 - floor(log10(absmax))));
	char plain[32];

	snprintf(plain, sizeof(plain), "%.*f", decimals, x);
	if (plain[0] == '-' && strspn(plain, "-0.") == strlen(plain))
		memmove(plain, plain + 1, strlen(plain));
	snprintf(buf, size, "%s%s", plain[0] == '-' ? "\u2212" : "",
		 plain + (plain[0] == '-' ? 1 : 0));
}

const char *heat_cell_text(const struct heat *h, const struct heat_tile *t, uint32_t cell,
			   char *buf, size_t size)
{
	double absmax = h->scales[h->panels[t->panel].scale].stats.absmax;
	double x = (double)ui_grid_value(cell);

	if (isnan(x))
		snprintf(buf, size, "nan");
	else if (!isfinite(x))
		snprintf(buf, size, x > 0 ? "inf" : "\u2212inf");
	else if (h->fractions)
		snprintf(buf, size, "%.2f", x);
	else if (absmax >= 0.01 && absmax < 1e5)
		fixed_number(x, absmax, buf, size);
	else
		figure_number(x, 3, buf, size);
	/* As a paper has it, ".25": a point before it can be nothing else. */
	if (h->fractions && strncmp(buf, "0.", 2) == 0)
		memmove(buf, buf + 1, strlen(buf));
	else if (h->fractions && strcmp(buf, "1.00") == 0)
		buf[3] = '\0';
	return buf;
}

static int widest_number(const struct heat *h, struct canvas *v)
{
	struct text text = { 0 };
	char number[32];
	int widest = 0;

	for (int i = 0; i < h->n_tiles; i++) {
		const struct ui_grid *g = &h->panels[h->tiles[i].panel].grid;

		for (int k = 0; k < g->rows * g->columns && widest <= MAX_NUMBER; k++) {
			int width;

			if (h->tiles[i].cells[k] == UI_GRID_ABSENT)
				continue;
			heat_cell_text(h, &h->tiles[i], h->tiles[i].cells[k], number,
				       sizeof(number));
			canvas_fit(v, CANVAS_TEXT, number, strlen(number), 400, &text);
			width = canvas_text_width(v, CANVAS_TEXT, text.data);
			widest = width > widest ? width : widest;
		}
	}
	text_release(&text);
	return widest;
}

/* Numbers are written into the cells where all of them fit as they are. */
static void plan_numbers(struct heat *h, struct figure *f)
{
	struct room room = room_for(h, f, h->across);
	int64_t columns = most_columns(h), rows = most_rows(h);
	int needed;

	if (columns > 40 || rows > 40 || room.height < rows * MAX_ROW)
		return;
	h->fractions = true;
	for (int i = 0; i < h->n_scales; i++)
		h->fractions = h->fractions && h->scales[i].stats.min >= 0 &&
			       h->scales[i].stats.max <= 1 && h->scales[i].stats.max >= 0.01;
	needed = widest_number(h, &f->v) + 14;
	if (needed > MAX_NUMBER || needed * columns > room.width)
		return;
	if (is_square(h) && needed * rows > room.height)
		return;
	h->numbers = true;
	h->cell_width = needed > h->cell_width ? needed : h->cell_width;
	if (is_square(h))
		h->cell_height = h->cell_width;
	h->tile_width = (int)columns * h->cell_width;
	h->tile_height = (int)rows * h->cell_height;
	set_cells(h);
}

/* ---- the whole ---------------------------------------------------------------------------- */

static int pool(struct heat *h, struct err *err)
{
	for (int i = 0; i < h->n_tiles; i++) {
		struct heat_tile *t = &h->tiles[i];
		const struct heat_panel *p = &h->panels[t->panel];
		const struct ui_grid *g = &p->grid;
		size_t n = (size_t)g->rows * (size_t)g->columns;

		t->cells = malloc(n * sizeof(*t->cells));
		if (!t->cells)
			return err_set(err, ERR_MEMORY, "no memory for a picture of %zu cells", n);
		ui_grid_pool(g, p->p->a->data + t->block * g->n_rows * g->n_columns, t->cells,
			     &h->scales[p->scale].sum);
	}
	return 0;
}

/* Panels of one number share a scale. */
static void set_scales(struct heat *h)
{
	for (int i = 0; i < h->n_panels; i++) {
		int k = 0;

		while (k < h->n_scales && h->scales[k].number != h->panels[i].p->scale)
			k++;
		if (k == h->n_scales) {
			h->scales[h->n_scales++].number = h->panels[i].p->scale;
			stats_sum_init(&h->scales[k].sum);
		}
		h->panels[i].scale = k;
	}
}

/* Whether no tile stands below this one. */
static bool is_lowest(const struct heat *h, int tile)
{
	return tile + h->across >= h->n_tiles;
}

static void place_tiles(struct heat *h, struct figure *f)
{
	int gutter = h->same_rows ? 0 : h->label_width,
	    foot = h->same_columns ? 0 : h->label_height;

	for (int i = 0; i < h->n_tiles; i++) {
		struct heat_tile *t = &h->tiles[i];

		t->column = i % h->across;
		t->row = i / h->across;
		t->x = h->name_width + h->label_width +
		       t->column * (h->tile_width + gutter + TILE_GAP);
		t->y = h->title_height +
		       t->row * (h->tile_height + h->title_height + foot + TILE_GAP);
		t->has_row_labels = t->column == 0 || !h->same_rows;
		t->has_column_labels = is_lowest(h, i) || !h->same_columns;
	}
	h->tiles_height = h->tiles[h->n_tiles - 1].y + h->tile_height + h->label_height;
	f->body_width = h->tiles[h->across - 1].x + h->tile_width;
	if (h->panels[0].columns.index >= 0)
		h->tiles_height += CANVAS_LINE + 4; /* the name of the axis */
}

int heat_plan(struct heat *h, struct figure *f, struct err *err)
{
	if (set_panels(h, f->p, err))
		return err->code;
	set_tiles(h);
	set_scales(h);
	estimate_labels(h, &f->v);
	size_all(h, f);
	set_cells(h);
	if (pool(h, err))
		return err->code;
	heat_plan_scales(h);
	plan_numbers(h, f);
	place_labels(h, &f->v);
	place_tiles(h, f);
	return 0;
}
