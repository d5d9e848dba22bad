/*
 * numbers.c -- numbers from elsewhere in the place of a part of a value: a recording, a .npy, a
 * recipe.
 *
 * The one question is whether they fit.  What is not known before a pass begins, how many positions
 * it has, is left to executor_begin(), which counts.
 */
#include "record_impl.h"

#include <stdio.h>
#include <string.h>

#define MAX_FILE_BYTES ((size_t)1 << 34)

/* ---- shapes -------------------------------------------------------------------------------- */

#define UNKNOWN (-1)

/* The shape of a part, and which of its axes a single index picks. */
struct part_shape {
	int n;
	int64_t size[TENSOR_MAX_DIMS];
	bool is_single[TENSOR_MAX_DIMS];
};

/* Elements of a range along an axis of `dim`, which may be a symbol. */
static int64_t size_of_range(const struct axis_range *r, int64_t dim)
{
	bool is_closed = !r->whole && r->stop != INT64_MAX && (r->start < 0) == (r->stop < 0);
	int64_t start = r->start, stop = r->stop;

	if (r->single)
		return 1;
	if (dim < 0)
		return is_closed && stop > start ? stop - start : UNKNOWN;
	if (r->whole)
		return dim;
	start += start < 0 ? dim : 0;
	stop = stop == INT64_MAX ? dim : stop < 0 ? stop + dim : stop;
	return (stop < dim ? stop : dim) - (start > 0 ? start : 0);
}

static struct part_shape shape_of(const struct edit *e, const struct value *v,
				  const struct executor *ex)
{
	struct part_shape s = { .n = v->t.n_dims };
	struct edit_part part;
	bool is_there = ex && executor_edit_part(ex, e, &part);

	for (int i = 0; i < s.n; i++) {
		s.is_single[i] = e->sel.axis[i].single;
		s.size[i] = is_there ? part.stop[i] - part.start[i]
				     : size_of_range(&e->sel.axis[i], v->t.shape[i]);
	}
	return s;
}

static bool fits(const struct part_shape *s, const struct array *a, bool with_singles)
{
	int k = 0;

	for (int i = 0; i < s->n; i++) {
		if (s->is_single[i] && !with_singles)
			continue;
		if (k >= a->n_dims || (s->size[i] != UNKNOWN && s->size[i] != a->shape[k]))
			return false;
		k++;
	}
	return k == a->n_dims;
}

/* Numbers without a shape, of a part whose shape only a pass tells, are counted when it begins. */
static bool is_open(const struct part_shape *s)
{
	int n = 0;

	for (int i = 0; i < s->n; i++)
		n += s->size[i] == UNKNOWN;
	return n > 1;
}

/* One element, however many dimensions a single number has. */
static bool is_one(const struct part_shape *s)
{
	for (int i = 0; i < s->n; i++)
		if (s->size[i] != 1)
			return false;
	return true;
}

int numbers_shape(const struct edit *e, const struct executor *ex, int64_t *shape)
{
	struct part_shape s = shape_of(e, &ex->program->values[e->value], ex);
	int64_t known = 1;
	int n = 0;

	for (int i = 0; i < s.n; i++)
		known *= s.size[i] == UNKNOWN ? 1 : s.size[i];
	for (int i = 0; i < s.n && !is_open(&s); i++)
		if (!s.is_single[i])
			shape[n++] =
				s.size[i] == UNKNOWN ? e->n_data / (known ? known : 1) : s.size[i];
	if (n == 0)
		shape[n++] = e->n_data;
	return n;
}

static void add_part_shape(struct text *t, const struct part_shape *s)
{
	const char *separator = "";

	text_addc(t, '[');
	for (int i = 0; i < s->n; i++) {
		if (s->is_single[i])
			continue;
		text_adds(t, separator);
		if (s->size[i] == UNKNOWN)
			text_addc(t, '*');
		else
			text_addf(t, "%lld", (long long)s->size[i]);
		separator = ", ";
	}
	text_addc(t, ']');
}

static int no_fit(const struct edit *e, const struct value *v, const struct part_shape *s,
		  const struct array *a, struct err *err)
{
	struct text t = { 0 };

	text_adds(&t, v->name);
	selection_format(&e->sel, value_axes(v), &t);
	text_adds(&t, " has the shape ");
	add_part_shape(&t, s);
	text_adds(&t, ", and the numbers");
	if (a->name[0])
		text_addf(&t, " of %s", a->name);
	text_adds(&t, " have [");
	for (int i = 0; i < a->n_dims; i++)
		text_addf(&t, "%s%lld", i ? ", " : "", (long long)a->shape[i]);
	text_addc(&t, ']');
	err_set(err, ERR_SHAPE, "%s", t.data);
	text_release(&t);
	return err->code;
}

int numbers_replace(struct edit *e, const struct value *v, const struct executor *ex,
		    const struct array *numbers, struct err *err)
{
	struct part_shape s = shape_of(e, v, ex);

	if (selection_check(&e->sel, v, err))
		return err->code;
	if (numbers->numel == 0 ||
	    !(fits(&s, numbers, true) || fits(&s, numbers, false) ||
	      (numbers->n_dims == 1 && is_open(&s)) || (numbers->numel == 1 && is_one(&s))))
		return no_fit(e, v, &s, numbers, err);
	e->kind = EDIT_REPLACE;
	e->data = numbers->data;
	e->n_data = numbers->numel;
	return 0;
}

int edit_replace_by(struct edit *e, const struct executor *ex, const struct array *numbers,
		    struct err *err)
{
	return numbers_replace(e, &ex->program->values[e->value], ex, numbers, err);
}

/* ---- where they come from ------------------------------------------------------------------- */

int edit_replace_from(struct edit *e, const struct executor *ex, const struct array_source *source,
		      const char *text, struct array **numbers, struct err *err)
{
	*numbers = source->read(source->ctx, text, err);
	if (!*numbers)
		return err->code;
	if (edit_replace_by(e, ex, *numbers, err) == 0)
		return 0;
	array_release(*numbers);
	*numbers = NULL;
	return err->code;
}

/* A copy that keeps nothing of the blob. */
static struct array *own_copy(const struct array *a, struct err *err)
{
	struct array *copy = array_like(a, err);

	if (copy && a->numel > 0)
		memcpy(copy->data, a->data, (size_t)a->numel * sizeof(*a->data));
	return copy;
}

struct array *numbers_of_npy(const char *path, struct err *err)
{
	struct text blob = { 0 };
	struct array *a = NULL, *copy = NULL;

	if (text_read_file(&blob, path, MAX_FILE_BYTES, err) == 0) {
		if (npy_is(blob.data ? blob.data : "", blob.len))
			a = array_of_blob(blob.data, blob.len, err);
		else
			err_set(err, ERR_FORMAT, "it is no .npy file");
		if (!a)
			err_wrap(err, "%s", path);
	}
	if (a)
		copy = own_copy(a, err);
	if (copy)
		snprintf(copy->name, sizeof(copy->name), "%s", path);
	array_release(a);
	text_release(&blob);
	return copy;
}
