/*
 * edit.c -- the log of edits, and applying it.
 *
 * An edit stands in the log until it is removed.  One of a value is applied each time the value is
 * computed: after the op for a stored value, to the rows of each head for a lazy one.  One of a
 * weight is applied to a private copy, made anew from the checkpoint's bytes and what the log says
 * of it whenever that changes: the file's memory is never written.
 */
#include "executor_impl.h"

#include "torchless/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *const edit_kind_names[] = { "zero", "set", "scale", "add", "replace" };

/* ---- which --------------------------------------------------------------------------------- */

static bool covers(const struct edit *e, int pass)
{
	return pass >= e->pass_from && (e->pass_to < 0 || pass <= e->pass_to);
}

static bool in_force(const struct executor *ex, const struct edit *e, value_id v)
{
	return e->value == v && covers(e, ex->bound_pass);
}

bool edits_touch(const struct executor *ex, value_id v)
{
	return executor_edit_in_force(ex, v) != NULL;
}

const struct edit *executor_edit_in_force(const struct executor *ex, value_id v)
{
	for (int i = ex->n_edits - 1; i >= 0; i--)
		if (in_force(ex, &ex->edits[i], v))
			return &ex->edits[i];
	return NULL;
}

const struct edit *executor_edit(const struct executor *ex, int id)
{
	for (int i = 0; i < ex->n_edits; i++)
		if (ex->edits[i].id == id)
			return &ex->edits[i];
	return NULL;
}

static const char *axes_of(const struct executor *ex, value_id v)
{
	return value_axes(&ex->program->values[v]);
}

/* ---- changing numbers ---------------------------------------------------------------------- */

/* An edit on its way through a tensor: `at` counts the elements it has changed. */
struct change {
	const struct edit *edit;
	enum dtype dtype; /* of the elements: f32, or a weight's f16 or bf16 */
	int64_t at;
};

static float changed(const struct change *c, int64_t i, float x)
{
	switch (c->edit->kind) {
	case EDIT_ZERO:
		return 0.0f;
	case EDIT_SET:
		return c->edit->arg;
	case EDIT_SCALE:
		return x * c->edit->arg;
	case EDIT_ADD:
		return x + c->edit->arg;
	case EDIT_REPLACE:
		return c->edit->data[c->at + i];
	}
	assert(!"unknown kind of edit");
	return x;
}

static void change_half(uint16_t *h, const struct change *c, int64_t i)
{
	if (c->dtype == DTYPE_F16)
		*h = f32_to_f16(changed(c, i, f16_to_f32(*h)));
	else
		*h = f32_to_bf16(changed(c, i, bf16_to_f32(*h)));
}

/* n elements that lie one after the other; data of a file may be unaligned, so memcpy. */
static void change_run(char *x, int64_t n, struct change *c)
{
	for (int64_t i = 0; i < n; i++) {
		uint16_t h;
		float f;

		if (c->dtype == DTYPE_F32) {
			memcpy(&f, x + i * (int64_t)sizeof(f), sizeof(f));
			f = changed(c, i, f);
			memcpy(x + i * (int64_t)sizeof(f), &f, sizeof(f));
		} else {
			memcpy(&h, x + i * (int64_t)sizeof(h), sizeof(h));
			change_half(&h, c, i);
			memcpy(x + i * (int64_t)sizeof(h), &h, sizeof(h));
		}
	}
	c->at += n;
}

/* Walk the box [start, stop) of a contiguous tensor, a run of the last axis at a time. */
static void change_box(char *x, const int64_t *shape, const int64_t *start, const int64_t *stop,
		       int n_dims, struct change *c)
{
	int64_t inner = dtype_table[c->dtype].block_bytes;

	for (int i = 1; i < n_dims; i++)
		inner *= shape[i];
	if (n_dims == 1) {
		change_run(x + start[0] * inner, stop[0] - start[0], c);
		return;
	}
	for (int64_t i = start[0]; i < stop[0]; i++)
		change_box(x + i * inner, shape + 1, start + 1, stop + 1, n_dims - 1, c);
}

