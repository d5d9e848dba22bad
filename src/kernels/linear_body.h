/*
 * linear_body.h -- y = x W^T, for one token and for many, whatever the width of the registers.
 *
 * Included by one file an instruction set, which gives it a vector of f32, `vec`, of LANES lanes
 * with the few functions below, the height of a tile TILE_T, the name of the kernel LINEAR, and of
 * those that know GGUF's blocks, FEW_BLOCKS and DECODE_BLOCKS (blocks_body.h).
 *
 * One token (decode) reads every weight once and does two operations with it: memory is the
 * limit.  Rows of W are read in place, converted in registers and multiplied into a few
 * accumulators.
 *
 * Many tokens (prefill) use every weight many times: arithmetic is the limit.  TILE_N rows of W
 * at a time are converted and transposed once into a PANEL, K_BLOCK weights of a row at most, and
 * a tile of TILE_T tokens x TILE_N outputs stays in registers while k runs over the panel (here
 * for eight lanes):
 *
 *	            panel [k][16]           x [6][k], rows copied side by side because the rows
 *	            |----16----|            of x may lie a power of two apart and would evict
 *	   x  k --> [ ........ ]            each other from the cache
 *	 6 [.....]  y tile 6x16
 *
 * Bits: of many tokens an output is one chain of fused multiply-adds over a block of k, the blocks
 * added in order; of few tokens CHAINS chains of eight lanes each, added in one order.  Neither
 * the width of a register, nor the threads, nor how outputs are dealt out can be seen in it: every
 * file that includes this computes the same bits.
 *
 *	vec_zero(), vec_set1(float), vec_load(p), vec_store(p, v), vec_add(a, b), vec_fma(a, b, c)
 *	vec_weights(src, dtype)       LANES consecutive weights as f32; src of any alignment
 *	vec_some_weights(src, dtype, left)   or all that are left, with zeros behind them
 *	vec_low_bf16(v), vec_high_bf16(v)   the lower or the upper half of each lane, as f32
 *	vec_transpose(vec v[LANES])
 *	vec_split(v, __m256 part[])   its LANES / 8 parts
 */
#ifndef TORCHLESS_KERNELS_LINEAR_BODY_H
#define TORCHLESS_KERNELS_LINEAR_BODY_H

#include "torchless/mem.h"
#include "torchless/numbers.h"

#include <stdlib.h>

/* Up to here tokens are multiplied with a row of W one by one: a panel would not pay. */
#define FEW_TOKENS 4

#define TILE_N     (2 * LANES)
#define K_BLOCK    128 /* a chain of additions: twice as long rounds an order of magnitude worse */
#define MIN_TOKENS ((int64_t)96)  /* of one piece of work */
#define MAX_PANELS (256 / TILE_N) /* of one piece of work: 128 kB of packed weights */
#define MIN_PANELS (MAX_PANELS / 8)
#define BEHIND     (2 * LANES * TILE_N) /* what is written behind the last panel */
#define DECODED    (K_BLOCK + 32) /* a row's weights that are decoded for a panel: groups of 32 */

/* Weight bytes of a piece of work of the one-token path: its first are not fetched ahead. */
#define MIN_PIECE_BYTES 40960
#define PIECES_A_THREAD 16
#define ROWS_TOGETHER   4 /* that some types are faster with, side by side */

/* How far ahead of the product weights are fetched: docs/decisions/0034-three-kilobytes-ahead.md */
#define FETCH_AHEAD 3072
#define LINE_BYTES  64
#define FETCH_STEP  (K_BLOCK / TILE_N) /* weights of a row between two rows that a tile fetches */

struct linear_args {
	float *y;
	const float *x;
	const struct tensor *w;
	int64_t T, N, K;
	int64_t rows;             /* few: rows of W in a piece */
	int64_t n_panels, tokens; /* many: panels and tokens in a piece ... */
	int64_t t_pieces;         /* ... and pieces along T */
	struct packed *packed;    /* [threads] */
};

