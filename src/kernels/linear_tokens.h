/*
 * linear_tokens.h -- y = x W^T for the 5 to 60 tokens of a prompt that somebody types.
 *
 * To transpose weights into a panel takes as long as the little that is multiplied with it.  So it
 * is x that is transposed, once, and tokens lie across the lanes: a few rows of W are converted as
 * they lie, and each of their weights is multiplied with all tokens.  That pays where tokens come
 * near to filling their last vector.
 *
 *	             x [k][tokens]
 *	   W   k --> [ ....... ]
 *	 R [.....]   y [outputs][tokens], transposed into y when k has ended
 *
 * The bits are those of a panel: the same chain over the same block of k, the blocks added in
 * order.  Included by linear_body.h.
 */
#ifndef TORCHLESS_KERNELS_LINEAR_TOKENS_H
#define TORCHLESS_KERNELS_LINEAR_TOKENS_H

#define MAX_TOKENS 64
#define MAX_ROWS   12  /* of W that are multiplied at once */
#define MAX_PIECE  192 /* rows of a piece of work; halved twice, a multiple of all those above */

/* What a thread works with; too much for a stack. */
struct tokens_scratch {
	_Alignas(64) float w[MAX_ROWS * K_BLOCK];
	float decoded[DECODED];                       /* a row of blocks on its way into w */
	_Alignas(64) float y[MAX_PIECE * MAX_TOKENS]; /* [outputs][lanes] */
};

struct tokens_args {
	const struct linear_args *a;
	int64_t lanes; /* of a row of xt: T in whole vectors */
	int64_t rows;  /* of W in a piece */
	int64_t k_step;
	float *xt; /* [K, lanes], zeros beyond T */
	struct tokens_scratch *scratch;
};

/* K_BLOCK positions of k of x, transposed. */
static void transpose_tokens(void *ctx, int64_t i, int worker)
{
	const struct tokens_args *p = ctx;
	int64_t K = p->a->K, k0 = i * K_BLOCK, k1 = int64_min(k0 + K_BLOCK, K);

	(void)worker;
	for (int64_t k = k0; k < k1; k += LANES)
		for (int64_t t0 = 0; t0 < p->lanes; t0 += LANES) {
			vec v[LANES];

			for (int64_t t = 0; t < LANES; t++) {
				const float *src = p->a->x + (t0 + t) * K + k;

				v[t] = t0 + t >= p->a->T
					       ? vec_zero()
					       : vec_some_weights((const unsigned char *)src,
								  DTYPE_F32, k1 - k);
			}
			vec_transpose(v);
			for (int64_t j = 0; j < int64_min(LANES, k1 - k); j++)
				vec_store(p->xt + (k + j) * p->lanes + t0, v[j]);
		}
}

/* y[R][V vectors] = or += w[R][kc] xt[kc][V vectors]; rows of w are K_BLOCK floats apart. */
ALWAYS_INLINE void multiply_rows(float *y, int64_t lanes, const float *w, const float *xt,
				 int64_t kc, bool add, int64_t R, int64_t V)
{
	vec sum[12][2];

	for (int64_t r = 0; r < R; r++)
		for (int64_t v = 0; v < V; v++)
			sum[r][v] = vec_zero();
	for (int64_t k = 0; k < kc; k++) {
		vec x[2];

		for (int64_t v = 0; v < V; v++)
			x[v] = vec_load(xt + k * lanes + v * LANES);
		for (int64_t r = 0; r < R; r++) {
			vec weight = vec_set1(w[r * K_BLOCK + k]);

			for (int64_t v = 0; v < V; v++)
				sum[r][v] = vec_fma(x[v], weight, sum[r][v]);
		}
	}
	for (int64_t r = 0; r < R; r++)
		for (int64_t v = 0; v < V; v++) {
			float *at = y + r * lanes + v * LANES;

			vec_store(at, add ? vec_add(vec_load(at), sum[r][v]) : sum[r][v]);
		}
}

/* MAX_ROWS rows of W times all tokens, two vectors of them at once. */
static void multiply_rows_all(float *y, int64_t lanes, const float *w, const float *xt, int64_t kc,
			      bool add)
{
	int64_t v = 0;

	for (; v + 2 * LANES <= lanes; v += 2 * LANES)
		for (int64_t r = 0; r < MAX_ROWS; r += SUMS / 2)
			multiply_rows(y + r * lanes + v, lanes, w + r * K_BLOCK, xt + v, kc, add,
				      SUMS / 2, 2);
	for (; v < lanes; v += LANES)
		multiply_rows(y + v, lanes, w, xt + v, kc, add, MAX_ROWS, 1);
}

/*
 * kc weights of `rows` rows of W from row n0 as f32, K_BLOCK apart.  The block after it is fetched
 * meanwhile: its time comes when all rows of the piece are through with this one.
 */
ALWAYS_INLINE void convert_rows(float *dst, const struct tensor *w, int64_t n0, int64_t rows,
				int64_t k0, int64_t kc, enum dtype dtype)
{
	int64_t size = dtype == DTYPE_F32 ? 4 : 2;
	const unsigned char *src = (unsigned char *)w->data + n0 * w->stride[0] + k0 * size;

	for (int64_t r = 0; r < rows; r++, src += w->stride[0], dst += K_BLOCK) {
		int64_t k = 0;

		for (int64_t at = 0; at < kc * size; at += LINE_BYTES)
			_mm_prefetch((const char *)src + kc * size + at, _MM_HINT_T0);
		for (; k + LANES <= kc; k += LANES)
			vec_store(dst + k, vec_weights(src + k * size, dtype));
		if (k < kc)
			vec_store(dst + k, vec_some_weights(src + k * size, dtype, kc - k));
	}
}

