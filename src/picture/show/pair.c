/*
 * pair.c -- two tensors that are shown together: whether they fit, and what they differ by.
 */
#include "show_impl.h"

#include <stdio.h>
#include <string.h>

void shown_add_shape(struct text *t, const struct array *a)
{
	text_addf(t, "%s[", dtype_table[a->dtype].name);
	for (int i = 0; i < a->n_dims; i++)
		text_addf(t, "%s%lld", i ? "," : "", (long long)a->shape[i]);
	text_addc(t, ']');
}

int shown_numbers(const struct shown *s, struct err *err)
{
	if (s->array)
		return 0;
	return err_set(err, ERR_USAGE, "%.200s is a text and no tensor", s->title);
}

static int no_pair(const struct shown *a, const struct shown *b, struct err *err)
{
	struct text one = { 0 }, two = { 0 };

	shown_add_shape(&one, a->array);
	shown_add_shape(&two, b->array);
	err_set(err, ERR_SHAPE, "%.200s is %s and %.200s is %s: only equal shapes can be compared",
		a->title, one.data, b->title, two.data);
	text_release(&one);
	text_release(&two);
	return err->code;
}

int pair_make(struct pair *p, const struct shown *a, const struct shown *b, struct err *err)
{
	const struct array *x = a->array, *y = b->array;

	*p = (struct pair){ .sums = { .max_at = -1 } };
	if (shown_numbers(a, err) || shown_numbers(b, err))
		return err->code;
	if (x->n_dims != y->n_dims ||
	    memcmp(x->shape, y->shape, (size_t)x->n_dims * sizeof(*x->shape)) != 0)
		return no_pair(a, b, err);
	p->difference = array_like(x, err);
	if (!p->difference)
		return err->code;
	snprintf(p->difference->name, sizeof(p->difference->name), "the difference");
	pair_add(&p->sums, x->data, y->data, x->numel, 0);
	for (int64_t i = 0; i < x->numel; i++)
		p->difference->data[i] = x->data[i] == y->data[i] ? 0 : y->data[i] - x->data[i];
	return 0;
}

void pair_release(struct pair *p)
{
	array_release(p->difference);
	p->difference = NULL;
}