static int64_t box_numel(const int64_t *start, const int64_t *stop, int n_dims)
{
	int64_t n = 1;

	for (int i = 0; i < n_dims; i++)
		n *= stop[i] - start[i];
	return n;
}

/* ---- values -------------------------------------------------------------------------------- */

static void apply_to_rows(struct executor *ex, value_id v, const struct tensor *t)
{
	for (int i = 0; i < ex->n_edits; i++) {
		int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS];
		struct change c = { &ex->edits[i], DTYPE_F32, 0 };

		if (in_force(ex, c.edit, v) &&
		    selection_resolve(&c.edit->sel, axes_of(ex, v), t->shape, t->n_dims,
				      executor_pos0(ex, v), start, stop))
			change_box(t->data, t->shape, start, stop, t->n_dims, &c);
	}
}

/* Where a ring wraps, the rows of a pass lie in two pieces: change what was appended, and append.
 */
static void apply_to_ring(struct executor *ex, value_id v)
{
	const struct value *value = &ex->program->values[v];
	const struct tensor *x = &ex->tensors[ex->program->ops[value->op].in[0]];
	struct tensor rows = *x;

	rows.data = mem_calloc((size_t)tensor_numel(x), sizeof(float));
	memcpy(rows.data, x->data, (size_t)tensor_numel(x) * sizeof(float));
	apply_to_rows(ex, v, &rows);
	kv_cache_append(&ex->caches[ex->cache_of[v]], rows.data, ex->pos0, ex->T);
	free(rows.data);
}

void edits_apply(struct executor *ex, value_id v)
{
	const struct tensor *t = &ex->tensors[v];

	if (!edits_touch(ex, v))
		return;
	switch (ex->program->values[v].storage) {
	case STORAGE_OWN:
		apply_to_rows(ex, v, t);
		return;
	case STORAGE_CACHE:
		if (t->data)
			apply_to_rows(ex, v, t);
		else
			apply_to_ring(ex, v);
		return;
	case STORAGE_LAZY: /* when it is computed */
	case STORAGE_VIEW: /* what it views is edited */
	case STORAGE_WEIGHT:
	case STORAGE_INPUT:
		return;
	}
}

void edits_apply_head(struct executor *ex, value_id v, int64_t head, float *rows)
{
	const struct tensor *t = &ex->tensors[v];

	for (int i = 0; i < ex->n_edits; i++) {
		int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS];
		struct change c = { &ex->edits[i], DTYPE_F32, 0 };

		if (!in_force(ex, c.edit, v) ||
		    !selection_resolve(&c.edit->sel, axes_of(ex, v), t->shape, t->n_dims, ex->pos0,
				       start, stop) ||
		    head < start[0] || head >= stop[0])
			continue;
		c.at = (head - start[0]) * box_numel(start + 1, stop + 1, t->n_dims - 1);
		change_box((char *)rows, t->shape + 1, start + 1, stop + 1, t->n_dims - 1, &c);
	}
}

/* ---- weights ------------------------------------------------------------------------------- */

/* The first of the names that share a weight's data. */
static value_id first_of(const struct program *p, value_id v)
{
	return p->values[v].tied_to >= 0 ? p->values[v].tied_to : v;
}

static void apply_to_weight(const struct executor *ex, struct tensor *t, value_id first)
{
	for (int i = 0; i < ex->n_edits; i++) {
		struct change c = { &ex->edits[i], t->dtype, 0 };
		int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS];

		if (first_of(ex->program, c.edit->value) == first &&
		    selection_resolve(&c.edit->sel, axes_of(ex, c.edit->value), t->shape, t->n_dims,
				      0, start, stop))
			change_box(t->data, t->shape, start, stop, t->n_dims, &c);
	}
}

