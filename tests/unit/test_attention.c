/*
 * test_attention.c -- attention in tiles against the formula in f64 and against whole rows, with
 * windows, rings, grouped heads, and poison wherever no query may look; and what is seen of scores
 * and patterns meanwhile against those of whole rows.
 */
#include "kernels_data.h"

#include "torchless/attention_watch.h"

#include <criterion/criterion.h>

struct problem {
	int64_t T, pos0, H, G, E, window, ring; /* ring: capacity, 0 for none */
};

static const struct problem problems[] = {
	{ 1, 0, 1, 1, 2, 0, 0 },       { 1, 40, 4, 2, 16, 0, 0 },
	{ 2, 0, 6, 2, 34, 0, 0 },      { 7, 3, 6, 3, 8, 4, 0 },
	{ 33, 0, 4, 2, 64, 0, 0 },     { 101, 0, 3, 1, 72, 0, 0 },
	{ 37, 64, 2, 2, 128, 20, 0 },  { 80, 33, 6, 2, 10, 7, 0 },
	{ 1, 50, 4, 2, 16, 10, 11 },   { 9, 50, 4, 2, 16, 10, 19 },
	{ 40, 77, 6, 2, 34, 5, 45 },   { 70, 100, 2, 1, 64, 64, 134 },
	{ 45, 10, 9, 3, 7, 100, 145 }, { 1, 299, 9, 3, 64, 0, 0 },
	{ 1, 400, 16, 2, 40, 0, 0 },   { 1, 700, 5, 1, 32, 300, 301 },
	{ 1, 513, 4, 4, 128, 0, 0 },   { 1, 900, 14, 2, 10, 800, 850 },
	{ 40, 30, 4, 2, 136, 0, 0 },   { 50, 90, 2, 1, 264, 60, 112 },
};

/* Positions [first, n) of full rows in a ring, or all in a row; what is not there is NaN. */
static struct kv_view view_of(const struct problem *p, const float *full, int64_t first)
{
	int64_t n = p->pos0 + p->T, size = p->G * p->E;
	int64_t capacity = p->ring ? p->ring : n + 5;
	float *rows = data_empty(capacity * size);
	struct kv_view view = { rows, capacity, p->G, p->E, first, n - first, DTYPE_F32 };

	for (int64_t i = first; i < n; i++)
		memcpy(rows + i % capacity * size, full + i * size, (size_t)size * sizeof(*rows));
	return view;
}

static struct attention attention_of(const struct problem *p)
{
	int64_t n = p->pos0 + p->T, size = p->G * p->E;
	int64_t first = p->ring && n > p->ring ? n - p->ring : 0;
	struct attention a = { .q = data_random(p->T * p->H * p->E, 21, 3),
			       .n_heads = p->H,
			       .pos0 = p->pos0,
			       .T = p->T,
			       .window = p->window,
			       .scale = (float)(1 / sqrt((double)p->E)) };

	a.k = view_of(p, data_random(n * size, 22, 3), first);
	a.v = view_of(p, data_random(n * size, 23, 1), first);
	return a;
}

static bool sees(const struct problem *p, int64_t t, int64_t j)
{
	int64_t i = p->pos0 + t;

	return j <= i && (p->window == 0 || i - p->window < j);
}

static const float *row_of(const struct kv_view *kv, int64_t j, int64_t g)
{
	return (const float *)kv->rows + (j % kv->capacity * kv->n_kv_heads + g) * kv->head_dim;
}

/* z, and the pattern of one head, by the book. */
static void by_the_book(const struct problem *p, const struct attention *a, double *z,
			double *pattern, int64_t head)
{
	int64_t n = p->pos0 + p->T;

	for (int64_t i = 0; i < p->T * p->H; i++) {
		int64_t t = i / p->H, g = i % p->H / (p->H / p->G);
		double e[1024], sum = 0;

		for (int64_t j = 0; j < n; j++) {
			double dot = 0;

			e[j] = 0;
			if (!sees(p, t, j))
				continue;
			for (int64_t c = 0; c < p->E; c++)
				dot += (double)a->q[i * p->E + c] * row_of(&a->k, j, g)[c];
			sum += e[j] = exp(dot * a->scale);
		}
		for (int64_t j = 0; j < n; j++) {
			if (i % p->H == head)
				pattern[t * n + j] = e[j] / sum;
			for (int64_t c = 0; e[j] > 0 && c < p->E; c++)
				z[i * p->E + c] += e[j] / sum * row_of(&a->v, j, g)[c];
		}
	}
}

