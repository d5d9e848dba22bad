/*
 * canvas.h -- a white sheet of pixels: cells, rectangles, lines, and text that is safe to draw.
 *
 * What is drawn outside of the sheet is cut off; a failure of cairo's stays until canvas_png().
 * Text is prepared by canvas_fit() first, whoever it came from: what is left is valid UTF-8 of
 * which every character can be seen, and no wider than it may be.
 */
#ifndef PAINT_CANVAS_H
#define PAINT_CANVAS_H

#include "library.h"

#include "torchless/text.h"

#include <stdint.h>

enum canvas_color {
	CANVAS_BLACK = 0x1a1a1a,
	CANVAS_GREY = 0x595959,
	CANVAS_FRAME = 0x8c8c8c,
	CANVAS_RULE = 0xdddddd,
	CANVAS_BAR = 0x2f6db3,
	CANVAS_WHITE = 0xffffff,
	CANVAS_HATCH = 0xd0d0d0,
	CANVAS_BLANK = 0x1000000, /* of a cell: white with grey lines across */
};

/* 24 pixels are 9 points when a picture is printed at half its size. */
enum canvas_style { CANVAS_TEXT, CANVAS_BOLD, CANVAS_TITLE, CANVAS_STYLES };
#define CANVAS_LINE 30 /* pixels from one line of text to the next */

enum canvas_anchor { CANVAS_START, CANVAS_MIDDLE, CANVAS_END };

struct canvas {
	const struct cairo *c;
	cairo_surface_t *surface;
	cairo_t *cr;
	int width, height;
	/* By which font a character can be shown, remembered. */
	struct canvas_seen {
		uint32_t character;
		int font;
	} seen[256];
};

/* A sheet to measure on; canvas_begin() makes it a large one.  Close it also after a failure. */
int canvas_open(struct canvas *v, struct err *err);
int canvas_begin(struct canvas *v, int width, int height, struct err *err);
void canvas_close(struct canvas *v);

/* Append the sheet as PNG; ERR_MEMORY and ERR_IO of anything that went wrong since it began. */
int canvas_png(struct canvas *v, struct text *out, struct err *err);

/* ---- text --------------------------------------------------------------------------------- */

/* Make `to` what can be shown of data[0..len) in `width` pixels, "…" for what is left out. */
void canvas_fit(struct canvas *v, enum canvas_style style, const void *data, size_t len, int width,
		struct text *to);

/* The pixels that prepared text takes, rounded up. */
int canvas_text_width(struct canvas *v, enum canvas_style style, const char *s);

/* `y` is the middle of the letters; `anchor` says which part of the line is at x. */
void canvas_text(struct canvas *v, enum canvas_style style, uint32_t color, double x, double y,
		 enum canvas_anchor anchor, const char *s);

/* The same written upwards, its middle at x and the part that `anchor` says at y. */
void canvas_text_up(struct canvas *v, enum canvas_style style, uint32_t color, double x, double y,
		    enum canvas_anchor anchor, const char *s);

/* ---- shapes ------------------------------------------------------------------------------- */

void canvas_fill(struct canvas *v, uint32_t color, double x, double y, double width, double height);

/* A frame around, not over, the pixels of a rectangle. */
void canvas_frame(struct canvas *v, uint32_t color, int x, int y, int width, int height);

/* Pixel for pixel: `columns` x `rows` cells, each of cell_width x cell_height. */
struct canvas_cells {
	int x, y, columns, rows, cell_width, cell_height;
};
void canvas_cells(struct canvas *v, const struct canvas_cells *at, const uint32_t *colors);

#endif