static bool is_edited(const struct executor *ex, value_id first)
{
	for (int i = 0; i < ex->n_edits; i++)
		if (first_of(ex->program, ex->edits[i].value) == first)
			return true;
	return false;
}

/* Make the weight what the log says of it, under each of its names.  ERR_MEMORY changes nothing. */
static int remake_weight(struct executor *ex, value_id v, struct err *err)
{
	const struct program *p = ex->program;
	value_id first = first_of(p, v);
	struct tensor t = p->values[first].t;
	void *copy = NULL;

	if (is_edited(ex, first)) {
		copy = mem_try_aligned((size_t)tensor_bytes(&t));
		if (!copy)
			return err_set(err, ERR_MEMORY,
				       "out of memory: a copy of %s to edit takes more",
				       p->values[first].name);
		memcpy(copy, t.data, (size_t)tensor_bytes(&t));
		t.data = copy;
		apply_to_weight(ex, &t, first);
	}
	free(ex->edited_weights[first]);
	ex->edited_weights[first] = copy;
	for (int i = 0; i < p->n_values; i++)
		if (p->values[i].storage == STORAGE_WEIGHT && first_of(p, i) == first)
			ex->tensors[i].data = t.data;
	return 0;
}

/* ---- the log ------------------------------------------------------------------------------- */

static int check_weight(const struct value *v, const struct edit *e, struct err *err)
{
	int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS];
	int64_t n =
		selection_resolve(&e->sel, value_axes(v), v->t.shape, v->t.n_dims, 0, start, stop)
			? box_numel(start, stop, v->t.n_dims)
			: 0;

	if (e->pass_from != 0 || e->pass_to >= 0)
		return err_set(err, ERR_USAGE, "%s is a weight: it changes for all passes or none",
			       v->name);
	if (e->kind == EDIT_REPLACE && n != e->n_data)
		return err_set(err, ERR_USAGE,
			       "%s: %lld numbers are to replace %lld elements of the weight",
			       v->name, (long long)e->n_data, (long long)n);
	return 0;
}

static int check_data(const struct executor *ex, const struct edit *e, int64_t pos0, int64_t T,
		      int64_t R, struct err *err)
{
	const struct value *v = &ex->program->values[e->value];
	int64_t shape[TENSOR_MAX_DIMS], start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS], n;

	for (int i = 0; i < v->t.n_dims; i++)
		shape[i] = plan_bind_dim(v->t.shape[i], T, pos0 + T, R);
	if (v->storage == STORAGE_CACHE)
		shape[0] = T;
	if (v->t.shape[0] == DIM_R)
		pos0 += T - R;
	if (!selection_resolve(&e->sel, value_axes(v), shape, v->t.n_dims, pos0, start, stop))
		return 0;
	n = box_numel(start, stop, v->t.n_dims);
	if (n == e->n_data)
		return 0;
	return err_set(
		err, ERR_USAGE,
		"%s: %lld numbers are to replace its part, which has %lld in a pass of %lld tokens",
		v->name, (long long)e->n_data, (long long)n, (long long)T);
}

int executor_check_edit(const struct executor *ex, const struct edit *e, int64_t pos0, int64_t T,
			int64_t R, struct err *err)
{
	if (e->kind != EDIT_REPLACE || ex->program->values[e->value].storage == STORAGE_WEIGHT)
		return 0;
	return check_data(ex, e, pos0, T, R, err);
}

int edits_check(const struct executor *ex, int pass, int64_t pos0, int64_t T, int64_t R,
		struct err *err)
{
	for (int i = 0; i < ex->n_edits; i++) {
		const struct edit *e = &ex->edits[i];

		if (covers(e, pass) && executor_check_edit(ex, e, pos0, T, R, err))
			return err->code;
	}
	return 0;
}

