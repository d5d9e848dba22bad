/*
 * canvas.c -- see canvas.h.  The font is whatever the system takes for Helvetica; other fonts are
 * asked for the characters that it has not.
 */
#include "canvas.h"

#include "torchless/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
	double size;
	cairo_font_weight_t weight;
} styles[CANVAS_STYLES] = {
	[CANVAS_TEXT] = { 24, CAIRO_FONT_WEIGHT_NORMAL },
	[CANVAS_BOLD] = { 24, CAIRO_FONT_WEIGHT_BOLD },
	[CANVAS_TITLE] = { 30, CAIRO_FONT_WEIGHT_BOLD },
};

/* fontconfig takes a font of the system for the first one.  cairo looks into one font only. */
static const char *const fonts[] = {
	"Helvetica",         "DejaVu Sans",        "Noto Sans",      "Noto Sans CJK SC",
	"Noto Sans CJK JP",  "WenQuanYi Zen Hei",  "IPAGothic",      "Droid Sans Fallback",
	"Noto Sans Arabic",  "Noto Sans Hebrew",   "Noto Sans Thai", "Noto Sans Devanagari",
	"Noto Sans Symbols", "Noto Sans Symbols2", "Symbola",        "Noto Emoji",
	"Noto Color Emoji",  "FreeSans",           "Unifont",
};
enum { N_FONTS = sizeof(fonts) / sizeof(fonts[0]), NO_FONT = -1 };

#define MAX_TEXT 1024 /* bytes that are looked at; more cannot be seen */

/* ---- the sheet ---------------------------------------------------------------------------- */

static int check(const struct canvas *v, struct err *err)
{
	cairo_status_t status = v->c->surface_status(v->surface);

	if (!status)
		status = v->c->status(v->cr);
	return cairo_failed(v->c, status, "a picture cannot be drawn", err);
}

static void drop_surface(struct canvas *v)
{
	if (!v->surface)
		return;
	v->c->destroy(v->cr);
	v->c->surface_destroy(v->surface);
	v->surface = NULL;
}

/* Letters are where they are, whatever the screen of this machine is thought to be. */
static void set_font_options(struct canvas *v)
{
	cairo_font_options_t *options = v->c->font_options_create();

	v->c->font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
	v->c->font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
	v->c->font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
	v->c->set_font_options(v->cr, options);
	v->c->font_options_destroy(options);
}

int canvas_begin(struct canvas *v, int width, int height, struct err *err)
{
	drop_surface(v);
	v->width = width;
	v->height = height;
	v->surface = v->c->image_surface_create(CAIRO_FORMAT_RGB24, width, height);
	v->cr = v->c->create(v->surface);
	set_font_options(v);
	canvas_fill(v, CANVAS_WHITE, 0, 0, width, height);
	return check(v, err);
}

int canvas_open(struct canvas *v, struct err *err)
{
	*v = (struct canvas){ .c = cairo_library(err) };
	return v->c ? canvas_begin(v, 1, 1, err) : err->code;
}

void canvas_close(struct canvas *v)
{
	drop_surface(v);
}

static cairo_status_t write_bytes(void *to, const unsigned char *data, unsigned int n)
{
	text_add(to, data, n);
	return CAIRO_STATUS_SUCCESS;
}

int canvas_png(struct canvas *v, struct text *out, struct err *err)
{
	cairo_status_t status;
	int rc = check(v, err);

	if (rc)
		return rc;
	status = v->c->surface_write_to_png_stream(v->surface, write_bytes, out);
	if (status == CAIRO_STATUS_SUCCESS)
		return 0;
	/* libpng has its own word for it: what it writes to is memory, which takes everything. */
	return err_set(err, ERR_MEMORY, "a picture cannot be written: out of memory (cairo: %s)",
		       v->c->status_to_string(status));
}

static void set_color(struct canvas *v, uint32_t color)
{
	v->c->set_source_rgb(v->cr, (color >> 16 & 255) / 255.0, (color >> 8 & 255) / 255.0,
			     (color & 255) / 255.0);
}

/* ---- characters --------------------------------------------------------------------------- */

static void select_font(struct canvas *v, enum canvas_style style, int font)
{
	v->c->select_font_face(v->cr, fonts[font], CAIRO_FONT_SLANT_NORMAL, styles[style].weight);
	v->c->set_font_size(v->cr, styles[style].size);
}

/* Whether the font that is selected has a glyph for the character at s[0..n). */
static bool has_glyph(struct canvas *v, const char *s, int n)
{
	cairo_glyph_t *glyphs = NULL;
	bool has;
	int n_glyphs = 0;

	if (v->c->scaled_font_text_to_glyphs(v->c->get_scaled_font(v->cr), 0, 0, s, n, &glyphs,
					     &n_glyphs, NULL, NULL, NULL))
		return false;
	has = n_glyphs > 0 && glyphs[0].index != 0;
	v->c->glyph_free(glyphs);
	return has;
}

