/*
 * heat.h -- heat maps that are planned: heat_plan.c says how large and where, heat_scale.c which
 * colours, heat.c draws.
 *
 * A tile is a matrix: the last two axes of a panel at one index of its leading ones.  All tiles of
 * a picture have cells of one size.
 */
#ifndef PAINT_HEAT_H
#define PAINT_HEAT_H

#include "figure.h"

#include "torchless/ui_color.h"
#include "torchless/ui_grid.h"

enum { HEAT_MAX_PANELS = 16, HEAT_MAX_TILES = 64 };

struct heat_panel {
	const struct paint_panel *p;
	struct ruler rows, columns;
	struct ui_grid grid;
	int n_leading;
	int64_t n_blocks;
	int scale; /* of heat.scales */
};

struct heat_tile {
	int panel;
	int64_t block;
	int column, row; /* in the grid of tiles */
	int x, y;        /* of its cells, from the corner of the body */
	bool has_row_labels, has_column_labels;
	uint32_t *cells;
};

struct heat_scale {
	int number; /* of the panels that have it */
	struct stats_sum sum;
	struct stats stats;
	struct ui_scale scale;
	char caption[160];
};

struct heat {
	struct heat_panel panels[HEAT_MAX_PANELS];
	int n_panels;
	struct heat_tile tiles[HEAT_MAX_TILES];
	int n_tiles;
	int64_t n_left_out;
	struct heat_scale scales[HEAT_MAX_PANELS];
	int n_scales;

	int across, down; /* tiles */
	int cell_width, cell_height;
	int tile_width, tile_height; /* of the largest one's cells */
	int title_height;
	int name_width;   /* of the row axis' name, written upwards */
	int label_width;  /* of row labels, with the space behind them */
	int label_height; /* of column labels */
	int64_t row_step, column_step;
	bool same_rows, same_columns; /* one tile's labels are all tiles' labels */
	bool upright;                 /* column labels are written upwards */
	bool numbers, fractions;      /* are written into the cells */
	int tiles_height;             /* what stands below them is the scales */
};

/* Set panels, tiles and sizes; ERR_USAGE where there is nothing to paint, ERR_MEMORY. */
int heat_plan(struct heat *h, struct figure *f, struct err *err);

/* Set the scales from what was pooled. */
void heat_plan_scales(struct heat *h);

/* The height of their bars, and the width that they want. */
int heat_scales_height(const struct heat *h);
int heat_scales_width(const struct heat *h);

void heat_draw_scales(struct heat *h, struct canvas *v, int x, int y, int width);

/* The number in a cell, as it is written into it. */
const char *heat_cell_text(const struct heat *h, const struct heat_tile *t, uint32_t cell,
			   char *buf, size_t size);

#endif
