/*
 * diff_judge.c -- two values that meet: whether they are equal, and how far apart they are.
 *
 * Equality is told by the hash of all elements, which is there without a dump.  Numbers come of
 * dumps that have a part in common.
 */
#include "diff.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The part that both have, as the same rows of each: false when there is none. */
static bool find_common(const struct array *x, const struct array *y, struct array_part *px,
			struct array_part *py)
{
	if (x->n_dims != y->n_dims)
		return false;
	*px = *py = (struct array_part){ 0 };
	for (int i = 0; i < x->n_dims; i++) {
		int64_t first = x->base[i] > y->base[i] ? x->base[i] : y->base[i];
		int64_t end_x = x->base[i] + x->shape[i], end_y = y->base[i] + y->shape[i];
		int64_t end = end_x < end_y ? end_x : end_y;

		if (first >= end || (!axis_counts_positions(x->axes, i) && end_x != end_y))
			return false;
		px->start[i] = first - x->base[i];
		px->stop[i] = end - x->base[i];
		py->start[i] = first - y->base[i];
		py->stop[i] = end - y->base[i];
	}
	return true;
}

/* Sums over pairs; of scores where both are numbers: what the mask takes one need not compute. */
static void add_pairs(struct diff_row *row, const struct array *x, const struct array *y,
		      enum judged_as kind)
{
	int64_t i = 0, first;

	row->sums = (struct pair_sums){ .max_at = -1 };
	if (kind != JUDGED_SCORES) {
		pair_add(&row->sums, x->data, y->data, x->numel, 0);
		return;
	}
	while (i < x->numel) {
		for (first = i; i < x->numel && x->data[i] > -INFINITY && y->data[i] > -INFINITY;)
			i++;
		if (i > first)
			pair_add(&row->sums, x->data + first, y->data + first, i - first, first);
		/* NaN is no -infinity: it differs. */
		else if (isnan(x->data[i]) || isnan(y->data[i]))
			pair_add(&row->sums, x->data + i, y->data + i, 1, i);
		i += i == first;
	}
}

/* Of two arrays of one shape everything that a row says of their elements. */
static void compare_elements(struct diff *d, const struct array *x, const struct array *y,
			     const char *role)
{
	enum judged_as kind = !strcmp(role, "scores")   ? JUDGED_SCORES
			      : !strcmp(role, "logits") ? JUDGED_LOGITS
							: JUDGED_PLAIN;
	struct diff_row *row = &d->row;

	add_pairs(row, x, y, kind);
	array_index(x, row->sums.max_at, row->max_at, sizeof(row->max_at));
	array_judge(x, y, kind, d->times, &row->judged);
	row->place[0] = '\0';
	if (!x->numel)
		return;
	array_place(x, row->judged.max_at, row->place, sizeof(row->place));
	row->element_a = x->data[row->judged.max_at];
	row->element_b = y->data[row->judged.max_at];
}

/* Stored elements that both have: 1, 0 when there are none, or an error. */
static int add_elements(struct diff *d, struct err *err)
{
	struct diff_row *row = &d->row;
	struct array *x = inspect_value(d->a.in, row->x->id, err), *y = NULL, *part_x, *part_y;
	struct array_part px, py;
	int ret = 0;

	if (!x)
		return err->code;
	y = inspect_value(d->b.in, row->y->id, err);
	if (!y) {
		array_release(x);
		return err->code;
	}
	if (find_common(x, y, &px, &py)) {
		part_x = array_take_part(x, &px, err);
		part_y = part_x ? array_take_part(y, &py, err) : NULL;
		ret = part_y ? 1 : err->code;
		if (part_y) {
			compare_elements(d, part_x, part_y, d->a.points[row->x->point].role);
			if (!row->x->has_hash || !row->y->has_hash)
				row->verdict = memcmp(part_x->data, part_y->data,
						      (size_t)part_x->numel * sizeof(float))
						       ? "differs"
						       : "equal";
		}
		array_release(part_x);
		array_release(part_y);
	}
	array_release(x);
	array_release(y);
	return ret;
}

int diff_judge(struct diff *d, struct err *err)
{
	struct diff_row *row = &d->row;
	int ret = 0;

	if (row->is_judged)
		return 0;
	row->is_judged = true;
	row->has_sums = false;
	row->judged = (struct judgement){ 0 };
	row->place[0] = '\0';
	row->verdict = "missing";
	if (!row->x || !row->y)
		return 0;
	row->verdict = "shape";
	if (memcmp(row->x->dims, row->y->dims, sizeof(row->x->dims)) != 0)
		return 0;
	row->verdict = NULL; /* nothing tells */
	if (row->x->has_hash && row->y->has_hash)
		row->verdict = row->x->hash == row->y->hash ? "equal" : "differs";
	if (row->verdict && !strcmp(row->verdict, "equal"))
		return 0;
	if (row->x->is_dumped && row->y->is_dumped)
		ret = add_elements(d, err);
	row->has_sums = ret > 0;
	return ret < 0 ? ret : 0;
}

const char *diff_shape_text(const struct diff_value *v, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (int i = 0; i < TENSOR_MAX_DIMS && v->dims[i] >= 0 && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%lld", i ? "," : "",
					(long long)v->dims[i]);
	return buf;
}

int diff_within(const struct diff_row *row)
{
	if (!row->verdict || !strcmp(row->verdict, "missing"))
		return -1;
	if (!strcmp(row->verdict, "equal"))
		return 1;
	if (!strcmp(row->verdict, "shape"))
		return 0;
	return row->has_sums ? row->judged.is_within : -1;
}

const char *diff_problem(const struct diff_row *row, char *buf, size_t size)
{
	char a[96], b[96];

	if (!row->x || !row->y)
		return row->x ? "only a has it" : "only b has it";
	if (row->verdict && !strcmp(row->verdict, "shape")) {
		snprintf(buf, size, "the shape is %s in a, %s in b",
			 diff_shape_text(row->x, a, sizeof(a)),
			 diff_shape_text(row->y, b, sizeof(b)));
		return buf;
	}
	if (diff_within(row) < 0)
		return "the numbers were not kept in both";
	return row->judged.problem[0] ? row->judged.problem : NULL;
}
