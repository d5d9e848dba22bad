/*
 * stats.h -- what a recording says of a tensor without keeping it.
 *
 * Counts are over all elements.  min, max, mean, std (population), l2 and absmax are over the
 * finite ones, because masked scores hold -inf on purpose and one NaN must not hide the rest;
 * they are NaN when nothing is finite.  Sums accumulate in f64 over blocks of a fixed size, so
 * the result does not depend on the number of threads.
 */
#ifndef TORCHLESS_STATS_H
#define TORCHLESS_STATS_H

#include "torchless/tensor.h"

struct stats {
	double min, max, mean, std, l2, absmax;
	int64_t absmax_at; /* flat C-order index of the first largest |x|, -1 when nothing is finite
			    */
	int64_t numel, n_nan, n_pinf, n_ninf, n_zero, n_sub;
};

/* Sums of one block or of many added together; start from zero bytes with stats_sum_init(). */
struct stats_sum {
	double min, max, sum, sum_sq, absmax;
	int64_t absmax_at;
	int64_t numel, n_nan, n_pinf, n_ninf, n_zero, n_sub;
};

void stats_sum_init(struct stats_sum *s);

/* Elements that are summed by themselves before they join the rest: i / STATS_BLOCK is its block.
 */
enum { STATS_BLOCK = 4096 };

/*
 * Add x[0..n), whose first element has flat index `at`; blocks begin at x[0].  Leaving out elements
 * at either end of a block that are zero or not finite changes no bit of the sums: element i goes
 * to lane i % 8, and the lanes are added in an order that is the same when all are moved on by one.
 */
void stats_sum_add(struct stats_sum *s, const float *x, int64_t n, int64_t at);

/* Add the sums of a later part; absmax keeps the earlier position on ties. */
void stats_sum_merge(struct stats_sum *s, const struct stats_sum *later);

struct stats stats_finish(const struct stats_sum *s);

/* Statistics of a contiguous f32 array. */
struct stats stats_of(const float *x, int64_t n);

/*
 * The q-quantile (0..1) of n >= 1 numbers in ascending order, between two of them on the line that
 * joins them, as numpy's default: q 0.5 is the median.
 */
double stats_quantile(const double *sorted, int64_t n, double q);

#endif
