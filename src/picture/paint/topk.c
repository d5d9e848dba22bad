/*
 * topk.c -- the largest elements: where, what they are called, a bar from 0, a number.
 */
#include "figure.h"

#include "torchless/mem.h"
#include "torchless/ui.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_PANELS = 16,
	USUAL_K = 10,
	MAX_K = 80,
	ROW = 34,
	BAR = 24,
	MAX_LABEL = 520,
	MAX_BAR = 640,
	GAP = 12,
	ABOVE = CANVAS_LINE + 14,
	BETWEEN = 24,
};

struct list {
	struct ui_top *top;
	int n;
	struct text *labels; /* n of them, fitted */
	double lo, hi;       /* of the bars, with 0 */
};

struct topk {
	struct list panels[MAX_PANELS];
	int n;
	int label_width, bar_width, number_width;
};

/* "[12,45]  girl": the indices, and what the axes that have words say. */
static void add_label(struct figure *f, const struct paint_panel *p, int64_t at, struct text *to)
{
	struct text all = { 0 };
	char buf[128];
	int64_t rest = p->a->numel;
	bool first = true;

	text_addf(&all, "[%s]", array_index(p->a, at, buf, sizeof(buf)));
	for (int i = 0; i < p->a->n_dims && p->labels && p->labels->label; i++) {
		const char *word;

		rest /= p->a->shape[i];
		word = p->labels->label(p->labels->ctx, i, p->a->base[i] + at / rest);
		at %= rest;
		if (!word)
			continue;
		text_adds(&all, first ? "  " : ", ");
		text_add(&all, word, strnlen(word, 200));
		first = false;
	}
	canvas_fit(&f->v, CANVAS_TEXT, all.data, all.len, MAX_LABEL, to);
	text_release(&all);
}

static void plan_list(struct figure *f, struct topk *k, int i)
{
	const struct paint_panel *p = &f->p->panels[i];
	struct ui_topk_options o = { .k = f->p->k > 0 ? f->p->k : USUAL_K };
	struct list *l = &k->panels[i];
	int64_t n_nan = 0;
	char number[32], all[32], prefix[FIGURE_PREFIX];

	o.k = o.k > MAX_K / k->n ? MAX_K / k->n : o.k;
	l->top = mem_calloc((size_t)o.k, sizeof(*l->top));
	l->labels = mem_calloc((size_t)o.k, sizeof(*l->labels));
	l->n = ui_top_select(p->a, &o, l->top, &n_nan);
	for (int e = 0; e < l->n; e++) {
		double x = (double)l->top[e].value;
		int width;

		add_label(f, p, l->top[e].at, &l->labels[e]);
		width = canvas_text_width(&f->v, CANVAS_TEXT, l->labels[e].data);
		k->label_width = width > k->label_width ? width : k->label_width;
		figure_number(x, 4, number, sizeof(number));
		width = canvas_text_width(&f->v, CANVAS_TEXT, number);
		k->number_width = width > k->number_width ? width : k->number_width;
		if (isfinite(x)) {
			l->lo = fmin(l->lo, x);
			l->hi = fmax(l->hi, x);
		}
	}
	figure_notef(f, "%s%s of %s", figure_prefix(f, p->title, prefix),
		     ui_format_count(l->n, number, sizeof(number)),
		     ui_format_count(p->a->numel, all, sizeof(all)));
	if (n_nan)
		figure_notef(f, "%s NaN left out", ui_format_count(n_nan, all, sizeof(all)));
}

/* Lists that share a scale have bars that can be compared. */
static void share_scales(struct figure *f, struct topk *k)
{
	for (int i = 0; i < k->n; i++)
		for (int other = 0; other < k->n; other++)
			if (f->p->panels[i].scale == f->p->panels[other].scale) {
				k->panels[i].lo = fmin(k->panels[i].lo, k->panels[other].lo);
				k->panels[i].hi = fmax(k->panels[i].hi, k->panels[other].hi);
			}
}

