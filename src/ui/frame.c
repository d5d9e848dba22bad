/*
 * frame.c -- see frame.h.
 */
#include "frame.h"

#include "torchless/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_WIDTH 80

int frame_width(const struct ui *ui)
{
	return ui->width > 0 ? ui->width : DEFAULT_WIDTH;
}

const char *frame_dots(const struct ui *ui)
{
	return ui->utf8 ? "…" : "...";
}

void frame_pad(struct text *t, int n)
{
	while (n-- > 0)
		text_addc(t, ' ');
}

int frame_digits(double lo, double hi, int n)
{
	double largest = fmax(fabs(lo), fabs(hi)), part = fabs(hi / n - lo / n);

	if (!(part > 0))
		return 4;
	return (int)fmin(17, fmax(4, ceil(log10(largest) - log10(part)) + 1));
}

/* ---- what it is --------------------------------------------------------------------------- */

void frame_add_shape(struct text *t, const struct array *a)
{
	text_addf(t, "%s[", dtype_table[a->dtype].name);
	for (int i = 0; i < a->n_dims; i++)
		text_addf(t, "%s%lld", i ? "," : "", (long long)a->shape[i]);
	text_addc(t, ']');
}

bool frame_has_elements(struct text *t, const struct array *a)
{
	if (a->numel > 0 && a->data)
		return true;
	frame_add_shape(t, a);
	text_adds(t, a->numel > 0 ? ": its elements are not here\n" : ": no elements\n");
	return false;
}

void frame_add_axis(struct text *t, const struct array *a, int axis)
{
	const char *name = array_axes(a);

	for (int i = 0; i < axis; i++) {
		name += strcspn(name, ",");
		name += *name == ',';
	}
	text_add_visible(t, name, strcspn(name, ","));
}

/* ---- labels ------------------------------------------------------------------------------- */

void frame_add_label(struct text *t, const struct ui *ui, const struct array *a,
		     const struct ui_labels *labels, int axis, int64_t row, int width)
{
	const char *label = NULL;
	char number[32];
	int64_t index;

	if (axis < 0)
		return;
	index = a->base[axis] + row;
	if (labels && labels->label)
		label = labels->label(labels->ctx, axis, index);
	if (!label) {
		snprintf(number, sizeof(number), "%lld", (long long)index);
		label = number;
	}
	/* The space that a token begins with would take the place of a letter. */
	if (label[strspn(label, " ")])
		label += strspn(label, " ");
	ui_add_clipped(t, ui, label, strlen(label), width);
}

int frame_label_width(const struct ui *ui, const struct array *a, const struct ui_labels *labels,
		      int axis, int64_t step, int most)
{
	struct text label = { 0 };
	int widest = 0;

	for (int64_t row = 0; axis >= 0 && row < a->shape[axis]; row += step) {
		int width;

		text_clear(&label);
		frame_add_label(&label, ui, a, labels, axis, row, most);
		width = utf8_width(label.data ? label.data : "", label.len);
		widest = width > widest ? width : widest;
	}
	text_release(&label);
	return widest;
}

void frame_add_block(struct text *t, const struct ui *ui, const struct array *a,
		     const struct ui_labels *labels, int n_leading, int64_t block)
{
	int64_t index[TENSOR_MAX_DIMS];

	for (int i = n_leading - 1; i >= 0; i--) {
		index[i] = block % a->shape[i];
		block /= a->shape[i];
	}
	for (int i = 0; i < n_leading; i++) {
		text_adds(t, i ? ", " : "");
		frame_add_axis(t, a, i);
		text_addc(t, ' ');
		frame_add_label(t, ui, a, labels, i, index[i], 16);
	}
}

/* ---- notes -------------------------------------------------------------------------------- */

void notes_add(struct notes *n, const char *piece, size_t len, int columns)
{
	if (n->used > 0 && n->used + 2 + columns > n->width) {
		text_addc(n->t, '\n');
		n->used = 0;
	}
	if (n->used > 0) {
		text_adds(n->t, "  ");
		n->used += 2;
	}
	text_add(n->t, piece, len);
	n->used += columns;
}

void notes_addf(struct notes *n, const char *fmt, ...)
{
	char piece[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(piece, sizeof(piece), fmt, args);
	va_end(args);
	notes_add(n, piece, strlen(piece), utf8_width(piece, strlen(piece)));
}

void notes_end(struct notes *n)
{
	if (n->used > 0)
		text_addc(n->t, '\n');
	n->used = 0;
}

void notes_add_counts(struct notes *n, const struct stats *s, bool marked)
{
	const struct {
		int64_t count;
		const char *what, *mark;
	} kinds[] = { { s->n_nan, "NaN", "!" },
		      { s->n_pinf, "+inf", "^" },
		      { s->n_ninf, "-inf", "v" } };
	char number[32];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].count)
			notes_addf(n, "%s %s%s%s",
				   ui_format_count(kinds[i].count, number, sizeof(number)),
				   kinds[i].what, marked ? " " : "", marked ? kinds[i].mark : "");
}
