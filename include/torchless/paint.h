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

#include <signal.h>

/* A tensor; several stand beside or below one another. */
struct paint_panel {
	const struct array *a;
	const char *title;              /* of this one of several; NULL: none */
	const struct ui_labels *labels; /* of all axes; NULL: indices */
	double lo, hi;                  /* the scale; equal: what the values need */
	int64_t window;                 /* with causal: so many keys are seen; 0: all */
	enum ui_map map;
	int scale;   /* panels of one number have one scale, that of the first of them */
	bool causal; /* the last two axes are q and k: what a query does not see is blank */
};

enum paint_kind {
	PAINT_HEAT,  /* the last two axes are rows and columns; leading ones are tiles in a grid */
	PAINT_HIST,  /* all elements, a bar a bin */
	PAINT_TOPK,  /* the k largest, with labels and bars */
	PAINT_LINES, /* the last axis as a line, one for each index of the others */
};

struct paint {
	enum paint_kind kind;
	int n_panels;                 /* 1 to 16 */
	const char *title, *subtitle; /* what it is, and of what: "pass 0 of trace.db"; NULL */
	const struct paint_panel *panels;
	int k;     /* TOPK; default 10 */
	int width; /* pixels at most, 400 to 4000; default 1600 */
};

/*
 * Append the picture as PNG, at most 4000 pixels either way, on white, in letters that are 9 points
 * high where it is printed at 192 pixels an inch.  The same input gives the same bytes on a
 * machine. More rows or columns than there are pixels for are pooled by the largest |x|, which the
 * picture says; NaN and infinities have their own colours and are counted below.  Titles and labels
 * may be a stranger's bytes.  ERR_TOOL where cairo is not installed; ERR_USAGE for no elements;
 * ERR_MEMORY.
 */
int paint_png(struct text *out, const struct paint *p, struct err *err);

/*
 * The same in a process of its own: cairo and fontconfig may crash, wait for ever and complain on
 * stderr when the system lets them down.  Then it is ERR_MEMORY or ERR_TOOL, and a sentence;
 * ERR_INTERRUPTED when *interrupted is set (NULL: never).  The labels of `p` are asked in that
 * process.  No other thread may be at work meanwhile.
 */
int paint_png_apart(struct text *out, const struct paint *p,
		    const volatile sig_atomic_t *interrupted, struct err *err);

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
