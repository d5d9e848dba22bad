/*
 * select.c -- parts of an array, and arrays that are described after another.
 *
 * A part is found against a head, so that whoever has to fetch elements can fetch the part alone.
 * Where its elements are one run in memory they are shared with the whole.
 */
#include "torchless/array.h"

#include <stdio.h>
#include <string.h>

/* ---- finding ------------------------------------------------------------------------------- */

/* Count from `base` what counts from 0; negative ones count from the end.  False: before it. */
static bool rebase(struct axis_range *r, int64_t base)
{
	if (r->whole || base == 0)
		return true;
	if (r->single && r->start >= 0 && r->start < base)
		return false;
	if (r->start >= 0)
		r->start = r->start > base ? r->start - base : 0;
	if (r->stop >= 0 && r->stop <= base)
		return false;
	if (r->stop >= 0 && r->stop != INT64_MAX)
		r->stop -= base;
	return true;
}

int array_find_part(const struct array *a, const char *text, struct array_part *p, struct err *err)
{
	struct selection sel;

	*p = (struct array_part){ 0 };
	if (selection_parse(&sel, text, array_axes(a), err))
		return err->code;
	for (int i = 0; i < a->n_dims; i++) {
		p->drop[i] = i < sel.n_axes && sel.axis[i].single;
		if (i < sel.n_axes && !rebase(&sel.axis[i], a->base[i]))
			return 0;
	}
	return selection_resolve(&sel, "", a->shape, a->n_dims, 0, p->start, p->stop);
}

int array_no_part(const struct array *a, const char *text, struct err *err)
{
	struct tensor shape = tensor_make(DTYPE_F32, a->n_dims, a->shape, NULL);
	const char *axes = array_axes(a);
	char buf[96];

	tensor_format(&shape, buf, sizeof(buf));
	for (int i = 0; i < a->n_dims; i++)
		if (axis_counts_positions(a->axes, i))
			return err_set(
				err, ERR_USAGE,
				"%s is outside of what is recorded of %s: %s of [%s], positions from %lld",
				text, a->name, buf, axes, (long long)a->base[i]);
	return err_set(err, ERR_USAGE, "%s is outside of %s: %s of [%s]", text, a->name, buf, axes);
}

/* ---- taking -------------------------------------------------------------------------------- */

/* Whether the part is one run of elements: single rows, then a range, then whole axes. */
static bool is_one_run(const struct array *a, const struct array_part *p)
{
	int i = 0;

	while (i < a->n_dims && p->stop[i] - p->start[i] == 1)
		i++;
	for (i++; i < a->n_dims; i++)
		if (p->stop[i] - p->start[i] != a->shape[i])
			return false;
	return true;
}

/* Copy the part axis by axis; innermost rows are contiguous.  Returns where the next goes. */
static float *copy_part(float *out, const struct array *a, const struct array_part *p, int axis,
			int64_t row)
{
	int64_t width = p->stop[axis] - p->start[axis];

	if (axis + 1 >= a->n_dims || axis + 1 == TENSOR_MAX_DIMS) {
		memcpy(out, a->data + row * a->shape[axis] + p->start[axis],
		       (size_t)width * sizeof(*out));
		return out + width;
	}
	for (int64_t i = p->start[axis]; i < p->stop[axis]; i++)
		out = copy_part(out, a, p, axis + 1, row * a->shape[axis] + i);
	return out;
}

/* Indices of a part go on counting positions; on other axes they begin with 0, as in numpy. */
void array_describe_part(const struct array *a, const struct array_part *p, struct array *head)
{
	struct text axes = { 0 };
	const char *at = a->axes;
	int n = 0;

	*head = (struct array){ .dtype = a->dtype, .numel = 1 };
	for (int i = 0; i < a->n_dims; i++) {
		size_t len = strcspn(at, ",");

		if (!p->drop[i]) {
			bool positions =
				axis_counts_positions(a->axes, i) || (len == 1 && at[0] == 'k');

			head->base[n] = positions ? a->base[i] + p->start[i] : 0;
			head->shape[n] = p->stop[i] - p->start[i];
			head->numel *= head->shape[n++];
			text_addf(&axes, "%s%.*s", axes.len ? "," : "", (int)len, at);
		}
		at += len + (at[len] == ',');
	}
	head->n_dims = n;
	snprintf(head->axes, sizeof(head->axes), "%s", axes.data ? axes.data : "");
	snprintf(head->name, sizeof(head->name), "a part of %.170s", a->name);
	text_release(&axes);
}

struct array *array_take_part(struct array *a, const struct array_part *p, struct err *err)
{
	struct array head, *part;
	int64_t offset = 0;

	array_describe_part(a, p, &head);
	if (!is_one_run(a, p)) {
		part = array_new(head.n_dims, head.shape, err);
		if (!part)
			return NULL;
		head.refs = 1;
		head.data = part->data;
		*part = head;
		copy_part(part->data, a, p, 0, 0);
		return part;
	}
	for (int i = 0; i < a->n_dims; i++)
		offset = offset * a->shape[i] + p->start[i];
	part = array_borrow(&head, a->data + offset);
	part->whole = array_ref(a);
	return part;
}

struct array *array_select(struct array *a, const char *text, struct err *err)
{
	struct array_part p;
	int has = array_find_part(a, text, &p, err);

	if (has > 0)
		return array_take_part(a, &p, err);
	if (has == 0)
		array_no_part(a, text, err);
	return NULL;
}

/* ---- what a function makes ------------------------------------------------------------------ */

struct array *array_like(const struct array *a, struct err *err)
{
	struct array *like = array_new(a->n_dims, a->shape, err);

	if (!like)
		return NULL;
	memcpy(like->base, a->base, sizeof(like->base));
	memcpy(like->axes, a->axes, sizeof(like->axes));
	snprintf(like->name, sizeof(like->name), "a result");
	return like;
}

struct array *array_without_axis(const struct array *a, int axis, struct err *err)
{
	struct array_part first = { 0 };
	struct array head, *out;

	for (int i = 0; i < a->n_dims; i++) {
		first.stop[i] = a->shape[i];
		first.drop[i] = i == axis;
	}
	array_describe_part(a, &first, &head);
	out = array_new(head.n_dims, head.shape, err);
	if (!out)
		return NULL;
	memcpy(out->base, head.base, sizeof(out->base));
	memcpy(out->axes, head.axes, sizeof(out->axes));
	snprintf(out->name, sizeof(out->name), "a result");
	return out;
}
