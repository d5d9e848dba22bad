/*
 * test_paint.c -- tensors as PNG: every cell has the colour of its value, whatever is large, odd or
 * hostile becomes a picture of a size that is bounded, and what is no PNG is refused.
 */
#include "torchless/paint.h"
#include "torchless/ui_color.h"

#include <criterion/criterion.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct array *array_of(const char *shape, const char *axes, const float *data)
{
	int64_t sizes[TENSOR_MAX_DIMS], numel;
	struct array *a;
	struct err err;
	int n_dims;

	cr_assert(array_parse_shape(shape, sizes, &n_dims, &numel));
	a = array_new(n_dims, sizes, &err);
	cr_assert(a);
	strcpy(a->axes, axes);
	for (int64_t i = 0; i < a->numel; i++)
		a->data[i] = data ? data[i] : sinf((float)i);
	return a;
}

#define NUMBERS(...) ((const float[]){ __VA_ARGS__ })

static void paint(const struct paint *p, struct text *png, struct paint_pixels *pixels)
{
	struct err err = { 0 };

	text_clear(png);
	cr_assert_eq(paint_png(png, p, &err), 0, "%s", err.message);
	cr_assert_eq(paint_read_png(png->data, png->len, 0, pixels, &err), 0, "%s", err.message);
	cr_assert_leq(pixels->width, 4000);
	cr_assert_leq(pixels->height, 4000);
}

static void paint_panel(const struct paint_panel *panel, struct paint_pixels *pixels)
{
	const struct paint p = { .title = "A title", .panels = panel, .n_panels = 1 };
	struct text png = { 0 };

	paint(&p, &png, pixels);
	text_release(&png);
}

static uint32_t pixel(const struct paint_pixels *p, int x, int y)
{
	cr_assert(x >= 0 && x < p->width && y >= 0 && y < p->height);
	return p->rgb[(size_t)y * (size_t)p->width + (size_t)x];
}

/* ---- colours ------------------------------------------------------------------------------ */

static int luma(uint32_t c)
{
	return 299 * (int)(c >> 16) + 587 * (int)(c >> 8 & 255) + 114 * (int)(c & 255);
}

Test(ui_color, paper_is_light_at_zero_and_darker_to_both_sides)
{
	cr_assert_eq(ui_map_color(UI_MAP_DIVERGING, UI_ON_PAPER, -1, 1, 0), 0xfafafau);
	for (int i = 0; i < 100; i++) {
		uint32_t a = ui_map_color(UI_MAP_DIVERGING, UI_ON_PAPER, -100, 100, i);
		uint32_t b = ui_map_color(UI_MAP_DIVERGING, UI_ON_PAPER, -100, 100, i + 1);
		uint32_t c = ui_map_color(UI_MAP_DIVERGING, UI_ON_PAPER, -100, 100, -i);
		uint32_t d = ui_map_color(UI_MAP_DIVERGING, UI_ON_PAPER, -100, 100, -i - 1);

		cr_assert(luma(b) <= luma(a) && luma(d) <= luma(c));
		/* As dark on one side as on the other, to a tenth. */
		cr_assert_lt(abs(luma(b) - luma(d)), 25000);
	}
}

