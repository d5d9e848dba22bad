/*
 * blocks_body.h -- rows of blocks times a few tokens, whatever the width of the registers.
 *
 * Included by one file an instruction set, which gives it avx2_blocks.h; `vec`, a vector of LANES
 * f32, with vec_load(), vec_store(), vec_fma(), vec_split(); and
 *
 *	load_group(vec v[], block, group, d, m, dtype)   the 32 weights of a group as f32
 *	dot_together(y, x, weights, n0, n1, dtype)       declared below
 *
 * Weights are decoded in registers to the very f32 values that blocks.h defines and multiplied as
 * linear_body.h multiplies weights in f32: the same chains of the same eight lanes, so the same
 * bits as from a matrix of these values, in every tier but ref.
 */
#ifndef TORCHLESS_KERNELS_BLOCKS_BODY_H
#define TORCHLESS_KERNELS_BLOCKS_BODY_H

#include "torchless/numbers.h"

/* How far ahead of itself a row is fetched: a core alone has too few misses in flight. */
#define AHEAD 3072

/* Tokens that are multiplied with a row of W at once. */
#define FEW_TOKENS 4

/*
 * y[n] = x . W[n] for one token and as many of rows [n0, n1) as are faster when they are taken side
 * by side; returns the first that is left.  Defined by who includes this, behind it.
 */
ALWAYS_INLINE int64_t dot_together(float *y, const float *x, const struct tensor *weights,
				   int64_t n0, int64_t n1, enum dtype dtype);

/* The sum of n registers of chains, in the order of dot_rows(). */
ALWAYS_INLINE float sum_chains(const vec *sum, int64_t n)
{
	__m256 c[4] = { 0 };

	for (int64_t i = 0; i < n; i++)
		vec_split(sum[i], &c[i * LANES / 8]);
	return sum_lanes(_mm256_add_ps(_mm256_add_ps(c[0], c[1]), _mm256_add_ps(c[2], c[3])));
}

/* Add the products of a group of weights with n_x rows of x, K apart. */
ALWAYS_INLINE void add_group(vec sum[FEW_TOKENS][32 / LANES], const vec v[GROUP / LANES],
			     const float *x, int64_t K, int64_t n_x, int64_t n)
{
	for (int64_t c = 0; c < GROUP / LANES; c++)
		for (int64_t j = 0; j < n_x; j++)
			sum[j][c % n] =
				vec_fma(v[c], vec_load(x + j * K + c * LANES), sum[j][c % n]);
}

/*
 * y[j][n0] = x[j] . W[n0] for a row of W and n_x of x, by chains of eight lanes, as of dot_rows().
 */
ALWAYS_INLINE void dot_blocks(float *y, const float *x, const struct tensor *weights, int64_t n0,
			      enum dtype dtype, int64_t n_x, int64_t chains)
{
	const unsigned char *w = tensor_row(weights, n0);
	int64_t K = weights->shape[1];
	int64_t elements = dtype_table[dtype].block_elements, groups = elements / GROUP;
	int64_t bytes = dtype_table[dtype].block_bytes, n = 8 * chains / LANES;
	int64_t each = groups == 1 ? SCALES : groups; /* groups whose scales are prepared at once */
	int64_t step = groups == 1 ? bytes : 0;       /* from a group to the next one's block */
	vec sum[FEW_TOKENS][32 / LANES] = { 0 };

	for (int64_t k = 0; k < K; k += each * GROUP) {
		int64_t some = int64_min(each, (K - k) / GROUP);
		struct scales s;

		scales_of(&s, w, some, dtype);
		for (int64_t g = 0; g < some; g++) {
			int64_t at = type_scales_sixteens(dtype) ? 2 * g : g;
			const unsigned char *block = w + g * step;
			vec v[GROUP / LANES];

			_mm_prefetch((const char *)block + AHEAD + (step ? 0 : 32 * g),
				     _MM_HINT_T0);
			load_group(v, block, step ? 0 : g, s.d + at, s.m + at, dtype);
			add_group(sum, v, x + k + g * GROUP, K, n_x, n);
		}
		w += step ? some * bytes : bytes;
	}
	for (int64_t j = 0; j < n_x; j++)
		y[j * weights->shape[0] + n0] = sum_chains(sum[j], n);
}

/* Rows [n0, n1) of W times all of x, for one type. */
ALWAYS_INLINE void few_blocks(float *y, const float *x, const struct tensor *w, int64_t T,
			      int64_t n0, int64_t n1, enum dtype dtype)
{
	int64_t n = T == 1 ? dot_together(y, x, w, n0, n1, dtype) : n0;

	for (; n < n1; n++)
		switch (T) {
		case 1:
			dot_blocks(y, x, w, n, dtype, 1, 4);
			break;
		case 2:
			dot_blocks(y, x, w, n, dtype, 2, 2);
			break;
		case 3:
			dot_blocks(y, x, w, n, dtype, 3, 2);
			break;
		default:
			dot_blocks(y, x, w, n, dtype, 4, 2);
		}
}

ALWAYS_INLINE void decode(float *dst, const unsigned char *row, enum dtype dtype, int64_t from,
			  int64_t n)
{
	int64_t groups = dtype_table[dtype].block_elements / GROUP, end = from + n;
	int64_t bytes = dtype_table[dtype].block_bytes, prepared = -1;
	struct scales s;

	for (int64_t at = from; at < end; at += GROUP) {
		int64_t block = at / GROUP / groups, g = at / GROUP % groups;
		int64_t i = type_scales_sixteens(dtype) ? 2 * g : g;
		float part[GROUP], *to = end - at < GROUP ? part : dst + at - from;
		vec v[GROUP / LANES];

		if (block != prepared)
			scales_of(&s, row + block * bytes, 1, dtype);
		prepared = block;
		load_group(v, row + block * bytes, g, s.d + i, s.m + i, dtype);
		for (int64_t c = 0; c < GROUP / LANES; c++)
			vec_store(to + c * LANES, v[c]);
		if (to == part)
			memcpy(dst + at - from, part, (size_t)(end - at) * sizeof(float));
	}
}

/* Rows [n0, n1) of W times T <= 4 tokens: see avx2.h. */
void FEW_BLOCKS(float *y, const float *x, const struct tensor *w, int64_t T, int64_t n0, int64_t n1)
{
#define FEW_OF(type)                                                                               \
	case type:                                                                                 \
		few_blocks(y, x, w, T, n0, n1, type);                                              \
		break;

	switch (w->dtype) {
		EACH_BLOCK_TYPE(FEW_OF)
	case DTYPE_F32:
	case DTYPE_F16:
	case DTYPE_BF16:
	case DTYPE_F64:
	case DTYPE_I32:
	case DTYPE_U8:
	case DTYPE_I64:
	case DTYPE_COUNT:
		kernels_refuse();
	}
}

/* Elements of a row as f32: see avx2.h. */
void DECODE_BLOCKS(float *dst, const void *row, enum dtype dtype, int64_t from, int64_t n)
{
#define DECODE_OF(type)                                                                            \
	case type:                                                                                 \
		decode(dst, row, type, from, n);                                                   \
		break;

	switch (dtype) {
		EACH_BLOCK_TYPE(DECODE_OF)
	case DTYPE_F32:
	case DTYPE_F16:
	case DTYPE_BF16:
	case DTYPE_F64:
	case DTYPE_I32:
	case DTYPE_U8:
	case DTYPE_I64:
	case DTYPE_COUNT:
		kernels_refuse();
	}
}

#endif
