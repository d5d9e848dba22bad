/*
 * heat.h -- a heat map that is planned: heat.c measures and places it, heat_draw.c draws its cells.
 */
#ifndef UI_HEAT_H
#define UI_HEAT_H

#include "frame.h"
#include "sgr.h"

#include "torchless/ui_grid.h"

struct heat {
	const struct ui *ui;
	const struct array *a;
	const struct ui_heat_options *o;
	int row_axis, column_axis, n_leading; /* -1: the array has no such axis */
	int64_t n_blocks;
	int n_shown, across, block_width; /* pictures, those beside one another, their columns */
	int room, max_lines;              /* for one picture: columns, lines */
	int label_width, cell_width;
	bool half, numbers; /* two rows a line; the numbers are written into the cells */
	bool fractions;     /* ".71" */
	enum ui_map map;    /* never AUTO */
	double lo, hi;      /* the scale */
	struct ui_grid grid;
	uint32_t *cells; /* block by block */
	struct stats stats;
};

/* Line `y` of a picture: cell_width * columns wide, colours set back at the end. */
void heat_draw_line(const struct heat *h, struct text *t, int block, int y);

/* The scale from its low to its high end; returns its columns. */
int heat_draw_scale(const struct heat *h, struct text *t);

/* The number in a cell, as it is written into it. */
const char *heat_number(const struct heat *h, uint32_t cell, char *buf, size_t size);

#endif
