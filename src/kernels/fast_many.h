/*
 * fast_many.h -- the part of fast_body.h that multiplies more tokens than one: panels and tiles.
 */
#ifndef TORCHLESS_KERNELS_FAST_MANY_H
#define TORCHLESS_KERNELS_FAST_MANY_H

/* Constants come as parameters too.  NOLINTBEGIN(readability-function-size) */

/* w[8][TILE_N][4] = a group of LANES rows, four bytes of each side by side. */
ALWAYS_INLINE void pack_group(uint8_t *w, const struct rows *r, int64_t quad, int64_t j,
			      enum dtype t, bool whole)
{
	for (int64_t h = 0; h < 2; h++, w += 4 * TILE_N * 4) {
		ivec s[4], a, b, c, d;

		for (int64_t i = 0; i < 4; i++)
			s[i] = integers(r, i, quad, j, h, t, whole);
		a = ivec_low32(s[0], s[1]);
		b = ivec_low32(s[2], s[3]);
		c = ivec_high32(s[0], s[1]);
		d = ivec_high32(s[2], s[3]);
		ivec_store(w, ivec_low64(a, b));
		ivec_store(w + TILE_N * 4, ivec_high64(a, b));
		ivec_store(w + 2 * TILE_N * 4, ivec_low64(c, d));
		ivec_store(w + 3 * TILE_N * 4, ivec_high64(c, d));
	}
}

/* LANES rows of a panel: `groups` groups of each. */
ALWAYS_INLINE void pack_rows(struct panel *p, int64_t column, struct rows *r, int64_t groups,
			     enum dtype t, bool whole)
{
	int64_t each = is_super(t) ? 8 : CHUNK, parts = type_scales_sixteens(t) ? 2 : 1;

	for (int64_t g0 = 0; g0 < groups; g0 += each) {
		int64_t some = int64_min(each, groups - g0), part = g0 * parts * TILE_N + column;

		find_scales(p->d + part, p->m + part, TILE_N, r, some, t, whole);
		for (int64_t g = g0; g < g0 + some; g += is_super(t) ? 4 : 1) {
			uint8_t *w = p->w[g][0] + 4 * column;
			int64_t quad = (g - g0) / 4, next = sizeof(p->w[0]);

			if (!is_super(t)) {
				pack_group(w, r, 0, 0, t, whole);
				go_on(r, bytes_of(t), whole);
				continue;
			}
			pack_group(w, r, quad, 0, t, whole);
			pack_group(w + next, r, quad, 1, t, whole);
			pack_group(w + 2 * next, r, quad, 2, t, whole);
			pack_group(w + 3 * next, r, quad, 3, t, whole);
		}
		if (is_super(t))
			go_on(r, bytes_of(t), whole);
	}
}

#define PACK(t)                                                                                    \
	static void pack_##t(struct panel *p, int64_t column, struct rows *r, int64_t groups,      \
			     bool whole)                                                           \
	{                                                                                          \
		if (whole)                                                                         \
			pack_rows(p, column, r, groups, t, true);                                  \
		else                                                                               \
			pack_rows(p, column, r, groups, t, false);                                 \
	}

EACH_BLOCK_TYPE(PACK)

typedef void (*packer)(struct panel *p, int64_t column, struct rows *r, int64_t groups, bool whole);

static packer packer_of(enum dtype dtype)
{
#define PACKER(t)                                                                                  \
	if (dtype == (t))                                                                          \
		return pack_##t;

	EACH_BLOCK_TYPE(PACKER)
	kernels_refuse();
}

static void pack_panel(struct panel *p, const struct tensor *w, int64_t n0, int64_t at,
		       int64_t groups)
{
	for (int64_t column = 0; column < TILE_N; column += LANES) {
		struct rows r;
		bool whole = n0 + column + LANES <= w->shape[0];

		find_rows(&r, w, n0 + column, at);
		packer_of(w->dtype)(p, column, &r, groups, whole);
	}
}

