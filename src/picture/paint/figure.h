/*
 * figure.h -- what every picture has: a heading, a body, and notes below it.
 *
 * A kind of picture plans first, by measuring text, how large its body will be and what must be
 * said below; then the sheet is made, and it draws.  All lengths are pixels.
 */
#ifndef PAINT_FIGURE_H
#define PAINT_FIGURE_H

#include "canvas.h"

#include "torchless/paint.h"
#include "torchless/stats.h"
#include "torchless/ui_color.h"

#include <stdbool.h>

/* A line of pieces; one may have a swatch of a colour before it, and a letter on that. */
struct figure_note {
	bool has_swatch;
	uint32_t color;
	char mark;
	char text[240];
};

struct figure {
	struct canvas v;
	const struct paint *p;
	int room; /* for the body: what is between the margins */
	int body_width, body_height;
	int notes_x; /* where notes begin, from the body's left side */
	struct figure_note *notes;
	size_t n_notes, cap_notes;
	void *plan; /* of the kind */
};

struct figure_kind {
	int (*plan)(struct figure *f, struct err *err);
	void (*draw)(struct figure *f, int x, int y);
	void (*release)(struct figure *f); /* also after a plan that failed */
};
extern const struct figure_kind heat_kind, hist_kind, topk_kind, lines_kind;

/* The limits of a body: pictures are no larger than MAX_SIDE either way. */
enum { FIGURE_MAX_SIDE = 4000, FIGURE_MAX_BODY = 3200, FIGURE_GAP = 32 };

/* Plan, draw and append. */
int figure_png(const struct figure_kind *kind, const struct paint *p, struct text *out,
	       struct err *err);

/* Refuse a picture of more panels than `most`, or of no elements: ERR_USAGE. */
int figure_check_panels(const struct paint *p, int most, struct err *err);

/* The first whole characters of `s` that fit into buf[size].  Returns buf. */
const char *figure_copy(const char *s, char *buf, size_t size);

/* "a.db: " of a picture of several panels, "" of one or without a title. */
#define FIGURE_PREFIX 72
const char *figure_prefix(const struct figure *f, const char *title, char buf[FIGURE_PREFIX]);

void figure_notef(struct figure *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void figure_swatchf(struct figure *f, uint32_t color, char mark, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "3 NaN", "1 +inf", "2 -inf", as swatches where cells have these colours. */
void figure_note_counts(struct figure *f, const struct stats *s, bool has_swatches);

/* ---- labels ------------------------------------------------------------------------------- */

/* An axis of an array as rows or columns of cells; -1: there is none, and one cell. */
struct ruler {
	const struct array *a;
	const struct ui_labels *labels;
	int index;
	int64_t n;       /* elements */
	int cells, cell; /* cells, at most n, and the pixels of one */
};

/* Its name, "head". */
void ruler_name(struct canvas *v, const struct ruler *x, struct text *to);

/* What stands beside a row of it (counted from 0), at most `width` wide. */
void ruler_label(struct canvas *v, const struct ruler *x, int64_t row, int width, struct text *to);

/* Whether it has labels that are no indices. */
bool ruler_has_words(const struct ruler *x);

/* Every how many rows there is room for a label that takes so many pixels: 1, 2, 5, 10... */
int64_t ruler_step(const struct ruler *x, int needed);

/* The first row that has a label; indices are round ones. */
int64_t ruler_first(const struct ruler *x, int64_t step);

/* Where the middle of the cell of a row is, in pixels from the first cell. */
double ruler_place(const struct ruler *x, int64_t row);

/* The widest of the labels at a step, of which some hundred are looked at. */
int ruler_width(struct canvas *v, const struct ruler *x, int64_t step, int most);

/* "head 3, q 0": where the leading axes are in block `block`, to be fitted. */
void ruler_block(const struct paint_panel *p, int n_leading, int64_t block, struct text *to);

/* ---- numbers ------------------------------------------------------------------------------ */

/* x in so many digits, with a minus sign.  Returns buf. */
const char *figure_number(double x, int digits, char *buf, size_t size);

/* Round numbers from lo to hi, `most` at most; returns how many (0 where hi is not above lo). */
enum { FIGURE_TICKS = 12 };
int figure_ticks(double lo, double hi, int most, double ticks[FIGURE_TICKS]);

/* The digits that tell numbers `step` apart on a scale from lo to hi from each other. */
int figure_digits(double lo, double hi, double step);

/* The range of the finite values of all panels that share panel i's scale, or that is given. */
struct ui_scale figure_range(const struct paint *p, int i);

/* Numbers under an axis that is `width` long at (x, y), with ticks. */
void figure_draw_ticks(struct canvas *v, int x, int y, int width, double lo, double hi);

#endif
