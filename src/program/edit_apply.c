/*
 * edit_apply.c -- what edits make of numbers.
 *
 * The simple kinds walk the part of a tensor that they cover and change each element where it lies.
 * The others first make the whole part beside it, a mean, a copy, what a function says, and then
 * put it there: so nothing is half changed when a function fails.  Relations are computed a head at
 * a time whenever somebody reads them; what needs more of them than a head is made once a pass
 * (lazy.c) and kept with the edit.
 */
#include "executor_impl.h"

#include "torchless/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- which --------------------------------------------------------------------------------- */

bool edits_cover(const struct edit *e, int pass)
{
	return pass >= e->pass_from && (e->pass_to < 0 || pass <= e->pass_to);
}

static bool in_force(const struct executor *ex, const struct edit *e, value_id v)
{
	return e->value == v && edits_cover(e, ex->bound_pass);
}

const struct edit *executor_edit_in_force(const struct executor *ex, value_id v)
{
	for (int i = ex->n_edits - 1; i >= 0; i--)
		if (in_force(ex, &ex->edits[i], v))
			return &ex->edits[i];
	return NULL;
}

bool edits_touch(const struct executor *ex, value_id v)
{
	return executor_edit_in_force(ex, v) != NULL;
}

static const char *axes_of(const struct executor *ex, value_id v)
{
	return value_axes(&ex->program->values[v]);
}

int64_t edits_numel(const struct edit_part *p)
{
	int64_t n = 1;

	for (int i = 0; i < p->n_dims; i++)
		n *= p->stop[i] - p->start[i];
	return n;
}

/* The part of `t`, which is the value in the pass that is there, that a selection picks. */
static bool part_of(const struct executor *ex, value_id v, const struct selection *sel,
		    const struct tensor *t, struct edit_part *p)
{
	bool is_weight = ex->program->values[v].storage == STORAGE_WEIGHT;

	*p = (struct edit_part){ .n_dims = t->n_dims,
				 .pos0 = is_weight ? 0 : executor_pos0(ex, v) };
	return selection_resolve(sel, axes_of(ex, v), t->shape, t->n_dims, p->pos0, p->start,
				 p->stop);
}

bool executor_edit_part(const struct executor *ex, const struct edit *e, struct edit_part *part)
{
	bool is_weight = ex->program->values[e->value].storage == STORAGE_WEIGHT;

	if (!is_weight && (ex->state == EX_EMPTY || !edits_cover(e, ex->bound_pass)))
		return false;
	return part_of(ex, e->value, &e->sel, &ex->tensors[e->value], part);
}

/* ---- changing numbers ---------------------------------------------------------------------- */

/* A change on its way through a tensor: `at` counts the elements it has changed. */
struct change {
	enum edit_kind kind;
	enum dtype dtype; /* of the elements: f32, or a weight's f16 or bf16 */
	float arg;
	const float *data;
	int64_t at;
};

