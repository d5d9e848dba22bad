/*
 * linear_short.h -- y = x W^T for the 5 to 60 tokens of a prompt that somebody types.
 *
 * Weights are used few times, so that they come from memory nearly as fast as they are multiplied:
 * a panel is packed when its time comes, multiplied with all tokens while it lies in the first
 * cache, and the next block of k of its rows is fetched meanwhile.  x is small: it is copied once,
 * in blocks of k, and stays in the second cache; an output stays beside it until it is complete.
 *
 * The bits are those of linear_many(), whose tiles these are.  Included by linear_body.h.
 */
#ifndef TORCHLESS_KERNELS_LINEAR_SHORT_H
#define TORCHLESS_KERNELS_LINEAR_SHORT_H

#define SHORT_TOKENS  INT64_C(64)
#define PIECES_EACH   3                  /* at least, of a thread */
#define SHORT_X_BYTES ((int64_t)1 << 20) /* of x: half of a second cache */

/* What a thread works with. */
struct short_scratch {
	_Alignas(64) float panel[TILE_N * K_BLOCK + BEHIND];
	float y[SHORT_TOKENS * TILE_N];
	float decoded[LANES * DECODED];
	bool copied; /* x of this thread */
};

struct short_args {
	const struct linear_args *a;
	int64_t n_panels; /* in a piece */
	int64_t step, blocks;
	struct short_scratch *scratch; /* [threads] */
	float *x;                      /* [threads][blocks][T][K_BLOCK] */
};

static bool is_short(const struct linear_args *a)
{
	return a->T <= SHORT_TOKENS && a->K > 0 &&
	       a->T * a->K * (int64_t)sizeof(float) <= SHORT_X_BYTES;
}

/* Outputs [n0, n0 + TILE_N) of all tokens. */
static void short_panel(const struct short_args *p, struct short_scratch *s, const float *x,
			int64_t n0, int64_t n_next)
{
	const struct linear_args *a = p->a;
	int64_t columns = int64_min(TILE_N, a->N - n0);

	for (int64_t k0 = 0; k0 < a->K; k0 += p->step, x += a->T * K_BLOCK) {
		int64_t kc = int64_min(p->step, a->K - k0);
		struct next next = k0 + kc < a->K ? fetched(a, n0, k0 + kc, kc)
						  : fetched(a, n_next, 0, p->step);

		pack(s->panel, s->decoded, a->w, n0, k0, kc);
		multiply_panel(s->y, TILE_N, x, s->panel, kc, k0 > 0, next, a->T, TILE_N);
	}
	for (int64_t t = 0; t < a->T; t++) {
		float *y = a->y + t * a->N + n0, *from = s->y + t * TILE_N;

		if (columns < TILE_N) {
			memcpy(y, from, (size_t)columns * sizeof(float));
			continue;
		}
		vec_store(y, vec_load(from));
		vec_store(y + LANES, vec_load(from + LANES));
	}
}

static void short_piece(void *ctx, int64_t i, int worker)
{
	const struct short_args *p = ctx;
	const struct linear_args *a = p->a;
	struct short_scratch *s = &p->scratch[worker];
	float *x = p->x + worker * p->blocks * a->T * K_BLOCK;
	int64_t n0 = i * p->n_panels * TILE_N, n1 = int64_min(n0 + p->n_panels * TILE_N, a->N);

	for (int64_t b = 0; !s->copied && b < p->blocks; b++)
		copy_x(x + b * a->T * K_BLOCK, a, 0, a->T, b * p->step,
		       int64_min(p->step, a->K - b * p->step));
	s->copied = true;
	for (int64_t n = n0; n < n1; n += TILE_N)
		short_panel(p, s, x, n, n + TILE_N < n1 ? n + TILE_N : a->N);
}

/*
 * Panels in a piece: some pieces for every thread, dealt out evenly.  A piece waits for its first
 * weights, about as long as a fifth of a panel takes.
 */
static int64_t even_panels(int64_t panels, int64_t threads)
{
	int64_t best = 1, least = INT64_MAX;

	for (int64_t n = 1; n <= MAX_PANELS; n++) {
		int64_t pieces = ceil_div(panels, n);
		int64_t fifths = ceil_div(pieces, threads) * (5 * n + 1);

		if ((n == 1 || pieces >= PIECES_EACH * threads) && fifths < least) {
			best = n;
			least = fifths;
		}
	}
	return best;
}

static void linear_short(struct threads *pool, const struct linear_args *a)
{
	struct short_args p = { .a = a, .step = k_step(a) };
	int n = threads_count(pool);
	int64_t panels = ceil_div(a->N, TILE_N), bytes;
	unsigned char *memory;

	p.blocks = ceil_div(a->K, p.step);
	bytes = n *
		((int64_t)sizeof(*p.scratch) + p.blocks * a->T * K_BLOCK * (int64_t)sizeof(float));
	memory = mem_try_aligned((size_t)bytes);
	if (!memory) {
		mem_out_of_memory((size_t)bytes);
		abort();
	}
	p.scratch = (struct short_scratch *)(void *)memory;
	p.x = (float *)(void *)(p.scratch + n);
	for (int i = 0; i < n; i++)
		p.scratch[i].copied = false;
	p.n_panels = even_panels(panels, n);
	threads_for(pool, ceil_div(panels, p.n_panels), short_piece, &p);
	free(memory);
}

#endif
