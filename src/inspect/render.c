/* render.c -- a tensor as text: JSON, its largest elements, a histogram, a line of bars. */
#include "inspect_impl.h"

#include "torchless/json.h"
#include "torchless/mem.h"
#include "torchless/numbers.h"
#include "torchless/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Hand a text to SQLite, which takes it over; refused when longer than the connection allows. */
static int result_text(sqlite3_context *ctx, struct text *t, struct err *err)
{
	int limit = sqlite3_limit(sqlite3_context_db_handle(ctx), SQLITE_LIMIT_LENGTH, -1);

	if (t->len > (size_t)limit)
		return err_set(err, ERR_USAGE, "the text has %zu bytes, more than the %d allowed",
			       t->len, limit);
	sqlite3_result_text64(ctx, t->len ? t->data : "", t->len, SQLITE_TRANSIENT, SQLITE_UTF8);
	return 0;
}

/* JSON has no NaN and no infinity: null, and numbers that every reader takes for infinite. */
static void add_number(struct text *t, double x)
{
	if (isnan(x))
		text_adds(t, "null");
	else if (isinf(x))
		text_adds(t, x > 0 ? "9e999" : "-9e999");
	else
		text_addf(t, "%.9g", x);
}

/* ---- t_json -------------------------------------------------------------------------------- */

static void add_nested(struct text *out, const struct sql_tensor *t, int dim, const float **at)
{
	int64_t i;

	if (dim == t->n_dims || dim == TENSOR_MAX_DIMS) {
		add_number(out, *(*at)++);
		return;
	}
	text_addc(out, '[');
	for (i = 0; i < t->shape[dim]; i++) {
		text_adds(out, i ? "," : "");
		add_nested(out, t, dim + 1, at);
	}
	text_addc(out, ']');
}

/* More than anybody reads, less than fills the memory: [[[[]]]] of 2^40 rows has no elements. */
#define JSON_MAX_ELEMENTS ((int64_t)1 << 26)

static int check_printable(const struct sql_tensor *t, struct err *err)
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

int scalar_json(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,
		struct err *err)
{
	struct sql_tensor *t = inspect_tensor(in, args[0], err);
	struct text out = { 0 };
	const float *at;
	int ret;

	(void)n_args;
	if (!t)
		return err->code;
	at = t->data;
	ret = check_printable(t, err);
	if (!ret) {
		add_nested(&out, t, 0, &at);
		ret = result_text(ctx, &out, err);
	}
	text_release(&out);
	tensor_release(in, t);
	return ret;
}

/* ---- t_topk -------------------------------------------------------------------------------- */

struct top {
	float value;
	int64_t at;
};

/* Whether a comes before b: larger, or as large and earlier. */
static bool before(const struct top *a, const struct top *b)
{
	return a->value > b->value || (a->value == b->value && a->at < b->at);
}

/* heap[0] is the last of those kept. */
static void sink(struct top *heap, int64_t n, int64_t i)
{
	for (;;) {
		int64_t child = 2 * i + 1;
		struct top swap = heap[i];

		if (child + 1 < n && before(&heap[child], &heap[child + 1]))
			child++;
		if (child >= n || before(&heap[child], &heap[i]))
			return;
		heap[i] = heap[child];
		heap[child] = swap;
		i = child;
	}
}

static void rise(struct top *heap, int64_t i)
{
	while (i > 0 && before(&heap[(i - 1) / 2], &heap[i])) {
		struct top swap = heap[i];

		heap[i] = heap[(i - 1) / 2];
		heap[(i - 1) / 2] = swap;
		i = (i - 1) / 2;
	}
}

/* Keep the first k of n in `heap`, sorted; NaNs are left out.  Returns how many. */
static int64_t select_top(const float *x, int64_t n, struct top *heap, int64_t k)
{
	int64_t used = 0;

	for (int64_t i = 0; i < n; i++) {
		struct top one = { x[i], i };

		if (isnan(x[i]))
			continue;
		if (used < k) {
			heap[used++] = one;
			rise(heap, used - 1);
		} else if (before(&one, &heap[0])) {
			heap[0] = one;
			sink(heap, used, 0);
		}
	}
	for (int64_t i = used - 1; i > 0; i--) {
		struct top last = heap[0];

		heap[0] = heap[i];
		heap[i] = last;
		sink(heap, i, 0);
	}
	return used;
}

/* A number where one dimension says it all, else an array of one index a dimension. */
static void add_index(struct text *out, const struct sql_tensor *t, int64_t at)
{
	int64_t index[TENSOR_MAX_DIMS];
	int i, longer = 0, the = t->n_dims - 1;

	for (i = t->n_dims - 1; i >= 0; i--) {
		index[i] = t->base[i] + at % t->shape[i];
		at /= t->shape[i];
		longer += t->shape[i] > 1;
		the = t->shape[i] > 1 ? i : the;
	}
	if (longer <= 1) {
		text_addf(out, "%lld", (long long)(the < 0 ? 0 : index[the]));
		return;
	}
	for (i = 0; i < t->n_dims; i++)
		text_addf(out, "%c%lld", i ? ',' : '[', (long long)index[i]);
	text_addc(out, ']');
}

