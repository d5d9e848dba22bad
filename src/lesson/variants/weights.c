/*
 * weights.c -- the weights of a copy: those of the model, changed by a rule, or random ones.
 */
#include "weights.h"

#include "torchless/kernels.h"

#include <stdio.h>

static enum dtype type_of(const struct variant *v, enum dtype own)
{
	switch (v->type) {
	case VARIANT_F32:
		return DTYPE_F32;
	case VARIANT_F16:
		return DTYPE_F16;
	case VARIANT_BF16:
		return DTYPE_BF16;
	case VARIANT_KEEP:
		break;
	}
	/* A copy is a safetensors file, which has no blocks. */
	return dtype_is_block(own) ? DTYPE_F32 : own;
}

static int fill_copy(void *ctx, int i, float *x, struct err *err)
{
	const struct copy *c = ctx;
	int64_t rows, n;

	for (int f = 0; f < c->from.n_files; f++) {
		const struct tensor_file *file = &c->from.files[f];

		if (i >= file->n_tensors) {
			i -= file->n_tensors;
			continue;
		}
		if (tensor_file_usable(file, &file->tensors[i], err))
			return err->code;
		n = file->tensors[i].numel;
		rows = file->tensors[i].t.n_dims > 1 ? file->tensors[i].t.shape[0] : 1;
		kernels_ref.convert(x, file->tensors[i].t.data, file->tensors[i].t.dtype, n);
		if (c->variant->first)
			c->variant->first(&c->from.config, file->tensors[i].name, x, rows,
					  n / rows);
		if (c->variant->then)
			c->variant->then(&c->from.config, file->tensors[i].name, x, rows, n / rows);
		return 0;
	}
	return 0;
}

void weights_plan_copy(struct copy *c, struct weights_plan *p)
{
	for (int f = 0; f < c->from.n_files; f++)
		for (int i = 0; i < c->from.files[f].n_tensors; i++) {
			const struct file_tensor *t = &c->from.files[f].tensors[i];
			struct weight_plan *w = weights_plan_add(p, t->name);

			w->is_vector = t->t.n_dims < 2;
			w->rows = w->is_vector ? 1 : t->t.shape[0];
			w->cols = t->numel / w->rows;
			w->dtype = type_of(c->variant, t->t.dtype);
		}
	p->fill = fill_copy;
	p->ctx = c;
}

/* Norms are 1; matrices are uniform, so small that the stream stays of one size. */
static int fill_random(void *ctx, int i, float *x, struct err *err)
{
	const struct weights_plan *p = ctx;
	const struct weight_plan *w = &p->items[i];
	uint32_t state = 2463534242u + (uint32_t)i * 7919u;

	(void)err;
	for (int64_t n = 0; n < w->rows * w->cols; n++) {
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		x[n] = w->is_vector ? 1.0f : ((float)(state >> 8) / 8388608.0f - 1.0f) * 0.05f;
	}
	return 0;
}

static void add_random(struct weights_plan *p, const struct variant *v, const char *name,
		       int64_t rows, int64_t cols)
{
	struct weight_plan *w = weights_plan_add(p, name);

	w->is_vector = rows == 0;
	w->rows = rows ? rows : 1;
	w->cols = cols;
	w->dtype = type_of(v, DTYPE_F32);
}

void weights_plan_random(const struct variant *v, int64_t vocab, struct weights_plan *p)
{
	static const struct {
		const char *name;
		int64_t rows, cols;
	} of_layer[] = {
		{ "input_layernorm", 0, 1024 },          { "self_attn.q_proj", 1024, 1024 },
		{ "self_attn.k_proj", 256, 1024 },       { "self_attn.v_proj", 256, 1024 },
		{ "self_attn.o_proj", 1024, 1024 },      { "mlp.gate_proj", 2816, 1024 },
		{ "post_attention_layernorm", 0, 1024 }, { "mlp.up_proj", 2816, 1024 },
		{ "mlp.down_proj", 1024, 2816 },
	};
	char name[96];

	add_random(p, v, "model.embed_tokens.weight", vocab, 1024);
	for (int l = 0; l < 5; l++)
		for (size_t i = 0; i < sizeof(of_layer) / sizeof(*of_layer); i++) {
			snprintf(name, sizeof(name), "model.layers.%d.%s.weight", l,
				 of_layer[i].name);
			add_random(p, v, name, of_layer[i].rows, of_layer[i].cols);
		}
	add_random(p, v, "model.norm.weight", 0, 1024);
	add_random(p, v, "lm_head.weight", vocab, 1024);
	p->fill = fill_random;
	p->ctx = p;
}

int64_t variant_bytes(const struct variant *v)
{
	struct weights_plan p = { 0 };
	int64_t bytes;

	if (!v->is_large)
		return 5000000; /* 1.2 million parameters, as f32 */
	weights_plan_random(v, 1328, &p);
	bytes = weights_plan_bytes(&p);
	weights_plan_release(&p);
	return bytes;
}
