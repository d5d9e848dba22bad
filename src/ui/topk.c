/*
 * topk.c -- the largest elements as lines: where, what they are called, a number, a bar.
 */
#include "frame.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_K   10
#define MAX_K     1000
#define MAX_LABEL 24 /* columns */
#define MAX_BAR   30

/* Whether a comes before b: larger, or as large and earlier. */
static bool before(const struct ui_top *a, const struct ui_top *b)
{
	return a->key > b->key || (a->key == b->key && a->at < b->at);
}

static int compare(const void *a, const void *b)
{
	return before(a, b) ? -1 : 1;
}

/* heap[0] is the last of those kept; put it where it belongs. */
static void sink(struct ui_top *heap, int n)
{
	for (int i = 0, child = 1; child < n; i = child, child = 2 * i + 1) {
		struct ui_top swap = heap[i];

		if (child + 1 < n && before(&heap[child], &heap[child + 1]))
			child++;
		if (before(&heap[child], &heap[i]))
			return;
		heap[i] = heap[child];
		heap[child] = swap;
	}
}

static float key_of(const struct ui_topk_options *o, float x)
{
	float key = o->magnitude ? fabsf(x) : x;

	return o->smallest ? -key : key;
}

int ui_top_select(const struct array *a, const struct ui_topk_options *o, struct ui_top *top,
		  int64_t *n_nan)
{
	int used = 0, k = o->k;

	for (int64_t i = 0; i < a->numel; i++) {
		struct ui_top one = { key_of(o, a->data[i]), a->data[i], i };

		if (isnan(one.value)) {
			++*n_nan;
		} else if (used < k) {
			top[used++] = one;
			/* A sorted array whose last comes first is a heap. */
			if (used == k)
				qsort(top, (size_t)k, sizeof(*top), compare);
			for (int j = 0; used == k && j < k / 2; j++) {
				struct ui_top swap = top[j];

				top[j] = top[k - 1 - j];
				top[k - 1 - j] = swap;
			}
		} else if (before(&one, &top[0])) {
			top[0] = one;
			sink(top, k);
		}
	}
	qsort(top, (size_t)used, sizeof(*top), compare);
	return used;
}

/* What the axes that have labels say of an element. */
static void add_labels(struct text *t, const struct ui *ui, const struct array *a,
		       const struct ui_labels *labels, int64_t at)
{
	int64_t rest = a->numel;
	bool first = true;

	for (int i = 0; i < a->n_dims && labels && labels->label; i++) {
		const char *label;

		rest /= a->shape[i];
		label = labels->label(labels->ctx, i, a->base[i] + at / rest);
		at %= rest;
		if (!label)
			continue;
		text_adds(t, first ? "" : ", ");
		ui_add_clipped(t, ui, label, strlen(label), MAX_LABEL);
		first = false;
	}
}

/* The texts of the columns; a column is as wide as its widest. */
struct columns {
	struct text *index, *label, *number;
	int index_width, label_width, number_width;
};

static int widest(const struct text *t, int before_it)
{
	int width = t->len ? utf8_width(t->data, t->len) : 0;

	return width > before_it ? width : before_it;
}

static void fill_columns(struct columns *c, const struct ui *ui, const struct array *a,
			 const struct ui_labels *labels, const struct ui_top *top, int n)
{
	char buf[128];

	for (int i = 0; i < n; i++) {
		text_addf(&c->index[i], "[%s]", array_index(a, top[i].at, buf, sizeof(buf)));
		add_labels(&c->label[i], ui, a, labels, top[i].at);
		text_adds(&c->number[i], ui_format_number((double)top[i].value, buf, sizeof(buf)));
		c->index_width = widest(&c->index[i], c->index_width);
		c->label_width = widest(&c->label[i], c->label_width);
		c->number_width = widest(&c->number[i], c->number_width);
	}
}

static void add_column(struct text *t, const struct text *cell, int width, bool right)
{
	int gap = width - widest(cell, 0);

	frame_pad(t, right ? gap : 0);
	text_add(t, cell->data ? cell->data : "", cell->len);
	frame_pad(t, right ? 2 : gap + 2);
}

static void add_lines(struct text *t, const struct ui *ui, const struct columns *c,
		      const struct ui_top *top, int n)
{
	int room = frame_width(ui) - c->index_width - c->label_width - c->number_width - 6;
	double most = 0;

	room = room > MAX_BAR ? MAX_BAR : room;
	for (int i = 0; i < n; i++)
		if (isfinite(top[i].value))
			most = fmax(most, fabs((double)top[i].value));
	for (int i = 0; i < n; i++) {
		double x = fabs((double)top[i].value);
		int bar = most > 0 && isfinite(x) ? (int)lround(x / most * room) : 0;

		add_column(t, &c->index[i], c->index_width, false);
		if (c->label_width)
			add_column(t, &c->label[i], c->label_width, false);
		add_column(t, &c->number[i], c->number_width, true);
		for (int k = 0; k < bar; k++)
			text_adds(t, ui->utf8 ? "█" : "#");
		while (t->len && t->data[t->len - 1] == ' ')
			t->data[--t->len] = '\0';
		text_addc(t, '\n');
	}
}

void ui_add_topk(struct text *t, const struct ui *ui, const struct array *a,
		 const struct ui_topk_options *o)
{
	struct ui_topk_options options = o ? *o : (struct ui_topk_options){ 0 };
	struct notes notes = { t, frame_width(ui), 0 };
	struct columns c = { 0 };
	struct ui_top *top;
	struct text *cells;
	int64_t n_nan = 0;
	char number[32], all[32];
	int k, n;

	if (!frame_has_elements(t, a))
		return;
	k = options.k > 0 ? options.k : USUAL_K;
	options.k = k = k < MAX_K ? k : MAX_K;
	top = mem_calloc((size_t)k, sizeof(*top));
	n = ui_top_select(a, &options, top, &n_nan);
	cells = mem_calloc(3 * (size_t)k, sizeof(*cells));
	c.index = cells;
	c.label = cells + k;
	c.number = cells + 2 * (size_t)k;
	fill_columns(&c, ui, a, options.labels, top, n);
	add_lines(t, ui, &c, top, n);
	for (size_t i = 0; i < 3 * (size_t)k; i++)
		text_release(&cells[i]);
	free(cells);
	free(top);
	notes_addf(&notes, "%s of %s", ui_format_count(n, number, sizeof(number)),
		   ui_format_count(a->numel, all, sizeof(all)));
	if (n_nan)
		notes_addf(&notes, "%s NaN left out", ui_format_count(n_nan, all, sizeof(all)));
	notes_end(&notes);
}
