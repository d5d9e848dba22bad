/*
 * tensor.c -- a tensor on one line: what it is, its statistics, how its values are spread.
 */
#include "torchless/stats.h"
#include "torchless/ui_tensor.h"

#include <math.h>
#include <string.h>

#define FEW   4    /* so many elements are shown themselves */
#define BINS  8    /* of the picture */
#define BLOCK 1024 /* elements converted at a time */

static bool has_elements(const struct tensor *t)
{
	return t->dtype == DTYPE_F32 || t->dtype == DTYPE_F16 || t->dtype == DTYPE_BF16 ||
	       t->dtype == DTYPE_F64;
}

/* Elements at..at+len as f32: those of an array as they lie, others in `block`. */
static const float *elements(const struct tensor *t, const struct array *a, int64_t at, int64_t len,
			     float block[BLOCK])
{
	if (a)
		return a->data + at;
	for (int64_t i = 0; i < len; i++)
		block[i] = (float)tensor_get(t, at + i);
	return block;
}

static struct stats measure(const struct tensor *t, const struct array *a, int64_t n)
{
	struct stats_sum sum;
	float block[BLOCK];

	stats_sum_init(&sum);
	for (int64_t at = 0; at < n; at += BLOCK) {
		int64_t len = n - at < BLOCK ? n - at : BLOCK;

		stats_sum_add(&sum, elements(t, a, at, len, block), len, at);
	}
	return stats_finish(&sum);
}

static void add_histogram(struct text *out, const struct ui *ui, const struct tensor *t,
			  const struct array *a, int64_t n, const struct stats *s)
{
	double bins[BINS] = { 0 };
	float block[BLOCK];

	if (!(s->max > s->min))
		return;
	for (int64_t at = 0; at < n; at += BLOCK) {
		int64_t len = n - at < BLOCK ? n - at : BLOCK;
		const float *x = elements(t, a, at, len, block);

		for (int64_t i = 0; i < len; i++)
			if (isfinite(x[i])) {
				int bin = (int)(((double)x[i] - s->min) / (s->max - s->min) * BINS);

				bins[bin < BINS ? bin : BINS - 1]++;
			}
	}
	text_addc(out, ' ');
	ui_add_spark(out, ui, bins, BINS);
}

static void add_count(struct text *out, int64_t n, const char *what)
{
	char number[32];

	if (n)
		text_addf(out, ", %s %s", ui_format_count(n, number, sizeof(number)), what);
}

/* `a` is the array whose elements these are, which says where the largest is; NULL: none. */
static void add_statistics(struct text *out, const struct ui *ui, const struct tensor *t, int64_t n,
			   const struct array *a)
{
	struct stats s = measure(t, a, n);
	char mean[32], std[32], absmax[32], index[128];

	if (isfinite(s.absmax))
		text_addf(out, " mean %s std %s absmax %s",
			  ui_format_number(s.mean, mean, sizeof(mean)),
			  ui_format_number(s.std, std, sizeof(std)),
			  ui_format_number(s.absmax, absmax, sizeof(absmax)));
	if (isfinite(s.absmax) && a)
		text_addf(out, " at [%s]", array_index(a, s.absmax_at, index, sizeof(index)));
	add_count(out, s.n_nan, "NaN");
	add_count(out, s.n_pinf, "+inf");
	add_count(out, s.n_ninf, "-inf");
	if (isfinite(s.absmax))
		add_histogram(out, ui, t, a, n, &s);
}

static void add_line(struct text *out, const struct ui *ui, const struct tensor *t,
		     const struct array *a)
{
	int64_t n = tensor_numel(t);
	char number[32];

	text_adds(out, dtype_table[a ? a->dtype : t->dtype].name);
	text_addc(out, '[');
	for (int i = 0; i < t->n_dims; i++)
		text_addf(out, "%s%lld", i ? "," : "", (long long)t->shape[i]);
	text_addc(out, ']');
	if (!t->data || !has_elements(t))
		return;
	if (n > FEW) {
		add_statistics(out, ui, t, n, a);
		return;
	}
	for (int64_t i = 0; i < n; i++)
		text_addf(out, " %s", ui_format_number(tensor_get(t, i), number, sizeof(number)));
}

void ui_add_tensor(struct text *out, const struct ui *ui, const struct tensor *t)
{
	add_line(out, ui, t, NULL);
}

void ui_add_array_line(struct text *out, const struct ui *ui, const struct array *a)
{
	struct tensor t = tensor_make(DTYPE_F32, a->n_dims, a->shape, a->data);

	add_line(out, ui, &t, a);
}
