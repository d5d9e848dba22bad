/*
 * sgr.h -- colours as numbers, the maps of values to them, and the sequences a terminal gets.
 *
 * From the ground up: sgr.c, color.c, grid.c, ascii.c, wrap.c, ui.c, cut.c, table.c, cells.c,
 * frame.c, then the pictures: heat.c, hist.c, topk.c, print.c. Each sequence sets one thing
 * ("\033[38;2;r;g;bm"), so that the gate of ui_write() can know them all: what a picture paints
 * with, and nothing that moves, erases, asks or names.
 */
#ifndef UI_SGR_H
#define UI_SGR_H

#include "torchless/ui.h"

/*
 * A colour: SGR_NONE the terminal's own; below 8 one of the 16 (of which pictures use five); else
 * SGR_RGB(r, g, b).
 */
#define SGR_NONE         (-1)
#define SGR_OF(rgb)      (0x1000000 | (rgb))
#define SGR_RGB(r, g, b) SGR_OF((r) << 16 | (g) << 8 | (b))
enum { SGR_YELLOW = 3, SGR_BLUE = 4, SGR_MAGENTA = 5, SGR_CYAN = 6 };

/* The length of the sequence that sets or takes away a colour at s[0..len); 0: there is none. */
size_t sgr_length(const char *s, size_t len);

/*
 * Viridis at p in [0,1]; blue, dark, orange, with the middle at 0.5; the same for paper, with white
 * in the middle.
 */
int sgr_sequential(double p);
int sgr_diverging(double p);
int sgr_diverging_on_paper(double p);

/* The nearest of the 6x6x6 cube and the 24 greys, as xterm numbers them, to an SGR_RGB. */
int sgr_nearest_256(int color);

/* Black or white, whichever is read more easily on a colour. */
int sgr_text_on(int color);

/*
 * Text under way, and the colours that are set at its end, as the stream has them.  Begins as
 * BRUSH(t, depth).
 */
struct brush {
	struct text *t;
	enum ui_depth depth;
	int fg, bg;
};
#define BRUSH(text, depth)                                                                         \
	(struct brush)                                                                             \
	{                                                                                          \
		text, depth, SGR_NONE, SGR_NONE                                                    \
	}

/* Of ui.c: the length of a sequence at s[0..len) that this room sends: a style, a colour; 0. */
size_t ui_sequence(const char *s, size_t len);

/* Change the colours, if they are not these and the stream has any.  Backgrounds need 256. */
void brush_set(struct brush *b, int fg, int bg);

/* Change what is behind the letters only. */
void brush_set_back(struct brush *b, int bg);

#endif