static int plan(struct figure *f, struct err *err)
{
	struct topk *k;

	if (figure_check_panels(f->p, MAX_PANELS, err))
		return err->code;
	k = f->plan = calloc(1, sizeof(*k));
	if (!k)
		return err_set(err, ERR_MEMORY, "no memory for a picture");
	k->n = f->p->n_panels;
	for (int i = 0; i < k->n; i++)
		plan_list(f, k, i);
	share_scales(f, k);
	k->bar_width = f->room - k->label_width - k->number_width - 2 * GAP;
	k->bar_width = k->bar_width > MAX_BAR ? MAX_BAR : k->bar_width < 40 ? 40 : k->bar_width;
	f->body_width = k->label_width + k->bar_width + k->number_width + 2 * GAP;
	for (int i = 0; i < k->n; i++)
		f->body_height += (k->n > 1 ? ABOVE : 0) + k->panels[i].n * ROW +
				  (i + 1 < k->n ? BETWEEN : 0);
	f->body_height += BETWEEN / 2;
	return 0;
}

static void release(struct figure *f)
{
	struct topk *k = f->plan;

	for (int i = 0; k && i < k->n; i++) {
		for (int e = 0; e < k->panels[i].n; e++)
			text_release(&k->panels[i].labels[e]);
		free(k->panels[i].labels);
		free(k->panels[i].top);
	}
	free(k);
}

/* From 0 to x; what is infinite takes all there is. */
static void draw_bar(struct canvas *v, const struct topk *k, const struct list *l, double x,
		     int left, int y)
{
	double zero = ui_map_place(l->lo, l->hi, 0) * k->bar_width;
	double end = isfinite(x) ? ui_map_place(l->lo, l->hi, x) * k->bar_width
				 : (x > 0 ? k->bar_width : 0);
	int middle = y + ROW / 2, top = middle - BAR / 2;
	int from = (int)lround(fmin(zero, end)), to = (int)lround(fmax(zero, end));
	uint32_t color = isfinite(x) ? CANVAS_BAR : x > 0 ? UI_COLOR_PLUS_INF : UI_COLOR_MINUS_INF;

	if (l->hi > l->lo || !isfinite(x))
		canvas_fill(v, color, left + from, top, to > from ? to - from : 1, BAR);
	canvas_fill(v, CANVAS_FRAME, left + (l->hi > l->lo ? (int)lround(zero) : 0) - 1, y, 1, ROW);
}

static void draw(struct figure *f, int x, int y)
{
	const struct topk *k = f->plan;
	struct text text = { 0 };
	char number[32];

	for (int i = 0; i < k->n; i++) {
		const struct list *l = &k->panels[i];
		const char *title = f->p->panels[i].title ? f->p->panels[i].title : "";

		if (k->n > 1) {
			canvas_fit(&f->v, CANVAS_BOLD, title, strnlen(title, 4096), f->room, &text);
			canvas_text(&f->v, CANVAS_BOLD, CANVAS_BLACK, x, y + CANVAS_LINE / 2.0,
				    CANVAS_START, text.data);
			y += ABOVE;
		}
		for (int e = 0; e < l->n; e++, y += ROW) {
			double value = (double)l->top[e].value;

			canvas_text(&f->v, CANVAS_TEXT, CANVAS_BLACK, x, y + ROW / 2.0,
				    CANVAS_START, l->labels[e].data);
			draw_bar(&f->v, k, l, value, x + k->label_width + GAP, y);
			figure_number(value, 4, number, sizeof(number));
			canvas_fit(&f->v, CANVAS_TEXT, number, strlen(number), 400, &text);
			canvas_text(&f->v, CANVAS_TEXT, CANVAS_BLACK,
				    x + k->label_width + k->bar_width + k->number_width + 2 * GAP,
				    y + ROW / 2.0, CANVAS_END, text.data);
		}
		y += BETWEEN;
	}
	text_release(&text);
}

const struct figure_kind topk_kind = { plan, draw, release };
