/*
 * readout.c -- how a program ends, and the lens: its end applied to any residual stream.
 *
 * Weights come from a source as f32, a few rows at a time, so that a head of a gigabyte needs no
 * second one.
 */
#include "readout_impl.h"

#include "torchless/mem.h"
#include "torchless/numbers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_ELEMENTS ((int64_t)1 << 22)

/* ---- the end of a program ------------------------------------------------------------------ */

const struct op *readout_producer(const struct program *p, value_id v)
{
	return v >= 0 && p->values[v].op >= 0 ? &p->ops[p->values[v].op] : NULL;
}

int readout_find_end(const struct program *p, struct readout_end *e, struct err *err)
{
	*e = (struct readout_end){ .stream = -1 };
	e->head = readout_producer(p, p->logits);
	e->norm = e->head ? readout_producer(p, e->head->in[0]) : NULL;
	if (e->norm && e->norm->code == OP_TAIL)
		e->norm = readout_producer(p, e->norm->in[0]);
	if (!e->head || e->head->code != OP_LINEAR || !e->norm || e->norm->code != OP_RMSNORM)
		return err_set(
			err, ERR_FORMAT,
			"the model does not end in a norm and a linear layer, which a lens needs");
	assert(e->norm->n_in == 2 && e->head->n_in == 2);
	e->stream = e->norm->in[0];
	e->V = p->values[e->head->in[1]].t.shape[0];
	e->D = p->values[e->head->in[1]].t.shape[1];
	return 0;
}

int readout_streams(const struct program *p, value_id *out, int n, struct err *err)
{
	const struct op *op;
	struct readout_end e = { 0 };
	int found = 1, at;

	if (readout_find_end(p, &e, err))
		return err->code;
	for (value_id v = e.stream; (op = readout_producer(p, v)) && op->code == OP_ADD;
	     v = op->in[0])
		found++;
	at = found;
	for (value_id v = e.stream; at > 0; v = at > 0 ? readout_producer(p, v)->in[0] : -1)
		if (--at < n)
			out[at] = v;
	return found;
}

/* ---- reading ------------------------------------------------------------------------------- */

int readout_interrupted(const struct readout *r, struct err *err)
{
	if (r->watch && r->watch->is_over(r->watch->ctx))
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	return 0;
}

struct array *readout_read(const struct readout *r, value_id v, const char *selection,
			   int64_t numel, struct err *err)
{
	char text[256];
	struct array *a;

	if (readout_interrupted(r, err))
		return NULL;
	snprintf(text, sizeof(text), "%s%s", r->program->values[v].name, selection);
	a = r->source.read(r->source.ctx, text, err);
	if (a && numel >= 0 && a->numel != numel) {
		err_set(err, ERR_SHAPE, "%.120s has %lld elements, not %lld", text,
			(long long)a->numel, (long long)numel);
		array_release(a);
		return NULL;
	}
	return a;
}

int64_t readout_chunk(int64_t K)
{
	return int64_max(1, CHUNK_ELEMENTS / int64_max(1, K));
}

/* ---- the lens ------------------------------------------------------------------------------ */

static int apply_norm(const struct readout *r, const struct readout_end *e, const struct array *x,
		      float *normed, struct err *err)
{
	struct array *w;
	struct tensor t;

	assert(e->norm);
	w = readout_read(r, e->norm->in[1], "", e->D, err);
	if (!w)
		return err->code;
	t = tensor_make(DTYPE_F32, 1, &e->D, w->data);
	r->kernels->rmsnorm(r->pool, NULL, NULL, normed, x->data, &t, e->norm->eps, x->shape[0]);
	array_release(w);
	return 0;
}

/* Columns [v0, v0 + n) of the logits. */
static int apply_rows(const struct readout *r, const struct readout_end *e, const float *normed,
		      int64_t v0, int64_t n, struct array *logits, struct err *err)
{
	int64_t rows = logits->shape[0], shape[2] = { n, e->D }, end = v0 + n;
	struct array *w;
	struct tensor t;
	float *y;
	char part[64];

	snprintf(part, sizeof(part), "[%lld:%lld]", (long long)v0, (long long)end);
	w = readout_read(r, e->head->in[1], part, n * e->D, err);
	y = w ? array_numbers(rows * n, err) : NULL;
	if (y) {
		t = tensor_make(DTYPE_F32, 2, shape, w->data);
		r->kernels->linear(r->pool, y, normed, &t, rows);
		for (int64_t i = 0; i < rows; i++)
			memcpy(logits->data + i * e->V + v0, y + i * n, (size_t)n * sizeof(*y));
	}
	free(y);
	array_release(w);
	return y ? 0 : err->code;
}

struct array *readout_logits(const struct readout *r, const struct array *x, struct err *err)
{
	struct readout_end e = { 0 };
	struct array *logits;
	float *normed;
	int64_t step;
	int ret;

	if (readout_find_end(r->program, &e, err))
		return NULL;
	if (x->n_dims != 2 || x->shape[1] != e.D) {
		err_set(err, ERR_SHAPE, "a residual stream of this model is %lld wide, not %lld",
			(long long)e.D, (long long)(x->n_dims == 2 ? x->shape[1] : x->numel));
		return NULL;
	}
	logits = array_new(2, (int64_t[]){ x->shape[0], e.V }, err);
	normed = logits ? array_numbers(x->numel, err) : NULL;
	ret = normed ? apply_norm(r, &e, x, normed, err) : ERR_MEMORY;
	step = readout_chunk(e.D);
	for (int64_t v = 0; v < e.V && ret == 0; v += step)
		ret = apply_rows(r, &e, normed, v, int64_min(step, e.V - v), logits, err);
	free(normed);
	if (ret) {
		array_release(logits);
		return NULL;
	}
	snprintf(logits->axes, sizeof(logits->axes), "row,vocab");
	return logits;
}
