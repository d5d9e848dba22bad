/*
 * stats.c -- what a recording says of a tensor.
 *
 * This is the recorder's hot loop: it reads every activation of every pass.  Floats are compared
 * as integers: flipping the lower bits of negative ones makes the integer order the float order,
 * with infinities and NaNs at both ends.  Integer minimum and maximum may be taken in any order,
 * so compilers vectorise them, and the two together tell min, max, absmax and whether a block
 * holds anything that is not finite; only such a block is scanned again with what is not set apart.
 *
 * f64 sums are kept in eight lanes that are added in a fixed order at the end of each block: the
 * same bits from every compiler, and from both paths.
 */
#include "torchless/stats.h"

#include <math.h>
#include <string.h>

#define BLOCK STATS_BLOCK
#define PART  1024 /* of a block, copied to be summed; whole lanes */
#define LANES 8

void stats_sum_init(struct stats_sum *s)
{
	*s = (struct stats_sum){ .min = (double)INFINITY,
				 .max = -(double)INFINITY,
				 .absmax_at = -1 };
}

static const int32_t inf_bits = 0x7f800000, min_normal = 0x00800000;

/* Float bits to an integer of the same order, and back: the mapping is its own inverse. */
static inline int32_t order_key(int32_t bits)
{
	return bits ^ ((bits >> 31) & 0x7fffffff);
}

static double key_value(int32_t key)
{
	int32_t bits = order_key(key);
	float f;

	memcpy(&f, &bits, sizeof(f));
	return (double)f;
}

/* What one pass over a block finds; min and max are keys of its finite elements. */
struct block {
	int32_t min, max;
	int32_t n_tiny, n_zero; /* tiny: zero or subnormal */
	int32_t n_nan, n_pinf, n_ninf;
};

