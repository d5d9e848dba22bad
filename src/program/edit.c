/*
 * edit.c -- the log of edits, and applying it.
 *
 * An edit stands in the log until the log is cleared and is applied each time its value is
 * computed: after the op for a stored value, to the rows of each head for a lazy one.
 */
#include "executor_impl.h"

#include "torchless/mem.h"

int executor_add_edit(struct executor *ex, const struct edit *e)
{
	ex->edits = mem_grow(ex->edits, (size_t)ex->n_edits, &ex->cap_edits, sizeof(*e));
	ex->edits[ex->n_edits] = *e;
	return ex->n_edits++;
}

void executor_clear_edits(struct executor *ex)
{
	ex->n_edits = 0;
}

static bool in_force(const struct executor *ex, const struct edit *e, value_id v)
{
	return e->value == v && ex->pass >= e->pass_from &&
	       (e->pass_to < 0 || ex->pass <= e->pass_to);
}

bool edits_touch(const struct executor *ex, value_id v)
{
	for (int i = 0; i < ex->n_edits; i++)
		if (in_force(ex, &ex->edits[i], v))
			return true;
	return false;
}

static void change(float *x, int64_t n, const struct edit *e)
{
	for (int64_t i = 0; i < n; i++) {
		switch (e->kind) {
		case EDIT_ZERO:
			x[i] = 0.0f;
			break;
		case EDIT_SET:
			x[i] = e->arg;
			break;
		case EDIT_SCALE:
			x[i] *= e->arg;
			break;
		case EDIT_ADD:
			x[i] += e->arg;
			break;
		}
	}
}

/* Walk the box [start, stop) of a contiguous tensor, a run of the last axis at a time. */
static void change_box(float *x, const int64_t *shape, const int64_t *start, const int64_t *stop,
		       int n_dims, const struct edit *e)
{
	int64_t inner = 1;

	if (n_dims == 1) {
		change(x + start[0], stop[0] - start[0], e);
		return;
	}
	for (int i = 1; i < n_dims; i++)
		inner *= shape[i];
	for (int64_t i = start[0]; i < stop[0]; i++)
		change_box(x + i * inner, shape + 1, start + 1, stop + 1, n_dims - 1, e);
}

static const char *axes_of(const struct executor *ex, value_id v)
{
	const struct point_info *point = ex->program->values[v].point;

	return point ? point->axes : "";
}

void edits_apply(struct executor *ex, value_id v)
{
	struct tensor t;

	if (!edits_touch(ex, v))
		return;
	t = executor_tensor(ex, v);
	for (int i = 0; i < ex->n_edits && t.data; i++) {
		int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS];

		if (in_force(ex, &ex->edits[i], v) &&
		    selection_resolve(&ex->edits[i].sel, axes_of(ex, v), t.shape, t.n_dims,
				      ex->pos0, start, stop))
			change_box(t.data, t.shape, start, stop, t.n_dims, &ex->edits[i]);
	}
}

void edits_apply_head(struct executor *ex, value_id v, int64_t head, float *rows)
{
	const struct tensor *t = &ex->tensors[v];

	for (int i = 0; i < ex->n_edits; i++) {
		int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS];

		if (!in_force(ex, &ex->edits[i], v) ||
		    !selection_resolve(&ex->edits[i].sel, axes_of(ex, v), t->shape, t->n_dims,
				       ex->pos0, start, stop) ||
		    head < start[0] || head >= stop[0])
			continue;
		change_box(rows, t->shape + 1, start + 1, stop + 1, t->n_dims - 1, &ex->edits[i]);
	}
}