Test(ui_color, is_the_terminals)
{
	cr_assert_eq(ui_map_color(UI_MAP_SEQUENTIAL, UI_ON_TERMINAL, 0, 1, 0), 0x440154u);
	cr_assert_eq(ui_map_color(UI_MAP_AUTO, UI_ON_PAPER, 0, 1, 1), 0xfde725u);
	cr_assert_eq(ui_map_color(UI_MAP_AUTO, UI_ON_TERMINAL, -1, 1, 0), 0x1b1b1bu);
	cr_assert_eq(ui_map_color(UI_MAP_AUTO, UI_ON_TERMINAL, -1, 1, NAN), UI_COLOR_NAN);
	cr_assert_eq(ui_map_color(UI_MAP_AUTO, UI_ON_TERMINAL, -1, 1, INFINITY), UI_COLOR_NAN);
	cr_assert_eq(ui_map_color(UI_MAP_AUTO, UI_ON_PAPER, -1, 1, INFINITY), UI_COLOR_PLUS_INF);
	cr_assert_eq(ui_map_color(UI_MAP_AUTO, UI_ON_PAPER, -1, 1, -INFINITY), UI_COLOR_MINUS_INF);
	/* Beyond the scale, and on one that is wider than a number is large. */
	cr_assert_eq(ui_map_color(UI_MAP_SEQUENTIAL, UI_ON_PAPER, 0, 1, 7), 0xfde725u);
	cr_assert_eq(ui_map_place(-DBL_MAX, DBL_MAX, 0), 0.5);
	cr_assert_eq(ui_map_place(3, 3, 3), 0.5);
	cr_assert(ui_color_is_dark(0x440154u) && !ui_color_is_dark(0xfde725u));
}

/* ---- cells -------------------------------------------------------------------------------- */

struct box {
	int x, y, width, height;
};

/* The first pixel of a colour from line `from` on, and how far it goes right and down from there.
 */
static struct box find(const struct paint_pixels *p, uint32_t color, int from, int width)
{
	for (int y = from; y < p->height; y++)
		for (int x = 0; x < p->width; x++) {
			struct box b = { x, y, 0, 0 };

			if (pixel(p, x, y) != color)
				continue;
			while (x + b.width < p->width && pixel(p, x + b.width, y) == color)
				b.width++;
			while (y + b.height < p->height && pixel(p, x, y + b.height) == color)
				b.height++;
			if (b.width >= width && b.height >= 20)
				return b;
		}
	return (struct box){ -1, -1, 0, 0 };
}

/* Every cell is a rectangle of exactly its colour, the scale below ends in the ends' colours. */
static void check_cells(const char *shape, const float *values, int rows, int columns, double lo,
			double hi, enum ui_map map)
{
	struct array *a = array_of(shape, "i,j", values);
	const struct paint_panel panel = { .a = a };
	struct paint_pixels p;
	struct box first, bar;
	uint32_t low = ui_map_color(map, UI_ON_PAPER, lo, hi, lo);
	uint32_t high = ui_map_color(map, UI_ON_PAPER, lo, hi, hi);

	paint_panel(&panel, &p);
	first = find(&p, ui_map_color(map, UI_ON_PAPER, lo, hi, (double)values[0]), 0, 2);
	cr_assert(first.width >= 20 && first.height >= 20);
	for (int i = 0; i < rows * columns; i++) {
		uint32_t color = ui_map_color(map, UI_ON_PAPER, lo, hi, (double)values[i]);
		int x = first.x + i % columns * first.width;
		int y = first.y + i / columns * first.height;

		/* Its four corners; in the middle may be a number. */
		cr_assert_eq(pixel(&p, x, y), color, "%d", i);
		cr_assert_eq(pixel(&p, x + first.width - 1, y), color, "%d", i);
		cr_assert_eq(pixel(&p, x, y + first.height - 1), color, "%d", i);
		cr_assert_eq(pixel(&p, x + first.width - 1, y + first.height - 1), color, "%d", i);
	}
	bar = find(&p, low, first.y + rows * first.height, 1);
	cr_assert_geq(bar.y, 0);
	for (int x = bar.x; pixel(&p, x, bar.y + 5) != high; x++)
		cr_assert_neq(pixel(&p, x, bar.y + 5), 0xffffffu);
	paint_pixels_release(&p);
	array_release(a);
}

Test(paint, a_cell_has_the_color_of_its_value)
{
	static const float signs[] = { -2, -1, .5f, 1.5f, 1.9f, -.3f },
			   shares[] = { .1f, .9f, .3f, .5f, .7f, 0 };

	check_cells("2,3", signs, 2, 3, -2, 2, UI_MAP_DIVERGING);
	check_cells("3,2", shares, 3, 2, 0, (double).9f, UI_MAP_SEQUENTIAL);
}