/* What a thread packs; too much for a stack, whose size others choose. */
struct packed {
	_Alignas(64) float panels[MAX_PANELS * TILE_N * K_BLOCK + BEHIND];
	float x[TILE_T * K_BLOCK];      /* the rows of x of a tile */
	float decoded[LANES * DECODED]; /* rows of blocks on their way into a panel */
};

/* What a tile has the cache fetch meanwhile: the next block of k of the panel's rows. */
struct next {
	const char *at;
	int64_t rows, stride, bytes;
};

static int64_t ceil_div(int64_t a, int64_t b)
{
	return (a + b - 1) / b;
}

/* Blocks of k for many tokens: even ones, of K_BLOCK weights at most. */
static int64_t k_step(const struct linear_args *a)
{
	int64_t blocks = ceil_div(a->K, K_BLOCK);

	return blocks ? ceil_div(ceil_div(a->K, blocks), 8) * 8 : 0;
}

/* Have the cache fetch what is FETCH_AHEAD of these weights, which may be nobody's: no fault. */
ALWAYS_INLINE void fetch(const unsigned char *weights, int64_t bytes)
{
	for (int64_t at = 0; at < bytes; at += LINE_BYTES)
		_mm_prefetch((const char *)weights + at + FETCH_AHEAD, _MM_HINT_T0);
}

/*
 * y[j] = x[j] . w for n_x <= FEW_TOKENS rows of x, K apart; chains accumulators of eight lanes a
 * row, so that the latency of an add is hidden.  What is left of K goes to the first of them.
 */
ALWAYS_INLINE void dot_rows(float *y, int64_t y_stride, const float *x, const unsigned char *w,
			    int64_t K, enum dtype dtype, int64_t n_x, int64_t chains)
{
	int64_t size = dtype == DTYPE_F32 ? 4 : 2, n = 8 * chains / LANES, k = 0;
	vec sum[FEW_TOKENS][32 / LANES] = { 0 };
	__m256 chain[FEW_TOKENS][4] = { 0 };

	for (; k + n * LANES <= K; k += n * LANES) {
		fetch(w + k * size, n * LANES * size);
		for (int64_t c = 0; c < n; c++) {
			vec v = vec_weights(w + (k + LANES * c) * size, dtype);

			for (int64_t j = 0; j < n_x; j++) {
				vec xv = vec_load(x + j * K + k + LANES * c);

				sum[j][c] = vec_fma(v, xv, sum[j][c]);
			}
		}
	}
	for (int64_t j = 0; j < n_x; j++)
		for (int64_t c = 0; c < n; c++)
			vec_split(sum[j][c], &chain[j][c * LANES / 8]);
	for (; k < K; k += 8) {
		__m256 v = load_weights(w + k * size, dtype, K - k);

		for (int64_t j = 0; j < n_x; j++) {
			__m256 xv = load_lanes(x + j * K + k, K - k);

			chain[j][0] = _mm256_fmadd_ps(v, xv, chain[j][0]);
		}
	}
	for (int64_t j = 0; j < n_x; j++) {
		__m256 *c = chain[j];

		c[0] = _mm256_add_ps(_mm256_add_ps(c[0], c[1]), _mm256_add_ps(c[2], c[3]));
		y[j * y_stride] = sum_lanes(c[0]);
	}
}

/* Rows [n0, n1) of W times all of x, for one number of tokens and one type. */
ALWAYS_INLINE void few_rows(const struct linear_args *a, int64_t n0, int64_t n1, enum dtype dtype)
{
	for (int64_t n = n0; n < n1; n++) {
		const unsigned char *w = (unsigned char *)a->w->data + n * a->w->stride[0];

		switch (a->T) {
		case 1:
			dot_rows(a->y + n, a->N, a->x, w, a->K, dtype, 1, 4);
			break;
		case 2:
			dot_rows(a->y + n, a->N, a->x, w, a->K, dtype, 2, 2);
			break;
		case 3:
			dot_rows(a->y + n, a->N, a->x, w, a->K, dtype, 3, 2);
			break;
		default:
			dot_rows(a->y + n, a->N, a->x, w, a->K, dtype, 4, 2);
		}
	}
}

