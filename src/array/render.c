/*
 * render.c -- an array as text: JSON, a histogram, a line of bars, a line of statistics.
 */
#include "functions.h"

#include "torchless/mem.h"
#include "torchless/numbers.h"
#include "torchless/stats.h"

#include <math.h>
#include <stdlib.h>

/* ---- JSON ---------------------------------------------------------------------------------- */

void json_number(struct text *t, double x)
{
	if (isnan(x))
		text_adds(t, "null");
	else if (isinf(x))
		text_adds(t, x > 0 ? "9e999" : "-9e999");
	else
		text_addf(t, "%.9g", x);
}

/* An array that is being written. */
struct nested {
	const struct array *t;
	const float *at;
	struct text out;
	const struct array_value *result;
};

static int add_nested(struct nested *n, int dim, struct err *err)
{
	const struct array *t = n->t;
	int ret = 0;

	if (dim == t->n_dims || dim == TENSOR_MAX_DIMS) {
		json_number(&n->out, *n->at++);
		return 0;
	}
	text_addc(&n->out, '[');
	for (int64_t i = 0; i < t->shape[dim] && !ret; i++) {
		text_adds(&n->out, i ? "," : "");
		ret = i % LOOK_EVERY ? 0 : array_go_on(n->result, &n->out, err);
		if (!ret)
			ret = add_nested(n, dim + 1, err);
	}
	text_addc(&n->out, ']');
	return ret;
}

/* More than anybody reads, less than fills the memory: [[[[]]]] of 2^40 rows has no elements. */
#define JSON_MAX_ELEMENTS ((int64_t)1 << 26)

static int check_printable(const struct array *t, struct err *err)
{
	int64_t brackets = 1;

	for (int i = 0; i + 1 < t->n_dims; i++)
		if (!mem_mul(brackets, t->shape[i] + 1, &brackets))
			brackets = INT64_MAX / 2;
	if (t->numel <= JSON_MAX_ELEMENTS && brackets <= JSON_MAX_ELEMENTS)
		return 0;
	return err_set(err, ERR_USAGE, "%s has more than %lld elements: take a part with t_slice()",
		       t->name, (long long)JSON_MAX_ELEMENTS);
}

int array_fn_json(struct array_value *args, int n, struct array_value *result, struct err *err)
{
	const struct array *a = args[0].array;
	struct nested json = { .t = a, .at = a->data, .result = result };

	(void)n;
	if (check_printable(a, err))
		return err->code;
	if (!add_nested(&json, 0, err))
		return result_text(result, &json.out);
	text_release(&json.out);
	return err->code;
}

/* ---- a histogram --------------------------------------------------------------------------- */

#define MAX_BINS 10000

struct histogram {
	double lo, hi;
	int64_t n_bins, *counts, below, above, nan;
};

/* As numpy.histogram: bins are [a, b), the last one [a, b]. */
static void count(struct histogram *h, const float *x, int64_t n)
{
	double width = (h->hi - h->lo) / (double)h->n_bins;
	int64_t i, bin;

	for (i = 0; i < n; i++) {
		if (isnan(x[i])) {
			h->nan++;
		} else if (x[i] < h->lo) {
			h->below++;
		} else if (x[i] > h->hi) {
			h->above++;
		} else {
			bin = width > 0 ? (int64_t)((x[i] - h->lo) / width) : 0;
			h->counts[int64_min(bin, h->n_bins - 1)]++;
		}
	}
}

static void add_histogram(struct text *out, const struct histogram *h)
{
	int64_t i;

	text_adds(out, "{\"lo\":");
	json_number(out, h->lo);
	text_adds(out, ",\"hi\":");
	json_number(out, h->hi);
	text_adds(out, ",\"counts\":[");
	for (i = 0; i < h->n_bins; i++)
		text_addf(out, "%s%lld", i ? "," : "", (long long)h->counts[i]);
	text_addf(out, "],\"below\":%lld,\"above\":%lld,\"nan\":%lld}", (long long)h->below,
		  (long long)h->above, (long long)h->nan);
}

