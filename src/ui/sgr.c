/*
 * sgr.c -- see sgr.h.
 */
#include "sgr.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the gate lets through ----------------------------------------------------------- */

/* The digits of 0 to 255 as printf writes them, followed by `end`: their length and 1; 0: none. */
static size_t byte_length(const char *s, size_t len, char end)
{
	size_t n = 0;
	int value = 0;

	while (n < len && n < 3 && isdigit((unsigned char)s[n]))
		value = value * 10 + (s[n++] - '0');
	if (n == 0 || n == len || s[n] != end || value > 255 || (n > 1 && s[0] == '0'))
		return 0;
	return n + 1;
}

size_t sgr_length(const char *s, size_t len)
{
	static const struct {
		const char *begin, *ends; /* after each number */
	} forms[] = {
		{ "\033[38;2;", ";;m" }, { "\033[48;2;", ";;m" }, { "\033[38;5;", "m" },
		{ "\033[48;5;", "m" },   { "\033[39m", "" },      { "\033[49m", "" },
		{ "\033[33m", "" },      { "\033[34m", "" },      { "\033[35m", "" },
		{ "\033[36m", "" },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t n = strlen(forms[i].begin), more = 1;

		if (n > len || memcmp(s, forms[i].begin, n) != 0)
			continue;
		for (const char *end = forms[i].ends; *end && more; end++) {
			more = byte_length(s + n, len - n, *end);
			n += more;
		}
		return more ? n : 0;
	}
	return 0;
}

/* ---- maps --------------------------------------------------------------------------------- */

/*
 * Every eighth of viridis, by Nathaniel Smith and Stéfan van der Walt (matplotlib, CC0); between
 * them sRGB components are interpolated, which is never further than 6 of 255 from the original.
 */
static const unsigned char viridis[9][3] = {
	{ 68, 1, 84 },    { 71, 44, 122 }, { 59, 81, 139 },  { 44, 113, 142 }, { 33, 144, 141 },
	{ 39, 173, 129 }, { 92, 200, 99 }, { 170, 220, 50 }, { 253, 231, 37 },
};

/*
 * Blue and orange of equal lightness, the pair that every kind of colour blindness tells apart,
 * growing out of dark as the shades of a poorer terminal grow out of blank.  Ours: in OKLCh hues
 * 250 and 65, lightness .22, .36, .50, .66, .86, the chroma at most 0, .07, .14, .19, .12 and what
 * sRGB holds; interpolated in sRGB.
 */
static const unsigned char blue_orange[9][3] = {
	{ 175, 213, 254 }, { 3, 149, 254 }, { 4, 101, 175 }, { 29, 63, 96 },    { 27, 27, 27 },
	{ 86, 52, 14 },    { 142, 83, 0 },  { 207, 124, 0 }, { 255, 196, 138 },
};

/*
 * The same two hues growing out of white, for paper and pages: lightness .40, .55, .70, .85, .985,
 * the chroma at most .16, .16, .14, .08, 0 and what sRGB holds.  Both sides are as dark as each
 * other in grey.
 */
static const unsigned char blue_white_orange[9][3] = {
	{ 0, 73, 129 },    { 2, 116, 199 },  { 83, 163, 242 }, { 168, 210, 255 }, { 250, 250, 250 },
	{ 248, 193, 156 }, { 224, 132, 62 }, { 172, 87, 1 },   { 111, 54, 0 },
};

static int between(const unsigned char stops[9][3], double p)
{
	double at = fmin(1, fmax(0, p)) * 8;
	int i = at < 8 ? (int)at : 7, c[3];

	for (int k = 0; k < 3; k++)
		c[k] = (int)lround(stops[i][k] + (at - i) * (stops[i + 1][k] - stops[i][k]));
	return SGR_RGB(c[0], c[1], c[2]);
}

int sgr_sequential(double p)
{
	return between(viridis, p);
}

int sgr_diverging(double p)
{
	return between(blue_orange, p);
}

int sgr_diverging_on_paper(double p)
{
	return between(blue_white_orange, p);
}

static int red(int color)
{
	return color >> 16 & 255;
}

static int green(int color)
{
	return color >> 8 & 255;
}

static int blue(int color)
{
	return color & 255;
}

int sgr_text_on(int color)
{
	/* The luma of Rec. 601, in thousandths. */
	int luma = 299 * red(color) + 587 * green(color) + 114 * blue(color);

	return luma > 128 * 1000 ? SGR_RGB(0, 0, 0) : SGR_RGB(255, 255, 255);
}

/* ---- sequences ---------------------------------------------------------------------------- */

static int squared_distance(int color, int r, int g, int b)
{
	int dr = red(color) - r, dg = green(color) - g, db = blue(color) - b;

	return dr * dr + dg * dg + db * db;
}

int sgr_nearest_256(int color)
{
	static const int levels[6] = { 0, 95, 135, 175, 215, 255 };
	int c[3] = { red(color), green(color), blue(color) }, at[3], grey;

	for (int k = 0; k < 3; k++) {
		at[k] = 0;
		for (int i = 1; i < 6; i++)
			if (abs(levels[i] - c[k]) < abs(levels[at[k]] - c[k]))
				at[k] = i;
	}
	grey = ((c[0] + c[1] + c[2]) / 3 - 3) / 10;
	grey = grey < 0 ? 0 : grey > 23 ? 23 : grey;
	if (squared_distance(color, 8 + 10 * grey, 8 + 10 * grey, 8 + 10 * grey) <
	    squared_distance(color, levels[at[0]], levels[at[1]], levels[at[2]]))
		return 232 + grey;
	return 16 + 36 * at[0] + 6 * at[1] + at[2];
}

/* A colour as a stream of 256 has it: from FIRST_OF_256 on its number there. */
#define FIRST_OF_256 8

static int available(enum ui_depth depth, int color)
{
	if (depth == UI_DEPTH_256 && color >= SGR_RGB(0, 0, 0))
		return FIRST_OF_256 + sgr_nearest_256(color);
	return color;
}

/* `ground` is 3 for letters, 4 for what is behind them. */
static void add_color(struct text *t, int ground, int color)
{
	if (color == SGR_NONE)
		text_addf(t, "\033[%d9m", ground);
	else if (color < FIRST_OF_256)
		text_addf(t, "\033[%d%dm", ground, color);
	else if (color < SGR_RGB(0, 0, 0))
		text_addf(t, "\033[%d8;5;%dm", ground, color - FIRST_OF_256);
	else
		text_addf(t, "\033[%d8;2;%d;%d;%dm", ground, red(color), green(color), blue(color));
}

void brush_set_back(struct brush *b, int bg)
{
	bg = b->depth < UI_DEPTH_256 ? SGR_NONE : available(b->depth, bg);
	if (bg != b->bg)
		add_color(b->t, 4, bg);
	b->bg = bg;
}

void brush_set(struct brush *b, int fg, int bg)
{
	if (b->depth == UI_DEPTH_NONE)
		return;
	fg = available(b->depth, fg);
	if (fg != b->fg)
		add_color(b->t, 3, fg);
	b->fg = fg;
	brush_set_back(b, bg);
}