Test(paint, what_is_not_finite_has_a_color_and_a_count)
{
	struct array *a = array_of("2,3", "i,j", NUMBERS(-1, NAN, INFINITY, 1, -INFINITY, 0));
	const struct paint_panel panel = { .a = a };
	static const uint32_t colors[] = { UI_COLOR_NAN, UI_COLOR_PLUS_INF, UI_COLOR_MINUS_INF };
	struct paint_pixels p;

	paint_panel(&panel, &p);
	for (int i = 0; i < 3; i++) {
		struct box cell = find(&p, colors[i], 0, 2), swatch;

		cr_assert(cell.width >= 20 && cell.height >= 20, "%06x", colors[i]);
		swatch = find(&p, colors[i], cell.y + 2 * cell.height + 80, 20);
		cr_assert(swatch.width >= 20 && swatch.height >= 20, "%06x %d %d", colors[i],
			  swatch.width, swatch.height);
	}
	paint_pixels_release(&p);
	array_release(a);
}

/* White with grey lines across. */
static bool is_blank(const struct paint_pixels *p, struct box b)
{
	int grey = 0;

	for (int y = b.y; y < b.y + b.height; y++)
		for (int x = b.x; x < b.x + b.width; x++) {
			if (pixel(p, x, y) != 0xffffff && pixel(p, x, y) != 0xd0d0d0)
				return false;
			grey += pixel(p, x, y) == 0xd0d0d0;
		}
	return grey > 0;
}

static void check_triangle(const struct paint_pixels *p, int window)
{
	/* The first query sees itself; all cells that are seen are 1. */
	struct box one = find(p, 0xfde725, 0, 2);
	int n = 5;

	for (int q = 0; q < n; q++)
		for (int k = 0; k < n; k++) {
			bool seen = k <= q && (!window || k > q - window);
			struct box cell = { one.x + k * one.width, one.y + q * one.width, one.width,
					    one.width };

			if (seen)
				cr_assert_eq(pixel(p, cell.x, cell.y), 0xfde725u, "%d %d", q, k);
			else
				cr_assert(is_blank(p, cell), "%d %d", q, k);
		}
}

Test(paint, what_a_query_does_not_see_is_blank)
{
	struct array *a = array_of("5,5", "q,k", NULL);
	struct paint_panel panel = { .a = a, .causal = true, .hi = 1 };
	struct paint_pixels p;

	for (int i = 0; i < 25; i++)
		a->data[i] = 1;
	paint_panel(&panel, &p);
	check_triangle(&p, 0);
	paint_pixels_release(&p);
	panel.window = 2;
	paint_panel(&panel, &p);
	check_triangle(&p, 2);
	paint_pixels_release(&p);
	array_release(a);
}

Test(paint, panels_of_one_number_share_a_scale)
{
	struct array *a = array_of("1,2", "i,j", NUMBERS(0, 1)),
		     *b = array_of("1,2", "i,j", NUMBERS(.5f, 4)),
		     *d = array_of("1,2", "i,j", NUMBERS(.5f, 3));
	const struct paint_panel panels[] = { { .a = a, .title = "a" },
					      { .a = b, .title = "b" },
					      { .a = d, .title = "difference", .scale = 1 } };
	const struct paint p = { .panels = panels, .n_panels = 3 };
	struct text png = { 0 };
	struct paint_pixels pixels;

	paint(&p, &png, &pixels);
	/* 1 is a quarter of the scale of a and b; .5 is the least of the difference. */
	cr_assert_geq(
		find(&pixels, ui_map_color(UI_MAP_SEQUENTIAL, UI_ON_PAPER, 0, 4, 1), 0, 2).width,
		20);
	cr_assert_geq(find(&pixels, 0xfde725, 0, 2).width, 20);
	cr_assert_lt(find(&pixels, 0x440154, 0, 2).x, pixels.width / 3);
	paint_pixels_release(&pixels);
	text_release(&png);
	array_release(a);
	array_release(b);
	array_release(d);
}

/* ---- whatever comes ----------------------------------------------------------------------- */

