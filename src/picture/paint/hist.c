/*
 * hist.c -- histograms: bars with an axis of values under them and one of counts beside them.
 */
#include "figure.h"

#include "torchless/ui.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_PANELS = 16,
	BINS = 40,
	MAX_ACROSS = 3,
	MIN_BOX = 300,
	MAX_BOX = 1100,
	BOX_HEIGHT = 440,
	TITLE = CANVAS_LINE,
	BELOW = 16 + 2 * CANVAS_LINE, /* ticks, numbers, a gap */
	GAP = 48,
};

struct hist {
	struct ui_histogram panels[MAX_PANELS];
	int n, across, box_width;
	int left;  /* what counts take beside a box */
	int above; /* for a title, or half a number */
};

static void note_panel(struct figure *f, const struct hist *h, int i)
{
	const struct ui_histogram *one = &h->panels[i];
	const struct stats *s = &one->stats;
	struct text said = { 0 };
	char a[32], b[32], c[32], d[32], prefix[FIGURE_PREFIX];

	text_adds(&said, figure_prefix(f, f->p->panels[i].title, prefix));
	text_addf(&said, "%s %s", ui_format_count(s->numel, a, sizeof(a)),
		  plural(s->numel, "element", "elements"));
	if (isnan(s->min))
		text_adds(&said, ", nothing is finite");
	else
		text_addf(&said, ", min %s, max %s, mean %s, std %s",
			  figure_number(s->min, 4, a, sizeof(a)),
			  figure_number(s->max, 4, b, sizeof(b)),
			  figure_number(s->mean, 3, c, sizeof(c)),
			  figure_number(s->std, 3, d, sizeof(d)));
	figure_notef(f, "%s", said.data);
	text_release(&said);
	if (one->below)
		figure_notef(f, "%s below", ui_format_count(one->below, a, sizeof(a)));
	if (one->above)
		figure_notef(f, "%s above", ui_format_count(one->above, a, sizeof(a)));
	figure_note_counts(f, s, false);
}

/* The largest count has the longest number. */
static int width_of_counts(struct figure *f, const struct hist *h)
{
	int widest = 0;
	char number[32];

	for (int i = 0; i < h->n; i++) {
		int width = canvas_text_width(
			&f->v, CANVAS_TEXT,
			ui_format_count(h->panels[i].most, number, sizeof(number)));

		widest = width > widest ? width : widest;
	}
	return widest + 14;
}

static int plan(struct figure *f, struct err *err)
{
	struct hist *h;

	if (figure_check_panels(f->p, MAX_PANELS, err))
		return err->code;
	h = calloc(1, sizeof(*h));
	if (!h)
		return err_set(err, ERR_MEMORY, "no memory for a picture");
	f->plan = h;
	for (h->n = 0; h->n < f->p->n_panels; h->n++) {
		struct ui_scale range = figure_range(f->p, h->n);
		struct ui_hist_options o = { .lo = range.lo, .hi = range.hi, .bins = BINS };

		ui_histogram_count(&h->panels[h->n], f->p->panels[h->n].a, &o);
		note_panel(f, h, h->n);
	}
	assert(h->n > 0);
	h->left = width_of_counts(f, h);
	h->above = 12 + (h->n > 1 ? TITLE : 0);
	f->notes_x = h->left;
	h->across = h->n < MAX_ACROSS ? h->n : MAX_ACROSS;
	while (h->across > 1 && (f->room + GAP) / h->across - GAP - h->left < MIN_BOX)
		h->across--;
	h->box_width = (f->room + GAP) / h->across - GAP - h->left;
	h->box_width = h->box_width > MAX_BOX ? MAX_BOX : h->box_width;
	f->body_width = h->across * (h->left + h->box_width + GAP) - GAP;
	f->body_height = (h->n + h->across - 1) / h->across * (h->above + BOX_HEIGHT + BELOW);
	return 0;
}

static void release(struct figure *f)
{
	struct hist *h = f->plan;

	for (int i = 0; h && i < h->n; i++)
		ui_histogram_release(&h->panels[i]);
	free(h);
}

static int height_of(const struct ui_histogram *one, double count)
{
	/* The highest bar stays below the frame. */
	return (int)ceil(count / ((double)one->most * 1.04) * BOX_HEIGHT);
}

static void draw_counts(struct canvas *v, const struct ui_histogram *one, int x, int y, int width)
{
	double ticks[FIGURE_TICKS];
	int n = figure_ticks(0, (double)one->most, 6, ticks);
	char number[32];

	for (int i = 0; i < n; i++) {
		int at = y + BOX_HEIGHT - height_of(one, ticks[i]);

		if (floor(ticks[i]) < ticks[i])
			continue;
		if (ticks[i] > 0)
			canvas_fill(v, CANVAS_RULE, x, at, width, 1);
		canvas_text(v, CANVAS_TEXT, CANVAS_BLACK, x - 10, at, CANVAS_END,
			    ui_format_count((int64_t)ticks[i], number, sizeof(number)));
	}
}

static void draw_bars(struct canvas *v, const struct ui_histogram *one, int x, int y, int width)
{
	for (int i = 0; i < one->n_bins; i++) {
		int from = width * i / one->n_bins, to = width * (i + 1) / one->n_bins;
		int height = height_of(one, (double)one->counts[i]);

		if (one->n_bins == 1) { /* of one value */
			from = width / 2 - width / 40;
			to = width / 2 + width / 40;
		}
		if (height > 0)
			canvas_fill(v, CANVAS_BAR, x + from + 1, y + BOX_HEIGHT - height,
				    to - from - 2, height);
	}
}

static void draw_one(struct figure *f, int i, int x, int y)
{
	const struct hist *h = f->plan;
	const struct ui_histogram *one = &h->panels[i];
	const char *title = f->p->panels[i].title;
	struct text text = { 0 };

	if (title && h->n > 1) {
		canvas_fit(&f->v, CANVAS_TEXT, title, strnlen(title, 4096), h->box_width, &text);
		canvas_text(&f->v, CANVAS_TEXT, CANVAS_BLACK, x, y + CANVAS_LINE / 2.0,
			    CANVAS_START, text.data);
	}
	y += h->above;
	if (one->most > 0) {
		draw_counts(&f->v, one, x, y, h->box_width);
		draw_bars(&f->v, one, x, y, h->box_width);
	}
	canvas_frame(&f->v, CANVAS_FRAME, x, y, h->box_width, BOX_HEIGHT);
	if (one->hi > one->lo) {
		figure_draw_ticks(&f->v, x, y + BOX_HEIGHT + 1, h->box_width, one->lo, one->hi);
	} else if (one->most > 0) {
		char number[32];

		figure_number(one->lo, 6, number, sizeof(number));
		canvas_fit(&f->v, CANVAS_TEXT, number, strlen(number), h->box_width, &text);
		canvas_text(&f->v, CANVAS_TEXT, CANVAS_BLACK, x + h->box_width / 2.0,
			    y + BOX_HEIGHT + 11 + CANVAS_LINE / 2.0, CANVAS_MIDDLE, text.data);
	}
	text_release(&text);
}

static void draw(struct figure *f, int x, int y)
{
	const struct hist *h = f->plan;

	for (int i = 0; i < h->n; i++)
		draw_one(f, i, x + h->left + i % h->across * (h->left + h->box_width + GAP),
			 y + i / h->across * (h->above + BOX_HEIGHT + BELOW));
}

const struct figure_kind hist_kind = { plan, draw, release };
