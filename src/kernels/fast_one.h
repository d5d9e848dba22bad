/*
 * fast_one.h -- the part of fast_body.h that multiplies one token: every weight is read once.
 */
#ifndef TORCHLESS_KERNELS_FAST_ONE_H
#define TORCHLESS_KERNELS_FAST_ONE_H

/* The lanes of four sets, four to a row, summed: LANES rows in order. */
ALWAYS_INLINE ivec sum_rows(const ivec s[4])
{
	ivec a = ivec_add32(ivec_low32(s[0], s[1]), ivec_high32(s[0], s[1]));
	ivec b = ivec_add32(ivec_low32(s[2], s[3]), ivec_high32(s[2], s[3]));

	return ivec_add32(ivec_low64(a, b), ivec_high64(a, b));
}

/* Constants come as parameters too.  NOLINTBEGIN(readability-function-size) */

/* A group of LANES rows times that of x; g is the group's number in the row. */
ALWAYS_INLINE vec one_group(vec y, const struct rows *r, int64_t quad, int64_t j,
			    const struct rounded *x, int64_t g, const float *d, const float *m,
			    enum dtype t, bool whole)
{
	const int8_t *high = x->q + g * GROUP, *low = high + x->K;
	ivec h0 = ivec_repeat16(high), h1 = ivec_repeat16(high + HALF);
	ivec l0 = ivec_repeat16(low), l1 = ivec_repeat16(low + HALF), s[2][4];
	bool halves = type_scales_sixteens(t);

	for (int64_t i = 0; i < 4; i++) {
		ivec w0 = integers(r, i, quad, j, 0, t, whole);
		ivec w1 = integers(r, i, quad, j, 1, t, whole);

		if (halves) {
			s[0][i] = ivec_dot(times_step(ivec_dot(ivec_zero(), w0, h0)), w0, l0);
			s[1][i] = ivec_dot(times_step(ivec_dot(ivec_zero(), w1, h1)), w1, l1);
		} else {
			ivec sum = ivec_dot2(ivec_zero(), w0, h0, w1, h1, is_signed(t));

			s[0][i] = ivec_dot2(times_step(sum), w0, l0, w1, l1, is_signed(t));
		}
	}
	for (int64_t h = 0; h < 1 + halves; h++) {
		int64_t part = (1 + halves) * g + h;
		ivec sum = sum_rows(s[h]);

		if (offset_of(t))
			sum = ivec_add32(sum, ivec_set32(x->start[part]));
		y = add_part(y, sum, d + h * LANES, m + h * LANES, x->d[g], x->sum[part], t);
	}
	return y;
}

/*
 * Where the bytes are that are read later: so far ahead in each row, or behind its end, which is in
 * the rows that come next.
 */
struct ahead {
	int64_t left;     /* bytes of the rows from here on */
	int64_t distance; /* AHEAD altogether, or a row */
	int64_t wrap;     /* from the end of a row to the next one's beginning, LANES rows on */
	bool is_near;     /* LANES rows are no more than AHEAD: the next ones, from left to right */
};

/*
 * Have the cache fetch them for group g, which begins at byte `at`: so many lines of the next rows,
 * or one of every second row.  They may be nobody's: no fault.
 */
ALWAYS_INLINE void fetch(const struct rows *r, const struct ahead *a, int64_t at, int64_t g,
			 enum dtype t)
{
	int64_t in = at + a->distance, bytes = is_super(t) ? bytes_of(t) / 8 + 1 : bytes_of(t);
	const unsigned char *from = r->fourth[0] + (in < a->left ? in : in + a->wrap);

	if (a->is_near) {
		from += (LANES - 1) * (a->distance - a->left + at);
		for (int64_t i = 0; i < LANES * bytes; i += 64)
			_mm_prefetch((const char *)from + i, _MM_HINT_T0);
		return;
	}
	for (int64_t k = 0; k < LANES / 4; k++) {
		_mm_prefetch((const char *)from + (4 * k + g % 2) * r->stride, _MM_HINT_T0);
		_mm_prefetch((const char *)from + (4 * k + g % 2 + 2) * r->stride, _MM_HINT_T0);
	}
}

