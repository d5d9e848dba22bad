/*
 * compare.c -- two arrays against each other.
 *
 * The shapes must agree but for dimensions of one, so that [1,576] meets [576].  Sums are f64.
 */
#include "functions.h"

#include <math.h>

void pair_add(struct pair_sums *s, const float *a, const float *b, int64_t n, int64_t at)
{
	int64_t i;

	for (i = 0; i < n; i++) {
		double x = a[i], y = b[i], d = x == y ? 0 : fabs(x - y);

		if (x == y && isinf(x))
			continue;
		s->dot += x * y;
		s->aa += x * x;
		s->bb += y * y;
		s->dd += d * d;
		if (d > s->max_abs || (isnan(d) && !s->has_nan)) {
			/* A NaN stays: nothing is larger than it. */
			s->max_abs = d;
			s->max_at = at + i;
			if (isnan(d))
				s->has_nan = true;
		}
	}
	if (s->has_nan)
		s->max_abs = NAN;
	s->n += n;
}

static double share(double part, double whole)
{
	if (isinf(part))
		return INFINITY;
	return whole > 0 ? part / whole : part > 0 ? INFINITY : whole == 0 && part == 0 ? 0 : NAN;
}

double pair_nmse(const struct pair_sums *s)
{
	return share(s->dd, s->aa);
}

/* NaN when one of them is all zero, but for two zeros, which are the same. */
double pair_cosine(const struct pair_sums *s)
{
	if (s->aa == 0 && s->bb == 0)
		return 1;
	return s->dot / (sqrt(s->aa) * sqrt(s->bb));
}

static int next_dim(const struct array *a, int i)
{
	while (i < a->n_dims && a->shape[i] == 1)
		i++;
	return i;
}

static const char *format(const struct array *a, char *buf, size_t size)
{
	struct tensor t = tensor_make(a->dtype, a->n_dims, a->shape, NULL);

	return tensor_format(&t, buf, size);
}

/* ERR_SHAPE unless the shapes are equal but for dimensions of one. */
static int same_shape(const struct array *a, const struct array *b, struct err *err)
{
	char left[96], right[96];
	int i = next_dim(a, 0), k = next_dim(b, 0);

	while (i < a->n_dims && k < b->n_dims && a->shape[i] == b->shape[k]) {
		i = next_dim(a, i + 1);
		k = next_dim(b, k + 1);
	}
	if (i == a->n_dims && k == b->n_dims)
		return 0;
	return err_set(err, ERR_SHAPE, "%s is %s, %s is %s: they do not fit together", a->name,
		       format(a, left, sizeof(left)), b->name, format(b, right, sizeof(right)));
}

typedef double pair_fn(const struct pair_sums *s);

static int compare(struct array_value *args, pair_fn *fn, struct array_value *result,
		   struct err *err)
{
	const struct array *a = args[0].array, *b = args[1].array;
	struct pair_sums sums = { .max_at = -1 };

	if (same_shape(a, b, err))
		return err->code;
	pair_add(&sums, a->data, b->data, a->numel, 0);
	return result_real(result, fn(&sums));
}

static double pair_dot(const struct pair_sums *s)
{
	return s->dot;
}

static double pair_max_abs(const struct pair_sums *s)
{
	return s->max_abs;
}

#define COMPARISON(name, of)                                                                       \
	int array_fn_##name(struct array_value *args, int n, struct array_value *result,           \
			    struct err *err)                                                       \
	{                                                                                          \
		(void)n;                                                                           \
		return compare(args, of, result, err);                                             \
	}

COMPARISON(dot, pair_dot)
COMPARISON(cos, pair_cosine)
COMPARISON(nmse, pair_nmse)
COMPARISON(maxabs, pair_max_abs)

/* By the names of trace_diff's columns. */
int array_fn_diff(struct array_value *args, int n, struct array_value *result, struct err *err)
{
	const struct array *a = args[0].array, *b = args[1].array;
	struct pair_sums sums = { .max_at = -1 };
	struct text out = { 0 };
	char index[96];

	(void)n;
	if (same_shape(a, b, err))
		return err->code;
	pair_add(&sums, a->data, b->data, a->numel, 0);
	text_adds(&out, "{\"nmse\":");
	json_number(&out, pair_nmse(&sums));
	text_adds(&out, ",\"cosine\":");
	json_number(&out, pair_cosine(&sums));
	text_adds(&out, ",\"max_abs\":");
	json_number(&out, sums.max_abs);
	text_addf(&out, ",\"max_at\":\"%s\"}", array_index(a, sums.max_at, index, sizeof(index)));
	return result_text(result, &out);
}

/* Σ p ln(p/q); +inf where q excludes what p allows, NaN when one is no distribution. */
static double kl(const float *p, const float *q, int64_t n)
{
	double sum = 0;
	int64_t i;

	for (i = 0; i < n; i++) {
		if (!(p[i] >= 0) || !(q[i] >= 0))
			return NAN;
		if (p[i] > 0)
			sum += (double)p[i] * log((double)p[i] / (double)q[i]);
	}
	return sum;
}

/* The sum of every row of the last axis: an array without it. */
int array_fn_kl(struct array_value *args, int n_args, struct array_value *result, struct err *err)
{
	const struct array *p = args[0].array, *q = args[1].array;
	int64_t n = p->n_dims ? p->shape[p->n_dims - 1] : 1;
	struct array *out;

	(void)n_args;
	if (same_shape(p, q, err))
		return err->code;
	if (n != (q->n_dims ? q->shape[q->n_dims - 1] : 1))
		return err_set(err, ERR_SHAPE, "%s and %s have different last axes", p->name,
			       q->name);
	if (p->n_dims <= 1)
		return result_real(result, kl(p->data, q->data, n));
	out = array_without_axis(p, p->n_dims - 1, err);
	if (!out)
		return err->code;
	for (int64_t i = 0; i < out->numel; i++)
		out->data[i] = (float)kl(p->data + i * n, q->data + i * n, n);
	return result_array(result, out);
}
