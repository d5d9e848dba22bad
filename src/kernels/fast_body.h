/*
 * fast_body.h -- blocks times activations that are rounded to sixteen bits, whatever the width of
 * the registers; fast.h says what is computed.
 *
 * Included by one file an instruction set, which gives it
 *
 *	ivec, vec               a register as bytes, as words of 16 or 32 bits; as LANES f32
 *	ANY_BYTES               whether dot() takes any bytes; else none above 127, and no -128
 *	TILE_T                  tokens of a tile
 *	LINEAR_FAST             the name of the kernel
 *	ivec_dot(sum, w, x)     sum + w x: unsigned times signed bytes, four to a lane
 *	ivec_dot2(sum, w, x, v, y, is_signed)   sum + w x + v y, or with w and v signed bytes
 *
 * and the plain functions at its beginning.
 *
 * Outputs lie across the lanes, so that a scale is a vector and nothing is summed across a
 * register but four neighbours.  A register of bytes holds LANES / 4 rows of W, 16 bytes of each: a
 * SET; row 4 k + i is the k-th of set i, so that four sets are LANES rows in order.
 *
 * One token reads every weight once.  Rows are read as they lie, LANES of them at a time: together
 * they are one piece of memory, and the next piece is fetched while this one is multiplied.
 *
 * More tokens: 2 LANES rows, up to 16 groups of them, become a PANEL, four bytes of each row side
 * by side, and a tile of TILE_T tokens x 2 LANES outputs stays in registers.
 *
 * Weights are made unsigned by adding offset_of() their type, which `start` takes away again.
 */
#ifndef TORCHLESS_KERNELS_FAST_BODY_H
#define TORCHLESS_KERNELS_FAST_BODY_H

#include "fast.h"

#include "torchless/mem.h"
#include "torchless/numbers.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define HALF     16          /* elements that share a scale at least */
#define CHUNK    INT64_C(16) /* groups of a panel */
#define TILE_N   (2 * LANES)
#define FEW_X    INT64_C(16384) /* elements of x that are rounded by one thread */
#define AHEAD    16384          /* bytes, how far weights are fetched ahead */
#define X_TOKENS 8              /* tokens of a piece when x is rounded */

/* Weight bytes of a piece of work of the one-token path; many, so that threads come out even. */
#define MIN_PIECE_BYTES 16384
#define PIECES_A_THREAD 16
#define MIN_TOKENS      INT64_C(48) /* of a piece of work of many */

/*
 * x, rounded: of each token its elements, and one number or two a group.  An element of sixteen
 * bits is STEP times a byte and another byte: STEP is 256, or 255 where !ANY_BYTES, so that neither
 * is -128.
 */
struct rounded {
	int8_t *q;      /* [T, 2, K]: high, low */
	float *d;       /* [T, K / GROUP] */
	int32_t *start; /* [T, parts]: -offset sum(q) */
	float *sum;     /* [T, parts]: sum(q) */
	int64_t K, groups, parts;
};

/*
 * LANES rows of W from some byte on.  Where all of them exist they are found from every fourth
 * one's address, so that few registers hold them; else rows beyond the last one are it again.
 */
struct rows {
	const unsigned char *fourth[LANES / 4];
	int64_t stride, three;
	const unsigned char *row[LANES];
};

/* Scales of `PARTS` parts of LANES rows, a part's `step` floats from the next. */
#define PARTS 16

struct panel {
	_Alignas(64) uint8_t w[CHUNK][GROUP / 4][TILE_N * 4];
	float d[2 * CHUNK * TILE_N], m[2 * CHUNK * TILE_N]; /* [part][TILE_N] */
};

struct fast_args {
	float *y;
	const float *x;
	const struct tensor *w;
	struct rounded r;
	int64_t T, N, K;
	int64_t rows;             /* one: rows of W in a piece */
	int64_t tokens, t_pieces; /* many: tokens in a piece, and pieces along T */
	struct panel *panels;     /* [threads] */
};