int array_fn_hist(struct array_value *args, int n, struct array_value *result, struct err *err)
{
	struct histogram h = { .n_bins = n > 1 ? args[1].whole : 20 };
	const struct array *a = args[0].array;
	struct stats s = stats_of(a->data, a->numel);
	struct text out = { 0 };

	h.lo = n > 2 ? args[2].real : isnan(s.min) ? 0 : s.min;
	h.hi = n > 3 ? args[3].real : isnan(s.max) ? 0 : s.max;
	if (h.n_bins < 1 || h.n_bins > MAX_BINS)
		return err_set(err, ERR_USAGE, "%lld bins: expected 1 to %d", (long long)h.n_bins,
			       MAX_BINS);
	if (h.lo > h.hi || !isfinite(h.hi - h.lo))
		return err_set(err, ERR_USAGE, "%g to %g is no range", h.lo, h.hi);
	h.counts = mem_calloc((size_t)h.n_bins, sizeof(*h.counts));
	count(&h, a->data, a->numel);
	add_histogram(&out, &h);
	free(h.counts);
	return result_text(result, &out);
}

/* ---- a line of bars ------------------------------------------------------------------------ */

#define MAX_WIDTH 1000

/* Eight heights between the smallest and the largest mean; '!' where nothing is finite. */
static void add_bars(struct text *out, const double *x, int64_t n)
{
	static const char *const levels[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	double lo = INFINITY, hi = -INFINITY;
	int64_t i;

	for (i = 0; i < n; i++) {
		lo = x[i] < lo ? x[i] : lo;
		hi = x[i] > hi ? x[i] : hi;
	}
	for (i = 0; i < n; i++) {
		double share = hi > lo ? (x[i] - lo) / (hi - lo) : 0.5;

		text_adds(out, isnan(x[i]) ? "!" : levels[(int)fmin(7, share * 8)]);
	}
}

int array_fn_spark(struct array_value *args, int n, struct array_value *result, struct err *err)
{
	int64_t width = n > 1 ? args[1].whole : 40;
	const struct array *a = args[0].array;
	struct text out = { 0 };
	double means[MAX_WIDTH];

	if (width < 1 || width > MAX_WIDTH)
		return err_set(err, ERR_USAGE, "a width of %lld: expected 1 to %d",
			       (long long)width, MAX_WIDTH);
	width = int64_min(width, a->numel);
	for (int64_t i = 0; i < width; i++) {
		int64_t from = a->numel / width * i + a->numel % width * i / width;
		int64_t to = a->numel / width * (i + 1) + a->numel % width * (i + 1) / width;

		means[i] = stats_of(a->data + from, to - from).mean;
	}
	add_bars(&out, means, width);
	return result_text(result, &out);
}

/* ---- a line of statistics ------------------------------------------------------------------ */

#define STATS_BINS 8

static void add_extent(struct text *out, const struct array *a, const struct stats *s)
{
	char index[96];

	text_addf(out, " min %.4g max %.4g mean %.4g std %.4g l2 %.4g absmax %.4g", printed(s->min),
		  printed(s->max), printed(s->mean), printed(s->std), printed(s->l2),
		  printed(s->absmax));
	array_index(a, s->absmax_at, index, sizeof(index));
	text_addf(out, index[0] ? " at %s" : "%s", index);
}

static void add_spread(struct text *out, const struct array *a, const struct stats *s)
{
	struct histogram h = { .lo = s->min, .hi = s->max, .n_bins = STATS_BINS };
	int64_t counts[STATS_BINS] = { 0 };
	double bars[STATS_BINS];

	h.counts = counts;
	count(&h, a->data, a->numel);
	for (int i = 0; i < STATS_BINS; i++)
		bars[i] = (double)counts[i];
	text_addc(out, ' ');
	add_bars(out, bars, STATS_BINS);
}

int array_fn_stats(struct array_value *args, int n, struct array_value *result, struct err *err)
{
	const struct array *a = args[0].array;
	struct stats s = stats_of(a->data, a->numel);
	const struct {
		int64_t n;
		const char *what;
	} odd[] = { { s.n_nan, "NaN" }, { s.n_pinf, "+inf" }, { s.n_ninf, "-inf" } };
	struct text out = { 0 };

	(void)n, (void)err;
	text_addf(&out, "%s[", dtype_table[a->dtype].name);
	for (int i = 0; i < a->n_dims; i++)
		text_addf(&out, "%s%lld", i ? "," : "", (long long)a->shape[i]);
	text_addc(&out, ']');
	if (isfinite(s.absmax))
		add_extent(&out, a, &s);
	for (int i = 0; i < 3; i++)
		if (odd[i].n)
			text_addf(&out, ", %lld %s", (long long)odd[i].n, odd[i].what);
	if (s.max > s.min && isfinite(s.max - s.min))
		add_spread(&out, a, &s);
	return result_text(result, &out);
}
