/*
 * source.c -- an executor's values as arrays by name.
 *
 * It asks the executor as any hook does: has, tensor, fetch.
 */
#include "torchless/executor_source.h"

#include "torchless/mem.h"
#include "torchless/point.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which value --------------------------------------------------------------------------- */

/* What a text names, and the selection behind it; n->sel is to be released in any case. */
static int resolve(const struct executor *ex, const char *text, struct array_name *n, value_id *v,
		   struct err *err)
{
	if (array_name_parse(text, n, err))
		return err->code;
	if (n->run >= 0 || n->pass >= 0)
		return err_set(err, ERR_USAGE,
			       "'%.80s' asks for what is recorded, not for what is computed now",
			       text);
	*v = points_find(ex->program, n->point, err);
	return *v < 0 ? *v : 0;
}

/* ---- what it is ---------------------------------------------------------------------------- */

/* Of a whole relation there may be more than an array can hold: who reads it asks for a part. */
static int count_elements(struct array *head, struct err *err)
{
	head->numel = 1;
	for (int i = 0; i < head->n_dims; i++)
		if (!mem_mul(head->numel, head->shape[i], &head->numel))
			return err_set(err, ERR_FORMAT, "%s has too many elements to count",
				       head->name);
	return 0;
}

/* ERR_USAGE when it is not there, and why. */
static int describe(struct executor *ex, value_id v, struct array *head, struct err *err)
{
	const struct value *value = &ex->program->values[v];
	struct tensor t = executor_tensor(ex, v);
	float nothing = 0;

	*head = (struct array){ .dtype = t.dtype, .n_dims = t.n_dims };
	snprintf(head->axes, sizeof(head->axes), "%s", value_axes(value));
	snprintf(head->name, sizeof(head->name), "%s of this pass", value->name);
	for (int i = 0; i < t.n_dims; i++) {
		if (t.shape[i] < 0)
			return err_set(err, ERR_USAGE, "%s is not there: no pass has begun",
				       value->name);
		head->shape[i] = t.shape[i];
		if (axis_counts_positions(head->axes, i))
			head->base[i] = executor_pos0(ex, v);
	}
	if (executor_fetch(ex, v, 0, 0, &nothing, err)) /* no rows: whether it is there at all */
		return err->code;
	return count_elements(head, err);
}

/* The part that a selection picks, all of it where there is none. */
static int find_part(const struct array *whole, const char *sel, struct array_part *p,
		     struct err *err)
{
	int has = array_find_part(whole, sel, p, err);

	return has == 0 ? array_no_part(whole, sel, err) : has < 0 ? has : 0;
}

static int find_live(void *ctx, const char *text, struct array *head, struct err *err)
{
	struct array_name n = ARRAY_NAME;
	struct array_part part;
	struct array whole;
	value_id v = -1;
	int ret = resolve(ctx, text, &n, &v, err);

	if (!ret)
		ret = describe(ctx, v, &whole, err);
	if (!ret)
		ret = find_part(&whole, n.sel.data, &part, err);
	if (!ret && n.sel.len)
		array_describe_part(&whole, &part, head);
	else if (!ret)
		*head = whole;
	text_release(&n.sel);
	return ret;
}

/* ---- its elements -------------------------------------------------------------------------- */

/* Rows [i0, i1) of axis 0, described as the part of the whole that they are. */
static struct array *fetch_rows(struct executor *ex, value_id v, const struct array *whole,
				int64_t i0, int64_t i1, struct err *err)
{
	int64_t shape[TENSOR_MAX_DIMS];
	struct array *a;

	memcpy(shape, whole->shape, sizeof(shape));
	shape[0] = i1 - i0;
	a = array_new(whole->n_dims, shape, err);
	if (!a)
		return NULL;
	a->dtype = whole->dtype;
	memcpy(a->base, whole->base, sizeof(a->base));
	memcpy(a->axes, whole->axes, sizeof(a->axes));
	memcpy(a->name, whole->name, sizeof(a->name));
	a->base[0] += axis_counts_positions(a->axes, 0) ? i0 : 0;
	if (executor_fetch(ex, v, i0, i1, a->data, err)) {
		array_release(a);
		return NULL;
	}
	return a;
}

static struct array *fetch_part(struct executor *ex, value_id v, const struct array *whole,
				const char *sel, struct err *err)
{
	struct array *rows, *taken;
	struct array_part part;

	if (find_part(whole, sel, &part, err))
		return NULL;
	rows = fetch_rows(ex, v, whole, part.start[0], part.stop[0], err);
	if (!rows || !sel)
		return rows;
	part.stop[0] -= part.start[0];
	part.start[0] = 0;
	taken = array_take_part(rows, &part, err);
	array_release(rows);
	return taken;
}

static struct array *read_live(void *ctx, const char *text, struct err *err)
{
	struct array_name n = ARRAY_NAME;
	struct array *a = NULL;
	struct array whole;
	value_id v = -1;

	if (!resolve(ctx, text, &n, &v, err) && !describe(ctx, v, &whole, err))
		a = fetch_part(ctx, v, &whole, n.sel.data, err);
	text_release(&n.sel);
	return a;
}

struct array_source executor_source(struct executor *ex)
{
	return (struct array_source){ find_live, read_live, ex };
}
