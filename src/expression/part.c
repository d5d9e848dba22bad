/*
 * part.c -- parts of a tensor whose indices were computed: "[head=2, 0:4]", with steps.
 *
 * As selection.h, but that the numbers are values here and a range may have a step, and that what
 * is not there is named.  A part is known before elements are fetched, so that only it is fetched.
 */
#include "expression_impl.h"

#include "torchless/numbers.h"

#include <stdio.h>
#include <string.h>

/* ---- which axis ---------------------------------------------------------------------------- */

static int named_axis(const struct array *a, const char *name)
{
	char other[32];

	for (int i = 0; axis_name(array_axes(a), i, other, sizeof(other)); i++)
		if (!strcmp(other, name))
			return i;
	return -1;
}

/* Items behind "..." count from the last axis. */
static int place_of(const struct array *a, const struct item *items, int n, int i)
{
	for (int k = 0; k < i; k++)
		if (items[k].all)
			return a->n_dims - n + i;
	return i;
}

static int axis_of_item(const struct array *a, const struct item *items, int n, int i,
			struct err *err)
{
	int axis = items[i].axis[0] ? named_axis(a, items[i].axis) : place_of(a, items, n, i);

	if (items[i].axis[0] && axis < 0)
		return err_set(err, ERR_USAGE, "'%s' is no axis of %s, which has [%s]",
			       items[i].axis, a->name, array_axes(a));
	if (axis < 0 || axis >= a->n_dims)
		return err_set(err, ERR_USAGE, "%s has %d axes, [%s]: this is one too many",
			       a->name, a->n_dims, array_axes(a));
	return axis;
}

int part_axes(const struct array *a, const struct item *items, int n, int axis_of[TENSOR_MAX_DIMS],
	      size_t *at, struct err *err)
{
	bool taken[TENSOR_MAX_DIMS] = { 0 };
	char name[32];

	for (int i = 0, k = 0; i < n; i++) {
		int axis;

		*at = items[i].at;
		if (items[i].all)
			continue;
		axis = axis_of_item(a, items, n, i, err);
		if (axis < 0)
			return err->code;
		axis_name(array_axes(a), axis, name, sizeof(name));
		if (taken[axis])
			return err_set(err, ERR_USAGE, "axis %s has an index already", name);
		taken[axis] = true;
		axis_of[k++] = axis;
	}
	return 0;
}

/* ---- which rows ---------------------------------------------------------------------------- */

static int find_row(const struct array *a, int axis, const struct array_value *v, struct part *p,
		    struct err *err)
{
	char name[32] = "";
	int64_t n = 0, row = 0;

	axis_name(array_axes(a), axis, name, sizeof(name));
	if (value_whole(v, "an index", &n, err))
		return err->code;
	if (!selection_is_index(n) || !array_row(a, axis, n, &row))
		return err_set(err, ERR_USAGE, "%s %lld of %s is not there: it has %lld to %lld",
			       name, (long long)n, a->name, (long long)a->base[axis],
			       (long long)(a->base[axis] + a->shape[axis] - 1));
	p->start[axis] = row;
	p->count[axis] = p->step[axis] = 1;
	p->drop[axis] = true;
	return 0;
}

/* The row that the end of a range means, cut to what there is and one beyond. */
static int64_t bound(const struct array *a, int axis, int64_t n, int64_t lo, int64_t hi)
{
	int64_t row = n < 0 ? n + a->shape[axis] : n - a->base[axis];

	return row < lo ? lo : row > hi ? hi : row;
}

/* As Python's slice.indices(). */
static int find_range(const struct array *a, int axis, const struct item *item,
		      const struct array_value *operands, struct part *p, struct err *err)
{
	int64_t size = a->shape[axis], given[3] = { 0, 0, 1 }, lo, hi, from, to;
	char name[32] = "";
	bool back;

	for (int i = 0; i < 3; i++) {
		if (!item->has[i])
			continue;
		if (value_whole(operands++, "an index", &given[i], err))
			return err->code;
		if (!selection_is_index(given[i]))
			return err_set(err, ERR_USAGE, "%lld is no index", (long long)given[i]);
	}
	if (given[2] == 0)
		return err_set(err, ERR_USAGE, "a step of 0 leads nowhere");
	back = given[2] < 0;
	lo = back ? -1 : 0;
	hi = back ? size - 1 : size;
	from = item->has[0] ? bound(a, axis, given[0], lo, hi) : back ? hi : lo;
	to = item->has[1] ? bound(a, axis, given[1], lo, hi) : back ? lo : hi;
	p->start[axis] = from;
	p->step[axis] = given[2];
	p->count[axis] = back ? (from - to - given[2] - 1) / -given[2]
			      : (to - from + given[2] - 1) / given[2];
	if (p->count[axis] > 0)
		return 0;
	axis_name(array_axes(a), axis, name, sizeof(name));
	return err_set(err, ERR_USAGE,
		       "nothing of %s is in this range of %s, which has %lld to %lld", a->name,
		       name, (long long)a->base[axis], (long long)(a->base[axis] + size - 1));
}

