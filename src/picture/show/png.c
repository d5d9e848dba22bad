/*
 * png.c -- what is shown, as a picture for paper.
 */
#include "show_impl.h"

#include "torchless/paint.h"

#include <string.h>

static enum paint_kind kind_of(enum show_how how)
{
	static const enum paint_kind kinds[] = {
		[SHOW_AUTO] = PAINT_HEAT, [SHOW_HEAT] = PAINT_HEAT,  [SHOW_HIST] = PAINT_HIST,
		[SHOW_TOPK] = PAINT_TOPK, [SHOW_PRINT] = PAINT_HEAT, [SHOW_SPARK] = PAINT_LINES
	};

	return kinds[how];
}

static struct paint_panel panel_of(const struct look *l, const char *title, int scale)
{
	bool is_pattern = l->s->is_pattern && !l->is_difference;

	return (struct paint_panel){ .a = l->a,
				     .title = title,
				     .labels = &l->s->labels,
				     .lo = is_pattern ? 0 : l->lo,
				     .hi = is_pattern ? 1 : l->hi,
				     .window = l->s->window,
				     .map = l->is_difference ? UI_MAP_DIVERGING
					    : is_pattern     ? UI_MAP_SEQUENTIAL
							     : UI_MAP_AUTO,
				     .scale = scale,
				     .causal = l->s->is_relation };
}

static int paint_one(struct text *t, const struct shown *s, const struct show_options *o,
		     struct err *err)
{
	const struct look l = { .s = s, .a = s->array, .how = show_choose(s, o), .k = o->k };
	const struct paint_panel panel = panel_of(&l, NULL, 0);
	struct text subtitle = { 0 };
	int r;

	shown_add_shape(&subtitle, s->array);
	if (s->array->axes[0])
		text_addf(&subtitle, " of [%s]", s->array->axes);
	r = paint_png_apart(t,
			    &(struct paint){ .kind = kind_of(l.how),
					     .n_panels = 1,
					     .title = s->title,
					     .subtitle = subtitle.data,
					     .panels = &panel,
					     .k = o->k },
			    o->interrupted, err);
	text_release(&subtitle);
	return r;
}

static int paint_pair(struct text *t, const struct shown *a, const struct shown *b,
		      const struct pair *p, const struct show_options *o, struct err *err)
{
	struct text title = { 0 }, subtitle = { 0 };
	struct paint_panel panels[3];
	struct pair_looks looks;
	int r;

	looks_of_pair(&looks, a, b, p, o);
	panels[0] = panel_of(&looks.of[0], "a", 1);
	panels[1] = panel_of(&looks.of[1], "b", 1);
	panels[2] = panel_of(&looks.of[2], "b - a", 2);
	text_addf(&title, "a: %s", a->title);
	text_addf(&subtitle, "b: %s · ", b->title);
	pair_add_difference(&subtitle, p);
	r = paint_png_apart(t,
			    &(struct paint){ .kind = kind_of(looks.of[0].how),
					     .n_panels = 3,
					     .title = title.data,
					     .subtitle = subtitle.data,
					     .panels = panels,
					     .k = o->k },
			    o->interrupted, err);
	text_release(&title);
	text_release(&subtitle);
	return r;
}

int show_add_png(struct text *t, const struct shown *a, const struct shown *b,
		 const struct show_options *o, struct err *err)
{
	struct pair p = { 0 };
	int r;

	if (shown_numbers(a, err) || (b && pair_make(&p, a, b, err)))
		return err->code;
	r = b ? paint_pair(t, a, b, &p, o, err) : paint_one(t, a, o, err);
	pair_release(&p);
	return r;
}
