/*
 * ruler.c -- what stands beside rows and columns: tokens where there are some, indices otherwise.
 */
#include "figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LOOKED_AT 200

void ruler_name(struct canvas *v, const struct ruler *x, struct text *to)
{
	char name[64] = "";

	if (x->index >= 0)
		axis_name(array_axes(x->a), x->index, name, sizeof(name));
	canvas_fit(v, CANVAS_TEXT, name, strlen(name), 400, to);
}

static const char *label_of(const struct ruler *x, int64_t row, char *buf, size_t size)
{
	int64_t index = x->a->base[x->index] + row;
	const char *label = NULL;

	if (x->labels && x->labels->label)
		label = x->labels->label(x->labels->ctx, x->index, index);
	if (label)
		return label;
	snprintf(buf, size, "%lld", (long long)index);
	return buf;
}

void ruler_label(struct canvas *v, const struct ruler *x, int64_t row, int width, struct text *to)
{
	struct text seen = { 0 };
	const char *label = "";
	size_t spaces;
	char buf[32];

	if (x->index >= 0)
		label = label_of(x, row, buf, sizeof(buf));
	/* The space that a token begins with would take the place of a letter; one of nothing else
	 * would be no label at all. */
	spaces = strspn(label, " ");
	for (size_t i = 0; !label[spaces] && i < spaces && i < 16; i++)
		text_adds(&seen, "\u2423");
	text_add(&seen, label + spaces, strnlen(label + spaces, 4096));
	canvas_fit(v, CANVAS_TEXT, seen.data, seen.len, width, to);
	text_release(&seen);
}

bool ruler_has_words(const struct ruler *x)
{
	return x->index >= 0 && x->labels && x->labels->label &&
	       x->labels->label(x->labels->ctx, x->index, x->a->base[x->index]);
}

int64_t ruler_step(const struct ruler *x, int needed)
{
	static const int digits[] = { 1, 2, 5 };
	double pixels = (double)x->cells * x->cell / (double)x->n; /* of a row */

	for (int64_t power = 1;; power *= 10)
		for (int i = 0; i < 3; i++)
			if ((double)(digits[i] * power) * pixels >= needed ||
			    digits[i] * power >= x->n)
				return digits[i] * power;
}

int64_t ruler_first(const struct ruler *x, int64_t step)
{
	int64_t base = x->index >= 0 ? x->a->base[x->index] : 0, row;

	if (base <= 0 || ruler_has_words(x))
		return 0;
	row = (step - base % step) % step;
	return row < x->n ? row : 0;
}

double ruler_place(const struct ruler *x, int64_t row)
{
	/* Cell i begins at row n * i / cells, rounded down. */
	double cell = ceil((double)(row + 1) * x->cells / (double)x->n) - 1;

	return (cell + 0.5) * x->cell;
}

int ruler_width(struct canvas *v, const struct ruler *x, int64_t step, int most)
{
	struct text label = { 0 };
	int64_t first = ruler_first(x, step), last = first + (x->n - 1 - first) / step * step;
	int64_t by = step * (1 + x->n / step / LOOKED_AT);
	int widest = 0;

	for (int64_t row = first; row <= last; row += by) {
		int width;

		ruler_label(v, x, row + by > last ? last : row, most, &label);
		width = canvas_text_width(v, CANVAS_TEXT, label.data);
		widest = width > widest ? width : widest;
	}
	text_release(&label);
	return widest;
}

void ruler_block(const struct paint_panel *p, int n_leading, int64_t block, struct text *to)
{
	int64_t index[TENSOR_MAX_DIMS];

	text_clear(to);
	text_adds(to, "");
	for (int i = n_leading - 1; i >= 0; i--) {
		index[i] = block % p->a->shape[i];
		block /= p->a->shape[i];
	}
	for (int i = 0; i < n_leading; i++) {
		struct ruler x = { .a = p->a, .labels = p->labels, .index = i };
		const char *label;
		char name[64] = "", number[32], part[128];

		axis_name(array_axes(p->a), i, name, sizeof(name));
		label = label_of(&x, index[i], number, sizeof(number));
		text_addf(to, "%s%s %s", i ? ", " : "", name,
			  figure_copy(label, part, sizeof(part)));
	}
}
