/*
 * ui_color.h -- the colours of values, for who paints elsewhere than in a terminal.
 */
#ifndef TORCHLESS_UI_COLOR_H
#define TORCHLESS_UI_COLOR_H

#include "torchless/ui_tensor.h"

/* 0xrrggbb of x on a scale from lo to hi; NaN and infinities have colours of their own. */
uint32_t ui_map_color(enum ui_map map, double lo, double hi, double x);

#endif