/* The font that shows the character, NO_FONT when there is none. */
static int font_of(struct canvas *v, uint32_t character, const char *s, int n)
{
	struct canvas_seen *seen = &v->seen[character % 256];

	if (character < 0x7f)
		return 0;
	if (seen->character == character)
		return seen->font;
	seen->character = character;
	for (seen->font = 0; seen->font < N_FONTS; seen->font++) {
		select_font(v, CANVAS_TEXT, seen->font);
		if (has_glyph(v, s, n))
			return seen->font;
	}
	return seen->font = NO_FONT;
}

/* What no font can show is written as what it is. */
static void add_unknown(struct text *to, uint32_t character)
{
	if (character == 0x2026)
		text_adds(to, "...");
	else if (character == 0x2212)
		text_addc(to, '-');
	else if (character == 0x2423)
		text_addc(to, '_');
	else
		text_addf(to, character > 0xffff ? "\\U%08x" : "\\u%04x", character);
}

/* Make `to` text of which every character can be seen. */
static void make_visible(struct canvas *v, const char *data, size_t len, struct text *to)
{
	struct text safe = { 0 };

	text_clear(to);
	text_adds(to, "");
	text_add_visible(&safe, data, len);
	for (size_t i = 0; i < safe.len;) {
		uint32_t character;
		int n = utf8_decode(safe.data + i, safe.len - i, &character);

		if (n > 0 && font_of(v, character, safe.data + i, n) != NO_FONT)
			text_add(to, safe.data + i, (size_t)n);
		else if (n > 0)
			add_unknown(to, character);
		i += n > 0 ? (size_t)n : 1;
	}
	text_release(&safe);
}

/* ---- text --------------------------------------------------------------------------------- */

/* The bytes at s that one font shows, and which. */
static size_t run_length(struct canvas *v, const char *s, int *font)
{
	size_t len = strlen(s), at = 0;

	*font = 0;
	while (at < len) {
		uint32_t character;
		int n = utf8_decode(s + at, len - at, &character), one;

		if (n == 0)
			return at ? at : len; /* never: the text was prepared */
		one = font_of(v, character, s + at, n);
		one = one == NO_FONT ? 0 : one;
		if (at > 0 && one != *font)
			break;
		*font = one;
		at += (size_t)n;
	}
	return at;
}

/* Select the font of the run at *s, copy it, and step over it; false at the end. */
static bool next_run(struct canvas *v, enum canvas_style style, const char **s, struct text *run)
{
	size_t n;
	int font;

	if (!**s)
		return false;
	n = run_length(v, *s, &font);
	select_font(v, style, font);
	text_clear(run);
	text_add(run, *s, n);
	*s += n;
	return true;
}

static double advance(struct canvas *v, enum canvas_style style, const char *s)
{
	struct text run = { 0 };
	cairo_text_extents_t extents;
	double width = 0;

	while (next_run(v, style, &s, &run)) {
		v->c->text_extents(v->cr, run.data, &extents);
		width += extents.x_advance;
	}
	text_release(&run);
	return width;
}

int canvas_text_width(struct canvas *v, enum canvas_style style, const char *s)
{
	return (int)ceil(advance(v, style, s));
}

/* The bytes of the first n characters. */
static size_t bytes_of(const struct text *t, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n && at < t->len; i++)
		at += (size_t)utf8_decode(t->data + at, t->len - at, NULL);
	return at;
}

/* Keep as many of the first characters as there is room for, before dots. */
static void clip(struct canvas *v, enum canvas_style style, int width, struct text *to)
{
	struct text dots = { 0 }, part = { 0 };
	size_t some = 0, too_many = to->len;

	make_visible(v, "…", strlen("…"), &dots);
	while (some + 1 < too_many) {
		size_t n = some + (too_many - some) / 2;

		text_clear(&part);
		text_add(&part, to->data, bytes_of(to, n));
		text_adds(&part, dots.data);
		if (canvas_text_width(v, style, part.data) <= width)
			some = n;
		else
			too_many = n;
	}
	text_clear(&part);
	text_add(&part, to->data, bytes_of(to, some));
	text_adds(&part, dots.data);
	text_clear(to);
	text_add(to, part.data, part.len);
	text_release(&dots);
	text_release(&part);
}

/* Hebrew, Arabic and their kin: what is written from right to left. */
static bool is_leftward(uint32_t character)
{
	return (character >= 0x590 && character <= 0x8ff) ||
	       (character >= 0xfb1d && character <= 0xfdff) ||
	       (character >= 0xfe70 && character <= 0xfeff);
}

/* The bytes at s[0..n) of a character with the marks on it, and whether it goes to the left. */
static size_t cluster(const char *s, size_t n, bool *leftward)
{
	uint32_t character = 0;
	size_t len = (size_t)utf8_decode(s, n, &character);

	*leftward = is_leftward(character);
	while (len < n) {
		int mark = utf8_decode(s + len, n - len, NULL);

		if (utf8_width(s + len, (size_t)mark) != 0)
			break;
		len += (size_t)mark;
	}
	return len;
}

