/*
 * blocks_data.h -- matrices of GGUF's blocks for tests: random bytes, with scales that are numbers.
 */
#ifndef BLOCKS_DATA_H
#define BLOCKS_DATA_H

#include "unit/kernels_data.h"

static const enum dtype block_types[] = { DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_1,  DTYPE_Q5_0,
					  DTYPE_Q5_1, DTYPE_Q2_K, DTYPE_Q3_K,  DTYPE_Q4_K,
					  DTYPE_Q5_K, DTYPE_Q6_K, DTYPE_IQ4_NL };

/* Where the f16 scales of a block of the type lie; the second is -1 where there is one only. */
static inline void block_scales_at(enum dtype dtype, int at[2])
{
	at[0] = 0;
	at[1] = -1;
	if (dtype == DTYPE_Q4_1 || dtype == DTYPE_Q5_1 || dtype == DTYPE_Q4_K ||
	    dtype == DTYPE_Q5_K)
		at[1] = 2;
	if (dtype == DTYPE_Q2_K) {
		at[0] = 80;
		at[1] = 82;
	}
	if (dtype == DTYPE_Q3_K)
		at[0] = 108;
	if (dtype == DTYPE_Q6_K)
		at[0] = 208;
}

static inline unsigned char block_byte(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned char)(*state >> 56);
}

/* `n` blocks of random bytes; every scale is an f16 of about `scale`, of either sign. */
static inline void block_fill(unsigned char *at, enum dtype dtype, int64_t n, uint64_t seed,
			      double scale)
{
	int bytes = dtype_table[dtype].block_bytes, scales[2];

	block_scales_at(dtype, scales);
	for (int64_t b = 0; b < n; b++, at += bytes) {
		for (int i = 0; i < bytes; i++)
			at[i] = block_byte(&seed);
		for (int i = 0; i < 2 && scales[i] >= 0; i++) {
			uint16_t h = f32_to_f16((float)(scale * data_uniform(&seed)));

			memcpy(at + scales[i], &h, 2);
		}
	}
}

/* Weights [N, K] of blocks, rows one odd byte further apart than they need, up to a guard page. */
static inline struct tensor block_weights(enum dtype dtype, int64_t N, int64_t K, uint64_t seed)
{
	int64_t row = dtype_row_bytes(dtype, K), stride = row + 1;
	int64_t blocks = K / dtype_table[dtype].block_elements;
	unsigned char *bytes = data_bytes((size_t)(N * stride - 1));
	struct tensor w = tensor_make(dtype, 2, (const int64_t[]){ N, K }, bytes);

	w.stride[0] = stride;
	for (int64_t n = 0; n < N; n++)
		block_fill(bytes + n * stride, dtype, blocks, seed + (uint64_t)n, 0.02);
	return w;
}

/* The same weights in f32, decoded row by row by the portable functions. */
static inline struct tensor block_values(const struct tensor *w)
{
	int64_t N = w->shape[0], K = w->shape[1];
	float *x = data_empty(N * K);

	for (int64_t n = 0; n < N; n++)
		kernels_ref.convert(x + n * K, tensor_row(w, n), w->dtype, K);
	return tensor_make(DTYPE_F32, 2, (const int64_t[]){ N, K }, x);
}

#endif
