/*
 * compare.c -- two tensors against each other.
 *
 * The shapes must agree but for dimensions of one, so that [1,576] meets [576].  Sums are f64.
 */
#include "inspect_impl.h"

#include <math.h>
#include <stdlib.h>

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

static int next_dim(const struct sql_tensor *t, int i)
{
	while (i < t->n_dims && t->shape[i] == 1)
		i++;
	return i;
}

int same_shape(const struct sql_tensor *a, const struct sql_tensor *b, struct err *err)
{
	struct tensor x = tensor_make(a->dtype, a->n_dims, a->shape, NULL);
	struct tensor y = tensor_make(b->dtype, b->n_dims, b->shape, NULL);
	char left[96], right[96];
	int i = next_dim(a, 0), k = next_dim(b, 0);

	while (i < a->n_dims && k < b->n_dims && a->shape[i] == b->shape[k]) {
		i = next_dim(a, i + 1);
		k = next_dim(b, k + 1);
	}
	if (i == a->n_dims && k == b->n_dims)
		return 0;
	return err_set(err, ERR_SHAPE, "%s is %s, %s is %s: they do not fit together", a->name,
		       tensor_format(&x, left, sizeof(left)), b->name,
		       tensor_format(&y, right, sizeof(right)));
}

typedef double pair_fn(const struct pair_sums *s);

struct pair {
	struct sql_tensor *a, *b;
};

static void release_pair(struct inspect *in, struct pair *p)
{
	tensor_release(in, p->a);
	tensor_release(in, p->b);
}

/* Both arguments, of one shape; nothing is there to give back when they are not. */
static bool read_pair(struct inspect *in, sqlite3_value **args, struct pair *p, struct err *err)
{
	p->b = NULL;
	p->a = inspect_tensor(in, args[0], err);
	if (p->a)
		p->b = inspect_tensor(in, args[1], err);
	if (p->a && p->b && same_shape(p->a, p->b, err) == 0)
		return true;
	release_pair(in, p);
	return false;
}

static int compare(struct inspect *in, sqlite3_context *ctx, sqlite3_value **args, pair_fn *fn,
		   struct err *err)
{
	struct pair_sums sums = { .max_at = -1 };
	struct pair p;

	if (!read_pair(in, args, &p, err))
		return err->code;
	pair_add(&sums, p.a->data, p.b->data, p.a->numel, 0);
	sqlite3_result_double(ctx, fn(&sums));
	release_pair(in, &p);
	return 0;
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
	int name(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,       \
		 struct err *err)                                                                  \
	{                                                                                          \
		(void)n_args;                                                                      \
		return compare(in, ctx, args, of, err);                                            \
	}

COMPARISON(scalar_dot, pair_dot)
COMPARISON(scalar_cos, pair_cosine)
COMPARISON(scalar_nmse, pair_nmse)
COMPARISON(scalar_maxabs, pair_max_abs)

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

/* The sum of every row of the last axis: a tensor without it. */
static int kl_rows(sqlite3_context *ctx, const struct sql_tensor *p, const struct sql_tensor *q,
		   struct err *err)
{
	int64_t rows = 1, n = p->n_dims ? p->shape[p->n_dims - 1] : 1;
	float *out;

	if (n != (q->n_dims ? q->shape[q->n_dims - 1] : 1))
		return err_set(err, ERR_SHAPE, "%s and %s have different last axes", p->name,
			       q->name);
	if (p->n_dims <= 1) {
		sqlite3_result_double(ctx, kl(p->data, q->data, n));
		return 0;
	}
	for (int i = 0; i + 1 < p->n_dims; i++)
		rows *= p->shape[i];
	out = numbers_new(rows, err);
	if (!out)
		return err->code;
	for (int64_t i = 0; i < rows; i++)
		out[i] = (float)kl(p->data + i * n, q->data + i * n, n);
	result_tensor(ctx, out, p->n_dims - 1, p->shape);
	free(out);
	return 0;
}

int scalar_kl(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,
	      struct err *err)
{
	struct pair p;
	int ret;

	(void)n_args;
	if (!read_pair(in, args, &p, err))
		return err->code;
	ret = kl_rows(ctx, p.a, p.b, err);
	release_pair(in, &p);
	return ret;
}
