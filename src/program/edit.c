/*
 * edit.c -- the log of edits: what may stand in it, and the weights that it changes.
 *
 * An edit stands in the log until it is removed.  One of a value is applied each time the value is
 * computed (edit_apply.c).  One of a weight is applied to a private copy, made anew from the
 * checkpoint's bytes and what the log says of it whenever that changes: the file's memory is never
 * written.
 */
#include "executor_impl.h"

#include "torchless/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const edit_kind_names[] = { "zero",    "set",  "scale", "add",
					"replace", "mean", "copy",  "compute" };

const struct edit *executor_edit(const struct executor *ex, int id)
{
	for (int i = 0; i < ex->n_edits; i++)
		if (ex->edits[i].id == id)
			return &ex->edits[i];
	return NULL;
}

/* ---- weights ------------------------------------------------------------------------------- */

/* The first of the names that share a weight's data. */
static value_id first_of(const struct program *p, value_id v)
{
	return p->values[v].tied_to >= 0 ? p->values[v].tied_to : v;
}

static int apply_to_weight(struct executor *ex, const struct tensor *t, value_id first,
			   struct err *err)
{
	for (int i = 0; i < ex->n_edits; i++)
		if (first_of(ex->program, ex->edits[i].value) == first &&
		    edits_apply_one(ex, &ex->edits[i], t, err))
			return err->code;
	return 0;
}

static bool is_edited(const struct executor *ex, value_id first)
{
	for (int i = 0; i < ex->n_edits; i++)
		if (first_of(ex->program, ex->edits[i].value) == first)
			return true;
	return false;
}

/*
 * Make *t a copy of the weight it is, from free(); NULL when memory is short.  One of blocks, whose
 * elements cannot change alone, becomes f32: its kernels compute with these values anyway.
 */
static void *copy_weight(const struct executor *ex, struct tensor *t)
{
	struct tensor own = tensor_make(dtype_is_block(t->dtype) ? DTYPE_F32 : t->dtype, t->n_dims,
					t->shape, NULL);
	int64_t row = t->n_dims > 1 ? tensor_numel(t) / t->shape[0] : 0, bytes = tensor_bytes(&own);

	own.data = bytes < 0 ? NULL : mem_try_aligned((size_t)bytes);
	if (own.data && own.dtype == t->dtype)
		memcpy(own.data, t->data, (size_t)bytes);
	else if (own.data)
		for (int64_t i = 0; i < t->shape[0]; i++)
			ex->opt.kernels->convert(tensor_row(&own, i), tensor_row(t, i), t->dtype,
						 row);
	*t = own;
	return own.data;
}

/* Make the weight what the log says of it, under each of its names.  ERR_MEMORY changes nothing. */
static int remake_weight(struct executor *ex, value_id v, struct err *err)
{
	const struct program *p = ex->program;
	value_id first = first_of(p, v);
	struct tensor t = p->values[first].t;
	void *copy = NULL;

	if (is_edited(ex, first)) {
		copy = copy_weight(ex, &t);
		if (!copy)
			return err_set(err, ERR_MEMORY,
				       "out of memory: a copy of %s to edit takes more",
				       p->values[first].name);
		if (apply_to_weight(ex, &t, first, err)) {
			free(copy);
			return err->code;
		}
	}
	free(ex->edited_weights[first]);
	ex->edited_weights[first] = copy;
	for (int i = 0; i < p->n_values; i++)
		if (p->values[i].storage == STORAGE_WEIGHT && first_of(p, i) == first)
			ex->tensors[i] = t;
	return 0;
}

/* ---- the log ------------------------------------------------------------------------------- */

/* "[2, 10]" of a part. */
static const char *format_part(const struct edit_part *p, char *buf, size_t size)
{
	size_t at = (size_t)snprintf(buf, size, "[");

	for (int i = 0; i < p->n_dims && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%lld", i ? ", " : "",
				       (long long)(p->stop[i] - p->start[i]));
	if (at < size)
		snprintf(buf + at, size - at, "]");
	return buf;
}

static bool same_sizes(const struct edit_part *a, const struct edit_part *b)
{
	for (int i = 0; i < a->n_dims; i++)
		if (a->stop[i] - a->start[i] != b->stop[i] - b->start[i])
			return false;
	return true;
}

static bool find_part(const struct selection *sel, const struct value *v, const int64_t *shape,
		      int64_t pos0, struct edit_part *p)
{
	*p = (struct edit_part){ .n_dims = v->t.n_dims, .pos0 = pos0 };
	return selection_resolve(sel, value_axes(v), shape, v->t.n_dims, pos0, p->start, p->stop);
}

/* Whether what an edit copies is there where the part is that it becomes, and fits. */
static int check_copy(const struct value *v, const struct edit *e, const int64_t *shape,
		      int64_t pos0, const struct edit_part *part, struct err *err)
{
	struct text from = { 0 };
	struct edit_part source;
	char ours[64], theirs[64];
	bool is_there = find_part(&e->from, v, shape, pos0, &source);

	if (is_there && same_sizes(part, &source))
		return 0;
	selection_format(&e->from, value_axes(v), &from);
	if (is_there)
		err_set(err, ERR_USAGE,
			"%s%s has the shape %s, and the part that it is to become %s", v->name,
			from.data ? from.data : "", format_part(&source, theirs, sizeof(theirs)),
			format_part(part, ours, sizeof(ours)));
	else
		err_set(err, ERR_USAGE,
			"%s%s is to be copied in a pass that has positions %lld to %lld and not it",
			v->name, from.data ? from.data : "", (long long)pos0,
			(long long)(pos0 + shape[v->storage == STORAGE_LAZY ? 1 : 0] - 1));
	text_release(&from);
	return err->code;
}

