/*
 * library.h -- cairo, which is loaded when the first picture is asked for.
 *
 * Files of this folder from the ground up: library.c, then pixels.c (a PNG is read), canvas.c
 * (where everything is drawn on), then the rest.
 */
#ifndef PAINT_LIBRARY_H
#define PAINT_LIBRARY_H

#include "torchless/err.h"

#include <cairo.h>

/* cairo_create() is cairo->create(). */
struct cairo {
#define CAIRO(name) __typeof__ (&cairo_##name)(name);
#include "cairo.def"
#undef CAIRO
};

/* The functions; NULL and ERR_TOOL when cairo is not installed, or one of them is not in it. */
const struct cairo *cairo_library(struct err *err);

/* A failure of cairo as one of ours: ERR_MEMORY or ERR_IO; 0 for success. */
int cairo_failed(const struct cairo *c, cairo_status_t status, const char *doing, struct err *err);

#endif