static float changed(const struct change *c, int64_t i, float x)
{
	switch (c->kind) {
	case EDIT_ZERO:
		return 0.0f;
	case EDIT_SET:
		return c->arg;
	case EDIT_SCALE:
		return x * c->arg;
	case EDIT_ADD:
		return x + c->arg;
	case EDIT_REPLACE:
		return c->data[c->at + i];
	case EDIT_MEAN: /* made first, and put there by REPLACE */
	case EDIT_COPY:
	case EDIT_COMPUTE:
	case EDIT_KINDS:
		break;
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
		float f;
		uint16_t h;

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

/* Put the numbers x, in C order, where the part lies. */
static void put(const struct tensor *t, const struct edit_part *p, const float *x)
{
	struct change c = { .kind = EDIT_REPLACE, .dtype = t->dtype, .data = x };

	change_box(t->data, t->shape, p->start, p->stop, t->n_dims, &c);
}

/* ---- making what comes in their place ------------------------------------------------------- */

/* The elements of the box [start, stop) of a contiguous tensor into *out, which moves on. */
static void take_box(const char *x, enum dtype dtype, const int64_t *shape, const int64_t *start,
		     const int64_t *stop, int n_dims, float **out)
{
	int64_t inner = dtype_table[dtype].block_bytes;

	for (int i = 1; i < n_dims; i++)
		inner *= shape[i];
	for (int64_t i = start[0]; i < stop[0]; i++) {
		struct tensor one = { .dtype = dtype, .data = (char *)x + i * inner };

		if (n_dims == 1)
			*(*out)++ = tensor_get(&one, 0);
		else
			take_box(x + i * inner, dtype, shape + 1, start + 1, stop + 1, n_dims - 1,
				 out);
	}
}

static void take(const struct tensor *t, const struct edit_part *p, float *out)
{
	take_box(t->data, t->dtype, t->shape, p->start, p->stop, t->n_dims, &out);
}

/* The numbers of a part, from free(); NULL and ERR_MEMORY. */
static float *room_for(const struct executor *ex, const struct edit *e, int64_t n, struct err *err)
{
	int64_t bytes;
	float *x = NULL;

	if (mem_mul(n, (int64_t)sizeof(*x), &bytes))
		x = mem_try_aligned((size_t)bytes);
	if (!x)
		err_set(err, ERR_MEMORY,
			"out of memory: an edit of %s makes %lld numbers and takes more",
			ex->program->values[e->value].name, (long long)n);
	return x;
}

/* Of x[rows, inner] the mean of each column, in f64, into each of the n rows of `out`. */
static void mean_of_rows(const float *x, int64_t rows, int64_t inner, float *out, int64_t n)
{
	for (int64_t k = 0; k < inner; k++) {
		double sum = 0;

		for (int64_t r = 0; r < rows; r++)
			sum += (double)x[r * inner + k];
		for (int64_t r = 0; r < n; r++)
			out[r * inner + k] = (float)(sum / (double)rows);
	}
}

/* The part as the mean over all rows of the axis that counts positions. */
static int make_mean(const struct executor *ex, const struct edit *e, const struct tensor *t,
		     const struct edit_part *p, int axis, float *out, struct err *err)
{
	int64_t n = p->stop[axis] - p->start[axis], rows = t->shape[axis], outer = 1, inner = 1;
	struct edit_part all = *p;
	float *x;

	all.start[axis] = 0;
	all.stop[axis] = rows;
	for (int i = 0; i < t->n_dims; i++)
		*(i < axis ? &outer : &inner) *= i == axis ? 1 : p->stop[i] - p->start[i];
	x = room_for(ex, e, edits_numel(&all), err);
	if (!x)
		return err->code;
	take(t, &all, x);
	for (int64_t o = 0; o < outer; o++)
		mean_of_rows(x + o * rows * inner, rows, inner, out + o * n * inner, n);
	free(x);
	return 0;
}

static int position_axis(const struct executor *ex, value_id v)
{
	int i = 0;

	while (!axis_counts_positions(axes_of(ex, v), i))
		i++;
	return i;
}

static int make(struct executor *ex, const struct edit *e, const struct tensor *t,
		const struct edit_part *p, float *out, struct err *err)
{
	struct edit_part from;
	int r;

	if (e->kind == EDIT_MEAN)
		return make_mean(ex, e, t, p, position_axis(ex, e->value), out, err);
	if (e->kind == EDIT_COPY) {
		bool is_there = part_of(ex, e->value, &e->from, t, &from);

		assert(is_there && edits_numel(&from) == edits_numel(p));
		(void)is_there;
		take(t, &from, out);
		return 0;
	}
	take(t, p, out);
	r = e->compute(e->ctx, ex, e, p, out, edits_numel(p), err);
	return r < 0 ? r : 0;
}

/* ---- applying ------------------------------------------------------------------------------ */

/* Whether what such an edit makes of a relation is kept: it needs more than the head it is of. */
static bool is_kept(const struct executor *ex, const struct edit *e)
{
	return ex->program->values[e->value].storage == STORAGE_LAZY &&
	       (e->kind == EDIT_COPY || e->kind == EDIT_COMPUTE);
}

static int make_and_put(struct executor *ex, struct edit *e, const struct tensor *t,
			const struct edit_part *p, struct err *err)
{
	float *x = room_for(ex, e, edits_numel(p), err);
	int r = x ? make(ex, e, t, p, x, err) : err->code;

	if (r == 0)
		put(t, p, x);
	if (r == 0 && is_kept(ex, e))
		e->made = x;
	else
		free(x);
	return r;
}

int edits_apply_one(struct executor *ex, struct edit *e, const struct tensor *t, struct err *err)
{
	struct change c = { e->kind, t->dtype, e->arg, e->data, 0 };
	struct edit_part p;

	if (!part_of(ex, e->value, &e->sel, t, &p))
		return 0;
	if (e->made)
		put(t, &p, e->made);
	else if (e->kind > EDIT_REPLACE)
		return make_and_put(ex, e, t, &p, err);
	else
		change_box(t->data, t->shape, p.start, p.stop, t->n_dims, &c);
	return 0;
}

int edits_apply_to(struct executor *ex, value_id v, const struct tensor *t, struct err *err)
{
	for (int i = 0; i < ex->n_edits; i++)
		if (in_force(ex, &ex->edits[i], v) && edits_apply_one(ex, &ex->edits[i], t, err))
			return err->code;
	return 0;
}

/* Where a ring wraps, the rows of a pass lie in two pieces: change what was appended, and append.
 */
static int apply_to_ring(struct executor *ex, value_id v, struct err *err)
{
	const struct value *value = &ex->program->values[v];
	const struct tensor *x = &ex->tensors[ex->program->ops[value->op].in[0]];
	struct tensor rows = *x;
	int r;

	rows.data = mem_calloc((size_t)tensor_numel(x), sizeof(float));
	memcpy(rows.data, x->data, (size_t)tensor_numel(x) * sizeof(float));
	r = edits_apply_to(ex, v, &rows, err);
	if (r == 0)
		kv_cache_append(&ex->caches[ex->cache_of[v]], rows.data, ex->pos0, ex->T);
	free(rows.data);
	return r;
}

/* A cache in f16 is changed as f32, an edit after the other, since the next one may look at it. */
static int apply_to_half(struct executor *ex, value_id v, struct err *err)
{
	const struct tensor *t = &ex->tensors[v];
	struct tensor rows = tensor_make(DTYPE_F32, t->n_dims, t->shape, NULL);
	int r = 0;

	rows.data = mem_calloc((size_t)tensor_numel(t), sizeof(float));
	for (int i = 0; i < ex->n_edits && r == 0; i++) {
		if (!in_force(ex, &ex->edits[i], v))
			continue;
		ex->opt.kernels->convert(rows.data, t->data, t->dtype, tensor_numel(t));
		r = edits_apply_one(ex, &ex->edits[i], &rows, err);
		if (r == 0)
			kv_cache_append(&ex->caches[ex->cache_of[v]], rows.data, ex->pos0, ex->T);
	}
	free(rows.data);
	return r;
}

static int apply_to_cache(struct executor *ex, value_id v, struct err *err)
{
	const struct tensor *t = &ex->tensors[v];

	if (!t->data)
		return apply_to_ring(ex, v, err);
	return t->dtype == DTYPE_F32 ? edits_apply_to(ex, v, t, err) : apply_to_half(ex, v, err);
}

int edits_apply(struct executor *ex, value_id v, struct err *err)
{
	const struct tensor *t = &ex->tensors[v];

	switch (ex->program->values[v].storage) {
	case STORAGE_OWN:
		return edits_apply_to(ex, v, t, err);
	case STORAGE_CACHE:
		return apply_to_cache(ex, v, err);
	case STORAGE_LAZY: /* when it is computed */
	case STORAGE_VIEW: /* what it views is edited */
	case STORAGE_WEIGHT:
	case STORAGE_INPUT:
		break;
	}
	return 0;
}

/* ---- relations ----------------------------------------------------------------------------- */

/* The part of one head, whose rows are a tensor of their own. */
static struct edit_part without_head(const struct edit_part *p)
{
	struct edit_part rows = { .n_dims = p->n_dims - 1, .pos0 = p->pos0 };

	memcpy(rows.start, p->start + 1, (size_t)rows.n_dims * sizeof(*rows.start));
	memcpy(rows.stop, p->stop + 1, (size_t)rows.n_dims * sizeof(*rows.stop));
	return rows;
}

static int apply_to_head(struct executor *ex, const struct edit *e, const struct tensor *rows,
			 const struct edit_part *whole, int64_t head, struct err *err)
{
	struct edit_part p = without_head(whole);
	int64_t n = edits_numel(&p), at = (head - whole->start[0]) * n;
	struct change c = { e->kind, DTYPE_F32, e->arg, e->data, at };
	float *mean;

	if (is_kept(ex, e)) {
		assert(e->made);
		put(rows, &p, e->made + at);
	} else if (e->kind == EDIT_MEAN) {
		mean = room_for(ex, e, n, err);
		if (!mean ||
		    make_mean(ex, e, rows, &p, position_axis(ex, e->value) - 1, mean, err)) {
			free(mean);
			return err->code;
		}
		put(rows, &p, mean);
		free(mean);
	} else {
		change_box(rows->data, rows->shape, p.start, p.stop, rows->n_dims, &c);
	}
	return 0;
}

int edits_apply_head(struct executor *ex, value_id v, int64_t head, float *rows, struct err *err)
{
	const struct tensor *t = &ex->tensors[v];
	struct tensor of_head = tensor_make(DTYPE_F32, t->n_dims - 1, t->shape + 1, rows);

	for (int i = 0; i < ex->n_edits; i++) {
		const struct edit *e = &ex->edits[i];
		struct edit_part p;

		if (in_force(ex, e, v) && part_of(ex, v, &e->sel, t, &p) && head >= p.start[0] &&
		    head < p.stop[0] && apply_to_head(ex, e, &of_head, &p, head, err))
			return err->code;
	}
	return 0;
}

bool edits_are_made(const struct executor *ex, value_id v)
{
	for (int i = 0; i < ex->n_edits; i++) {
		const struct edit *e = &ex->edits[i];
		struct edit_part p;

		if (in_force(ex, e, v) && is_kept(ex, e) && !e->made &&
		    part_of(ex, v, &e->sel, &ex->tensors[v], &p))
			return false;
	}
	return true;
}

void edits_forget_made(struct executor *ex)
{
	for (int i = 0; i < ex->n_edits; i++) {
		free(ex->edits[i].made);
		ex->edits[i].made = NULL;
	}
}