static int check_weight(const struct value *v, const struct edit *e, struct err *err)
{
	struct edit_part part;
	bool is_there = find_part(&e->sel, v, v->t.shape, 0, &part);
	int64_t n = is_there ? edits_numel(&part) : 0;

	if (e->pass_from != 0 || e->pass_to >= 0)
		return err_set(err, ERR_USAGE, "%s is a weight: it changes for all passes or none",
			       v->name);
	if (e->kind == EDIT_MEAN)
		return err_set(err, ERR_USAGE,
			       "%s is a weight: it has no positions to take the mean of", v->name);
	if (e->kind == EDIT_COMPUTE)
		return err_set(err, ERR_USAGE, "%s is a weight: no op computes it", v->name);
	if (e->kind == EDIT_REPLACE && n != e->n_data)
		return err_set(err, ERR_USAGE,
			       "%s: %lld numbers are to replace %lld elements of the weight",
			       v->name, (long long)e->n_data, (long long)n);
	if (e->kind == EDIT_COPY && is_there)
		return check_copy(v, e, v->t.shape, 0, &part, err);
	return 0;
}

static int check_data(const struct value *v, const struct edit *e, const struct edit_part *part,
		      int64_t T, struct err *err)
{
	int64_t n = edits_numel(part);

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
	const struct value *v = &ex->program->values[e->value];
	int64_t shape[TENSOR_MAX_DIMS] = { 0 };
	struct edit_part part;

	if ((e->kind != EDIT_REPLACE && e->kind != EDIT_COPY) || v->storage == STORAGE_WEIGHT)
		return 0;
	for (int i = 0; i < v->t.n_dims; i++)
		shape[i] = plan_bind_dim(v->t.shape[i], T, pos0 + T, R);
	if (v->storage == STORAGE_CACHE)
		shape[0] = T;
	if (v->t.shape[0] == DIM_R)
		pos0 += T - R;
	if (!find_part(&e->sel, v, shape, pos0, &part))
		return 0;
	return e->kind == EDIT_COPY ? check_copy(v, e, shape, pos0, &part, err)
				    : check_data(v, e, &part, T, err);
}

int edits_check(const struct executor *ex, int pass, int64_t pos0, int64_t T, int64_t R,
		struct err *err)
{
	for (int i = 0; i < ex->n_edits; i++) {
		const struct edit *e = &ex->edits[i];

		if (edits_cover(e, pass) && executor_check_edit(ex, e, pos0, T, R, err))
			return err->code;
	}
	return 0;
}

static int check_selections(const struct value *v, const struct edit *e, struct err *err)
{
	if (selection_check(&e->sel, v, err))
		return err->code;
	return e->kind == EDIT_COPY ? selection_check(&e->from, v, err) : 0;
}

static int check_edit(const struct executor *ex, const struct edit *e, struct err *err)
{
	const struct value *v = &ex->program->values[e->value];

	assert(e->value >= 0 && e->value < ex->program->n_values &&
	       (e->kind != EDIT_REPLACE || e->data) && (e->kind != EDIT_COMPUTE || e->compute));
	switch (v->storage) {
	case STORAGE_WEIGHT:
		return check_selections(v, e, err) ? err->code : check_weight(v, e, err);
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
	if (check_selections(v, e, err))
		return err->code;
	return ex->state != EX_EMPTY && edits_cover(e, ex->bound_pass)
		       ? executor_check_edit(ex, e, ex->pos0, ex->T, ex->R, err)
		       : 0;
}

static void free_edit(struct edit *e)
{
	if (e->release)
		e->release(e->ctx);
	free(e->made);
	free((float *)e->data);
	free((char *)e->source);
}

static void append(struct executor *ex, const struct edit *e)
{
	struct edit *mine;

	ex->edits = mem_grow(ex->edits, (size_t)ex->n_edits, &ex->cap_edits, sizeof(*e));
	mine = &ex->edits[ex->n_edits];
	*mine = *e;
	/* One that was in the log before comes back under its name. */
	mine->id = e->id > 0 && !executor_edit(ex, e->id) ? e->id : ex->last_edit_id + 1;
	ex->last_edit_id = mine->id > ex->last_edit_id ? mine->id : ex->last_edit_id;
	mine->data = NULL;
	mine->made = NULL;
	if (e->kind == EDIT_REPLACE) {
		float *data = mem_calloc((size_t)e->n_data + 1, sizeof(*data));

		memcpy(data, e->data, (size_t)e->n_data * sizeof(*data));
		mine->data = data;
	}
	mine->source = e->source ? mem_strdup(e->source) : NULL;
	ex->n_edits++;
}

int executor_add_edit(struct executor *ex, const struct edit *e, struct err *err)
{
	if (check_edit(ex, e, err))
		return err->code;
	edits_forget_made(ex);
	append(ex, e);
	if (ex->program->values[e->value].storage == STORAGE_WEIGHT &&
	    remake_weight(ex, e->value, err)) {
		ex->edits[--ex->n_edits].release = NULL; /* its ctx stays the caller's */
		free_edit(&ex->edits[ex->n_edits]);
		return err->code;
	}
	return ex->edits[ex->n_edits - 1].id;
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
	edits_forget_made(ex);
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