static int check_edit(const struct executor *ex, const struct edit *e, struct err *err)
{
	const struct value *v = &ex->program->values[e->value];

	assert(e->value >= 0 && e->value < ex->program->n_values &&
	       (e->kind != EDIT_REPLACE || e->data));
	switch (v->storage) {
	case STORAGE_WEIGHT:
		return selection_check(&e->sel, v, err) ? err->code : check_weight(v, e, err);
	case STORAGE_INPUT:
		return err_set(err, ERR_USAGE, "%s is an input of the program: no op computes it",
			       v->name);
	case STORAGE_VIEW: /* an edit of it would change, and keep changing, what it views */
		return err_set(err, ERR_USAGE, "%s is memory of %s: edit that", v->name,
			       ex->program->values[ex->program->ops[v->op].in[0]].name);
	case STORAGE_OWN:
	case STORAGE_CACHE:
	case STORAGE_LAZY:
		break;
	}
	if (selection_check(&e->sel, v, err))
		return err->code;
	return ex->state != EX_EMPTY && covers(e, ex->bound_pass)
		       ? executor_check_edit(ex, e, ex->pos0, ex->T, ex->R, err)
		       : 0;
}

static void free_edit(struct edit *e)
{
	free((float *)e->data);
	free((char *)e->source);
}

static void append(struct executor *ex, const struct edit *e)
{
	struct edit *mine;

	ex->edits = mem_grow(ex->edits, (size_t)ex->n_edits, &ex->cap_edits, sizeof(*e));
	mine = &ex->edits[ex->n_edits++];
	*mine = *e;
	mine->id = ++ex->last_edit_id;
	mine->data = NULL;
	if (e->kind == EDIT_REPLACE) {
		float *data = mem_calloc((size_t)e->n_data + 1, sizeof(*data));

		memcpy(data, e->data, (size_t)e->n_data * sizeof(*data));
		mine->data = data;
	}
	mine->source = e->source ? mem_strdup(e->source) : NULL;
}

int executor_add_edit(struct executor *ex, const struct edit *e, struct err *err)
{
	if (check_edit(ex, e, err))
		return err->code;
	append(ex, e);
	if (ex->program->values[e->value].storage == STORAGE_WEIGHT &&
	    remake_weight(ex, e->value, err)) {
		free_edit(&ex->edits[--ex->n_edits]);
		return err->code;
	}
	return ex->last_edit_id;
}

int executor_remove_edit(struct executor *ex, int id, struct err *err)
{
	const struct edit *found = executor_edit(ex, id);
	struct edit removed;
	int i;

	if (!found)
		return err_set(err, ERR_USAGE, "there is no edit %d", id);
	removed = *found;
	i = (int)(found - ex->edits);
	memmove(&ex->edits[i], &ex->edits[i + 1], (size_t)(ex->n_edits - i - 1) * sizeof(removed));
	ex->n_edits--;
	if (ex->program->values[removed.value].storage == STORAGE_WEIGHT &&
	    remake_weight(ex, removed.value, err)) {
		memmove(&ex->edits[i + 1], &ex->edits[i],
			(size_t)(ex->n_edits - i) * sizeof(removed));
		ex->edits[i] = removed;
		ex->n_edits++;
		return err->code;
	}
	free_edit(&removed);
	return 0;
}

void executor_clear_edits(struct executor *ex)
{
	struct err none = { 0 };
	int n = ex->n_edits;

	ex->n_edits = 0; /* so weights are made from nothing, which cannot fail */
	for (int i = 0; i < n; i++) {
		if (ex->program->values[ex->edits[i].value].storage == STORAGE_WEIGHT)
			remake_weight(ex, ex->edits[i].value, &none);
		free_edit(&ex->edits[i]);
	}
}

void edits_release(struct executor *ex)
{
	for (int i = 0; i < ex->n_edits; i++)
		free_edit(&ex->edits[i]);
	for (int v = 0; ex->edited_weights && v < ex->program->n_values; v++)
		free(ex->edited_weights[v]);
	free(ex->edits);
	free(ex->edited_weights);
}
