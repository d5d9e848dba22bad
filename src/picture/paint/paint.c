/*
 * paint.c -- see paint.h.
 */
#include "figure.h"

int paint_png(struct text *out, const struct paint *p, struct err *err)
{
	static const struct figure_kind *const kinds[] = {
		[PAINT_HEAT] = &heat_kind,
		[PAINT_HIST] = &hist_kind,
		[PAINT_TOPK] = &topk_kind,
		[PAINT_LINES] = &lines_kind,
	};

	return figure_png(kinds[p->kind], p, out, err);
}
