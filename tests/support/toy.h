/*
 * toy.h -- a small Mistral in memory, for tests below the model layer.
 *
 * Two layers, grouped heads, a window, odd sizes; weights from a seed.  Built with program_emit()
 * as src/model/mistral.c does.
 */
#ifndef TESTS_TOY_H
#define TESTS_TOY_H

#include "torchless/executor.h"
#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>

enum { TOY_LAYERS = 2, TOY_D = 12, TOY_H = 4, TOY_G = 2, TOY_E = 6, TOY_F = 17, TOY_V = 29 };

struct toy {
	struct program p;
	float *weights; /* all of them, in the order of their declaration */
	int64_t used;
	uint32_t seed;
	struct err err;
};

static inline float toy_random(struct toy *t)
{
	t->seed = t->seed * 1664525u + 1013904223u;
	return (float)(t->seed >> 8) / 8388608.0f - 1.0f;
}

static inline value_id toy_weight(struct toy *t, const char *name, int64_t rows, int64_t cols)
{
	float *data = t->weights + t->used;
	int64_t shape[2] = { rows, cols }, n = rows * (cols ? cols : 1), i;

	for (i = 0; i < n; i++)
		data[i] = cols ? toy_random(t) / sqrtf((float)cols) * 2 : 1 + toy_random(t) / 4;
	t->used += n;
	return program_weight(&t->p, name, tensor_make(DTYPE_F32, cols ? 2 : 1, shape, data));
}

#define toy_emit(t, ...) program_emit(&(t)->p, &(t)->err, __VA_ARGS__)
#define toy_linear(t, name, x, rows, cols, n_heads)                                                \
	toy_emit(t, .code = OP_LINEAR, .module = (name), .type = "Linear",                         \
		 .in = { (x), toy_weight(t, name, rows, cols) }, .heads = (n_heads))
#define toy_norm(t, name, x)                                                                       \
	toy_emit(t, .code = OP_RMSNORM, .module = (name), .type = "RMSNorm",                       \
		 .in = { (x), toy_weight(t, name, TOY_D, 0) }, .eps = 1e-5f)

static inline value_id toy_attention(struct toy *t, value_id x, value_id cos, value_id sin)
{
	value_id q, k, v, s;

	program_enter(&t->p, "Attention", "self_attn");
	q = toy_linear(t, "q_proj", x, TOY_H * TOY_E, TOY_D, TOY_H);
	k = toy_linear(t, "k_proj", x, TOY_G * TOY_E, TOY_D, TOY_G);
	v = toy_linear(t, "v_proj", x, TOY_G * TOY_E, TOY_D, TOY_G);
	q = toy_emit(t, .code = OP_ROPE, .point = "q_rot", .in = { q, cos, sin });
	k = toy_emit(t, .code = OP_ROPE, .point = "k_rot", .in = { k, cos, sin });
	k = toy_emit(t, .code = OP_APPEND, .point = "k_cache", .in = { k });
	v = toy_emit(t, .code = OP_APPEND, .point = "v_cache", .in = { v });
	s = toy_emit(t, .code = OP_SCORES, .point = "scores", .in = { q, k }, .scale = 0.4f);
	s = toy_emit(t, .code = OP_MASK, .point = "scores_masked", .in = { s }, .window = 3);
	s = toy_emit(t, .code = OP_SOFTMAX, .point = "pattern", .in = { s });
	x = toy_emit(t, .code = OP_MIX, .point = "z", .in = { s, v });
	x = toy_linear(t, "o_proj", x, TOY_D, TOY_H * TOY_E, 0);
	program_alias(&t->p, "out", x);
	program_leave(&t->p);
	return x;
}

static inline value_id toy_mlp(struct toy *t, value_id x)
{
	value_id act, up;

	program_enter(&t->p, "MLP", "mlp");
	act = toy_linear(t, "gate_proj", x, TOY_F, TOY_D, 0);
	act = toy_emit(t, .code = OP_SILU, .module = "act_fn", .type = "SiLU", .in = { act });
	up = toy_linear(t, "up_proj", x, TOY_F, TOY_D, 0);
	act = toy_emit(t, .code = OP_MUL, .point = "act_mul", .in = { act, up });
	x = toy_linear(t, "down_proj", act, TOY_D, TOY_F, 0);
	program_leave(&t->p);
	return x;
}

static inline value_id toy_layer(struct toy *t, int i, value_id x, value_id cos, value_id sin)
{
	value_id h;

	program_enter(&t->p, "DecoderLayer", "layers.%d", i);
	program_alias(&t->p, "in", x);
	h = toy_attention(t, toy_norm(t, "input_layernorm", x), cos, sin);
	x = toy_emit(t, .code = OP_ADD, .point = "resid_mid", .in = { x, h });
	h = toy_mlp(t, toy_norm(t, "post_attention_layernorm", x));
	x = toy_emit(t, .code = OP_ADD, .point = "out", .in = { x, h });
	program_leave(&t->p);
	return x;
}

static inline void toy_build(struct toy *t)
{
	static const float inv_freq[TOY_E / 2] = { 1.0f, 0.1f, 0.01f };
	int64_t T = DIM_T, F = TOY_E / 2;
	value_id x, freq, sin;
	int i;

	*t = (struct toy){ .seed = 7, .weights = mem_calloc(1 << 14, sizeof(float)) };
	program_init(&t->p, "MistralForCausalLM");
	t->p.ids = program_input(&t->p, "input_ids", tensor_make(DTYPE_I32, 1, &T, NULL));
	t->p.positions = program_input(&t->p, "position_ids", tensor_make(DTYPE_I32, 1, &T, NULL));
	freq = program_input(&t->p, "inv_freq", tensor_make(DTYPE_F32, 1, &F, (void *)inv_freq));
	program_enter(&t->p, "MistralModel", "model");
	x = toy_emit(t, .code = OP_EMBEDDING, .module = "embed_tokens", .type = "Embedding",
		     .in = { toy_weight(t, "embed", TOY_V, TOY_D), t->p.ids });
	sin = toy_emit(t, .code = OP_ROTARY, .module = "rotary_emb", .type = "RotaryEmbedding",
		       .in = { freq, t->p.positions }, .factor = 1.0f);
	for (i = 0; i < TOY_LAYERS; i++)
		x = toy_layer(t, i, x, sin - 1, sin);
	x = toy_norm(t, "norm", x);
	program_leave(&t->p);
	x = toy_emit(t, .code = OP_TAIL, .point = "last", .in = { x });
	t->p.logits = toy_linear(t, "lm_head", x, TOY_V, TOY_D, 0);
}

static inline void toy_release(struct toy *t)
{
	program_release(&t->p);
	free(t->weights);
}

#endif
