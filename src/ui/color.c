/*
 * color.c -- see ui_color.h.
 */
#include "sgr.h"

#include "torchless/ui_color.h"

#include <math.h>

double ui_map_place(double lo, double hi, double x)
{
	if (!(hi > lo))
		return 0.5;
	/* Halves: the ends of the scale may be further apart than a number is large. */
	return fmin(1, fmax(0, (x / 2 - lo / 2) / (hi / 2 - lo / 2)));
}

static uint32_t not_finite(enum ui_ground ground, double x)
{
	if (x < 0)
		return UI_COLOR_MINUS_INF;
	return isnan(x) || ground == UI_ON_TERMINAL ? UI_COLOR_NAN : UI_COLOR_PLUS_INF;
}

uint32_t ui_map_color(enum ui_map map, enum ui_ground ground, double lo, double hi, double x)
{
	double p;
	int color;

	if (!isfinite(x))
		return not_finite(ground, x);
	p = ui_map_place(lo, hi, x);
	if (map == UI_MAP_SEQUENTIAL || (map == UI_MAP_AUTO && !(lo < 0)))
		color = sgr_sequential(p);
	else
		color = ground == UI_ON_PAPER ? sgr_diverging_on_paper(p) : sgr_diverging(p);
	return (uint32_t)color & 0xffffff;
}

struct ui_scale ui_scale_of(enum ui_map map, double lo, double hi, double least, double greatest)
{
	bool given = isfinite(lo) && isfinite(hi) && hi > lo;

	if (!given) {
		lo = isnan(least) ? 0 : least;
		hi = isnan(greatest) ? 0 : greatest;
	}
	if (map == UI_MAP_AUTO)
		map = lo < 0 ? UI_MAP_DIVERGING : UI_MAP_SEQUENTIAL;
	if (map == UI_MAP_DIVERGING) {
		hi = fmax(fabs(lo), fabs(hi));
		lo = -hi;
	}
	return (struct ui_scale){ map, lo, hi };
}

bool ui_color_is_dark(uint32_t color)
{
	return sgr_text_on(SGR_OF((int)color)) == SGR_RGB(255, 255, 255);
}
