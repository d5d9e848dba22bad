/*
 * sixel.h -- pixels as a terminal of the VT300 family takes them.
 */
#ifndef LAYOUT_SIXEL_H
#define LAYOUT_SIXEL_H

#include "torchless/paint.h"

/* Append the picture; the cursor comes to stand below it. */
void sixel_add(struct text *out, const struct paint_pixels *p);

#endif
