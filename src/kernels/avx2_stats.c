/*
 * avx2_stats.c -- what a recording says of a tensor: one pass over it, eight floats at a time.
 *
 * The bits of stats_sum_add(): its blocks and its eight lanes of f64, added in the same order.  A
 * square of a float is exact in f64, so a fused multiply-add rounds where the plain steps do.
 *
 * A block is read once, as if it held finite numbers only; what that finds tells whether it does,
 * and whether there is a zero or a subnormal number to be counted.  One that holds NaN or infinity
 * is read again without them, one with tiny numbers is counted again.
 */
#include "avx2.h"

#include "torchless/numbers.h"

#include <math.h>

#define BLOCK STATS_BLOCK

enum { INF_BITS = 0x7f800000, MIN_NORMAL = 0x00800000 };

/* What a pass over a block finds; the keys are of its finite elements. */
struct block {
	__m256i low, high; /* as integers in the order of the floats */
	__m256i magnitude; /* the least, as bits without the sign */
	__m256d sum[2], sq[2];
	__m256i n_nan, n_inf, n_pinf; /* minus how many */
};

ALWAYS_INLINE __m256i all(int32_t x)
{
	return _mm256_set1_epi32(x);
}

/* Float bits to an integer of the same order, and back. */
ALWAYS_INLINE __m256i keys_of(__m256i bits)
{
	return _mm256_xor_si256(bits,
				_mm256_and_si256(_mm256_srai_epi32(bits, 31), all(INT32_MAX)));
}

ALWAYS_INLINE void add_doubles(struct block *b, __m256 x)
{
	__m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(x));
	__m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));

	b->sum[0] = _mm256_add_pd(b->sum[0], low);
	b->sum[1] = _mm256_add_pd(b->sum[1], high);
	b->sq[0] = _mm256_fmadd_pd(low, low, b->sq[0]);
	b->sq[1] = _mm256_fmadd_pd(high, high, b->sq[1]);
}

/* Eight elements, of which those that are not `valid` are no elements and 0. */
ALWAYS_INLINE void add_eight(struct block *b, __m256 x, __m256i valid, bool is_part, bool is_mixed)
{
	__m256i bits = _mm256_castps_si256(x), magnitude = _mm256_and_si256(bits, all(INT32_MAX));
	__m256i low = keys_of(bits), high = low;

	if (is_mixed) {
		__m256i nan = _mm256_cmpgt_epi32(magnitude, all(INF_BITS));
		__m256i inf = _mm256_cmpeq_epi32(magnitude, all(INF_BITS));

		b->n_nan = _mm256_add_epi32(b->n_nan, nan);
		b->n_inf = _mm256_add_epi32(b->n_inf, inf);
		b->n_pinf = _mm256_add_epi32(b->n_pinf, _mm256_cmpeq_epi32(bits, all(INF_BITS)));
		valid = _mm256_andnot_si256(_mm256_or_si256(nan, inf), valid);
		x = _mm256_and_ps(x, _mm256_castsi256_ps(valid));
	}
	if (is_mixed || is_part) {
		low = _mm256_blendv_epi8(all(INT32_MAX), low, valid);
		high = _mm256_blendv_epi8(all(INT32_MIN), high, valid);
		magnitude = _mm256_or_si256(magnitude, _mm256_andnot_si256(valid, all(INT32_MAX)));
	}
	b->low = _mm256_min_epi32(b->low, low);
	b->high = _mm256_max_epi32(b->high, high);
	b->magnitude = _mm256_min_epi32(b->magnitude, magnitude);
	add_doubles(b, x);
}

ALWAYS_INLINE struct block read_block(const float *x, int64_t n, bool is_mixed)
{
	struct block b = { .low = all(INT32_MAX),
			   .high = all(INT32_MIN),
			   .magnitude = all(INT32_MAX) };
	int64_t i = 0;

	for (; i + 8 <= n; i += 8)
		add_eight(&b, _mm256_loadu_ps(x + i), all(-1), false, is_mixed);
	if (i < n)
		add_eight(&b, load_lanes(x + i, n - i), first_lanes(n - i), true, is_mixed);
	return b;
}

/* ---- of lanes ------------------------------------------------------------------------------- */

static int32_t min_of(__m256i v)
{
	__m128i m = _mm_min_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	m = _mm_min_epi32(m, _mm_shuffle_epi32(m, 0x4e));
	m = _mm_min_epi32(m, _mm_shuffle_epi32(m, 0xb1));
	return _mm_cvtsi128_si32(m);
}

