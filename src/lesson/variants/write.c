/*
 * write.c -- a .safetensors file, a weight after the other.
 */
#include "write.h"

#include "torchless/mem.h"
#include "torchless/out_file.h"
#include "torchless/text.h"

#include <stdlib.h>
#include <string.h>

struct weight_plan *weights_plan_add(struct weights_plan *p, const char *name)
{
	struct weight_plan *w;

	p->items = mem_grow(p->items, (size_t)p->n, &p->cap, sizeof(*p->items));
	w = &p->items[p->n++];
	*w = (struct weight_plan){ .name = mem_strdup(name), .rows = 1 };
	return w;
}

void weights_plan_release(struct weights_plan *p)
{
	for (int i = 0; i < p->n; i++)
		free(p->items[i].name);
	free(p->items);
	*p = (struct weights_plan){ 0 };
}

static int64_t bytes_of(const struct weight_plan *w)
{
	return w->rows * w->cols * dtype_table[w->dtype].block_bytes;
}

int64_t weights_plan_bytes(const struct weights_plan *p)
{
	int64_t bytes = 0;

	for (int i = 0; i < p->n; i++)
		bytes += bytes_of(&p->items[i]);
	return bytes;
}

static void add_header(const struct weights_plan *p, struct text *t)
{
	int64_t at = 0;

	text_adds(t, "{\"__metadata__\": {\"format\": \"pt\"}");
	for (int i = 0; i < p->n; i++) {
		const struct weight_plan *w = &p->items[i];
		int64_t end = at + bytes_of(w);

		text_adds(t, ", ");
		text_add_json(t, w->name, strlen(w->name));
		text_addf(t, ": {\"dtype\": \"%s\", \"shape\": [",
			  dtype_table[w->dtype].safetensors);
		if (!w->is_vector)
			text_addf(t, "%lld, ", (long long)w->rows);
		text_addf(t, "%lld], \"data_offsets\": [%lld, %lld]}", (long long)w->cols,
			  (long long)at, (long long)end);
		at = end;
	}
	text_addc(t, '}');
	while (t->len % 8)
		text_addc(t, ' ');
}

/* Numbers of 16 bits take the place of the floats they were. */
static void narrow(const struct weight_plan *w, float *x)
{
	uint16_t *half = (uint16_t *)(void *)x;

	for (int64_t i = 0; i < w->rows * w->cols && w->dtype != DTYPE_F32; i++) {
		uint16_t h = w->dtype == DTYPE_F16 ? f32_to_f16(x[i]) : f32_to_bf16(x[i]);

		memcpy(half + i, &h, sizeof(h));
	}
}

static int write_weight(const struct weights_plan *p, int i, struct out_file *f, struct err *err)
{
	const struct weight_plan *w = &p->items[i];
	float *x = mem_try_aligned((size_t)(w->rows * w->cols) * sizeof(*x));
	int result;

	if (!x)
		return err_set(err, ERR_MEMORY, "out of memory: %s has %lld x %lld numbers",
			       w->name, (long long)w->rows, (long long)w->cols);
	result = p->fill(p->ctx, i, x, err);
	if (result == 0) {
		narrow(w, x);
		result = out_file_write(f, x, (size_t)bytes_of(w), err);
	}
	free(x);
	return result;
}

int weights_write(const struct weights_plan *p, const char *path, struct err *err)
{
	struct out_file f;
	struct text header = { 0 };
	uint64_t n;
	int result;

	if (out_file_open(&f, path, err))
		return err->code;
	add_header(p, &header);
	n = header.len; /* as little-endian as the processor */
	result = out_file_write(&f, &n, sizeof(n), err);
	if (result == 0)
		result = out_file_write(&f, header.data, header.len, err);
	text_release(&header);
	for (int i = 0; i < p->n && result == 0; i++)
		result = write_weight(p, i, &f, err);
	if (result == 0)
		return out_file_keep(&f, err);
	out_file_drop(&f);
	return result;
}