static inline int32_t bits_of(float f)
{
	int32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static struct block scan(const float *x, int64_t n)
{
	int32_t lo = INT32_MAX, hi = INT32_MIN, n_tiny = 0, n_zero = 0;

	for (int64_t i = 0; i < n; i++) {
		int32_t bits = bits_of(x[i]), key = order_key(bits), magnitude = bits & INT32_MAX;

		lo = key < lo ? key : lo;
		hi = key > hi ? key : hi;
		n_tiny += magnitude < min_normal;
		n_zero += magnitude == 0;
	}
	return (struct block){ .min = lo, .max = hi, .n_tiny = n_tiny, .n_zero = n_zero };
}

/* As scan(), for blocks that hold NaN or infinity, which are counted apart. */
static struct block scan_mixed(const float *x, int64_t n)
{
	int32_t lo = INT32_MAX, hi = INT32_MIN, n_tiny = 0, n_zero = 0, n_nan = 0, n_pinf = 0,
		n_inf = 0;

	for (int64_t i = 0; i < n; i++) {
		int32_t bits = bits_of(x[i]), magnitude = bits & INT32_MAX;
		int32_t mask = magnitude < inf_bits ? -1 : 0;
		int32_t key = order_key(bits), low = (key & mask) | (INT32_MAX & ~mask),
			high = (key & mask) | (INT32_MIN & ~mask);

		lo = low < lo ? low : lo;
		hi = high > hi ? high : hi;
		n_tiny += magnitude < min_normal;
		n_zero += magnitude == 0;
		n_nan += magnitude > inf_bits;
		n_inf += magnitude == inf_bits;
		n_pinf += bits == inf_bits;
	}
	return (struct block){ lo, hi, n_tiny, n_zero, n_nan, n_pinf, n_inf - n_pinf };
}

/* x with 0 for what is not finite: adding it changes no sum. */
static void copy_finite(float *finite, const float *x, int64_t n)
{
	for (int64_t i = 0; i < n; i++) {
		int32_t bits = bits_of(x[i]), mask = (bits & INT32_MAX) < inf_bits ? -1 : 0;

		bits &= mask;
		memcpy(&finite[i], &bits, sizeof(bits));
	}
}

/* Rotating the lanes rotates nothing but the operands of these sums: see stats_sum_add(). */
static double add_lanes(const double *lane)
{
	return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
	       ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

struct lanes {
	double sum[LANES], sum_sq[LANES];
};

static void add_to_lanes(struct lanes *l, const float *x, int64_t n)
{
	int64_t whole = n - n % LANES;

	for (int64_t i = 0; i < whole; i += LANES) {
		for (int j = 0; j < LANES; j++) {
			double v = (double)x[i + j];
			l->sum[j] += v;
			l->sum_sq[j] += v * v;
		}
	}
	for (int64_t i = whole; i < n; i++) {
		double v = (double)x[i];
		l->sum[i - whole] += v;
		l->sum_sq[i - whole] += v * v;
	}
}

static void add_sums(struct stats_sum *s, const float *x, int64_t n, bool is_mixed)
{
	struct lanes l = { 0 };
	float finite[PART];

	if (!is_mixed)
		add_to_lanes(&l, x, n);
	for (int64_t i = 0; is_mixed && i < n; i += PART) {
		int64_t part = n - i < PART ? n - i : PART;

		copy_finite(finite, x + i, part);
		add_to_lanes(&l, finite, part);
	}
	s->sum += add_lanes(l.sum);
	s->sum_sq += add_lanes(l.sum_sq);
}

/* The first element whose magnitude is `absmax`, which is there. */
static int64_t find_magnitude(const float *x, double absmax)
{
	int64_t i = 0;

	while (fabs((double)x[i]) != absmax)
		i++;
	return i;
}

static void add_extremes(struct stats_sum *s, const float *x, int64_t at, const struct block *b)
{
	double lo = key_value(b->min), hi = key_value(b->max);
	double absmax = fmax(fabs(lo), fabs(hi));

	s->min = lo < s->min ? lo : s->min;
	s->max = hi > s->max ? hi : s->max;
	if (s->absmax_at < 0 || absmax > s->absmax) {
		s->absmax = absmax;
		s->absmax_at = at + find_magnitude(x, absmax);
	}
}

static void add_block(struct stats_sum *s, const float *x, int64_t n, int64_t at)
{
	struct block b = scan(x, n);
	/* The keys of -infinity and +infinity bound those of finite numbers on both sides. */
	bool is_mixed = b.max >= inf_bits || b.min <= order_key(INT32_MIN | inf_bits);

	if (is_mixed)
		b = scan_mixed(x, n);
	if (b.n_nan + b.n_pinf + b.n_ninf < n)
		add_extremes(s, x, at, &b);
	s->n_zero += b.n_zero;
	s->n_sub += b.n_tiny - b.n_zero;
	s->n_nan += b.n_nan;
	s->n_pinf += b.n_pinf;
	s->n_ninf += b.n_ninf;
	add_sums(s, x, n, is_mixed);
}

void stats_sum_add(struct stats_sum *s, const float *x, int64_t n, int64_t at)
{
	s->numel += n;
	for (int64_t i = 0; i < n; i += BLOCK)
		add_block(s, x + i, n - i < BLOCK ? n - i : BLOCK, at + i);
}

void stats_sum_merge(struct stats_sum *s, const struct stats_sum *later)
{
	s->min = later->min < s->min ? later->min : s->min;
	s->max = later->max > s->max ? later->max : s->max;
	s->sum += later->sum;
	s->sum_sq += later->sum_sq;
	if (later->absmax_at >= 0 && (s->absmax_at < 0 || later->absmax > s->absmax)) {
		s->absmax = later->absmax;
		s->absmax_at = later->absmax_at;
	}
	s->numel += later->numel;
	s->n_nan += later->n_nan;
	s->n_pinf += later->n_pinf;
	s->n_ninf += later->n_ninf;
	s->n_zero += later->n_zero;
	s->n_sub += later->n_sub;
}

struct stats stats_finish(const struct stats_sum *s)
{
	const double nan_value = (double)NAN;
	int64_t n = s->numel - s->n_nan - s->n_pinf - s->n_ninf;
	struct stats r = { .min = nan_value,
			   .max = nan_value,
			   .mean = nan_value,
			   .std = nan_value,
			   .l2 = nan_value,
			   .absmax = nan_value,
			   .absmax_at = s->absmax_at,
			   .numel = s->numel,
			   .n_nan = s->n_nan,
			   .n_pinf = s->n_pinf,
			   .n_ninf = s->n_ninf,
			   .n_zero = s->n_zero,
			   .n_sub = s->n_sub };

	if (n == 0)
		return r;
	r.min = s->min;
	r.max = s->max;
	r.absmax = s->absmax;
	r.mean = s->sum / (double)n;
	r.l2 = sqrt(s->sum_sq);
	/* Rounding leaves a constant tensor a tiny or negative variance. */
	double variance = s->sum_sq / (double)n - r.mean * r.mean;
	r.std = s->min == s->max || variance < 0 ? 0 : sqrt(variance);
	return r;
}

struct stats stats_of(const float *x, int64_t n)
{
	struct stats_sum s;

	stats_sum_init(&s);
	stats_sum_add(&s, x, n, 0);
	return stats_finish(&s);
}

double stats_quantile(const double *sorted, int64_t n, double q)
{
	double at = q * (double)(n - 1);
	int64_t i = (int64_t)at;

	if (i + 1 >= n)
		return sorted[n - 1];
	return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}