/* Without overflow: ~ turns the order around. */
static int32_t max_of(__m256i v)
{
	return ~min_of(_mm256_xor_si256(v, all(-1)));
}

/* How many, of lanes that count down from 0. */
static int64_t count_of(__m256i v)
{
	__m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
	return -(int64_t)_mm_cvtsi128_si32(s);
}

/* ((0+4)+(2+6)) + ((1+5)+(3+7)), as stats.c adds them. */
static double sum_of(const __m256d lanes[2])
{
	__m256d s = _mm256_add_pd(lanes[0], lanes[1]);
	__m128d t = _mm_add_pd(_mm256_castpd256_pd128(s), _mm256_extractf128_pd(s, 1));

	return _mm_cvtsd_f64(t) + _mm_cvtsd_f64(_mm_unpackhi_pd(t, t));
}

static double key_value(int32_t key)
{
	int32_t bits = key ^ ((key >> 31) & INT32_MAX);
	float f;

	memcpy(&f, &bits, sizeof(f));
	return (double)f;
}

/* ---- a block -------------------------------------------------------------------------------- */

/* The first of n elements whose bits without the sign are `magnitude`; there is one. */
static int64_t find_magnitude(const float *x, int64_t n, int32_t magnitude)
{
	for (int64_t i = 0;; i += 8) {
		__m256i bits = _mm256_castps_si256(load_lanes(x + i, n - i));
		__m256i equal =
			_mm256_cmpeq_epi32(_mm256_and_si256(bits, all(INT32_MAX)), all(magnitude));
		int found = _mm256_movemask_ps(_mm256_castsi256_ps(equal));

		if (found)
			return i + __builtin_ctz((unsigned)found);
	}
}

static void add_extremes(struct stats_sum *s, const float *x, int64_t n, int64_t at,
			 const struct block *b)
{
	double low = key_value(min_of(b->low)), high = key_value(max_of(b->high));
	double absmax = fmax(fabs(low), fabs(high));
	float largest = (float)absmax;
	int32_t magnitude;

	s->min = low < s->min ? low : s->min;
	s->max = high > s->max ? high : s->max;
	if (s->absmax_at >= 0 && !(absmax > s->absmax))
		return;
	memcpy(&magnitude, &largest, sizeof(magnitude));
	s->absmax = absmax;
	s->absmax_at = at + find_magnitude(x, n, magnitude);
}

static void count_tiny(struct stats_sum *s, const float *x, int64_t n)
{
	__m256i tiny = _mm256_setzero_si256(), zero = tiny;
	int64_t n_zero;

	for (int64_t i = 0; i < n; i += 8) {
		__m256i valid = first_lanes(int64_min(n - i, 8));
		__m256i bits = _mm256_castps_si256(load_lanes(x + i, n - i));
		__m256i magnitude = _mm256_and_si256(bits, all(INT32_MAX));
		__m256i is_tiny = _mm256_cmpgt_epi32(all(MIN_NORMAL), magnitude);
		__m256i is_zero = _mm256_cmpeq_epi32(magnitude, _mm256_setzero_si256());

		tiny = _mm256_add_epi32(tiny, _mm256_and_si256(is_tiny, valid));
		zero = _mm256_add_epi32(zero, _mm256_and_si256(is_zero, valid));
	}
	n_zero = count_of(zero);
	s->n_zero += n_zero;
	s->n_sub += count_of(tiny) - n_zero;
}

static void add_block(struct stats_sum *s, const float *x, int64_t n, int64_t at)
{
	struct block b = read_block(x, n, false);
	int64_t n_nan, n_inf, n_pinf;

	/* The keys of -infinity and +infinity bound those of finite numbers on both sides. */
	if (max_of(b.high) >= INF_BITS || min_of(b.low) < -INF_BITS)
		b = read_block(x, n, true);
	n_nan = count_of(b.n_nan);
	n_inf = count_of(b.n_inf);
	n_pinf = count_of(b.n_pinf);
	if (n_nan + n_inf < n)
		add_extremes(s, x, n, at, &b);
	if (min_of(b.magnitude) < MIN_NORMAL)
		count_tiny(s, x, n);
	s->n_nan += n_nan;
	s->n_pinf += n_pinf;
	s->n_ninf += n_inf - n_pinf;
	s->sum += sum_of(b.sum);
	s->sum_sq += sum_of(b.sq);
}

void avx2_sum(struct stats_sum *s, const float *x, int64_t n, int64_t at)
{
	s->numel += n;
	for (int64_t i = 0; i < n; i += BLOCK)
		add_block(s, x + i, int64_min(n - i, BLOCK), at + i);
}