static int result_top(sqlite3_context *ctx, const struct sql_tensor *t, int64_t k, struct err *err)
{
	struct top *heap = mem_try_aligned(((size_t)k + 1) * sizeof(*heap));
	struct text out = { 0 };
	int ret;

	if (!heap)
		return err_set(err, ERR_MEMORY, "no memory for the %lld largest", (long long)k);
	k = select_top(t->data, t->numel, heap, k);
	text_addc(&out, '[');
	for (int64_t i = 0; i < k; i++) {
		text_adds(&out, i ? ",{\"i\":" : "{\"i\":");
		add_index(&out, t, heap[i].at);
		text_adds(&out, ",\"value\":");
		add_number(&out, heap[i].value);
		text_addc(&out, '}');
	}
	text_addc(&out, ']');
	ret = result_text(ctx, &out, err);
	text_release(&out);
	free(heap);
	return ret;
}

int scalar_topk(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,
		struct err *err)
{
	int64_t k = n_args > 1 ? sqlite3_value_int64(args[1]) : 10;
	struct sql_tensor *t;
	int ret;

	if (k < 1)
		return err_set(err, ERR_USAGE, "k is %lld: expected 1 or more", (long long)k);
	t = inspect_tensor(in, args[0], err);
	if (!t)
		return err->code;
	ret = result_top(ctx, t, int64_min(k, t->numel), err);
	tensor_release(in, t);
	return ret;
}

/* ---- t_hist -------------------------------------------------------------------------------- */

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
	add_number(out, h->lo);
	text_adds(out, ",\"hi\":");
	add_number(out, h->hi);
	text_adds(out, ",\"counts\":[");
	for (i = 0; i < h->n_bins; i++)
		text_addf(out, "%s%lld", i ? "," : "", (long long)h->counts[i]);
	text_addf(out, "],\"below\":%lld,\"above\":%lld,\"nan\":%lld}", (long long)h->below,
		  (long long)h->above, (long long)h->nan);
}

int scalar_hist(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,
		struct err *err)
{
	struct histogram h = { .n_bins = n_args > 1 ? sqlite3_value_int64(args[1]) : 20 };
	struct sql_tensor *t = inspect_tensor(in, args[0], err);
	struct text out = { 0 };
	struct stats s;
	int ret;

	if (!t)
		return err->code;
	s = stats_of(t->data, t->numel);
	h.lo = n_args > 2 ? sqlite3_value_double(args[2]) : isnan(s.min) ? 0 : s.min;
	h.hi = n_args > 3 ? sqlite3_value_double(args[3]) : isnan(s.max) ? 0 : s.max;
	if (h.n_bins < 1 || h.n_bins > MAX_BINS) {
		ret = err_set(err, ERR_USAGE, "%lld bins: expected 1 to %d", (long long)h.n_bins,
			      MAX_BINS);
	} else if (h.lo > h.hi || !isfinite(h.hi - h.lo)) {
		ret = err_set(err, ERR_USAGE, "%g to %g is no range", h.lo, h.hi);
	} else {
		h.counts = mem_calloc((size_t)h.n_bins, sizeof(*h.counts));
		count(&h, t->data, t->numel);
		add_histogram(&out, &h);
		ret = result_text(ctx, &out, err);
	}
	free(h.counts);
	text_release(&out);
	tensor_release(in, t);
	return ret;
}

/* ---- t_spark ------------------------------------------------------------------------------- */

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

int scalar_spark(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,
		 struct err *err)
{
	int64_t width = n_args > 1 ? sqlite3_value_int64(args[1]) : 40;
	struct text out = { 0 };
	struct sql_tensor *t;
	double means[MAX_WIDTH];
	int ret;

	if (width < 1 || width > MAX_WIDTH)
		return err_set(err, ERR_USAGE, "a width of %lld: expected 1 to %d",
			       (long long)width, MAX_WIDTH);
	t = inspect_tensor(in, args[0], err);
	if (!t)
		return err->code;
	width = int64_min(width, t->numel);
	for (int64_t i = 0; i < width; i++) {
		int64_t from = t->numel / width * i + t->numel % width * i / width;
		int64_t to = t->numel / width * (i + 1) + t->numel % width * (i + 1) / width;

		means[i] = stats_of(t->data + from, to - from).mean;
	}
	add_bars(&out, means, width);
	ret = result_text(ctx, &out, err);
	text_release(&out);
	tensor_release(in, t);
	return ret;
}
