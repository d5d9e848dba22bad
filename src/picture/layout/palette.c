/*
 * palette.c -- see palette.h.  A box of colours is cut in two where half of its pixels lie on
 * either side, the widest and fullest box first, until there are enough: so the flat colours of a
 * drawing, which most pixels have, keep a box of their own.
 */
#include "palette.h"

#include "torchless/mem.h"

#include <assert.h>
#include <stdlib.h>

/* A colour and how many pixels have it. */
struct shade {
	uint32_t rgb;
	int64_t count, at; /* its place among the colours of the picture */
};

struct box {
	int64_t first, n; /* of the shades */
	int64_t count;
	int side, shift; /* its widest channel: how wide, and where it lies in rgb */
};

static int channel(uint32_t rgb, int shift)
{
	return (int)(rgb >> shift & 0xff);
}

/* Ascending: by each byte in turn, the least first, which leaves those that are alike as they lay.
 */
static uint32_t *sorted_pixels(const struct paint_pixels *p, int64_t n)
{
	uint32_t *from = mem_calloc((size_t)n, sizeof(*from));
	uint32_t *to = mem_calloc((size_t)n, sizeof(*to));

	for (int64_t i = 0; i < n; i++)
		from[i] = p->rgb[i];
	for (int shift = 0; shift < 24; shift += 8) {
		int64_t starts[257] = { 0 };
		uint32_t *swap = from;

		for (int64_t i = 0; i < n; i++)
			starts[channel(from[i], shift) + 1]++;
		for (int i = 0; i < 256; i++)
			starts[i + 1] += starts[i];
		for (int64_t i = 0; i < n; i++)
			to[starts[channel(from[i], shift)]++] = from[i];
		from = to;
		to = swap;
	}
	free(to);
	return from;
}

/* The colours of the picture, into `out` as well; the caller frees them. */
static struct shade *count_shades(struct palette *out, const struct paint_pixels *p)
{
	int64_t pixels = (int64_t)p->width * p->height, n = 0;
	uint32_t *sorted = sorted_pixels(p, pixels);
	struct shade *shades;

	for (int64_t i = 0; i < pixels; i++)
		n += i == 0 || sorted[i] != sorted[i - 1];
	shades = mem_calloc((size_t)n, sizeof(*shades));
	out->shades = mem_calloc((size_t)n, sizeof(*out->shades));
	out->of_shade = mem_calloc((size_t)n, 1);
	for (int64_t i = 0, at = -1; i < pixels; i++) {
		if (i == 0 || sorted[i] != sorted[i - 1]) {
			at++;
			out->shades[at] = sorted[i];
			shades[at] = (struct shade){ .rgb = sorted[i], .at = at };
		}
		shades[at].count++;
	}
	out->n_shades = n;
	free(sorted);
	return shades;
}

static struct box box_of(const struct shade *shades, int64_t first, int64_t n)
{
	struct box b = { .first = first, .n = n, .side = -1 };

	for (int shift = 16; shift >= 0; shift -= 8) {
		int lo = 255, hi = 0;

		for (int64_t i = first; i < first + n; i++) {
			int level = channel(shades[i].rgb, shift);

			lo = level < lo ? level : lo;
			hi = level > hi ? level : hi;
		}
		if (hi - lo > b.side) {
			b.side = hi - lo;
			b.shift = shift;
		}
	}
	for (int64_t i = first; i < first + n; i++)
		b.count += shades[i].count;
	return b;
}

/* By one channel; those that are alike there, as they lay. */
static void sort_shades(struct shade *shades, int64_t n, int shift)
{
	struct shade *sorted = mem_calloc((size_t)n, sizeof(*sorted));
	int64_t starts[257] = { 0 };

	for (int64_t i = 0; i < n; i++)
		starts[channel(shades[i].rgb, shift) + 1]++;
	for (int i = 0; i < 256; i++)
		starts[i + 1] += starts[i];
	for (int64_t i = 0; i < n; i++)
		sorted[starts[channel(shades[i].rgb, shift)]++] = shades[i];
	for (int64_t i = 0; i < n; i++)
		shades[i] = sorted[i];
	free(sorted);
}

/* The box that most is gained by cutting; -1: none has two colours. */
static int next_to_cut(const struct box *boxes, int n)
{
	double most = 0;
	int best = -1;

	for (int i = 0; i < n; i++) {
		double gain = (double)boxes[i].count * boxes[i].side * boxes[i].side;

		if (boxes[i].n > 1 && gain > most) {
			most = gain;
			best = i;
		}
	}
	return best;
}

static void cut(struct shade *shades, struct box *a, struct box *b)
{
	int64_t first = a->first, n = a->n, left = 0, half = 0;

	sort_shades(shades + first, n, a->shift);
	do
		half += shades[first + left++].count;
	while (left < n - 1 && 2 * half < a->count);
	*a = box_of(shades, first, left);
	*b = box_of(shades, first + left, n - left);
}

/* What is in the box is shown by what it is on average. */
static void give_color(struct palette *out, const struct shade *shades, const struct box *b)
{
	assert(b->count > 0);
	for (int shift = 16; shift >= 0; shift -= 8) {
		int64_t sum = b->count / 2;

		for (int64_t i = b->first; i < b->first + b->n; i++)
			sum += channel(shades[i].rgb, shift) * shades[i].count;
		out->rgb[out->n] |= (uint32_t)(sum / b->count) << shift;
	}
	for (int64_t i = b->first; i < b->first + b->n; i++)
		out->of_shade[shades[i].at] = (uint8_t)out->n;
	out->n++;
}

void palette_of(struct palette *out, const struct paint_pixels *p)
{
	struct box *boxes = mem_calloc(PALETTE_COLORS, sizeof(*boxes));
	int n_boxes = 1, next;
	struct shade *shades;

	*out = (struct palette){ 0 };
	shades = count_shades(out, p);
	boxes[0] = box_of(shades, 0, out->n_shades);
	while (n_boxes < PALETTE_COLORS && (next = next_to_cut(boxes, n_boxes)) >= 0) {
		cut(shades, &boxes[next], &boxes[n_boxes]);
		n_boxes++;
	}
	for (int i = 0; i < n_boxes; i++)
		give_color(out, shades, &boxes[i]);
	free(shades);
	free(boxes);
}

int palette_find(const struct palette *p, uint32_t rgb)
{
	int64_t lo = 0, hi = p->n_shades - 1;

	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;

		if (p->shades[mid] < rgb)
			lo = mid + 1;
		else
			hi = mid;
	}
	assert(p->shades[lo] == rgb);
	return p->of_shade[lo];
}

void palette_release(struct palette *p)
{
	free(p->shades);
	free(p->of_shade);
	*p = (struct palette){ 0 };
}
