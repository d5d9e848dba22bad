/*
 * diff_match.c -- which values of two runs meet: those of one pass and one name, in the order they
 * were computed.
 */
#include "diff.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

struct point_ref {
	const struct diff_point *p;
};

static int by_name(const void *a, const void *b)
{
	const struct point_ref *x = a, *y = b;

	return strcmp(x->p->fqn, y->p->fqn);
}

static void match_points(struct diff *d)
{
	struct point_ref *named = mem_calloc(d->b.n_points + 1, sizeof(*named));

	d->a_in_b = mem_calloc(d->a.n_points + 1, sizeof(*d->a_in_b));
	for (size_t i = 0; i < d->b.n_points; i++)
		named[i].p = &d->b.points[i];
	qsort(named, d->b.n_points, sizeof(*named), by_name);
	for (size_t i = 0; i < d->a.n_points; i++) {
		struct point_ref key = { &d->a.points[i] };
		const struct point_ref *found =
			bsearch(&key, named, d->b.n_points, sizeof(*named), by_name);

		d->a_in_b[i] = found ? found->p - d->b.points : -1;
	}
	free(named);
}

static int compare_place(const struct diff_value *x, const struct diff_value *y)
{
	if (x->pass != y->pass)
		return x->pass < y->pass ? -1 : 1;
	return (x->point > y->point) - (x->point < y->point);
}

static int by_place(const void *a, const void *b)
{
	const struct value_ref *x = a, *y = b;
	int order = compare_place(x->v, y->v);

	return order ? order : (x->v->id > y->v->id) - (x->v->id < y->v->id);
}

void diff_match(struct diff *d)
{
	match_points(d);
	d->sorted = mem_calloc(d->b.n_values + 1, sizeof(*d->sorted));
	for (size_t i = 0; i < d->b.n_values; i++)
		d->sorted[i].v = &d->b.values[i];
	qsort(d->sorted, d->b.n_values, sizeof(*d->sorted), by_place);
}

struct diff_value *diff_partner(const struct diff *d, const struct diff_value *x)
{
	struct diff_value key = { .pass = x->pass, .point = d->a_in_b[x->point] };
	size_t lo = 0, hi = d->b.n_values;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare_place(d->sorted[mid].v, &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < d->b.n_values && !compare_place(d->sorted[lo].v, &key); lo++)
		if (!d->sorted[lo].v->is_met)
			return d->sorted[lo].v;
	return NULL;
}