/*
 * cairo puts one letter to the right of the other whatever they are: turn the words that go to the
 * left, so that they can be read.  Their letters are not joined.
 */
static void turn_words(struct text *t)
{
	struct text turned = { 0 }, word = { 0 }, with = { 0 };

	for (size_t i = 0, n; i < t->len; i += n) {
		bool leftward;

		n = cluster(t->data + i, t->len - i, &leftward);
		if (leftward) {
			text_clear(&with);
			text_add(&with, t->data + i, n);
			text_add(&with, word.data ? word.data : "", word.len);
			text_clear(&word);
			text_add(&word, with.data, with.len);
			continue;
		}
		text_add(&turned, word.data ? word.data : "", word.len);
		text_clear(&word);
		text_add(&turned, t->data + i, n);
	}
	text_add(&turned, word.data ? word.data : "", word.len);
	text_clear(t);
	text_add(t, turned.data ? turned.data : "", turned.len);
	text_release(&turned);
	text_release(&word);
	text_release(&with);
}

void canvas_fit(struct canvas *v, enum canvas_style style, const void *data, size_t len, int width,
		struct text *to)
{
	if (len > MAX_TEXT)
		len = utf8_complete(data, MAX_TEXT);
	make_visible(v, data, len, to);
	if (canvas_text_width(v, style, to->data) > width)
		clip(v, style, width, to);
	turn_words(to);
}

/* From the origin on, the middle of the letters at height 0. */
static void show(struct canvas *v, enum canvas_style style, uint32_t color,
		 enum canvas_anchor anchor, const char *s)
{
	struct text run = { 0 };
	cairo_text_extents_t extents;
	double x = -advance(v, style, s) * anchor / 2.0;

	set_color(v, color);
	while (next_run(v, style, &s, &run)) {
		/* Capitals of Helvetica are .72 of its size. */
		v->c->move_to(v->cr, x, styles[style].size * 0.36);
		v->c->show_text(v->cr, run.data);
		v->c->text_extents(v->cr, run.data, &extents);
		x += extents.x_advance;
	}
	text_release(&run);
}

void canvas_text(struct canvas *v, enum canvas_style style, uint32_t color, double x, double y,
		 enum canvas_anchor anchor, const char *s)
{
	v->c->save(v->cr);
	v->c->translate(v->cr, x, y);
	show(v, style, color, anchor, s);
	v->c->restore(v->cr);
}

void canvas_text_up(struct canvas *v, enum canvas_style style, uint32_t color, double x, double y,
		    enum canvas_anchor anchor, const char *s)
{
	v->c->save(v->cr);
	v->c->translate(v->cr, x, y);
	v->c->rotate(v->cr, -acos(0));
	show(v, style, color, anchor, s);
	v->c->restore(v->cr);
}

/* ---- shapes ------------------------------------------------------------------------------- */

void canvas_fill(struct canvas *v, uint32_t color, double x, double y, double width, double height)
{
	set_color(v, color);
	v->c->rectangle(v->cr, x, y, width, height);
	v->c->fill(v->cr);
}

void canvas_frame(struct canvas *v, uint32_t color, int x, int y, int width, int height)
{
	canvas_fill(v, color, x - 1, y - 1, width + 2, 1);
	canvas_fill(v, color, x - 1, y + height, width + 2, 1);
	canvas_fill(v, color, x - 1, y, 1, height);
	canvas_fill(v, color, x + width, y, 1, height);
}

static uint32_t pixel_of(uint32_t color, int x, int y)
{
	if (color != CANVAS_BLANK)
		return color;
	return (x + y) % 12 < 2 ? CANVAS_HATCH : CANVAS_WHITE;
}

void canvas_cells(struct canvas *v, const struct canvas_cells *at, const uint32_t *colors)
{
	unsigned char *pixels;
	int stride, width = at->columns * at->cell_width, height = at->rows * at->cell_height;

	v->c->surface_flush(v->surface);
	pixels = v->c->image_surface_get_data(v->surface);
	stride = v->c->image_surface_get_stride(v->surface);
	for (int y = 0; pixels && y < height && at->y + y < v->height; y++) {
		const uint32_t *row = colors + (size_t)(y / at->cell_height) * (size_t)at->columns;
		unsigned char *line = pixels + (size_t)(at->y + y) * (size_t)stride;

		for (int x = 0; x < width && at->x + x < v->width; x++) {
			uint32_t pixel = pixel_of(row[x / at->cell_width], at->x + x, at->y + y);

			memcpy(line + 4 * (size_t)(at->x + x), &pixel, sizeof(pixel));
		}
	}
	v->c->surface_mark_dirty(v->surface);
}
