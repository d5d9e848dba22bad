/*
 * blocks_body.h -- rows of blocks times a few tokens, whatever the width of the registers.
 *
 * Included by one file an instruction set, which gives it avx2_blocks.h; `vec`, a vector of LANES
 * f32, with vec_load(), vec_store(), vec_fma(), vec_split(); and
 *
 *	load_group(vec v[], block, group, scales, dtype)   the 32 weights of a group as f32
 *
 * Weights are decoded in registers to the very f32 values that blocks.h defines and multiplied as
 * linear_body.h multiplies weights in f32: the same chains of the same eight lanes, so the same
 * bits as from a matrix of these values, in every tier but ref.
 */
#ifndef TORCHLESS_KERNELS_BLOCKS_BODY_H
#define TORCHLESS_KERNELS_BLOCKS_BODY_H

/* How far ahead of itself a row is fetched: a core alone has too few misses in flight. */
#define AHEAD 3072

/* Tokens that are multiplied with a row of W at once. */
#define FEW_TOKENS 4

/* y[j] = x[j] . w for n_x rows of x, K apart, by chains of eight lanes, as of dot_rows(). */
ALWAYS_INLINE void dot_blocks(float *y, int64_t y_stride, const float *x, const unsigned char *w,
			      int64_t K, enum dtype dtype, int64_t n_x, int64_t chains)
{
	int64_t elements = dtype_table[dtype].block_elements;
	int64_t bytes = dtype_table[dtype].block_bytes, n = 8 * chains / LANES;
	vec sum[FEW_TOKENS][32 / LANES] = { 0 };
	__m256 chain[FEW_TOKENS][4] = { 0 };

	for (int64_t k = 0; k < K; k += elements, w += bytes) {
		struct scales s;

		for (int64_t at = 0; at < bytes; at += 64)
			_mm_prefetch((const char *)w + AHEAD + at, _MM_HINT_T0);
		scales_of(&s, w, dtype);
		for (int64_t g = 0; g < elements / GROUP; g++) {
			const float *xg = x + k + g * GROUP;
			vec v[GROUP / LANES];

			load_group(v, w, g, &s, dtype);
			for (int64_t c = 0; c < GROUP / LANES; c++)
				for (int64_t j = 0; j < n_x; j++)
					sum[j][c % n] =
						vec_fma(v[c], vec_load(xg + j * K + c * LANES),
							sum[j][c % n]);
		}
	}
	for (int64_t j = 0; j < n_x; j++) {
		__m256 *c = chain[j];

		for (int64_t i = 0; i < n; i++)
			vec_split(sum[j][i], &c[i * LANES / 8]);
		c[0] = _mm256_add_ps(_mm256_add_ps(c[0], c[1]), _mm256_add_ps(c[2], c[3]));
		y[j * y_stride] = sum_lanes(c[0]);
	}
}

ALWAYS_INLINE void few_blocks(float *y, const float *x, const struct tensor *w, int64_t T,
			      int64_t n0, int64_t n1, enum dtype dtype)
{
	int64_t N = w->shape[0], K = w->shape[1];

	for (int64_t n = n0; n < n1; n++) {
		const unsigned char *row = (unsigned char *)w->data + n * w->stride[0];

		switch (T) {
		case 1:
			dot_blocks(y + n, N, x, row, K, dtype, 1, 4);
			break;
		case 2:
			dot_blocks(y + n, N, x, row, K, dtype, 2, 2);
			break;
		case 3:
			dot_blocks(y + n, N, x, row, K, dtype, 3, 2);
			break;
		default:
			dot_blocks(y + n, N, x, row, K, dtype, 4, 2);
		}
	}
}

ALWAYS_INLINE void decode(float *dst, const unsigned char *row, enum dtype dtype, int64_t from,
			  int64_t n)
{
	int64_t groups = dtype_table[dtype].block_elements / GROUP, end = from + n;
	int64_t bytes = dtype_table[dtype].block_bytes;

	for (int64_t block = from / GROUP / groups; block * groups * GROUP < end; block++) {
		struct scales s;

		scales_of(&s, row + block * bytes, dtype);
		for (int64_t g = 0; g < groups; g++) {
			int64_t at = (block * groups + g) * GROUP;
			float part[GROUP], *to = end - at < GROUP ? part : dst + at - from;
			vec v[GROUP / LANES];

			if (at < from || at >= end)
				continue;
			load_group(v, row + block * bytes, g, &s, dtype);
			for (int64_t i = 0; i < GROUP / LANES; i++)
				vec_store(to + i * LANES, v[i]);
			if (to == part)
				memcpy(dst + at - from, part, (size_t)(end - at) * sizeof(float));
		}
	}
}

#define EACH_BLOCK_TYPE(call)                                                                      \
	call(DTYPE_Q8_0) call(DTYPE_Q4_0) call(DTYPE_Q4_1) call(DTYPE_Q5_0) call(DTYPE_Q5_1)       \
		call(DTYPE_Q2_K) call(DTYPE_Q3_K) call(DTYPE_Q4_K) call(DTYPE_Q5_K)                \
			call(DTYPE_Q6_K) call(DTYPE_IQ4_NL)

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
