/*
 * hist.c -- a histogram as lines: edges, a bar, a count.
 */
#include "frame.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_BINS 20
#define MAX_BINS   1000
#define MAX_BAR    60 /* columns */

/* Halves, as hi - lo may be more than a number can be. */
double ui_histogram_edge(const struct ui_histogram *h, int i)
{
	return i == h->n_bins ? h->hi : h->lo + 2 * ((h->hi / 2 - h->lo / 2) * i / h->n_bins);
}

static const char *format_edge(const struct ui_histogram *h, int i, char *buf, size_t size)
{
	snprintf(buf, size, "%.*g", frame_digits(h->lo, h->hi, h->n_bins), ui_histogram_edge(h, i));
	return buf;
}

/* As numpy.histogram: bins are [a, b), the last one [a, b]. */
static void count(struct ui_histogram *h, const float *x, int64_t n)
{
	double per_bin = h->n_bins / (h->hi / 2 - h->lo / 2);

	for (int64_t i = 0; i < n; i++) {
		double value = (double)x[i];

		if (!isfinite(value))
			continue;
		if (value < h->lo)
			h->below++;
		else if (value > h->hi)
			h->above++;
		else if (h->hi > h->lo)
			h->counts[(int)fmin(h->n_bins - 1, (value / 2 - h->lo / 2) * per_bin)]++;
		else
			h->counts[0]++;
	}
	for (int i = 0; i < h->n_bins; i++)
		h->most = h->counts[i] > h->most ? h->counts[i] : h->most;
}

static double length(const struct ui_histogram *h, bool log, int64_t n)
{
	if (h->most == 0)
		return 0;
	return log ? log1p((double)n) / log1p((double)h->most) : (double)n / (double)h->most;
}

/* Eighths of a column where there are any; what is not empty shows. */
static void add_bar(struct text *t, const struct ui *ui, double share, int width)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	int n = (int)lround(share * width * 8);

	n = share > 0 && n == 0 ? 1 : n;
	if (!ui->utf8)
		n = (n + 7) / 8 * 8;
	for (int i = 0; i < n / 8; i++)
		text_adds(t, ui->utf8 ? "█" : "#");
	text_adds(t, eighths[n % 8]);
}

/* A line a bin: "[-6.2, -5.6)  ████  1,382". */
static void add_bins(struct text *t, const struct ui *ui, const struct ui_histogram *h, bool log)
{
	int edges = 0, counts, room;
	char number[32], lo[32], hi[32];

	for (int i = 0; i <= h->n_bins; i++) {
		int len = (int)strlen(format_edge(h, i, number, sizeof(number)));

		edges = len > edges ? len : edges;
	}
	counts = (int)strlen(ui_format_count(h->most, number, sizeof(number)));
	room = frame_width(ui) - 2 * edges - counts - 8;
	room = room < 4 ? 4 : room > MAX_BAR ? MAX_BAR : room;
	for (int i = 0; i < h->n_bins; i++) {
		text_addf(t, "[%*s, %*s%c  %*s  ", edges, format_edge(h, i, lo, sizeof(lo)), edges,
			  format_edge(h, i + 1, hi, sizeof(hi)), i + 1 < h->n_bins ? ')' : ']',
			  counts, ui_format_count(h->counts[i], number, sizeof(number)));
		add_bar(t, ui, length(h, log, h->counts[i]), room);
		while (t->len && t->data[t->len - 1] == ' ')
			t->data[--t->len] = '\0';
		text_addc(t, '\n');
	}
}

static void add_summary(struct text *t, const struct ui *ui, const struct ui_histogram *h, bool log)
{
	struct notes n = { t, frame_width(ui), 0 };
	const struct stats *s = &h->stats;
	char a[32], b[32], c[32], d[32];

	notes_addf(&n, "%s %s", ui_format_count(s->numel, a, sizeof(a)),
		   plural(s->numel, "element", "elements"));
	if (isnan(s->min))
		notes_addf(&n, "nothing is finite");
	else
		notes_addf(&n, "min %s max %s mean %s std %s",
			   ui_format_number(s->min, a, sizeof(a)),
			   ui_format_number(s->max, b, sizeof(b)),
			   ui_format_number(s->mean, c, sizeof(c)),
			   ui_format_number(s->std, d, sizeof(d)));
	if (h->below)
		notes_addf(&n, "%s below", ui_format_count(h->below, a, sizeof(a)));
	if (h->above)
		notes_addf(&n, "%s above", ui_format_count(h->above, a, sizeof(a)));
	notes_add_counts(&n, s, false);
	if (log && h->most)
		notes_addf(&n, "bars are log(1 + count)");
	notes_end(&n);
}

void ui_histogram_count(struct ui_histogram *h, const struct array *a,
			const struct ui_hist_options *o)
{
	*h = (struct ui_histogram){ .n_bins = USUAL_BINS, .lo = o->lo, .hi = o->hi };
	if (o->bins > 0)
		h->n_bins = o->bins < MAX_BINS ? o->bins : MAX_BINS;
	h->stats = stats_of(a->data, a->numel);
	if (!isfinite(h->lo) || !isfinite(h->hi) || !(h->hi > h->lo)) {
		h->lo = h->stats.min;
		h->hi = h->stats.max;
	}
	if (!(h->hi > h->lo))
		h->n_bins = 1; /* one value, or none */
	h->counts = mem_calloc((size_t)h->n_bins, sizeof(*h->counts));
	if (!isnan(h->lo))
		count(h, a->data, a->numel);
}

void ui_histogram_release(struct ui_histogram *h)
{
	free(h->counts);
	h->counts = NULL;
}

void ui_add_hist(struct text *t, const struct ui *ui, const struct array *a,
		 const struct ui_hist_options *o)
{
	static const struct ui_hist_options usual = { 0 };
	struct ui_histogram h;

	if (!frame_has_elements(t, a))
		return;
	o = o ? o : &usual;
	ui_histogram_count(&h, a, o);
	if (!isnan(h.lo))
		add_bins(t, ui, &h, o->log);
	add_summary(t, ui, &h, o->log);
	ui_histogram_release(&h);
}
