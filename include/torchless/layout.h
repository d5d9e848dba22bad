/*
 * layout.h -- dot text to a picture: Graphviz lays out, in a process of its own.
 *
 * `dot` gets the text on its standard input and so much time; what takes longer is tried again with
 * straight lines.  It is looked for in PATH; the variable TORCHLESS_DOT names another.
 */
#ifndef TORCHLESS_LAYOUT_H
#define TORCHLESS_LAYOUT_H

#include "torchless/err.h"
#include "torchless/text.h"
#include "torchless/ui.h"

#include <signal.h>

struct layout_options {
	const char *format;        /* "svg", "png", "pdf" */
	double seconds;            /* for each try; 0: 20 */
	size_t max_bytes;          /* of the picture; 0: 256 MB */
	int max_width, max_height; /* pixels of a PNG: larger ones are scaled down; 0: any */
	const volatile sig_atomic_t *interrupted; /* NULL: nothing ends it */
};

/* How a picture came to be, for who wants to say so.  text_release() `said`. */
struct layout_result {
	bool straight;      /* edges are straight lines: the time did not suffice for curves */
	bool system_failed; /* what failed is neither dot nor the text: pipes, processes, memory */
	struct text said;   /* what dot wrote on stderr: a few lines, escaped for a terminal */
};

/*
 * Append the picture to `out`, whole or not at all.  `dot` is text of one graph in braces. `result`
 * may be NULL.  ERR_TOOL where Graphviz is not there (and how to install it); ERR_IO where it
 * fails, ends without a whole picture, or needs longer with straight lines too; ERR_INTERRUPTED.
 * Nothing that it started runs on.
 */
int layout_run(struct text *out, const struct text *dot, const struct layout_options *o,
	       struct layout_result *result, struct err *err);

/* The format that a file's name asks for ("dot", "svg", "png", "pdf"), NULL: another one. */
const char *layout_format(const char *path);

/*
 * The <svg> element of an SVG document of layout_run(), without what stands before it, which has no
 * place inside of a page: where it begins in `svg`, and its length.  NULL where there is none.
 */
const char *layout_svg_element(const struct text *svg, size_t *len);

/* ---- pictures in a terminal ---------------------------------------------------------------- */

enum terminal_pictures { TERMINAL_NONE, TERMINAL_KITTY, TERMINAL_SIXEL };

/*
 * What the terminal on `ui` can show: by its environment, else by asking it, for a second at most.
 * It is left as it was; keys that were typed in that time may be lost.  Inside tmux and screen only
 * what they can show themselves counts, whatever they run in.
 */
enum terminal_pictures terminal_pictures(const struct ui *ui);

/* The size in pixels to which a picture for it is best made: its width, and what it takes of
 * height. */
void terminal_size(const struct ui *ui, int *width, int *height);

/*
 * Send a PNG there, no wider than the screen, and a line feed.  ERR_FORMAT where it is no PNG;
 * ERR_TOOL where sixels need cairo and it is not installed; ERR_IO.
 */
int terminal_show_png(const struct ui *ui, enum terminal_pictures how, const void *png, size_t len,
		      struct err *err);

#endif