static void few_piece(void *ctx, int64_t i, int worker)
{
	const struct linear_args *a = ctx;
	int64_t n0 = i * a->rows, n1 = int64_min(n0 + a->rows, a->N);

	(void)worker;
	switch (a->w->dtype) {
	case DTYPE_F32:
		few_rows(a, n0, n1, DTYPE_F32);
		break;
	case DTYPE_F16:
		few_rows(a, n0, n1, DTYPE_F16);
		break;
	case DTYPE_BF16:
		few_rows(a, n0, n1, DTYPE_BF16);
		break;
	DTYPE_BLOCK_CASES:
		FEW_BLOCKS(a->y, a->x, a->w, a->T, n0, n1);
		break;
	case DTYPE_F64:
	case DTYPE_I32:
	case DTYPE_U8:
	case DTYPE_I64:
	case DTYPE_COUNT:
		kernels_refuse();
	}
}

/* As many pieces for each thread, so that none waits while another does a last one. */
static void linear_few(struct threads *pool, struct linear_args *a)
{
	int64_t threads = threads_count(pool);
	int64_t bytes = a->N * dtype_row_bytes(a->w->dtype, a->K);
	int64_t each = int64_min(bytes / threads / MIN_PIECE_BYTES, PIECES_A_THREAD);

	a->rows = ceil_div(a->N, threads * (each > 0 ? each : 1));
	a->rows = ceil_div(a->rows, ROWS_TOGETHER) * ROWS_TOGETHER;
	threads_for(pool, ceil_div(a->N, a->rows), few_piece, a);
}

/*
 * LANES x LANES elements of f32 size: left of each of `rows` rows of W, the last one again where
 * there are fewer rows than lanes, become the first of as many rows of a panel.  bf16 change places
 * in pairs and come apart afterwards, which halves what there is to move.
 */
ALWAYS_INLINE void pack_square(float *panel, const unsigned char *w, int64_t stride, int64_t rows,
			       int64_t left, enum dtype dtype, bool pairs)
{
	vec v[LANES];

	for (int64_t r = 0; r < LANES; r++)
		v[r] = vec_some_weights(w + (r < rows ? r : rows - 1) * stride,
					pairs ? DTYPE_F32 : dtype, left);
	vec_transpose(v);
	for (int64_t j = 0; j < LANES; j++)
		if (pairs) {
			vec_store(panel + 2 * j * TILE_N, vec_low_bf16(v[j]));
			vec_store(panel + (2 * j + 1) * TILE_N, vec_high_bf16(v[j]));
		} else {
			vec_store(panel + j * TILE_N, v[j]);
		}
}

ALWAYS_INLINE void pack_rows(float *panel, const unsigned char *w, int64_t stride, int64_t rows,
			     int64_t kc, enum dtype dtype, bool pairs)
{
	int64_t size = dtype == DTYPE_F32 ? 4 : 2, each = pairs ? 2 : 1, k = 0;

	for (; k + each * LANES <= kc; k += each * LANES)
		pack_square(panel + k * TILE_N, w + k * size, stride, rows, LANES, dtype, pairs);
	if (k < kc)
		pack_square(panel + k * TILE_N, w + k * size, stride, rows, (kc - k) / each, dtype,
			    pairs);
}

static void pack_nothing(float *panel, int64_t kc)
{
	for (int64_t k = 0; k < kc; k++)
		vec_store(panel + k * TILE_N, vec_zero());
}

/*
 * LANES columns of a panel: kc weights of `rows` rows that lie `stride` bytes apart.  More columns
 * than rows hold something that nobody looks at, and so do rows of the panel behind the kc.
 */
