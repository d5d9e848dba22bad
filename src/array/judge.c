/*
 * judge.c -- whether two arrays are one within the tolerance between implementations.
 *
 * Errors are summed by position, so that a large position does not hide what is wrong with a small
 * one; what is not finite on one side only is infinitely far apart.
 */
#include "torchless/array.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const double tolerances[] = {
#define TOLERANCE(name, value, doc) [TOLERANCE_##name] = (value),
#include "torchless/tolerance.def"
};

/* Sums of one position. */
struct position {
	double error, size; /* of (a-b)^2, of a^2 */
};

/* Which axis counts positions, how many there are, and how many elements lie between two. */
static int64_t positions_of(const struct array *a, int *axis, int64_t *inner)
{
	*axis = 0;
	*inner = 1;
	while (*axis < a->n_dims && !axis_counts_positions(a->axes, *axis))
		(*axis)++;
	if (*axis == a->n_dims)
		*axis = 0;
	for (int i = *axis + 1; i < a->n_dims; i++)
		*inner *= a->shape[i];
	return a->n_dims ? a->shape[*axis] : 1;
}

static double gap(double x, double y)
{
	double d = x == y || (isnan(x) && isnan(y)) ? 0 : fabs(x - y);

	return isnan(d) ? INFINITY : d;
}

static void add_elements(const struct array *a, const struct array *b, enum judged_as kind,
			 struct position *at, struct judgement *j)
{
	int64_t inner, n;
	int axis;

	n = positions_of(a, &axis, &inner);
	for (int64_t i = 0; i < a->numel; i++) {
		struct position *p = &at[i / inner % n];
		double x = a->data[i], y = b->data[i], d;

		if (kind == JUDGED_SCORES && (x == -INFINITY || y == -INFINITY))
			continue;
		d = gap(x, y);
		p->error += d * d;
		if (isfinite(x)) {
			p->size += x * x;
			j->absmax = fmax(j->absmax, fabs(x));
		}
		if (d > j->max_abs) {
			j->max_abs = d;
			j->max_at = i;
		}
	}
}

static void take_worst(const struct array *a, const struct position *at, struct judgement *j)
{
	int64_t inner, n;
	int axis;

	n = positions_of(a, &axis, &inner);
	for (int64_t i = 0; i < n; i++) {
		double nmse = at[i].error == 0  ? 0
			      : at[i].size == 0 ? INFINITY
						: at[i].error / at[i].size;

		if (i == 0 || nmse > j->nmse) {
			j->nmse = nmse;
			j->pos = (a->n_dims ? a->base[axis] : 0) + i;
		}
	}
}

/* log(sum(exp(x))); NaN where no distribution can be made of it. */
static double log_sum(const float *x, int64_t n)
{
	float top = -INFINITY; /* in f64 this loop ends gcc 12 on AArch64 */
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		top = fmaxf(top, x[i]);
	for (int64_t i = 0; i < n; i++)
		sum += exp(x[i] - (double)top);
	return top + log(sum);
}

/* The distributions of each row, and how far apart they are. */
static void add_logits(const struct array *a, const struct array *b, struct judgement *j)
{
	int64_t n = a->n_dims ? a->shape[a->n_dims - 1] : 1;

	for (int64_t row = 0; n && row < a->numel; row += n) {
		double of_a = log_sum(a->data + row, n), of_b = log_sum(b->data + row, n), kl = 0;

		for (int64_t i = row; i < row + n; i++) {
			double p = a->data[i] - of_a, q = b->data[i] - of_b;

			j->logprob = fmax(j->logprob, gap(p, q));
			if (p > -INFINITY)
				kl += exp(p) * (p - q);
		}
		if (isnan(kl))
			kl = isnan(of_a) && isnan(of_b) ? 0 : INFINITY;
		j->kl = fmax(j->kl, kl);
	}
}

/* The limit that is broken, if any, in words. */
static void find_problem(struct judgement *j, double times)
{
	double nmse = tolerances[TOLERANCE_NMSE] * times * times;
	double kl = tolerances[TOLERANCE_KL] * times * times;
	double logprob = tolerances[TOLERANCE_LOGPROB] * times;
	double max_abs = tolerances[TOLERANCE_MAX_ABS] * times *
			 fmax(1, j->absmax / tolerances[TOLERANCE_ABSMAX]);

	if (j->nmse > nmse)
		snprintf(j->problem, sizeof(j->problem), "NMSE %.2g > %.2g at pos=%lld",
			 printed(j->nmse), nmse, (long long)j->pos);
	else if (j->max_abs > max_abs)
		snprintf(j->problem, sizeof(j->problem), "max-abs %.2g > %.2g", printed(j->max_abs),
			 max_abs);
	else if (j->logprob > logprob)
		snprintf(j->problem, sizeof(j->problem), "log-softmax differs by %.2g > %.2g",
			 j->logprob, logprob);
	else if (j->kl > kl)
		snprintf(j->problem, sizeof(j->problem), "KL %.2g > %.2g", j->kl, kl);
	j->is_within = !j->problem[0];
}

void array_judge(const struct array *a, const struct array *b, enum judged_as kind, double times,
		 struct judgement *j)
{
	int64_t inner, n;
	struct position *at;
	int axis;

	*j = (struct judgement){ 0 };
	n = positions_of(a, &axis, &inner);
	at = mem_calloc((size_t)n + 1, sizeof(*at));
	add_elements(a, b, kind, at, j);
	take_worst(a, at, j);
	if (kind == JUDGED_LOGITS)
		add_logits(a, b, j);
	find_problem(j, times);
	free(at);
}