static const enum paint_kind kinds[] = { PAINT_HEAT, PAINT_HIST, PAINT_TOPK, PAINT_LINES };

static const char *hostile(void *ctx, int axis, int64_t index)
{
	static char longest[1001];
	static const char *const words[] = {
		"<s>",
		"\033[2J\007\x9b",
		"\xff\xfe\xc3",
		"\xe6\x97",
		" \xe2\x80\xae evil",
		"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
		"\xe6\x97\xa5\xe6\x9c\xac",
		"\xf0\x9f\x98\x80\xe2\x80\x8d\xf0\x9f\x91\xa9",
		"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81",
		"\xcc\x81",
		"   ",
		"",
		"\n\t\r",
		"<b>&amp;\"'",
		"\xf4\x8f\xbf\xbf",
		"\xef\xbf\xbf",
		longest,
	};

	(void)ctx;
	if (index < 0)
		return NULL;
	memset(longest, axis % 2 ? '\xe6' : 'x', 1000);
	return words[(size_t)index % (sizeof(words) / sizeof(words[0]))];
}

/* Every kind; `width` is small where many are painted. */
static void paint_all(const struct paint_panel *panels, int n, int width)
{
	struct text png = { 0 };
	struct paint_pixels pixels;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct paint p = { .kind = kinds[i],
					 .title = panels[0].title,
					 .subtitle = panels[0].title,
					 .panels = panels,
					 .n_panels = n,
					 .k = 1000,
					 .width = width };

		paint(&p, &png, &pixels);
		paint_pixels_release(&pixels);
	}
	text_release(&png);
}

static void paint_shape(const char *shape, const char *axes, int width)
{
	static const struct ui_labels labels = { hostile, NULL };
	struct array *a = array_of(shape, axes, NULL);
	const struct paint_panel panels[] = {
		{ .a = a, .title = "\033[2J\xff title", .labels = &labels },
		{ .a = a, .causal = true, .window = 3 },
		{ .a = a, .title = "third", .scale = 7, .labels = &labels },
	};

	paint_all(panels, 1, width);
	paint_all(panels + 1, 2, width);
	array_release(a);
}

Test(paint, any_shape)
{
	paint_shape("1,1", "i,j", 1);
	paint_shape("17,17", "q,k", 1);
	paint_shape("1,30", "q,k", 1);
	paint_shape("2,3,4", "head,q,k", 1);
	paint_shape("300,2,2", "head,q,k", 1);
	paint_shape("2,2,2,3", "", 1);
}

Test(paint, a_number_alone)
{
	struct err err;
	struct array *a = array_new(0, NULL, &err);
	const struct paint_panel panel = { .a = a };

	a->data[0] = 3;
	paint_all(&panel, 1, 0);
	array_release(a);
}

Test(paint, long_ones)
{
	paint_shape("49152", "vocab", 1);
	paint_shape("5000,1", "pos,i", 1);
	paint_shape("1,5000", "i,pos", 1);
	paint_shape("1000,700", "q,k", 1);
}

Test(paint, as_wide_as_can_be)
{
	struct array *a = array_of("1000,5000", "q,k", NULL);
	const struct paint_panel panel = { .a = a };
	const struct paint p = { .panels = &panel, .n_panels = 1, .width = INT_MAX };
	struct paint_pixels pixels;
	struct text png = { 0 };

	paint(&p, &png, &pixels);
	cr_assert_gt(pixels.width, 3900);
	paint_pixels_release(&pixels);
	text_release(&png);
	array_release(a);
}

Test(paint, the_same_input_gives_the_same_bytes)
{
	static const struct ui_labels labels = { hostile, NULL };
	struct array *a = array_of("3,9,9", "head,q,k", NULL);
	const struct paint_panel panel = { .a = a, .labels = &labels };
	struct text one = { 0 }, other = { 0 };
	struct err err;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct paint p = { .kind = kinds[i], .panels = &panel, .n_panels = 1 };

		text_clear(&one);
		text_clear(&other);
		cr_assert_eq(paint_png(&one, &p, &err), 0);
		cr_assert_eq(paint_png(&other, &p, &err), 0);
		cr_assert(one.len == other.len && memcmp(one.data, other.data, one.len) == 0);
	}
	text_release(&one);
	text_release(&other);
	array_release(a);
}

