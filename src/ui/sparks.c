/*
 * sparks.c -- a row of a tensor a line: how large its elements are along it.
 */
#include "frame.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <math.h>
#include <stdlib.h>

#define USUAL_ROWS 64
#define MAX_LABEL  24 /* columns */
#define MAX_BARS   200
#define NUMBER     10 /* columns behind the bars */

struct sparks {
	const struct ui *ui;
	const struct array *a;
	const struct ui_labels *labels;
	int n_leading, label_width, bars;
	int64_t n_rows, row; /* rows, and the elements of one */
};

static void add_name(const struct sparks *s, struct text *t, int64_t row)
{
	struct text name = { 0 };

	text_adds(&name, "");
	if (s->n_leading == 1)
		frame_add_label(&name, s->ui, s->a, s->labels, 0, row, s->label_width);
	else
		frame_add_block(&name, s->ui, s->a, s->labels, s->n_leading, row);
	text_add(t, name.data, name.len);
	frame_pad(t, s->label_width - utf8_width(name.data, name.len));
	text_release(&name);
}

static void measure_names(struct sparks *s, int64_t n)
{
	struct text name = { 0 };

	s->label_width = 0;
	if (s->n_leading == 1)
		s->label_width = frame_label_width(s->ui, s->a, s->labels, 0, 1, MAX_LABEL);
	for (int64_t i = 0; s->n_leading > 1 && i < n; i++) {
		int width;

		text_clear(&name);
		frame_add_block(&name, s->ui, s->a, s->labels, s->n_leading, i);
		width = utf8_width(name.data, name.len);
		s->label_width = width > s->label_width ? width : s->label_width;
	}
	text_release(&name);
}

/* The largest |x| of each bar's share, of which one that is not finite stands for all. */
static void add_row(const struct sparks *s, struct text *t, int64_t row)
{
	const float *x = s->a->data + row * s->row;
	double bars[MAX_BARS], largest = 0;
	bool any = false;
	char number[32];

	for (int b = 0; b < s->bars; b++) {
		bars[b] = 0;
		for (int64_t i = b * s->row / s->bars; i < (b + 1) * s->row / s->bars; i++) {
			double size = fabs((double)x[i]);

			if (!isfinite(bars[b]) || size < bars[b])
				continue;
			bars[b] = size;
		}
		if (isfinite(bars[b]))
			largest = fmax(largest, bars[b]);
		any |= isfinite(bars[b]);
	}
	if (s->n_leading)
		add_name(s, t, row);
	text_adds(t, s->n_leading ? "  " : "");
	ui_add_spark(t, s->ui, bars, s->bars);
	text_addf(t, "  %s\n", any ? ui_format_number(largest, number, sizeof(number)) : "NaN");
}

void ui_add_sparks(struct text *t, const struct ui *ui, const struct array *a,
		   const struct ui_labels *labels, int max_rows)
{
	struct sparks s = { .ui = ui, .a = a, .labels = labels };
	struct notes notes = { .t = t, .width = frame_width(ui) };
	int64_t shown;
	int room;

	if (!frame_has_elements(t, a))
		return;
	s.n_leading = a->n_dims > 1 ? a->n_dims - 1 : 0;
	s.row = a->n_dims ? a->shape[a->n_dims - 1] : 1;
	s.n_rows = a->numel / s.row;
	shown = max_rows > 0 ? max_rows : USUAL_ROWS;
	shown = shown < s.n_rows ? shown : s.n_rows;
	measure_names(&s, shown);
	room = frame_width(ui) - s.label_width - (s.n_leading ? 2 : 0) - NUMBER - 2;
	room = room < 2 ? 2 : room > MAX_BARS ? MAX_BARS : room;
	s.bars = (int)(s.row < room ? s.row : room);
	for (int64_t i = 0; i < shown; i++)
		add_row(&s, t, i);
	notes_addf(&notes, "bars: |x| up to the number behind them");
	if (s.bars < s.row)
		notes_addf(&notes, "each the largest of %lld or %lld", (long long)(s.row / s.bars),
			   (long long)((s.row + s.bars - 1) / s.bars));
	if (shown < s.n_rows)
		notes_addf(&notes, "%lld more %s", (long long)(s.n_rows - shown),
			   plural(s.n_rows - shown, "row", "rows"));
	notes_end(&notes);
}