static void check_problem(const struct kernels *k, const struct problem *p)
{
	struct attention a = attention_of(p);
	int64_t n = p->pos0 + p->T, z_size = p->T * p->H * p->E, head = p->H - 1;
	double *want_z = calloc((size_t)z_size, sizeof(double));
	double *want_p = calloc((size_t)(p->T * n), sizeof(double));
	float *first = NULL, *rows = data_empty(p->T * n), *z = data_empty(z_size);

	by_the_book(p, &a, want_z, want_p, head);
	for (int threads = 1; threads <= 3; threads++) {
		struct err err;
		struct threads *pool = threads_new(threads, &err);
		float *tiled = data_empty(z_size);

		cr_assert_eq(attention_run(k, pool, tiled, &a), 0);
		cr_assert_leq(data_nmse(want_z, tiled, z_size), 1e-11, "%s: T %ld pos0 %ld: %g",
			      k->isa, (long)p->T, (long)p->pos0, data_nmse(want_z, tiled, z_size));
		cr_assert(!first || data_same_bits(first, tiled, z_size));
		first = tiled;
		for (int64_t h = 0; h < p->H; h++) {
			attention_scores_head(k, pool, &a, h, rows, n);
			for (int64_t i = 0; i < p->T * n; i++)
				cr_assert(sees(p, i / n, i % n) ? isfinite(rows[i])
								: rows[i] == -INFINITY);
			attention_softmax_rows(k, pool, rows, p->T, n);
			attention_mix_head(k, pool, z, &a, h, rows, n);
		}
		cr_assert(data_same_bits(first, z, z_size), "%s: tiles and rows differ, T %ld",
			  k->isa, (long)p->T);
		cr_assert_leq(data_nmse(want_p, rows, p->T * n), 1e-11);
		threads_free(pool);
	}
	free(want_z);
	free(want_p);
}

static void each_problem(void (*check)(const struct kernels *k, const struct problem *p))
{
	for (int i = 0; kernels_all[i]; i++)
		for (int j = 0; kernels_all[i]->supported() && j < COUNT_OF(problems); j++)
			check(kernels_all[i], &problems[j]);
}

Test(attention, tiles_and_rows_agree_with_each_other_and_with_the_formula)
{
	each_problem(check_problem);
}

/* The same positions in a ring and in a row. */
static void check_ring(const struct kernels *k, const struct problem *p)
{
	struct problem straight = *p;
	struct attention a, b;
	int64_t z_size = p->T * p->H * p->E;
	float *za = data_empty(z_size), *zb = data_empty(z_size);

	straight.ring = 0;
	a = attention_of(p);
	b = attention_of(&straight);
	cr_assert_eq(attention_run(k, NULL, za, &a), 0);
	cr_assert_eq(attention_run(k, NULL, zb, &b), 0);
	cr_assert(data_same_bits(za, zb, z_size), "%s: ring %ld of T %ld", k->isa, (long)p->ring,
		  (long)p->T);
}

Test(attention, a_ring_does_not_show)
{
	each_problem(check_ring);
}

/* A prompt in one pass or a query at a time: scores and sums are the same functions of rows. */
static void check_chunks(const struct kernels *k, const struct problem *p)
{
	struct attention a = attention_of(p);
	int64_t row = p->H * p->E;
	float *whole = data_empty(p->T * row), *one = data_empty(row);

	cr_assert_eq(attention_run(k, NULL, whole, &a), 0);
	for (int64_t t = 0; t < p->T; t++) {
		struct attention single = a;

		single.q += t * row;
		single.pos0 += t;
		single.T = 1;
		cr_assert_eq(attention_run(k, NULL, one, &single), 0);
		cr_assert(data_same_bits(one, whole + t * row, row), "%s: query %ld of %ld", k->isa,
			  (long)t, (long)p->T);
	}
}

