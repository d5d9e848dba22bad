/*
 * lens_rows.c -- the logits of a layer at a position, and their ranks.
 *
 * Nothing is sorted that nobody reads: the best few are selected, all of a layer's tokens are
 * sorted only when a query walks beyond them, and a token asked for by its text or id is ranked by
 * counting.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FEW        64   /* ranks selected before all are sorted ... */
#define MORE       4096 /* ... or as many as a query asks for */
#define KEPT_BYTES ((int64_t)128 << 20)

/* ---- rows that are kept --------------------------------------------------------------------- */

void lens_row_release(struct lens_row *r)
{
	if (!r || --r->refs > 0)
		return;
	free(r->logits);
	free(r->best);
	free(r);
}

static int64_t bytes_of(const struct lens_row *r)
{
	return r->n * (int64_t)sizeof(float) + r->n_best * (int64_t)sizeof(*r->best);
}

static void trim(struct inspect *in, int64_t budget)
{
	struct lens_row **at = &in->lenses;
	int64_t kept = 0;

	while (*at) {
		struct lens_row *r = *at;

		kept += bytes_of(r);
		if (kept <= budget) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		lens_row_release(r);
	}
}

void lens_forget(struct inspect *in)
{
	trim(in, -1);
}

struct lens_row *lens_row_find(struct inspect *in, const struct lens_row *like)
{
	for (struct lens_row *r = in->lenses; r; r = r->next)
		if (r->run == like->run && r->pos == like->pos && r->layer == like->layer &&
		    r->state == like->state) {
			r->refs++;
			return r;
		}
	return NULL;
}

void lens_row_keep(struct inspect *in, struct lens_row *r)
{
	trim(in, KEPT_BYTES - bytes_of(r));
	r->refs++;
	r->next = in->lenses;
	in->lenses = r;
}

/* ---- logits --------------------------------------------------------------------------------- */

int lens_rows_compute(struct inspect *in, const struct model *m, const float *x, int64_t n,
		      int64_t rows, struct lens_row **out, struct err *err)
{
	int64_t V = m->config->n_vocab;
	float *y = mem_try_aligned((size_t)(rows * V) * sizeof(*y));
	int ret = 0;

	if (!y)
		return err_set(err, ERR_MEMORY, "out of memory: %lld rows of %lld logits take more",
			       (long long)rows, (long long)V);
	ret = model_lens(m, in->opt.kernels, inspect_pool(in), x, rows, y, err);
	for (int64_t i = 0; i < n && !ret; i++) {
		out[i]->logits = mem_try_aligned((size_t)V * sizeof(*y));
		if (!out[i]->logits) {
			ret = err_set(err, ERR_MEMORY, "out of memory: %lld logits take more",
				      (long long)V);
			break;
		}
		out[i]->n = V;
		memcpy(out[i]->logits, y + i * V, (size_t)V * sizeof(*y));
	}
	free(y);
	return ret;
}

/* ---- ranks ---------------------------------------------------------------------------------- */

/* Likelier first, NaN last, then the lower id: a total order. */
static bool before(struct ranked a, struct ranked b)
{
	if (isnan(a.logit) || isnan(b.logit))
		return isnan(a.logit) && isnan(b.logit) ? a.id < b.id : isnan(b.logit);
	return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

static int compare(const void *x, const void *y)
{
	const struct ranked *a = x, *b = y;

	return before(*a, *b) ? -1 : before(*b, *a);
}

/* Let the root of a heap whose root is the worst sink. */
static void sink(struct ranked *heap, int64_t n, int64_t i)
{
	for (;;) {
		int64_t worst = i;

		for (int64_t c = 2 * i + 1; c <= 2 * i + 2 && c < n; c++)
			if (before(heap[worst], heap[c]))
				worst = c;
		if (worst == i)
			return;
		struct ranked t = heap[i];
		heap[i] = heap[worst];
		heap[worst] = t;
		i = worst;
	}
}

/* The first k ranks, k < n: the logits go past a heap of the best ones so far. */
static void select_best(struct lens_row *r, int64_t k)
{
	for (int64_t i = 0; i < k; i++)
		r->best[i] = (struct ranked){ r->logits[i], (int32_t)i };
	for (int64_t i = k / 2; i-- > 0;)
		sink(r->best, k, i);
	for (int64_t i = k; i < r->n; i++) {
		struct ranked one = { r->logits[i], (int32_t)i };

		if (before(one, r->best[0])) {
			r->best[0] = one;
			sink(r->best, k, 0);
		}
	}
}

int lens_row_have(struct lens_row *r, int64_t rank, int64_t likely, struct err *err)
{
	int64_t k = likely < FEW ? FEW : likely + 1;
	struct ranked *best;

	if (rank < r->n_best)
		return 0;
	if (k > MORE || rank >= k)
		k = r->n;
	if (k > r->n)
		k = r->n;
	best = realloc(r->best, (size_t)k * sizeof(*best));
	if (!best)
		return err_set(err, ERR_MEMORY, "out of memory: ranking %lld tokens takes more",
			       (long long)k);
	r->best = best;
	r->n_best = k;
	if (k < r->n)
		select_best(r, k);
	else
		for (int64_t i = 0; i < k; i++)
			best[i] = (struct ranked){ r->logits[i], (int32_t)i };
	qsort(best, (size_t)k, sizeof(*best), compare);
	return 0;
}

int64_t lens_row_rank(const struct lens_row *r, int64_t id)
{
	struct ranked one = { r->logits[id], (int32_t)id };
	int64_t rank = 0;

	for (int64_t i = 0; i < r->n; i++)
		rank += before((struct ranked){ r->logits[i], (int32_t)i }, one);
	return rank;
}

double lens_row_log_sum(struct lens_row *r)
{
	double max = -INFINITY, sum = 0;

	if (r->has_log_sum)
		return r->log_sum;
	for (int64_t i = 0; i < r->n; i++)
		if ((double)r->logits[i] > max)
			max = (double)r->logits[i];
	for (int64_t i = 0; i < r->n; i++)
		sum += exp((double)r->logits[i] - max);
	r->log_sum = max + log(sum);
	r->has_log_sum = true;
	return r->log_sum;
}
