/*
 * sixel.c -- see sixel.h.  A character is six pixels below each other, of one colour; a band of six
 * rows is drawn once in each of its colours (DEC, VT330/VT340 programmer reference, chapter 14).
 */
#include "sixel.h"
#include "palette.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define EMPTY 0x3f /* a character of no pixel; each pixel adds its bit */

static void add_palette(struct text *out, const struct palette *palette)
{
	for (int i = 0; i < palette->n; i++) {
		text_addf(out, "#%d;2", i);
		for (int shift = 16; shift >= 0; shift -= 8)
			text_addf(out, ";%u",
				  ((palette->rgb[i] >> shift & 0xff) * 100 + 127) / 255);
	}
}

static void add_run(struct text *out, char c, int n)
{
	if (n > 3)
		text_addf(out, "!%d%c", n, c);
	else
		while (n-- > 0)
			text_addc(out, c);
}

/* One colour of a band, without the empty characters at its end. */
static void add_row(struct text *out, const uint8_t *pixels, int width)
{
	while (width > 0 && !pixels[width - 1])
		width--;
	for (int x = 0, n; x < width; x += n) {
		for (n = 1; x + n < width && pixels[x + n] == pixels[x];)
			n++;
		add_run(out, (char)(EMPTY + pixels[x]), n);
	}
}

/* The rows from y on.  `rows` holds zeros, width of them for each colour, and does again after. */
static void add_band(struct text *out, const struct paint_pixels *p, const struct palette *palette,
		     int y, uint8_t *rows)
{
	bool used[PALETTE_COLORS] = { false };
	size_t width = (size_t)p->width;

	for (int bit = 0; bit < 6 && y + bit < p->height; bit++)
		for (size_t x = 0; x < width; x++) {
			uint32_t rgb = p->rgb[(size_t)(y + bit) * width + x];
			int color = palette_find(palette, rgb);

			rows[(size_t)color * width + x] |= (uint8_t)(1 << bit);
			used[color] = true;
		}
	for (int color = 0; color < palette->n; color++) {
		if (!used[color])
			continue;
		text_addf(out, "#%d", color);
		add_row(out, rows + (size_t)color * width, p->width);
		text_addc(out, '$');
		memset(rows + (size_t)color * width, 0, width);
	}
	text_addc(out, '-');
}

void sixel_add(struct text *out, const struct paint_pixels *p)
{
	struct palette palette;
	uint8_t *rows = mem_calloc(PALETTE_COLORS, (size_t)p->width);

	palette_of(&palette, p);
	/* Pixels are square, what is not drawn stays; then the size. */
	text_addf(out, "\033P0;1;0q\"1;1;%d;%d", p->width, p->height);
	add_palette(out, &palette);
	for (int y = 0; y < p->height; y += 6)
		add_band(out, p, &palette, y, rows);
	text_adds(out, "\033\\");
	free(rows);
	palette_release(&palette);
}