Test(attention, a_query_does_not_depend_on_its_neighbours)
{
	each_problem(check_chunks);
}

/* Make position j NaN and inf, and see that exactly the queries that see it are hit. */
static void poison(const struct kernels *k, const struct problem *p, int64_t j)
{
	struct attention a = attention_of(p);
	int64_t row = p->H * p->E;
	float *clean = data_empty(p->T * row), *z = data_empty(p->T * row);

	cr_assert_eq(attention_run(k, NULL, clean, &a), 0);
	for (int64_t g = 0; g < p->G; g++)
		for (int64_t e = 0; e < p->E; e++) {
			((float *)row_of(&a.k, j, g))[e] = e % 2 ? INFINITY : NAN;
			((float *)row_of(&a.v, j, g))[e] = e % 2 ? -INFINITY : NAN;
		}
	cr_assert_eq(attention_run(k, NULL, z, &a), 0);
	for (int64_t t = 0; t < p->T; t++) {
		if (!sees(p, t, j))
			cr_assert(data_same_bits(z + t * row, clean + t * row, row),
				  "%s: query %ld shows key %ld", k->isa, (long)t, (long)j);
		for (int64_t i = t * row; sees(p, t, j) && i < (t + 1) * row; i++)
			cr_assert(isnan(z[i]), "%s: the NaN of a visible key is lost", k->isa);
	}
}

/* The first, the last and one between: hidden by causality, by the window, or by neither. */
static void check_poison(const struct kernels *k, const struct problem *p)
{
	poison(k, p, p->pos0 + p->T - 1);
	poison(k, p, p->pos0 + p->T / 2);
	poison(k, p, p->pos0);
}

Test(attention, what_is_not_seen_does_not_matter)
{
	each_problem(check_poison);
}

/* An edited pattern counts wherever it points, even at the future. */
static void check_edit(const struct kernels *k, const struct problem *p)
{
	struct attention a = attention_of(p);
	int64_t n = p->pos0 + p->T, row = p->H * p->E, head = p->H - 1;
	float *pattern = data_empty(p->T * n), *z = data_empty(p->T * row);

	memset(pattern, 0, (size_t)(p->T * n) * sizeof(*pattern));
	for (int64_t t = 0; t < p->T; t++)
		pattern[t * n + n - 1] = 1;
	attention_mix_head(k, NULL, z, &a, head, pattern, n);
	for (int64_t t = 0; t < p->T; t++)
		cr_assert(data_same_bits(z + t * row + head * p->E, row_of(&a.v, n - 1, p->G - 1),
					 p->E));
}

Test(attention, an_edited_pattern_is_obeyed)
{
	each_problem(check_edit);
}

Test(attention, no_queries_no_work)
{
	struct attention a = attention_of(&problems[1]);

	a.T = 0;
	cr_assert_eq(attention_run(&kernels_ref, NULL, NULL, &a), 0);
}

/* ---- in f16 -------------------------------------------------------------------------------- */

/* The rows of a view in f16, and in `view` what they are in f32. */
static struct kv_view halve(struct kv_view *view)
{
	int64_t n = view->capacity * view->n_kv_heads * view->head_dim;
	const float *x = view->rows;
	uint16_t *half = malloc((size_t)n * sizeof(*half));
	float *rounded = data_empty(n);
	struct kv_view halved = *view;

	for (int64_t i = 0; i < n; i++) {
		half[i] = f32_to_f16(x[i]);
		rounded[i] = f16_to_f32(half[i]);
	}
	view->rows = rounded;
	halved.rows = half;
	halved.dtype = DTYPE_F16;
	return halved;
}