/* Groups 4 quad to 4 quad + 3 of a block of 256 elements, whose places are constants. */
ALWAYS_INLINE vec one_quad(vec y, const struct rows *r, int64_t quad, const struct rounded *x,
			   int64_t g, const float *d, const float *m, const struct ahead *ahead,
			   enum dtype t, bool whole)
{
	int64_t step = type_scales_sixteens(t) ? 2 * LANES : LANES;

	for (int64_t j = 0; whole && j < 4; j++)
		fetch(r, ahead, (4 * quad + j) * bytes_of(t) / 8, j, t);
	y = one_group(y, r, quad, 0, x, g, d, m, t, whole);
	y = one_group(y, r, quad, 1, x, g + 1, d + step, m + step, t, whole);
	y = one_group(y, r, quad, 2, x, g + 2, d + 2 * step, m + 2 * step, t, whole);
	return one_group(y, r, quad, 3, x, g + 3, d + 3 * step, m + 3 * step, t, whole);
}

/* LANES rows times one token; what is read later is fetched meanwhile. */
ALWAYS_INLINE vec one_rows(struct rows *r, const struct rounded *x, struct ahead ahead,
			   enum dtype t, bool whole)
{
	_Alignas(64) float d[PARTS * LANES], m[PARTS * LANES];
	int64_t each = is_super(t) ? 8 : PARTS, quad = PARTS * LANES / 2;
	vec y = vec_zero();

	for (int64_t g0 = 0; g0 < x->groups; g0 += each) {
		int64_t some = int64_min(each, x->groups - g0);

		find_scales(d, m, LANES, r, some, t, whole);
		if (is_super(t)) {
			y = one_quad(y, r, 0, x, g0, d, m, &ahead, t, whole);
			quad = type_scales_sixteens(t) ? 8 * LANES : 4 * LANES;
			y = one_quad(y, r, 1, x, g0 + 4, d + quad, m + quad, &ahead, t, whole);
			go_on(r, bytes_of(t), whole);
			ahead.left -= bytes_of(t);
		}
		for (int64_t g = 0; !is_super(t) && g < some; g++) {
			if (whole)
				fetch(r, &ahead, 0, g, t);
			y = one_group(y, r, 0, 0, x, g0 + g, d + g * LANES, m + g * LANES, t,
				      whole);
			go_on(r, bytes_of(t), whole);
			ahead.left -= bytes_of(t);
		}
	}
	return y;
}

ALWAYS_INLINE void one_range(const struct fast_args *a, int64_t n0, int64_t n1, enum dtype t)
{
	int64_t row = dtype_row_bytes(t, a->K), stride = a->w->stride[0];
	struct ahead ahead = { row, int64_min(row, AHEAD / LANES), LANES * stride - row,
			       row <= AHEAD / LANES };
	struct rows r;

	for (int64_t n = n0; n < n1; n += LANES) {
		float last[LANES];

		find_rows(&r, a->w, n, 0);
		if (n + LANES <= n1) {
			vec_store(a->y + n, one_rows(&r, &a->r, ahead, t, true));
			continue;
		}
		vec_store(last, one_rows(&r, &a->r, ahead, t, false));
		memcpy(a->y + n, last, (size_t)(n1 - n) * sizeof(float));
	}
}

#define ONE(t)                                                                                     \
	static void one_##t(const struct fast_args *a, int64_t n0, int64_t n1)                     \
	{                                                                                          \
		one_range(a, n0, n1, t);                                                           \
	}

EACH_BLOCK_TYPE(ONE)

/* NOLINTEND(readability-function-size) */

static void one_piece(void *ctx, int64_t i, int worker)
{
	const struct fast_args *a = ctx;
	int64_t n0 = i * a->rows, n1 = int64_min(n0 + a->rows, a->N);

	(void)worker;
#define ONE_OF(t)                                                                                  \
	if (a->w->dtype == (t))                                                                    \
		one_##t(a, n0, n1);

	EACH_BLOCK_TYPE(ONE_OF)
}

static void fast_one(struct threads *pool, struct fast_args *a)
{
	int64_t row_bytes = dtype_row_bytes(a->w->dtype, a->K);
	int64_t pieces = (int64_t)threads_count(pool) * PIECES_A_THREAD;
	int64_t least = ceil_div(MIN_PIECE_BYTES, int64_max(row_bytes, 1));

	a->rows = ceil_div(int64_max(ceil_div(a->N, pieces), least), LANES) * LANES;
	threads_for(pool, ceil_div(a->N, a->rows), one_piece, a);
}

#endif