/* As convert_rows: the groups of 32 that [k0, k0 + kc) touches are decoded beside it. */
static void convert_blocks(float *dst, float *decoded, const struct tensor *w, int64_t n0,
			   int64_t rows, int64_t k0, int64_t kc)
{
	int64_t from = k0 / 32 * 32;

	for (int64_t r = 0; r < rows; r++) {
		DECODE_BLOCKS(decoded, tensor_row(w, n0 + r), w->dtype, from, k0 - from + kc);
		memcpy(dst + r * K_BLOCK, decoded + k0 - from, (size_t)kc * sizeof(float));
	}
}

static void convert_some(struct tokens_scratch *s, const struct tensor *w, int64_t n0, int64_t rows,
			 int64_t k0, int64_t kc)
{
	float *dst = s->w;

	switch (w->dtype) {
	case DTYPE_F32:
		convert_rows(dst, w, n0, rows, k0, kc, DTYPE_F32);
		break;
	case DTYPE_F16:
		convert_rows(dst, w, n0, rows, k0, kc, DTYPE_F16);
		break;
	case DTYPE_BF16:
		convert_rows(dst, w, n0, rows, k0, kc, DTYPE_BF16);
		break;
	DTYPE_BLOCK_CASES:
		convert_blocks(dst, s->decoded, w, n0, rows, k0, kc);
		break;
	case DTYPE_F64:
	case DTYPE_I32:
	case DTYPE_U8:
	case DTYPE_I64:
	case DTYPE_COUNT:
		kernels_refuse();
	}
}

/* y[t][n0 + n] = yt[n][t] for `rows` outputs. */
static void untranspose(const struct tokens_args *p, const float *yt, int64_t n0, int64_t rows)
{
	int64_t N = p->a->N, T = p->a->T;
	float *y = p->a->y + n0;

	for (int64_t n = 0; n < rows; n += LANES)
		for (int64_t t0 = 0; t0 < T; t0 += LANES) {
			vec v[LANES];

			for (int64_t j = 0; j < LANES; j++)
				v[j] = vec_load(yt + (n + j) * p->lanes + t0);
			vec_transpose(v);
			for (int64_t t = t0; t < int64_min(t0 + LANES, T); t++)
				if (rows - n >= LANES)
					vec_store(y + t * N + n, v[t - t0]);
				else
					memcpy(y + t * N + n, &v[t - t0],
					       (size_t)(rows - n) * sizeof(float));
		}
}

static void tokens_piece(void *ctx, int64_t i, int worker)
{
	const struct tokens_args *p = ctx;
	struct tokens_scratch *s = &p->scratch[worker];
	int64_t n0 = i * p->rows, n1 = int64_min(n0 + p->rows, p->a->N);

	for (int64_t k0 = 0; k0 < p->a->K; k0 += p->k_step) {
		int64_t kc = int64_min(p->k_step, p->a->K - k0);

		for (int64_t n = n0; n < n1; n += MAX_ROWS) {
			convert_some(s, p->a->w, n, int64_min(MAX_ROWS, n1 - n), k0, kc);
			multiply_rows_all(s->y + (n - n0) * p->lanes, p->lanes, s->w,
					  p->xt + k0 * p->lanes, kc, k0 > 0);
		}
	}
	untranspose(p, s->y, n0, n1 - n0);
}

/* Whether tokens leave less than half a vector empty; panels fit any number of them. */
static bool fills_lanes(const struct linear_args *a)
{
	return a->T <= MAX_TOKENS && a->K > 0 && 2 * (-a->T & (LANES - 1)) < LANES;
}

static void linear_tokens(struct threads *pool, const struct linear_args *a)
{
	struct tokens_args p = { .a = a, .rows = MAX_PIECE, .k_step = k_step(a) };
	int n = threads_count(pool);
	int64_t bytes = n * (int64_t)sizeof(*p.scratch);
	unsigned char *memory;

	p.lanes = ceil_div(a->T, LANES) * LANES;
	bytes += a->K * p.lanes * (int64_t)sizeof(float);
	memory = mem_try_aligned((size_t)bytes);
	if (!memory) {
		mem_out_of_memory((size_t)bytes);
		abort();
	}
	p.scratch = (struct tokens_scratch *)(void *)memory;
	p.xt = (float *)(void *)(p.scratch + n);
	for (int i = 0; i < n; i++) /* rows beyond N are multiplied too, and not kept */
		memset(p.scratch[i].w, 0, sizeof(p.scratch[i].w));
	while (p.rows > MAX_PIECE / 4 && ceil_div(a->N, p.rows) < 4 * (int64_t)n)
		p.rows /= 2;
	threads_for(pool, ceil_div(a->K, K_BLOCK), transpose_tokens, &p);
	threads_for(pool, ceil_div(a->N, p.rows), tokens_piece, &p);
	free(memory);
}

#endif
