/*
 * palette.c -- see palette.h.  Colours are counted in bins; a box of bins is cut in two where half
 * of its pixels lie on either side, the widest and fullest box first, until there are enough.
 */
#include "palette.h"

#include "torchless/mem.h"

#include <assert.h>
#include <stdlib.h>

struct bin {
	int64_t count, sum[3];
	uint8_t at[3]; /* five bits a channel */
};

struct box {
	int first, n; /* of the bins */
	int64_t count;
	int side, channel; /* the widest: what lies between its ends, and which it is */
};

int palette_bin(uint32_t rgb)
{
	return (int)((rgb >> 9 & 0x7c00) | (rgb >> 6 & 0x3e0) | (rgb >> 3 & 0x1f));
}

static void add_pixel(struct bin *b, uint32_t rgb)
{
	for (int c = 0; c < 3; c++) {
		uint32_t level = rgb >> (16 - 8 * c) & 0xff;

		b->sum[c] += level;
		b->at[c] = (uint8_t)(level >> 3);
	}
	b->count++;
}

/* The bins that hold pixels, in the order of their numbers; the caller frees them. */
static struct bin *count_bins(const struct paint_pixels *p, int *n)
{
	struct bin *bins = mem_calloc(PALETTE_BINS, sizeof(*bins));
	int64_t pixels = (int64_t)p->width * p->height;

	for (int64_t i = 0; i < pixels; i++)
		add_pixel(&bins[palette_bin(p->rgb[i])], p->rgb[i]);
	*n = 0;
	for (int i = 0; i < PALETTE_BINS; i++)
		if (bins[i].count)
			bins[(*n)++] = bins[i];
	return bins;
}

static struct box box_of(const struct bin *bins, int first, int n)
{
	struct box b = { .first = first, .n = n, .side = -1 };

	for (int c = 0; c < 3; c++) {
		int lo = 31, hi = 0;

		for (int i = first; i < first + n; i++) {
			lo = bins[i].at[c] < lo ? bins[i].at[c] : lo;
			hi = bins[i].at[c] > hi ? bins[i].at[c] : hi;
		}
		if (hi - lo > b.side) {
			b.side = hi - lo;
			b.channel = c;
		}
	}
	for (int i = first; i < first + n; i++)
		b.count += bins[i].count;
	return b;
}

/* Bins of a box lie by one channel in order; those that are alike there, as they lay: by counting.
 */
static void sort_bins(struct bin *bins, int n, int channel)
{
	struct bin *sorted = mem_calloc((size_t)n, sizeof(*sorted));
	int starts[33] = { 0 };

	for (int i = 0; i < n; i++)
		starts[bins[i].at[channel] + 1]++;
	for (int i = 0; i < 32; i++)
		starts[i + 1] += starts[i];
	for (int i = 0; i < n; i++)
		sorted[starts[bins[i].at[channel]]++] = bins[i];
	for (int i = 0; i < n; i++)
		bins[i] = sorted[i];
	free(sorted);
}

/* The box that most is gained by cutting; -1: none has two bins. */
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

static void cut(struct bin *bins, struct box *a, struct box *b)
{
	int first = a->first, n = a->n, left = 0;
	int64_t half = 0;

	sort_bins(bins + first, n, a->channel);
	do
		half += bins[first + left++].count;
	while (left < n - 1 && 2 * half < a->count);
	*a = box_of(bins, first, left);
	*b = box_of(bins, first + left, n - left);
}

/* What is in the box is shown by what it is on average. */
static void give_color(struct palette *out, const struct bin *bins, const struct box *b)
{
	int64_t sum[3] = { 0 };

	assert(b->count > 0);
	for (int i = b->first; i < b->first + b->n; i++) {
		const uint8_t *at = bins[i].at;

		for (int c = 0; c < 3; c++)
			sum[c] += bins[i].sum[c];
		out->of_bin[at[0] << 10 | at[1] << 5 | at[2]] = (uint8_t)out->n;
	}
	for (int c = 0; c < 3; c++)
		out->rgb[out->n] =
			out->rgb[out->n] << 8 | (uint32_t)((sum[c] + b->count / 2) / b->count);
	out->n++;
}

void palette_of(struct palette *out, const struct paint_pixels *p)
{
	struct box boxes[PALETTE_COLORS];
	int n_bins, n_boxes = 1, next;
	struct bin *bins = count_bins(p, &n_bins);

	*out = (struct palette){ 0 };
	boxes[0] = box_of(bins, 0, n_bins);
	while (n_boxes < PALETTE_COLORS && (next = next_to_cut(boxes, n_boxes)) >= 0) {
		cut(bins, &boxes[next], &boxes[n_boxes]);
		n_boxes++;
	}
	for (int i = 0; i < n_boxes; i++)
		give_color(out, bins, &boxes[i]);
	free(bins);
}