/* sum[t] += w[n_j][TILE_N][4] x[t][n_j][4], of x the high bytes or the low ones. */
ALWAYS_INLINE void sum_bytes(ivec sum[][2], const uint8_t *w, const int8_t *x, int64_t K,
			     int64_t n_j, int64_t n_t, enum dtype t)
{
	for (int64_t j = 0; j < n_j; j += 2, w += 2 * TILE_N * 4) {
		ivec a = ivec_load(w), b = ivec_load(w + LANES * 4);
		ivec c = ivec_load(w + TILE_N * 4), d = ivec_load(w + TILE_N * 4 + LANES * 4);

		for (int64_t i = 0; i < n_t; i++) {
			ivec x0 = ivec_repeat4(x + 2 * i * K + 4 * j);
			ivec x1 = ivec_repeat4(x + 2 * i * K + 4 * j + 4);

			sum[i][0] = ivec_dot2(sum[i][0], a, x0, c, x1, is_signed(t));
			sum[i][1] = ivec_dot2(sum[i][1], b, x0, d, x1, is_signed(t));
		}
	}
}

/* The integers of one part of a tile: start + w x. */
ALWAYS_INLINE void sum_part(ivec sum[][2], const uint8_t *w, const int8_t *x, int64_t K,
			    const int32_t *start, int64_t parts, int64_t n_j, int64_t n_t,
			    enum dtype t)
{
	for (int64_t i = 0; i < n_t; i++)
		sum[i][0] = sum[i][1] = ivec_zero();
	sum_bytes(sum, w, x, K, n_j, n_t, t);
	for (int64_t i = 0; i < n_t; i++)
		for (int64_t v = 0; v < 2; v++) {
			sum[i][v] = times_step(sum[i][v]);
			if (offset_of(t))
				sum[i][v] = ivec_add32(sum[i][v], ivec_set32(start[i * parts]));
		}
	sum_bytes(sum, w, x + K, K, n_j, n_t, t);
}

/* y[n_t][TILE_N] += a panel times `groups` groups of x from g0 on, of tokens t0 on. */
ALWAYS_INLINE void multiply_tile(float *y, int64_t y_stride, const struct panel *p,
				 const struct rounded *x, int64_t t0, int64_t g0, int64_t groups,
				 int64_t n_t, enum dtype t)
{
	int64_t halves = type_scales_sixteens(t) ? 2 : 1, part = t0 * x->parts + g0 * halves;
	const float *d = p->d, *m = p->m, *dx = x->d + t0 * x->groups + g0;
	vec acc[TILE_T][2];

	for (int64_t i = 0; i < n_t; i++)
		for (int64_t v = 0; v < 2; v++)
			acc[i][v] = g0 ? vec_load(y + i * y_stride + v * LANES) : vec_zero();
	for (int64_t g = 0; g < groups; g++)
		for (int64_t h = 0; h < halves; h++, part++, d += TILE_N, m += TILE_N) {
			const int8_t *q = x->q + 2 * t0 * x->K + (g0 + g) * GROUP + h * HALF;
			ivec sum[TILE_T][2];

			sum_part(sum, p->w[g][h * 4], q, x->K, x->start + part, x->parts,
				 8 / halves, n_t, t);
			for (int64_t i = 0; i < n_t; i++)
				for (int64_t v = 0; v < 2; v++)
					acc[i][v] = add_part(acc[i][v], sum[i][v], d + v * LANES,
							     m + v * LANES, dx[i * x->groups + g],
							     x->sum[part + i * x->parts], t);
		}
	for (int64_t i = 0; i < n_t; i++)
		for (int64_t v = 0; v < 2; v++)
			vec_store(y + i * y_stride + v * LANES, acc[i][v]);
}

/* The types that a tile must tell apart, each by one of them. */
static enum dtype kind_of(enum dtype t)
{
	if (type_scales_sixteens(t))
		return type_has_minima(t) ? DTYPE_Q2_K : DTYPE_Q6_K;
	return type_has_minima(t) ? DTYPE_Q4_1 : is_wide(t) ? DTYPE_Q8_0 : DTYPE_Q4_0;
}

