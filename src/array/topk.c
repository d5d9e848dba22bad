/*
 * topk.c -- the largest elements and where they are.
 */
#include "functions.h"

#include "torchless/mem.h"
#include "torchless/numbers.h"

#include <math.h>
#include <stdlib.h>

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

/*
 * Keep the first k of n in `heap`, sorted; NaNs are left out.  Returns how many, or an error when
 * nobody waits.
 */
static int64_t select_top(const float *x, int64_t n, struct top *heap, int64_t k,
			  const struct array_value *result, struct err *err)
{
	const struct text none = { 0 };
	int64_t used = 0;

	for (int64_t i = 0; i < n; i++) {
		struct top one = { x[i], i };

		if (i % LOOK_EVERY == 0 && array_go_on(result, &none, err))
			return err->code;
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

		if (i % LOOK_EVERY == 0 && array_go_on(result, &none, err))
			return err->code;
		heap[0] = heap[i];
		heap[i] = last;
		sink(heap, i, 0);
	}
	return used;
}

/* A number where one dimension says it all, else an array of one index a dimension. */
static void add_index(struct text *out, const struct array *t, int64_t at)
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

int array_fn_topk(struct array_value *args, int n, struct array_value *result, struct err *err)
{
	int64_t k = n > 1 ? args[1].whole : 10;
	const struct array *a = args[0].array;
	struct text out = { 0 };
	struct top *heap;

	if (k < 1)
		return err_set(err, ERR_USAGE, "k is %lld: expected 1 or more", (long long)k);
	k = int64_min(k, a->numel);
	heap = mem_try_aligned(((size_t)k + 1) * sizeof(*heap));
	if (!heap)
		return err_set(err, ERR_MEMORY, "out of memory: the %lld largest take more",
			       (long long)k);
	k = select_top(a->data, a->numel, heap, k, result, err);
	text_addc(&out, '[');
	for (int64_t i = 0; i < k; i++) {
		if (i % LOOK_EVERY == 0 && array_go_on(result, &out, err)) {
			k = err->code;
			break;
		}
		text_adds(&out, i ? ",{\"i\":" : "{\"i\":");
		add_index(&out, a, heap[i].at);
		text_adds(&out, ",\"value\":");
		json_number(&out, heap[i].value);
		text_addc(&out, '}');
	}
	text_addc(&out, ']');
	free(heap);
	if (k >= 0)
		return result_text(result, &out);
	text_release(&out);
	return err->code;
}
