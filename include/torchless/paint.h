/*
 * paint.h -- tensors as PNG files: heat maps with a scale, patterns, histograms, for paper.
 *
 * cairo draws; it is loaded when the first picture is asked for, so that no other command waits for
 * it.  Colours are those of the terminal's heat maps (ui_color.h).
 */
#ifndef TORCHLESS_PAINT_H
#define TORCHLESS_PAINT_H

#include "torchless/array.h"
#include "torchless/ui_tensor.h"

/* One picture; several stand side by side, those of leading axes in a grid. */
struct paint_panel {
	const struct array *a;
	const char *title;
	const struct ui_labels *labels; /* of rows and columns; NULL: indices */
	bool causal;                    /* the last two axes are q and k */
	int64_t window;                 /* with causal: so many keys are seen; 0: all */
	double lo, hi;                  /* the scale; equal: what the values need */
	enum ui_map map;
};

enum paint_kind { PAINT_HEAT, PAINT_HIST, PAINT_TOPK, PAINT_LINES };

struct paint {
	enum paint_kind kind;
	const char *title, *subtitle; /* what it is, and of what: "pass 0 of trace.db" */
	const struct paint_panel *panels;
	int n_panels;
	int k;     /* TOPK */
	int width; /* pixels at most; default 1600 */
};

/*
 * Append the picture as PNG.  More rows or columns than there are pixels for are pooled by the
 * largest |x|, which the picture says; NaN and infinities have their own colours and are counted
 * below.  ERR_TOOL where cairo is not installed; ERR_MEMORY.
 */
int paint_png(struct text *out, const struct paint *p, struct err *err);

/* ---- reading ------------------------------------------------------------------------------- */

/* Row by row from the top, each 0xrrggbb. */
struct paint_pixels {
	int width, height;
	uint32_t *rgb;
};

/*
 * The pixels of a PNG in memory, scaled down to `max_width` columns (0: as many as it has); what
 * is transparent is white.  ERR_FORMAT when it is none, or a very large one; ERR_TOOL where cairo
 * is not installed; ERR_MEMORY.
 */
int paint_read_png(const void *png, size_t len, int max_width, struct paint_pixels *p,
		   struct err *err);
void paint_pixels_release(struct paint_pixels *p);

#endif