ALWAYS_INLINE void multiply_kind(float *y, int64_t y_stride, const struct panel *p,
				 const struct rounded *x, int64_t t0, int64_t g0, int64_t groups,
				 int64_t n_t, enum dtype t)
{
	switch (n_t) {
	case 1:
		multiply_tile(y, y_stride, p, x, t0, g0, groups, 1, t);
		break;
	case 2:
		multiply_tile(y, y_stride, p, x, t0, g0, groups, 2, t);
		break;
	case 3:
		multiply_tile(y, y_stride, p, x, t0, g0, groups, 3, t);
		break;
#if TILE_T > 4
	case 4:
		multiply_tile(y, y_stride, p, x, t0, g0, groups, 4, t);
		break;
	case 5:
		multiply_tile(y, y_stride, p, x, t0, g0, groups, 5, t);
		break;
#endif
	default:
		multiply_tile(y, y_stride, p, x, t0, g0, groups, TILE_T, t);
	}
}

static void multiply(float *y, int64_t y_stride, const struct panel *p, const struct rounded *x,
		     int64_t t0, int64_t g0, int64_t groups, int64_t n_t, enum dtype t)
{
#define KIND(t)                                                                                    \
	if (kind == (t)) {                                                                         \
		multiply_kind(y, y_stride, p, x, t0, g0, groups, n_t, t);                          \
		return;                                                                            \
	}
	enum dtype kind = kind_of(t);

	KIND(DTYPE_Q8_0)
	KIND(DTYPE_Q4_0)
	KIND(DTYPE_Q4_1)
	KIND(DTYPE_Q6_K)
	KIND(DTYPE_Q2_K)
}

/* A tile that hangs over the end of y: computed beside it. */
static void multiply_edge(float *y, int64_t y_stride, const struct panel *p,
			  const struct rounded *x, int64_t t0, int64_t g0, int64_t groups,
			  int64_t n_t, int64_t n, enum dtype t)
{
	float tile[TILE_T * TILE_N] = { 0 };
	size_t bytes = (size_t)n * sizeof(float);

	for (int64_t i = 0; g0 && i < n_t; i++)
		memcpy(tile + i * TILE_N, y + i * y_stride, bytes);
	multiply(tile, TILE_N, p, x, t0, g0, groups, n_t, t);
	for (int64_t i = 0; i < n_t; i++)
		memcpy(y + i * y_stride, tile + i * TILE_N, bytes);
}

/* NOLINTEND(readability-function-size) */

/* Tiles of nearly the same height: two of four tokens are better than one of six and one of two. */
static void many_piece(void *ctx, int64_t i, int worker)
{
	const struct fast_args *a = ctx;
	struct panel *p = &a->panels[worker];
	enum dtype t = a->w->dtype;
	int64_t n0 = i / a->t_pieces * TILE_N, n = int64_min(TILE_N, a->N - n0);
	int64_t first = i % a->t_pieces * a->tokens, end = int64_min(first + a->tokens, a->T);

	for (int64_t g0 = 0; g0 < a->r.groups; g0 += CHUNK) {
		int64_t groups = int64_min(CHUNK, a->r.groups - g0), n_t;

		pack_panel(p, a->w, n0, dtype_row_bytes(t, g0 * GROUP), groups);
		for (int64_t t0 = first; t0 < end; t0 += n_t) {
			float *y = a->y + t0 * a->N + n0;

			n_t = ceil_div(end - t0, ceil_div(end - t0, TILE_T));
			if (n == TILE_N)
				multiply(y, a->N, p, &a->r, t0, g0, groups, n_t, t);
			else
				multiply_edge(y, a->N, p, &a->r, t0, g0, groups, n_t, n, t);
		}
	}
}

static void fast_many(struct threads *pool, struct fast_args *a)
{
	int64_t blocks = ceil_div(a->N, TILE_N), wanted = 4 * (int64_t)threads_count(pool);
	size_t bytes = (size_t)threads_count(pool) * sizeof(*a->panels);

	a->panels = mem_try_aligned(bytes);
	if (!a->panels) {
		mem_out_of_memory(bytes);
		abort();
	}
	a->tokens = a->T;
	while (a->tokens > MIN_TOKENS && blocks * ceil_div(a->T, a->tokens) < wanted)
		a->tokens = ceil_div(a->tokens, 2);
	a->t_pieces = ceil_div(a->T, a->tokens);
	threads_for(pool, blocks * a->t_pieces, many_piece, a);
	free(a->panels);
}

#endif
