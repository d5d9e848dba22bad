/*
 * heat_scale.c -- what colours mean: a bar a scale, with numbers under it.
 */
#include "heat.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	BAR_HEIGHT = 24,
	BAR_WIDTH = 440,
	TICKS_HEIGHT = 14 + CANVAS_LINE,
	ABOVE = 26,
};

static bool has_bar(const struct heat_scale *s)
{
	return s->scale.hi > s->scale.lo && !isnan(s->stats.min);
}

void heat_plan_scales(struct heat *h)
{
	for (int i = 0; i < h->n_scales; i++) {
		struct heat_scale *s = &h->scales[i];
		const struct paint_panel *first = NULL;
		struct text caption = { 0 };

		for (int k = 0; k < h->n_panels; k++) {
			const struct paint_panel *p = h->panels[k].p;

			if (h->panels[k].scale != i)
				continue;
			first = first ? first : p;
			if (p->title)
				text_addf(&caption, "%s%s", caption.len ? ", " : "", p->title);
		}
		assert(first); /* a scale is some panel's */
		s->stats = stats_finish(&s->sum);
		s->scale =
			ui_scale_of(first->map, first->lo, first->hi, s->stats.min, s->stats.max);
		figure_copy(caption.data ? caption.data : "", s->caption, sizeof(s->caption));
		text_release(&caption);
	}
}

static int n_bars(const struct heat *h)
{
	int n = 0;

	for (int i = 0; i < h->n_scales; i++)
		n += has_bar(&h->scales[i]);
	return n;
}

static bool has_captions(const struct heat *h)
{
	return h->n_scales > 1;
}

int heat_scales_height(const struct heat *h)
{
	return n_bars(h) ? ABOVE + (has_captions(h) ? CANVAS_LINE : 0) + BAR_HEIGHT + TICKS_HEIGHT
			 : 0;
}

int heat_scales_width(const struct heat *h)
{
	int n = n_bars(h);

	return n ? n * (BAR_WIDTH + FIGURE_GAP) - FIGURE_GAP : 0;
}

/* A column of pixels a colour: the first and the last are the scale's ends. */
static void draw_bar(struct canvas *v, const struct heat_scale *s, int x, int y, int width)
{
	const struct canvas_cells at = { x, y, width, 1, 1, BAR_HEIGHT };
	uint32_t *colors = calloc((size_t)width, sizeof(*colors));

	for (int i = 0; colors && i < width; i++) {
		double p = (double)i / (width - 1);

		colors[i] = ui_map_color(s->scale.map, UI_ON_PAPER, 0, 1, p);
	}
	if (colors)
		canvas_cells(v, &at, colors);
	free(colors);
	canvas_frame(v, CANVAS_FRAME, x, y, width, BAR_HEIGHT);
	figure_draw_ticks(v, x, y + BAR_HEIGHT + 1, width, s->scale.lo, s->scale.hi);
}

void heat_draw_scales(struct heat *h, struct canvas *v, int x, int y, int width)
{
	int n = n_bars(h), bar = n ? (width + FIGURE_GAP) / n - FIGURE_GAP : 0;
	struct text caption = { 0 };

	bar = bar > BAR_WIDTH ? BAR_WIDTH : bar < 2 ? 2 : bar;
	y += ABOVE;
	for (int i = 0; i < h->n_scales; i++) {
		const struct heat_scale *s = &h->scales[i];
		int top = y;

		if (!has_bar(s))
			continue;
		if (has_captions(h)) {
			canvas_fit(v, CANVAS_TEXT, s->caption, strlen(s->caption), bar, &caption);
			canvas_text(v, CANVAS_TEXT, CANVAS_BLACK, x, y + CANVAS_LINE / 2.0 - 4,
				    CANVAS_START, caption.data);
			top += CANVAS_LINE;
		}
		draw_bar(v, s, x, top, bar);
		x += bar + FIGURE_GAP;
	}
	text_release(&caption);
}