/* Keys and values in f16 count as the f32 that they are; and it shows that they were rounded. */
static void check_half(const struct kernels *k, const struct problem *p)
{
	struct attention exact = attention_of(p), rounded = exact, half;
	int64_t z_size = p->T * p->H * p->E;
	float *z[3] = { data_empty(z_size), data_empty(z_size), data_empty(z_size) };
	struct attention_watch watch = { 0 };

	half = exact;
	half.k = halve(&rounded.k);
	half.v = halve(&rounded.v);
	cr_assert_eq(attention_run(k, NULL, z[0], &exact), 0);
	cr_assert_eq(attention_run(k, NULL, z[1], &rounded), 0);
	cr_assert_eq(attention_run(k, NULL, z[2], &half), 0);
	cr_assert(data_same_bits(z[1], z[2], z_size), "%s: f16 is not its f32, T %ld E %ld", k->isa,
		  (long)p->T, (long)p->E);
	cr_assert(!data_same_bits(z[0], z[2], z_size), "%s: nothing was rounded", k->isa);
	memset(z[2], 0, (size_t)z_size * sizeof(float));
	cr_assert_eq(attention_run_watched(k, NULL, z[2], &half, p->pos0 + p->T, &watch), 0);
	cr_assert(data_same_bits(z[1], z[2], z_size), "%s: watched", k->isa);
	attention_watch_release(&watch);
	free((void *)half.k.rows);
	free((void *)half.v.rows);
}

Test(attention, keys_and_values_in_f16_count_as_what_they_are)
{
	each_problem(check_half);
}

/* ---- watched ------------------------------------------------------------------------------- */

/* More than a block of statistics, one head at a time, and heads too large for two of them. */
static const struct problem long_problems[] = {
	{ 300, 0, 4, 2, 8, 0, 0 },     { 290, 30, 6, 3, 8, 101, 0 },
	{ 3, 9000, 4, 2, 8, 0, 0 },    { 5, 8190, 2, 1, 8, 4099, 0 },
	{ 200, 5300, 2, 1, 4, 43, 0 }, { 40, 5000, 2, 1, 8, 77, 120 },
};

/* What a recording says of whole rows: sums of each row, merged in the order of rows and heads. */
struct told {
	struct stats_sum total, *positions;
	XXH3_state_t *hash;
};

static struct told tell_nothing(int64_t T)
{
	struct told told = { .positions = calloc((size_t)T, sizeof(struct stats_sum)),
			     .hash = hash_new() };

	stats_sum_init(&told.total);
	for (int64_t t = 0; t < T; t++)
		stats_sum_init(&told.positions[t]);
	return told;
}

static void tell_head(struct told *told, const float *rows, int64_t T, int64_t n, int64_t head)
{
	XXH3_64bits_update(told->hash, rows, (size_t)(T * n) * sizeof(*rows));
	for (int64_t t = 0; t < T; t++) {
		struct stats_sum row;

		stats_sum_init(&row);
		stats_sum_add(&row, rows + t * n, n, (head * T + t) * n);
		stats_sum_merge(&told->total, &row);
		stats_sum_merge(&told->positions[t], &row);
	}
}

static void told_of(const struct kernels *k, const struct attention *a, int64_t n,
		    struct told told[N_ATTENTION_PARTS])
{
	float *rows = data_empty(a->T * n);

	for (int part = 0; part < N_ATTENTION_PARTS; part++)
		told[part] = tell_nothing(a->T);
	for (int64_t h = 0; h < a->n_heads; h++) {
		attention_scores_head(k, NULL, a, h, rows, n);
		tell_head(&told[ATTENTION_SCORES], rows, a->T, n, h);
		attention_softmax_rows(k, NULL, rows, a->T, n);
		tell_head(&told[ATTENTION_PATTERN], rows, a->T, n, h);
	}
}

static void check_seen(const struct kernels *k, const struct attention_seen *seen,
		       const struct told *told, int64_t T, int part)
{
	cr_assert(seen->known);
	cr_assert(memcmp(&seen->total, &told->total, sizeof(told->total)) == 0,
		  "%s: part %d of T %ld: sum %a for %a, absmax at %ld for %ld", k->isa, part,
		  (long)T, seen->total.sum, told->total.sum, (long)seen->total.absmax_at,
		  (long)told->total.absmax_at);
	cr_assert(memcmp(seen->positions, told->positions, (size_t)T * sizeof(*told->positions)) ==
		  0);
	cr_assert_eq(seen->hash, XXH3_64bits_digest(told->hash), "%s: part %d", k->isa, part);
}