static const char *fatal(void *ctx, int axis, int64_t index)
{
	(void)axis;
	(void)index;
	if (!ctx)
		raise(SIGKILL);
	fputs("torchless: out of memory (9 bytes were asked for)\n", stderr);
	_exit(3);
}

Test(paint, apart_it_is_the_same_picture_or_a_sentence)
{
	struct array *a = array_of("3,9", "pos,col", NULL);
	struct ui_labels labels = { hostile, NULL };
	const struct paint_panel panel = { .a = a, .labels = &labels };
	const struct paint p = { .kind = PAINT_HEAT, .panels = &panel, .n_panels = 1 };
	const struct paint none = { .kind = PAINT_HEAT, .panels = &panel };
	static const volatile sig_atomic_t interrupted = 1;
	struct text one = { 0 }, other = { 0 };
	struct err err = { 0 };

	cr_assert_eq(paint_png(&one, &p, &err), 0, "%s", err.message);
	cr_assert_eq(paint_png_apart(&other, &p, NULL, &err), 0, "%s", err.message);
	cr_assert(one.len == other.len && memcmp(one.data, other.data, one.len) == 0);
	cr_assert_eq(paint_png_apart(&other, &none, NULL, &err), ERR_USAGE);
	cr_assert_str_eq(err.message, "a picture has 1 to 16 panels, not 0");
	cr_assert_eq(paint_png_apart(&other, &p, &interrupted, &err), ERR_INTERRUPTED);
	labels = (struct ui_labels){ fatal, NULL };
	cr_assert_eq(paint_png_apart(&other, &p, NULL, &err), ERR_TOOL);
	cr_assert(strstr(err.message, "ended by signal 9"), "%s", err.message);
	labels.ctx = &labels;
	cr_assert_eq(paint_png_apart(&other, &p, NULL, &err), ERR_MEMORY);
	cr_assert_str_eq(err.message, "the picture cannot be painted: out of memory");
	cr_assert_eq(one.len, other.len);
	text_release(&one);
	text_release(&other);
	array_release(a);
}

Test(paint, a_vocabulary)
{
	struct array *a = array_of("13,49152", "pos,vocab", NULL);
	const struct paint_panel panel = { .a = a };
	struct paint_pixels p;
	struct box cell;

	/* One that stands out is not lost among the pooled. */
	a->data[5 * 49152 + 30000] = 40;
	paint_panel(&panel, &p);
	cell = find(&p, ui_map_color(UI_MAP_DIVERGING, UI_ON_PAPER, -40, 40, 40), 0, 2);
	cr_assert_eq(cell.width, 2);
	cr_assert_geq(cell.height, 20);
	paint_pixels_release(&p);
	array_release(a);
}

Test(paint, any_numbers)
{
	static const float sets[][6] = {
		{ 0, 0, 0, 0, 0, 0 },
		{ 7, 7, 7, 7, 7, 7 },
		{ -1e30f, -1e30f, -1e30f, -1e30f, -1e30f, -1e30f },
		{ NAN, NAN, NAN, NAN, NAN, NAN },
		{ -INFINITY, INFINITY, NAN, -INFINITY, INFINITY, NAN },
		{ -FLT_MAX, FLT_MAX, 0, 1, -1, 2 },
		{ 1e30f, 2e30f, 3e30f, -1e30f, 0, 1 },
		{ 1e-30f, 2e-30f, -3e-30f, 0, 0, 0 },
		{ 1e-45f, 2e-45f, 3e-45f, -1e-45f, 0, 0 },
		{ 1, 1.0000001f, 1.0000002f, 1, 1, 1 },
		{ 16777216, 16777218, 16777220, 16777216, 16777216, 16777216 },
		{ -0.0f, -0.001f, 0.999f, 1, .0001f, 0 },
	};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct array *a = array_of("2,3", "i,j", sets[i]);
		const struct paint_panel panels[] = {
			{ .a = a },
			{ .a = a, .lo = -DBL_MAX, .hi = DBL_MAX, .scale = 1 },
			{ .a = a, .lo = NAN, .hi = INFINITY, .scale = 2, .map = UI_MAP_DIVERGING },
			{ .a = a, .lo = 0, .hi = 5e-324, .scale = 3 },
		};

		paint_all(&panels[0], 1, 1);
		paint_all(panels, 4, 1);
		array_release(a);
	}
}