ALWAYS_INLINE void pack_columns(float *panel, const unsigned char *w, int64_t stride, int64_t rows,
				int64_t kc, enum dtype dtype)
{
	bool pairs = dtype == DTYPE_BF16 && kc % 2 == 0;

	if (rows <= 0)
		pack_nothing(panel, kc);
	else if (rows >= LANES && pairs)
		pack_rows(panel, w, stride, LANES, kc, dtype, true);
	else if (rows >= LANES)
		pack_rows(panel, w, stride, LANES, kc, dtype, false);
	else
		pack_rows(panel, w, stride, rows, kc, dtype, false);
}

/* panel[k][TILE_N] = W[n0 + column][k0 + k] for kc weights. */
ALWAYS_INLINE void pack_panel(float *panel, const struct tensor *w, int64_t n0, int64_t k0,
			      int64_t kc, enum dtype dtype)
{
	int64_t size = dtype == DTYPE_F32 ? 4 : 2;
	const unsigned char *base = (unsigned char *)w->data + k0 * size;

	for (int64_t half = 0; half < TILE_N; half += LANES) {
		int64_t first = n0 + half, rows = int64_min(w->shape[0] - first, LANES);

		pack_columns(panel + half, base + first * w->stride[0], w->stride[0], rows, kc,
			     dtype);
	}
}

/*
 * As pack_panel.  Where there is no better way the groups of 32 that are touched are decoded beside
 * it.
 */
static void pack_blocks(float *panel, float *decoded, const struct tensor *w, int64_t n0,
			int64_t k0, int64_t kc)
{
	int64_t from = k0 / 32 * 32;

	for (int64_t half = 0; half < TILE_N; half += LANES) {
		int64_t first = n0 + half, rows = int64_min(w->shape[0] - first, LANES);

#ifdef PACK_BLOCKS
		if (rows == LANES) {
			PACK_BLOCKS(panel + half, TILE_N, w, first, k0, kc);
			continue;
		}
#endif
		for (int64_t r = 0; r < rows; r++)
			DECODE_BLOCKS(decoded + r * DECODED, tensor_row(w, first + r), w->dtype,
				      from, k0 - from + kc);
		pack_columns(panel + half, (const unsigned char *)(decoded + k0 - from),
			     DECODED * (int64_t)sizeof(float), rows, kc, DTYPE_F32);
	}
}

/* Row r of what is next, if there is one. */
ALWAYS_INLINE void fetch_next(const struct next *next, int64_t r)
{
	if (r >= next->rows)
		return;
	for (int64_t at = 0; at < next->bytes + LINE_BYTES - 1; at += LINE_BYTES)
		_mm_prefetch(next->at + r * next->stride + at, _MM_HINT_T0);
}

/*
 * y[rows][TILE_N] = or += x[rows][kc] panel[kc][TILE_N] for up to TILE_T rows; rows of x are
 * K_BLOCK floats apart.
 */
ALWAYS_INLINE void multiply_tile(float *y, int64_t y_stride, const float *x, const float *panel,
				 int64_t kc, bool add, const struct next *next, int64_t rows)
{
	int64_t step = next->rows ? FETCH_STEP : K_BLOCK;
	vec sum[TILE_T][2];

	for (int64_t r = 0; r < rows; r++)
		sum[r][0] = sum[r][1] = vec_zero();
	for (int64_t k0 = 0; k0 < kc; k0 += step) {
		fetch_next(next, k0 / FETCH_STEP);
		for (int64_t k = k0; k < int64_min(k0 + step, kc); k++) {
			vec b0 = vec_load(panel + k * TILE_N);
			vec b1 = vec_load(panel + k * TILE_N + LANES);

			for (int64_t r = 0; r < rows; r++) {
				vec a = vec_set1(x[r * K_BLOCK + k]);

				sum[r][0] = vec_fma(a, b0, sum[r][0]);
				sum[r][1] = vec_fma(a, b1, sum[r][1]);
			}
		}
	}
	for (int64_t r = ceil_div(kc, FETCH_STEP); r < next->rows; r++)
		fetch_next(next, r);
	for (int64_t r = 0; r < rows; r++) {
		float *row = y + r * y_stride;

		if (add) {
			sum[r][0] = vec_add(vec_load(row), sum[r][0]);
			sum[r][1] = vec_add(vec_load(row + LANES), sum[r][1]);
		}
		vec_store(row, sum[r][0]);
		vec_store(row + LANES, sum[r][1]);
	}
}

