/*
 * kv_cache.c -- keys and values that live across passes.
 *
 * Position p lies in row p % capacity.  Until the capacity reaches `limit` every position fits and
 * that is row p; at the limit (window + chunk positions, only where the model has a window and the
 * caller asked for a ring) rows are reused, oldest first.
 */
#include "executor_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define MIN_POSITIONS 256

int64_t kv_cache_limit(const struct program *p, const struct executor_options *opt)
{
	int64_t window = 0;

	if (!opt->ring)
		return INT64_MAX;
	for (int i = 0; i < p->n_ops; i++) {
		if (p->ops[i].code != OP_MASK)
			continue;
		if (p->ops[i].window == 0)
			return INT64_MAX;
		if (p->ops[i].window > window)
			window = p->ops[i].window;
	}
	return window == 0 || window > INT64_MAX - opt->chunk ? INT64_MAX : window + opt->chunk;
}

int64_t kv_cache_row_bytes(const struct kv_cache *c)
{
	return c->n_heads * c->head_dim * dtype_table[c->dtype].block_bytes;
}

static int grow(struct kv_cache *c, int64_t want, struct err *err)
{
	int64_t row_bytes = kv_cache_row_bytes(c), bytes;
	void *rows = NULL;

	if (mem_mul(want, row_bytes, &bytes))
		rows = realloc(c->rows, (size_t)bytes);
	if (!rows)
		return err_set(
			err, ERR_MEMORY,
			"out of memory: the KV cache of one layer cannot grow to %lld positions of %lld bytes",
			(long long)want, (long long)row_bytes);
	c->rows = rows;
	c->capacity = want;
	return 0;
}

int kv_cache_reserve(struct kv_cache *c, int64_t positions, struct err *err)
{
	int64_t want = c->capacity > INT64_MAX / 2 ? positions : 2 * c->capacity;

	if (positions > c->limit)
		positions = c->limit;
	if (positions <= c->capacity)
		return 0;
	if (want < positions)
		want = positions;
	if (want < MIN_POSITIONS)
		want = MIN_POSITIONS;
	if (want > c->limit)
		want = c->limit;
	return grow(c, want, err);
}

int kv_cache_reserve_exactly(struct kv_cache *c, int64_t positions, struct err *err)
{
	if (positions > c->limit)
		positions = c->limit;
	return positions > c->capacity ? grow(c, positions, err) : 0;
}

static void copy_rows(struct kv_cache *c, int64_t at, const float *x, int64_t n)
{
	uint16_t *half = (uint16_t *)c->rows + at;

	if (c->dtype == DTYPE_F32) {
		memcpy((float *)c->rows + at, x, (size_t)n * sizeof(*x));
		return;
	}
	for (int64_t i = 0; i < n; i++)
		half[i] = f32_to_f16(x[i]);
}

void kv_cache_append(struct kv_cache *c, const float *rows, int64_t pos0, int64_t T)
{
	int64_t width = c->n_heads * c->head_dim;

	for (int64_t t = 0; t < T;) {
		int64_t row = (pos0 + t) % c->capacity;
		int64_t n = c->capacity - row < T - t ? c->capacity - row : T - t;

		copy_rows(c, row * width, rows + t * width, n * width);
		t += n;
	}
}

void *kv_cache_rows(const struct kv_cache *c, int64_t pos0, int64_t T)
{
	int64_t row = pos0 % c->capacity;

	return row + T <= c->capacity ? (char *)c->rows + row * kv_cache_row_bytes(c) : NULL;
}

struct kv_view kv_cache_view(const struct kv_cache *c, int64_t end)
{
	int64_t first = end > c->capacity ? end - c->capacity : 0;

	return (struct kv_view){ .rows = c->rows,
				 .capacity = c->capacity,
				 .n_kv_heads = c->n_heads,
				 .head_dim = c->head_dim,
				 .first = first,
				 .n = end - first,
				 .dtype = c->dtype };
}