Test(paint, nothing_and_too_many_are_sentences)
{
	int64_t shape[] = { 0, 3 };
	struct err err = { 0 };
	struct array *a = array_new(2, shape, &err), *one = array_of("1", "", NULL);
	struct paint_panel panels[17];
	struct paint p = { .panels = panels, .n_panels = 1 };
	struct text png = { 0 };

	panels[0] = (struct paint_panel){ .a = a };
	text_adds(&png, "before");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		p.kind = kinds[i];
		cr_assert_eq(paint_png(&png, &p, &err), ERR_USAGE);
		cr_assert_str_eq(png.data, "before");
	}
	for (int i = 0; i < 17; i++)
		panels[i] = (struct paint_panel){ .a = one };
	p.n_panels = 17;
	cr_assert_eq(paint_png(&png, &p, &err), ERR_USAGE);
	cr_assert_str_eq(err.message, "a picture has 1 to 16 panels, not 17");
	p.n_panels = 16;
	cr_assert_eq(paint_png(&png, &p, &err), 0);
	text_release(&png);
	array_release(a);
	array_release(one);
}

/* ---- reading ------------------------------------------------------------------------------ */

Test(paint_read, is_smaller_when_asked)
{
	struct array *a = array_of("5,5", "i,j", NULL);
	const struct paint_panel panel = { .a = a };
	const struct paint p = { .panels = &panel, .n_panels = 1 };
	struct text png = { 0 };
	struct paint_pixels whole, small;
	struct err err;

	paint(&p, &png, &whole);
	cr_assert_eq(paint_read_png(png.data, png.len, 100, &small, &err), 0);
	cr_assert_eq(small.width, 100);
	cr_assert_float_eq(small.height, 100.0 * whole.height / whole.width, 1);
	cr_assert_eq(pixel(&small, 0, 0), 0xffffffu);
	paint_pixels_release(&small);
	cr_assert_eq(paint_read_png(png.data, png.len, 1, &small, &err), 0);
	cr_assert_eq(small.width, 1);
	paint_pixels_release(&small);
	paint_pixels_release(&whole);
	text_release(&png);
	array_release(a);
}

Test(paint_read, refuses_what_is_no_picture)
{
	struct array *a = array_of("2,2", "i,j", NULL);
	const struct paint_panel panel = { .a = a };
	const struct paint p = { .panels = &panel, .n_panels = 1 };
	struct text png = { 0 };
	struct paint_pixels pixels;
	struct err err;

	cr_assert_eq(paint_read_png("", 0, 0, &pixels, &err), ERR_FORMAT);
	cr_assert_eq(
		paint_read_png("GIF89a, not a picture of the right kind", 39, 0, &pixels, &err),
		ERR_FORMAT);
	cr_assert_str_eq(err.message, "a picture is no PNG");
	cr_assert_eq(paint_png(&png, &p, &err), 0);
	for (size_t n = 0; n < png.len - 20; n += 97)
		cr_assert_eq(paint_read_png(png.data, n, 0, &pixels, &err), ERR_FORMAT, "%zu", n);
	/* A head that says more than anybody has memory for. */
	memset(png.data + 16, 0x7f, 8);
	cr_assert_eq(paint_read_png(png.data, png.len, 0, &pixels, &err), ERR_FORMAT);
	text_release(&png);
	array_release(a);
}