ALWAYS_INLINE int64_t ceil_div(int64_t a, int64_t b)
{
	return (a + b - 1) / b;
}

/* ---- types ---------------------------------------------------------------------------------- */

ALWAYS_INLINE bool is_super(enum dtype t)
{
	return t == DTYPE_Q2_K || t == DTYPE_Q3_K || t == DTYPE_Q4_K || t == DTYPE_Q5_K ||
	       t == DTYPE_Q6_K;
}

/* As dtype_table has it, but for the compiler to see. */
ALWAYS_INLINE int64_t bytes_of(enum dtype t)
{
	return t == DTYPE_Q8_0   ? 34
	       : t == DTYPE_Q4_0 ? 18
	       : t == DTYPE_Q4_1 ? 20
	       : t == DTYPE_Q5_0 ? 22
	       : t == DTYPE_Q5_1 ? 24
	       : t == DTYPE_Q2_K ? 84
	       : t == DTYPE_Q3_K ? 110
	       : t == DTYPE_Q4_K ? 144
	       : t == DTYPE_Q5_K ? 176
	       : t == DTYPE_Q6_K ? 210
				 : 18;
}

/* Whether the bytes of the type need all their bits. */
ALWAYS_INLINE bool is_wide(enum dtype t)
{
	return t == DTYPE_Q8_0 || t == DTYPE_IQ4_NL;
}

/* Whether dot products take the type's integers as signed ones. */
ALWAYS_INLINE bool is_signed(enum dtype t)
{
	return !ANY_BYTES && is_wide(t);
}

ALWAYS_INLINE int offset_of(enum dtype t)
{
	if (is_wide(t))
		return ANY_BYTES ? 128 : 0;
	return t == DTYPE_Q4_0   ? 8
	       : t == DTYPE_Q5_0 ? 16
	       : t == DTYPE_Q3_K ? 4
	       : t == DTYPE_Q6_K ? 32
				 : 0;
}

/* ---- x -------------------------------------------------------------------------------------- */

static struct rounded rounded_of(void *scratch, enum dtype t, int64_t T, int64_t K)
{
	struct rounded r = { .q = scratch, .K = K, .groups = K / GROUP };

	r.parts = type_scales_sixteens(t) ? 2 * r.groups : r.groups;
	r.d = (float *)(void *)(r.q + 2 * T * K);
	r.start = (int32_t *)(void *)(r.d + T * r.groups);
	r.sum = (float *)(void *)(r.start + T * r.parts);
	return r;
}

/* The largest magnitude, as bits: those of infinity and NaN are larger than any number's. */
ALWAYS_INLINE int32_t largest_bits(const __m256 v[4])
{
	const __m256 sign = _mm256_set1_ps(-0.0f);
	__m256i most = _mm256_setzero_si256();
	__m128i four;

	for (int i = 0; i < 4; i++)
		most = _mm256_max_epi32(most, _mm256_castps_si256(_mm256_andnot_ps(sign, v[i])));
	four = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
	four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
	four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1));
	return _mm_cvtsi128_si32(four);
}

ALWAYS_INLINE int32_t sum_of(__m256i a)
{
	__m128i four = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));

	four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
	four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
	return _mm_cvtsi128_si32(four);
}

/* The scale of a group whose largest magnitude has these bits, and what its elements times are. */
ALWAYS_INLINE float scale_of(int32_t bits, float *inverse)
{
	float a, d;

	*inverse = 0;
	if (bits >= 0x7f800000)
		return NAN;
	memcpy(&a, &bits, sizeof(a));
	d = a / FAST_MOST;
	if (d < FLT_MIN)
		return 0;
	*inverse = FAST_MOST / a;
	return d;
}

/* 32 integers of 32 bits as bytes. */
ALWAYS_INLINE void store_bytes(int8_t *to, const __m256i q[4])
{
	const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
	__m256i low = _mm256_packs_epi32(q[0], q[1]), high = _mm256_packs_epi32(q[2], q[3]);
	__m256i v = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);

	_mm256_storeu_si256((__m256i *)(void *)to, v);
}