/* multiply_tile() for any height: a loop for each, so that sums stay in registers. */
static void multiply(float *y, int64_t y_stride, const float *x, const float *panel, int64_t kc,
		     bool add, const struct next *next, int64_t height)
{
	switch (height) {
#define HEIGHT(n)                                                                                  \
	case n:                                                                                    \
		multiply_tile(y, y_stride, x, panel, kc, add, next, n);                            \
		break;
		EACH_HEIGHT(HEIGHT)
	default:
		kernels_refuse();
	}
}

/* How high the next of `left` rows' tiles is: even ones, for a low tile waits for its chains. */
static int64_t tile_height(int64_t left)
{
	return ceil_div(left, ceil_div(left, TILE_T));
}

/* A tile that hangs over the end of y: computed beside it. */
static void multiply_edge(float *y, int64_t y_stride, const float *x, const float *panel,
			  int64_t kc, bool add, int64_t height, int64_t columns)
{
	static const struct next nothing = { 0 };
	float tile[TILE_T * TILE_N] = { 0 };
	size_t bytes = (size_t)columns * sizeof(float);

	for (int64_t r = 0; add && r < height; r++)
		memcpy(tile + r * TILE_N, y + r * y_stride, bytes);
	multiply(tile, TILE_N, x, panel, kc, add, &nothing, height);
	for (int64_t r = 0; r < height; r++)
		memcpy(y + r * y_stride, tile + r * TILE_N, bytes);
}

/* y[tokens][columns] = or += x[tokens][kc] panel[kc][columns]; the next is fetched meanwhile. */
/* NOLINTNEXTLINE(readability-function-size) */
static void multiply_panel(float *y, int64_t y_stride, const float *x, const float *panel,
			   int64_t kc, bool add, struct next next, int64_t tokens, int64_t columns)
{
	int64_t height;

	for (int64_t t = 0; t < tokens;
	     t += height, x += height * K_BLOCK, y += height * y_stride) {
		height = tile_height(tokens - t);
		if (columns == TILE_N)
			multiply(y, y_stride, x, panel, kc, add, &next, height);
		else
			multiply_edge(y, y_stride, x, panel, kc, add, height, columns);
		next.rows = 0;
	}
}

/* kc weights from k0 on of the rows of a panel, as something to fetch; none behind the ends. */
static struct next fetched(const struct linear_args *a, int64_t n0, int64_t k0, int64_t kc)
{
	const struct dtype_info *info = &dtype_table[a->w->dtype];
	int64_t rows = k0 < a->K ? int64_min(TILE_N, a->N - n0) : 0;

	return (struct next){
		.at = (const char *)a->w->data + n0 * a->w->stride[0] +
		      k0 / info->block_elements * info->block_bytes,
		.rows = rows > 0 ? rows : 0,
		.stride = a->w->stride[0],
		.bytes = ceil_div(kc, info->block_elements) * info->block_bytes,
	};
}

static void pack(float *panel, float *decoded, const struct tensor *w, int64_t n0, int64_t k0,
		 int64_t kc)
{
	switch (w->dtype) {
	case DTYPE_F32:
		pack_panel(panel, w, n0, k0, kc, DTYPE_F32);
		break;
	case DTYPE_F16:
		pack_panel(panel, w, n0, k0, kc, DTYPE_F16);
		break;
	case DTYPE_BF16:
		pack_panel(panel, w, n0, k0, kc, DTYPE_BF16);
		break;
	DTYPE_BLOCK_CASES:
		pack_blocks(panel, decoded, w, n0, k0, kc);
		break;
	case DTYPE_F64:
	case DTYPE_I32:
	case DTYPE_U8:
	case DTYPE_I64:
	case DTYPE_COUNT:
		kernels_refuse();
	}
}

