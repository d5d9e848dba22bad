/*
 * attention_rows.h -- the operands of attention's products as rows: private to src/kernels.
 */
#ifndef TORCHLESS_KERNELS_ATTENTION_ROWS_H
#define TORCHLESS_KERNELS_ATTENTION_ROWS_H

#include "kv.h"

#include "torchless/numbers.h"

#define LINE 64 /* bytes of the cache */

/* Keys that follow s without a wrap of the ring, s1 - s at most. */
static inline int64_t run_length(const struct kv_view *kv, int64_t s, int64_t s1)
{
	return int64_min(s1 - s, kv->capacity - (kv->first + s) % kv->capacity);
}

/* Rows `stride` floats apart. */
struct rows {
	float *at;
	int64_t stride;
};

struct const_rows {
	const float *at;
	int64_t stride;
};

/* Keys or values, `stride` bytes apart. */
struct kv_rows {
	const char *at;
	int64_t stride;
};

#endif
