/*
 * frame.h -- what stands around the picture of a tensor: labels, titles, what is said below.
 */
#ifndef UI_FRAME_H
#define UI_FRAME_H

#include "torchless/stats.h"
#include "torchless/ui_tensor.h"

/* What a stream without a width is taken for. */
int frame_width(const struct ui *ui);

/* "…" where it can be shown. */
const char *frame_dots(const struct ui *ui);

void frame_pad(struct text *t, int n);

/* Four digits, or as many as it takes to tell the edges of n parts of a range from each other. */
int frame_digits(double lo, double hi, int n);

/* "f32[6,128]" */
void frame_add_shape(struct text *t, const struct array *a);

/* "head", escaped. */
void frame_add_axis(struct text *t, const struct array *a, int axis);

/*
 * Append what stands beside row `row` of an axis, at most `width` columns of it, without the spaces
 * it begins with.  Axis -1, of an array of too few: nothing.
 */
void frame_add_label(struct text *t, const struct ui *ui, const struct array *a,
		     const struct ui_labels *labels, int axis, int64_t row, int width);

/* How wide labels of rows 0, step, 2*step... are, at most `most`. */
int frame_label_width(const struct ui *ui, const struct array *a, const struct ui_labels *labels,
		      int axis, int64_t step, int most);

/* "head 3, q 0": the indices of the leading axes of block `block`. */
void frame_add_block(struct text *t, const struct ui *ui, const struct array *a,
		     const struct ui_labels *labels, int n_leading, int64_t block);

/* Lines of pieces with two spaces between them, none wider than `width`. */
struct notes {
	struct text *t;
	int width, used;
};
void notes_add(struct notes *n, const char *piece, size_t len, int columns);
void notes_addf(struct notes *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void notes_end(struct notes *n);

/* "2 NaN", "1 +inf", "3 -inf", with the marks of a heat map behind them when `marked`. */
void notes_add_counts(struct notes *n, const struct stats *s, bool marked);

/* Whether there is something to show; if not, a line says so. */
bool frame_has_elements(struct text *t, const struct array *a);

#endif