int part_n_operands(const struct item *items, int n)
{
	int operands = 0;

	for (int i = 0; i < n; i++)
		operands += items[i].single + items[i].has[0] + items[i].has[1] + items[i].has[2];
	return operands;
}

int part_find(const struct array *a, const struct item *items, int n,
	      const struct array_value *operands, struct part *p, size_t *at, struct err *err)
{
	int axes[TENSOR_MAX_DIMS] = { 0 }, k = 0, ret = 0;

	*p = (struct part){ .numel = 1 };
	for (int i = 0; i < a->n_dims; i++) {
		p->count[i] = a->shape[i];
		p->step[i] = 1;
	}
	if (part_axes(a, items, n, axes, at, err))
		return err->code;
	for (int i = 0; i < n && !ret; i++) {
		if (items[i].all)
			continue;
		*at = items[i].at;
		ret = items[i].single ? find_row(a, axes[k], operands, p, err)
				      : find_range(a, axes[k], &items[i], operands, p, err);
		operands += part_n_operands(&items[i], 1);
		k++;
	}
	for (int i = 0; i < a->n_dims; i++)
		p->numel *= p->count[i];
	return ret;
}

/* ---- taking -------------------------------------------------------------------------------- */

bool part_has_steps(const struct part *p, int n_dims)
{
	for (int i = 0; i < n_dims; i++)
		if (p->step[i] != 1)
			return true;
	return false;
}

void part_cover(const struct part *p, int n_dims, struct array_part *c)
{
	*c = (struct array_part){ 0 };
	for (int i = 0; i < n_dims; i++) {
		int64_t last = p->start[i] + (p->count[i] - 1) * p->step[i];

		c->start[i] = int64_min(p->start[i], last);
		c->stop[i] = int64_max(p->start[i], last) + 1;
		c->drop[i] = p->drop[i];
	}
}

/* An axis of positions that misses some counts them no more, and is not called so. */
static void rename_stepped(struct array *head, int axis)
{
	char axes[sizeof(head->axes)] = "", name[32];
	size_t len = 0;

	head->base[axis] = 0;
	for (int i = 0; axis_name(head->axes, i, name, sizeof(name)); i++) {
		if (i == axis && (axis_counts_positions(head->axes, i) || !strcmp(name, "k")))
			snprintf(name, sizeof(name), "i%d", i);
		len += (size_t)snprintf(axes + len, sizeof(axes) - len, "%s%s", i ? "," : "", name);
		if (len >= sizeof(axes))
			return;
	}
	memcpy(head->axes, axes, sizeof(axes));
}

static void describe(const struct array *a, const struct part *p, struct array *head)
{
	struct array_part c;
	int n = 0;

	part_cover(p, a->n_dims, &c);
	array_describe_part(a, &c, head);
	head->numel = p->numel;
	for (int i = 0; i < a->n_dims; i++) {
		if (p->drop[i])
			continue;
		head->shape[n] = p->count[i];
		if (p->step[i] != 1)
			rename_stepped(head, n);
		n++;
	}
}

/* Copy axis by axis; where the next element goes. */
static float *gather(float *out, const struct array *a, const struct part *p, int axis, int64_t row)
{
	for (int64_t i = 0; i < p->count[axis]; i++) {
		int64_t at = row * a->shape[axis] + p->start[axis] + i * p->step[axis];

		if (axis + 1 < a->n_dims && axis + 1 < TENSOR_MAX_DIMS)
			out = gather(out, a, p, axis + 1, at);
		else
			*out++ = a->data[at];
	}
	return out;
}

struct array *part_take(struct array *a, const struct part *p, struct err *err)
{
	struct array head, *out;
	struct array_part c;
	float *data;

	part_cover(p, a->n_dims, &c);
	if (a->data && !part_has_steps(p, a->n_dims))
		return array_take_part(a, &c, err);
	describe(a, p, &head);
	if (!a->data)
		return array_borrow(&head, NULL);
	out = array_new(head.n_dims, head.shape, err);
	if (!out)
		return NULL;
	data = out->data;
	*out = head;
	out->refs = 1;
	out->data = data;
	gather(data, a, p, 0, 0);
	return out;
}

void part_selection(const struct array *a, const struct part *p, struct text *selection,
		    struct part *rest)
{
	struct array_part c;
	int n = 0;

	part_cover(p, a->n_dims, &c);
	*rest = (struct part){ .numel = p->numel };
	for (int i = 0; i < a->n_dims; i++) {
		long long first = c.start[i] + a->base[i], end = c.stop[i] + a->base[i];

		text_adds(selection, i ? ", " : "[");
		if (p->drop[i])
			text_addf(selection, "%lld", first);
		else if (c.stop[i] - c.start[i] == a->shape[i])
			text_addc(selection, ':');
		else
			text_addf(selection, "%lld:%lld", first, end);
		if (p->drop[i])
			continue;
		rest->start[n] = p->start[i] - c.start[i];
		rest->count[n] = p->count[i];
		rest->step[n++] = p->step[i];
	}
	text_addc(selection, ']');
}
