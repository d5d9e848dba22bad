/*
 * kv.h -- where a key or value lies, for the kernels that read them.
 */
#ifndef TORCHLESS_KERNELS_KV_H
#define TORCHLESS_KERNELS_KV_H

#include "torchless/kernels.h"

/* Grouped-query attention: n_heads / n_kv_heads consecutive heads share one key and value head. */
static inline int64_t kv_head(const struct attention *a, int64_t head)
{
	return head / (a->n_heads / a->k.n_kv_heads);
}

static inline int64_t kv_size(enum dtype dtype)
{
	return dtype == DTYPE_F16 ? 2 : 4;
}

/* The key or value of position first + s in head g: [head_dim] of the view's type. */
static inline const void *kv_row(const struct kv_view *kv, int64_t s, int64_t g)
{
	int64_t row = (kv->first + s) % kv->capacity;

	return (const char *)kv->rows +
	       (row * kv->n_kv_heads + g) * kv->head_dim * kv_size(kv->dtype);
}

#endif
