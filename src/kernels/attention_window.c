/* attention_window.c -- which keys a query sees: none behind it, and `window` at most. */
#include "torchless/kernels.h"
#include "torchless/numbers.h"

int64_t attention_first(const struct attention *a, int64_t t)
{
	int64_t first = a->window > 0 ? a->pos0 + t - a->window + 1 - a->k.first : 0;

	return first > 0 ? first : 0;
}

int64_t attention_last(const struct attention *a, int64_t t)
{
	return int64_min(a->pos0 + t + 1 - a->k.first, a->k.n);
}