/* v = STEP high + low; no integer is half way between two multiples of 255. */
ALWAYS_INLINE void split(__m256i *high, __m256i *low, __m256i v)
{
	if (ANY_BYTES) {
		*high = _mm256_srai_epi32(_mm256_add_epi32(v, _mm256_set1_epi32(128)), 8);
		*low = _mm256_sub_epi32(v, _mm256_slli_epi32(*high, 8));
	} else {
		__m256 over = _mm256_mul_ps(_mm256_cvtepi32_ps(v), _mm256_set1_ps(1.0f / 255));

		*high = _mm256_cvtps_epi32(over);
		*low = _mm256_sub_epi32(v, _mm256_slli_epi32(*high, 8));
		*low = _mm256_add_epi32(*low, *high);
	}
}

static void round_group(const struct rounded *r, const float *x, int64_t t, int64_t g,
			enum dtype type)
{
	int8_t *to = r->q + 2 * t * r->K + g * GROUP;
	__m256i q[4], high[4], low[4];
	float inverse;
	__m256 v[4];
	int32_t sum[2];

	for (int64_t i = 0; i < 4; i++)
		v[i] = _mm256_loadu_ps(x + 8 * i);
	r->d[t * r->groups + g] = scale_of(largest_bits(v), &inverse);
	for (int i = 0; i < 4; i++) {
		v[i] = _mm256_mul_ps(v[i], _mm256_set1_ps(inverse));
		if (inverse == 0) /* infinite times 0 is no number */
			v[i] = _mm256_setzero_ps();
		q[i] = _mm256_cvtps_epi32(v[i]);
		split(&high[i], &low[i], q[i]);
	}
	store_bytes(to, high);
	store_bytes(to + r->K, low);
	sum[0] = sum_of(_mm256_add_epi32(q[0], q[1]));
	sum[1] = sum_of(_mm256_add_epi32(q[2], q[3]));
	if (r->parts == r->groups)
		sum[0] += sum[1];
	for (int64_t i = 0; i < r->parts / r->groups; i++) {
		int64_t part = t * r->parts + g * (r->parts / r->groups) + i;

		r->start[part] = -offset_of(type) * sum[i];
		r->sum[part] = (float)sum[i];
	}
}

static void round_tokens(void *ctx, int64_t i, int worker)
{
	const struct fast_args *a = ctx;

	(void)worker;
	for (int64_t t = i * X_TOKENS; t < int64_min((i + 1) * X_TOKENS, a->T); t++)
		for (int64_t g = 0; g < a->r.groups; g++)
			round_group(&a->r, a->x + t * a->K + g * GROUP, t, g, a->w->dtype);
}

static void round_x(struct threads *pool, struct fast_args *a)
{
	threads_for(a->T * a->K <= FEW_X ? NULL : pool, ceil_div(a->T, X_TOKENS), round_tokens, a);
}

/* STEP v: what high bytes sum to, before the low ones' is added. */
ALWAYS_INLINE ivec times_step(ivec v)
{
	ivec high = ivec_sll32(v, 8);

	return ANY_BYTES ? high : ivec_sub32(high, v);
}

/* ---- the product ---------------------------------------------------------------------------- */

#include "fast_weights.h"

#include "fast_one.h"

#include "fast_many.h"

void LINEAR_FAST(struct threads *pool, float *y, const float *x, const struct tensor *w, int64_t T,
		 void *scratch)
{
	struct fast_args a = { .y = y, .x = x, .w = w, .T = T };

	a.N = w->shape[0];
	a.K = w->shape[1];
	a.r = rounded_of(scratch, w->dtype, T, a.K);
	if (T <= 0 || a.N <= 0)
		return;
	if (a.r.groups == 0) {
		memset(y, 0, (size_t)(T * a.N) * sizeof(float));
		return;
	}
	round_x(pool, &a);
	if (T == 1)
		fast_one(pool, &a);
	else
		fast_many(pool, &a);
}

#endif