/* With one watch for several calls, as the layers of a pass have; wants: a bit a part. */
static void check_watch_of(const struct kernels *k, struct threads *pool, struct attention_watch *w,
			   const struct attention *a, int wants, bool has_nan)
{
	int64_t n = a->pos0 + a->T, z_size = a->T * a->n_heads * a->v.head_dim;
	float *z = data_empty(z_size), *seen_z = data_empty(z_size);
	struct told told[N_ATTENTION_PARTS];

	told_of(k, a, n, told);
	for (int part = 0; part < N_ATTENTION_PARTS; part++)
		w->seen[part].wanted = wants >> part & 1;
	cr_assert_eq(attention_run(k, pool, z, a), 0);
	cr_assert_eq(attention_run_watched(k, pool, seen_z, a, n, w), 0);
	cr_assert(has_nan || data_same_bits(z, seen_z, z_size));
	for (int64_t i = 0; i < z_size; i++)
		if (isnan(z[i]) ? !isnan(seen_z[i]) : !data_same_bits(z + i, seen_z + i, 1))
			cr_assert_fail("%s: z[%ld] is another one", k->isa, (long)i);
	for (int part = 0; part < N_ATTENTION_PARTS; part++) {
		if (has_nan && part == ATTENTION_PATTERN)
			cr_assert_not(w->seen[part].known);
		else if (w->seen[part].wanted)
			check_seen(k, &w->seen[part], &told[part], a->T, part);
		else
			cr_assert_not(w->seen[part].known);
		free(told[part].positions);
		XXH3_freeState(told[part].hash);
	}
}

static void check_watch(const struct kernels *k, const struct problem *p, int threads)
{
	struct threads *pool;
	struct attention_watch w = { 0 };
	struct attention a = attention_of(p), b = a;
	float *q = data_random(p->T * p->H * p->E, 77, 4);
	struct err err;

	pool = threads_new(threads, &err);
	check_watch_of(k, pool, &w, &a, 3, false);
	b.q = q; /* the next layer */
	check_watch_of(k, pool, &w, &b, 1 + threads % 2, false);
	q[(p->T - 1) * p->H * p->E] = threads == 2 ? INFINITY : NAN;
	check_watch_of(k, pool, &w, &b, 3, true);
	check_watch_of(k, pool, &w, &a, 3, false); /* it left nothing behind */
	attention_watch_release(&w);
	threads_free(pool);
}

static void check_watch_by_threads(const struct kernels *k, const struct problem *p)
{
	for (int threads = 1; threads <= 3; threads++)
		check_watch(k, p, threads);
}

Test(attention, what_is_seen_is_what_whole_rows_show)
{
	each_problem(check_watch_by_threads);
}

Test(attention, what_is_seen_of_long_rows_is_what_they_show)
{
	for (int i = 0; kernels_all[i]; i++)
		for (int j = 0; j < COUNT_OF(long_problems) && kernels_all[i]->supported(); j++)
			check_watch(kernels_all[i], &long_problems[j], 2);
}

static int64_t n_asked;

/* As a bug of a lesson does it: a mask by the positions of queries, which rows of a group have not.
 */
static void planted_scores(float *scores, int64_t stride, const struct attention *a,
			   struct attention_tile tile)
{
	cr_assert(a->n_heads == 6 && a->T == 1 && tile.t0 == 0 && tile.n == 1);
	n_asked++;
	kernels_ref.scores(scores, stride, a, tile);
}

Test(attention, a_planted_kernel_is_asked_head_by_head)
{
	struct problem p = { 1, 400, 6, 2, 16, 0, 0 };
	struct attention a = attention_of(&p);
	struct kernels planted = kernels_ref;
	float *z = data_empty(p.H * p.E), *y = data_empty(p.H * p.E);

	planted.scores = planted_scores;
	cr_assert_eq(attention_run(&planted, NULL, z, &a), 0);
	cr_assert_eq(n_asked, 6);
	cr_assert_eq(attention_run(&kernels_ref, NULL, y, &a), 0);
	cr_assert(data_same_bits(y, z, p.H * p.E));
}
