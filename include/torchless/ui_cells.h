/*
 * ui_cells.h -- painted text as cells of a screen: for a front end that draws at places.
 *
 * The functions of ui.h and ui_tensor.h make lines of text with sequences that colour them.  Here
 * such a line becomes cells, a column each, and nothing else comes through: what ui_write() would
 * escape is escaped.
 */
#ifndef TORCHLESS_UI_CELLS_H
#define TORCHLESS_UI_CELLS_H

#include "torchless/ui.h"

/* A colour: none of its own; one of the first 16; UI_CELL_256 + n; UI_CELL_RGB + 0xrrggbb. */
enum { UI_CELL_NONE = -1, UI_CELL_256 = 256, UI_CELL_RGB = 1 << 24 };

#define UI_CELL_MARKS 3 /* combining characters that one keeps */

struct ui_pen {
	int fg, bg;
	bool bold, dim;
};
#define UI_PEN                                                                                     \
	(struct ui_pen)                                                                            \
	{                                                                                          \
		.fg = UI_CELL_NONE, .bg = UI_CELL_NONE                                             \
	}

struct ui_cell {
	uint32_t ch[1 + UI_CELL_MARKS]; /* ended by 0 where there are fewer */
	int width;                      /* columns: 1 or 2; 0: the second half of the one before */
	struct ui_pen pen;
};

/*
 * The cells of s[0..len) up to its first line feed, at most n of them; *pen is the paint at its
 * beginning and then at its end.  A tab goes to the next of 8 columns.  How many cells; *used, if
 * not NULL, is the bytes they were made of, a line feed not counted: less than the line has where
 * it is longer than n.  Without `utf8` what is not ASCII
 * becomes what is most like it, or "?".
 */
int ui_cells(const char *s, size_t len, bool utf8, struct ui_pen *pen, struct ui_cell *cells, int n,
	     size_t *used);

/* The nearest of the 256 to a colour that is one of UI_CELL_RGB; others as they are, from 0. */
int ui_cell_256(int color);

#endif
