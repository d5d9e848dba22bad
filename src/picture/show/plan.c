/*
 * plan.c -- which picture is made of what is shown, and of a pair with what scale.
 */
#include "show_impl.h"

#include "torchless/stats.h"

#include <math.h>
#include <string.h>

#define FEW       64 /* elements that are shown as numbers: of one axis */
#define FEW_CELLS 24 /* of several */

bool show_is_integer(const struct array *a)
{
	return a->dtype == DTYPE_I32 || a->dtype == DTYPE_I64 || a->dtype == DTYPE_U8;
}

/* The axis along which all elements lie, -1 where there are several. */
static int only_axis(const struct array *a)
{
	int axis = -1;

	for (int i = 0; i < a->n_dims; i++) {
		if (a->shape[i] != 1 && axis >= 0)
			return -1;
		if (a->shape[i] != 1)
			axis = i;
	}
	return axis < 0 ? a->n_dims - 1 : axis;
}

enum show_how show_choose(const struct shown *s, const struct show_options *o)
{
	const struct array *a = s->array;
	int axis = only_axis(a);
	char name[32];

	if (o->how != SHOW_AUTO)
		return o->how;
	if (axis >= 0 && a->numel > FEW && axis_name(a->axes, axis, name, sizeof(name)) &&
	    !strcmp(name, "vocab"))
		return SHOW_TOPK;
	if (show_is_integer(a) || a->numel <= (a->n_dims < 2    ? FEW
					       : s->is_relation ? 1
								: FEW_CELLS))
		return SHOW_PRINT;
	return SHOW_HEAT;
}

/* ---- two ------------------------------------------------------------------------------------ */

/* The least and the greatest of both, so that colours mean the same. */
static void share_scale(struct look *a, struct look *b)
{
	struct stats x = stats_of(a->a->data, a->a->numel), y = stats_of(b->a->data, b->a->numel);
	double lo = fmin(x.min, y.min), hi = fmax(x.max, y.max);

	a->lo = b->lo = isfinite(lo) ? lo : 0;
	a->hi = b->hi = isfinite(hi) ? hi : 0;
}

void looks_of_pair(struct pair_looks *l, const struct shown *a, const struct shown *b,
		   const struct pair *p, const struct show_options *o)
{
	/* What has no tokens of its own is called as the other. */
	l->other = *b;
	if (!b->tokens->ctx)
		l->other.labels = a->labels;
	l->other.is_relation = a->is_relation;
	l->other.is_pattern = a->is_pattern && b->is_pattern;
	l->other.window = a->window;
	l->of[0] = (struct look){ .s = a, .a = a->array, .how = show_choose(a, o), .k = o->k };
	l->of[1] = l->of[2] = l->of[0];
	l->of[1].s = &l->other;
	l->of[1].a = b->array;
	l->of[2].a = p->difference;
	l->of[2].is_difference = true;
	share_scale(&l->of[0], &l->of[1]);
}

void pair_add_difference(struct text *t, const struct pair *p)
{
	char number[32], index[128];

	if (p->sums.max_abs == 0) {
		text_adds(t, "difference b - a: none, all elements are equal");
		return;
	}
	text_addf(t, "difference b - a: largest %s",
		  ui_format_number(p->sums.max_abs, number, sizeof(number)));
	if (p->sums.max_at >= 0)
		text_addf(t, " at [%s]",
			  array_index(p->difference, p->sums.max_at, index, sizeof(index)));
	text_addf(t, ", nmse %s", ui_format_number(pair_nmse(&p->sums), number, sizeof(number)));
	text_addf(t, ", cosine %.6f", pair_cosine(&p->sums));
}
