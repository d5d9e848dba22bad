/*
 * judge.c -- how far numbers are from what they are to be.
 *
 * NaN is never right, and an infinity only where one is wanted.  What was never written is told
 * apart by its bits.
 */
#include "kernel.h"

#include <math.h>
#include <string.h>

static float largest(const float *row, int64_t n)
{
	float max = 0;

	for (int64_t i = 0; i < n; i++)
		if (isfinite(row[i]) && fabsf(row[i]) > max)
			max = fabsf(row[i]);
	return max;
}

static double error_of(float want, float got, double scale)
{
	if (isnan(got) || isnan(want))
		return isnan(got) && isnan(want) ? 0 : INFINITY;
	if (want == got)
		return 0;
	if (isinf(want) || isinf(got))
		return INFINITY;
	return fabs((double)want - got) / scale;
}

static bool is_unwritten(const float *x)
{
	uint32_t bits;

	memcpy(&bits, x, sizeof(bits));
	return bits == SANDBOX_UNWRITTEN;
}

struct difference difference_of(const float *want, const float *got, int64_t n, int64_t row,
				double floor)
{
	struct difference d = { .at = -1, .first_unwritten = -1 };

	for (int64_t i0 = 0; i0 < n; i0 += row) {
		int64_t size = n - i0 < row ? n - i0 : row;
		double max = (double)largest(want + i0, size);

		for (int64_t i = i0; i < i0 + size; i++) {
			double own = isfinite(want[i]) ? fabs((double)want[i]) : 0, error;
			double scale = own > floor * max ? own : floor * max;

			/* A row of zeros has no size of its own. */
			error = error_of(want[i], got[i], scale > 0 ? scale : 1);
			if (is_unwritten(&got[i])) {
				d.first_unwritten = d.n_unwritten ? d.first_unwritten : i;
				d.n_unwritten++;
			}
			if (error > d.error) {
				d.error = error;
				d.at = i;
				d.want = want[i];
				d.got = got[i];
			}
		}
	}
	return d;
}

void judge_index(const struct kernel_call *c, const struct kernel_array *a, int64_t at,
		 struct text *out)
{
	int64_t index[KERNEL_DIMS] = { 0 };

	for (int d = a->n_dims - 1; d >= 0; d--) {
		index[d] = at % a->dims[d];
		at /= a->dims[d];
	}
	for (int d = 0; d < a->n_dims; d++) {
		text_addf(out, "%s%s %lld", d > 0 ? ", " : "", a->axes[d], (long long)index[d]);
		if (d == 0 && c->position >= 0)
			text_addf(out, ", position %d", c->position);
	}
}
