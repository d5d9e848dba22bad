/*
 * layout.h -- dot text to a picture: Graphviz lays out, in a process of its own.
 *
 * `dot` gets the text on its standard input and so much time; what takes longer is tried again with
 * straight lines.  A picture replaces a file only when it is whole.
 */
#ifndef TORCHLESS_LAYOUT_H
#define TORCHLESS_LAYOUT_H

#include "torchless/err.h"
#include "torchless/text.h"
#include "torchless/ui.h"

#include <signal.h>

struct layout_options {
	const char *format;                       /* "svg", "png", "pdf" */
	double seconds;                           /* for each try; default 20 */
	const volatile sig_atomic_t *interrupted; /* NULL: nothing ends it */
};

/* How a picture came to be, for who wants to say so. */
struct layout_result {
	bool straight;    /* edges are straight lines: the time did not suffice for curves */
	struct text said; /* what dot wrote on stderr and is worth repeating */
};

/*
 * Append the picture to `out`.  ERR_IO where `dot` is not there (and how to install it), fails, or
 * needs longer with straight lines too; ERR_INTERRUPTED.
 */
int layout_run(struct text *out, const struct text *dot, const struct layout_options *o,
	       struct layout_result *result, struct err *err);

/* The format that a file's name asks for ("dot", "svg", "png", "pdf"), NULL: another one. */
const char *layout_format(const char *path);

/* ---- pictures in a terminal ---------------------------------------------------------------- */

enum terminal_pictures { TERMINAL_NONE, TERMINAL_KITTY, TERMINAL_SIXEL };

/* What the terminal on `ui` can show, by its environment and by asking it; it is left as it was. */
enum terminal_pictures terminal_pictures(const struct ui *ui);

/* Send a PNG there, no wider than the screen.  ERR_FORMAT, ERR_IO. */
int terminal_show_png(const struct ui *ui, enum terminal_pictures how, const void *png, size_t len,
		      struct err *err);

#endif