/* x[tokens][K_BLOCK] = kc numbers from k0 on of rows [t0, t0 + tokens). */
static void copy_x(float *x, const struct linear_args *a, int64_t t0, int64_t tokens, int64_t k0,
		   int64_t kc)
{
	for (int64_t t = 0; t < tokens; t++)
		memcpy(x + t * K_BLOCK, a->x + (t0 + t) * a->K + k0, (size_t)kc * sizeof(float));
}

/* One block of k of outputs [n[0], n[1]) and tokens [t[0], t[1]): packed by the first of them. */
static void multiply_block(const struct linear_args *a, struct packed *packed, int64_t k0,
			   int64_t kc, const int64_t n[2], const int64_t t[2])
{
	int64_t tokens;

	for (int64_t t0 = t[0]; t0 < t[1]; t0 += tokens) {
		tokens = tile_height(t[1] - t0);
		copy_x(packed->x, a, t0, tokens, k0, kc);
		for (int64_t n0 = n[0]; n0 < n[1]; n0 += TILE_N) {
			float *panel = packed->panels + (n0 - n[0]) * K_BLOCK;
			struct next next = fetched(a, n0, k0 + kc, kc);

			if (t0 == t[0])
				pack(panel, packed->decoded, a->w, n0, k0, kc);
			else
				next.rows = 0;
			multiply_panel(a->y + t0 * a->N + n0, a->N, packed->x, panel, kc, k0 > 0,
				       next, tokens, int64_min(TILE_N, a->N - n0));
		}
	}
}

static void many_piece(void *ctx, int64_t i, int worker)
{
	const struct linear_args *a = ctx;
	int64_t n0 = i / a->t_pieces * a->n_panels * TILE_N;
	int64_t t0 = i % a->t_pieces * a->tokens;
	int64_t n[2] = { n0, int64_min(n0 + a->n_panels * TILE_N, a->N) };
	int64_t t[2] = { t0, int64_min(t0 + a->tokens, a->T) };
	int64_t step = k_step(a);

	for (int64_t k0 = 0; k0 < a->K; k0 += step)
		multiply_block(a, &a->packed[worker], k0, int64_min(step, a->K - k0), n, t);
}

/*
 * Pieces as large as they can be, for what is packed is used by all their tokens, but a few for
 * every thread: first fewer panels, then, for narrow layers, fewer tokens.
 */
static void linear_many(struct threads *pool, struct linear_args *a)
{
	int64_t panels = ceil_div(a->N, TILE_N), wanted = 4 * (int64_t)threads_count(pool);
	size_t bytes = (size_t)threads_count(pool) * sizeof(*a->packed);

	a->packed = mem_try_aligned(bytes);
	if (!a->packed) {
		mem_out_of_memory(bytes);
		abort();
	}
	a->n_panels = MAX_PANELS;
	a->tokens = ceil_div(a->T, TILE_T) * TILE_T;
	while (a->n_panels > MIN_PANELS && ceil_div(panels, a->n_panels) < wanted)
		a->n_panels /= 2;
	while (a->tokens > MIN_TOKENS &&
	       ceil_div(panels, a->n_panels) * ceil_div(a->T, a->tokens) < wanted)
		a->tokens = ceil_div(a->tokens / TILE_T, 2) * TILE_T;
	a->t_pieces = ceil_div(a->T, a->tokens);
	threads_for(pool, ceil_div(panels, a->n_panels) * a->t_pieces, many_piece, a);
	free(a->packed);
}

#include "linear_short.h"

void LINEAR(struct threads *pool, float *y, const float *x, const struct tensor *w, int64_t T)
{
	struct linear_args args = { .y = y, .x = x, .w = w, .T = T };

	args.N = w->shape[0];
	args.K = w->shape[1];
	if (T <= 0)
		return;
	if (T <= FEW_TOKENS)
		linear_few(pool, &args);
	else if (is_short(&args))
		linear_short(pool, &args);
	else
		linear_many(pool, &args);
}

#endif
