/*
 * ui_color.h -- the colours of values, for who paints elsewhere than in a terminal.
 *
 * Sequential is viridis.  Diverging grows out of dark on a terminal, as its shades grow out of
 * blank, and out of white on paper.  Every map can be told apart by the colour-blind, and gets
 * steadily lighter or darker on each side of its middle, so that it can be read in grey.
 */
#ifndef TORCHLESS_UI_COLOR_H
#define TORCHLESS_UI_COLOR_H

#include "torchless/ui_tensor.h"

#include <stdbool.h>
#include <stdint.h>

enum ui_ground { UI_ON_TERMINAL, UI_ON_PAPER };

/* Of what has no place on a scale; +inf is as NaN on a terminal, where marks tell them apart. */
#define UI_COLOR_NAN       0xe6005au
#define UI_COLOR_PLUS_INF  0x000000u
#define UI_COLOR_MINUS_INF 0x606060u

/*
 * 0xrrggbb of x on a scale from lo to hi; what lies beyond has the colour of its end.  AUTO is
 * diverging where lo is negative; NaN and infinities have colours of their own.
 */
uint32_t ui_map_color(enum ui_map map, enum ui_ground ground, double lo, double hi, double x);

/* Where x, which is finite, lies on a scale: 0 to 1, the middle on a scale of one value. */
double ui_map_place(double lo, double hi, double x);

/*
 * The scale of values from `least` to `greatest` (NaN: none is finite), where lo and hi do not give
 * it: equal, or no numbers.  Diverging, it is as far on both sides of 0.
 */
struct ui_scale {
	enum ui_map map; /* never AUTO */
	double lo, hi;   /* equal: a scale of one value */
};
struct ui_scale ui_scale_of(enum ui_map map, double lo, double hi, double least, double greatest);

/* Whether white is read more easily on 0xrrggbb than black. */
bool ui_color_is_dark(uint32_t color);

#endif
