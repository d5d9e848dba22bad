/*
 * tiny.h -- a small random Mistral on disk, for tests.
 *
 * tiny_write() makes a Hugging Face directory with config.json and model.safetensors out of a
 * seed: odd sizes, 1 < KV heads < heads, norms that are not 1.  Tests change one field of the
 * struct to get the case they are about.
 */
#ifndef TESTS_TINY_H
#define TESTS_TINY_H

#include "torchless/mem.h"
#include "torchless/tensor.h"
#include "torchless/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tiny {
	int layers, d_model, heads, kv_heads, head_dim, d_ff, vocab, window;
	bool tied;
	enum dtype dtype;
	unsigned seed;
	const char *wrong; /* the tensor that gets one row too many, or NULL */
};

static const struct tiny tiny_default = {
	.layers = 2,
	.d_model = 33,
	.heads = 6,
	.kv_heads = 2,
	.head_dim = 10,
	.d_ff = 45,
	.vocab = 101,
	.window = 5,
	.dtype = DTYPE_F32,
	.seed = 1,
};

/* xorshift: uniform in [-1, 1). */
static inline float tiny_random(unsigned *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

struct tiny_file {
	const struct tiny *t;
	struct text header, data;
	unsigned state;
};

static inline void tiny_tensor(struct tiny_file *f, const char *name, int rows, int cols)
{
	size_t start = f->data.len;
	int n;

	if (f->t->wrong && strcmp(f->t->wrong, name) == 0)
		rows++;
	n = rows * (cols ? cols : 1);
	for (int i = 0; i < n; i++) {
		float x = cols ? tiny_random(&f->state) / sqrtf((float)cols) * 1.7f
			       : 1.0f + 0.3f * tiny_random(&f->state);
		uint16_t half = f->t->dtype == DTYPE_F16 ? f32_to_f16(x) : f32_to_bf16(x);

		if (f->t->dtype == DTYPE_F32)
			text_add(&f->data, &x, sizeof(x));
		else
			text_add(&f->data, &half, sizeof(half));
	}
	text_addf(&f->header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%d",
		  f->header.len > 1 ? "," : "", name, dtype_table[f->t->dtype].safetensors, rows);
	if (cols)
		text_addf(&f->header, ",%d", cols);
	text_addf(&f->header, "],\"data_offsets\":[%zu,%zu]}", start, f->data.len);
}

static inline void tiny_layer(struct tiny_file *f, int i)
{
	const struct tiny *t = f->t;
	const struct {
		const char *name;
		int rows, cols;
	} tensors[] = {
		{ "input_layernorm", t->d_model, 0 },
		{ "self_attn.q_proj", t->heads * t->head_dim, t->d_model },
		{ "self_attn.k_proj", t->kv_heads * t->head_dim, t->d_model },
		{ "self_attn.v_proj", t->kv_heads * t->head_dim, t->d_model },
		{ "self_attn.o_proj", t->d_model, t->heads * t->head_dim },
		{ "post_attention_layernorm", t->d_model, 0 },
		{ "mlp.gate_proj", t->d_ff, t->d_model },
		{ "mlp.up_proj", t->d_ff, t->d_model },
		{ "mlp.down_proj", t->d_model, t->d_ff },
	};
	char name[128];

	for (size_t k = 0; k < sizeof(tensors) / sizeof(tensors[0]); k++) {
		snprintf(name, sizeof(name), "model.layers.%d.%s.weight", i, tensors[k].name);
		tiny_tensor(f, name, tensors[k].rows, tensors[k].cols);
	}
}

static inline void tiny_put(const char *dir, const char *name, const struct text *a,
			    const struct text *b)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "wb");
	if (!file || fwrite(a->data, 1, a->len, file) != a->len ||
	    (b && fwrite(b->data, 1, b->len, file) != b->len) || fclose(file))
		abort();
}

static inline void tiny_write_config(const char *dir, const struct tiny *t)
{
	struct text config = { 0 };

	text_addf(&config,
		  "{\"architectures\":[\"MistralForCausalLM\"],\"model_type\":\"mistral\","
		  "\"hidden_size\":%d,\"intermediate_size\":%d,\"num_hidden_layers\":%d,"
		  "\"num_attention_heads\":%d,\"num_key_value_heads\":%d,\"head_dim\":%d,"
		  "\"vocab_size\":%d,\"rms_norm_eps\":1e-5,\"rope_theta\":10000.0,"
		  "\"max_position_embeddings\":512,\"hidden_act\":\"silu\",\"sliding_window\":",
		  t->d_model, t->d_ff, t->layers, t->heads, t->kv_heads, t->head_dim, t->vocab);
	if (t->window)
		text_addf(&config, "%d", t->window);
	else
		text_adds(&config, "null");
	text_addf(&config, ",\"tie_word_embeddings\":%s,\"bos_token_id\":1,\"eos_token_id\":2}",
		  t->tied ? "true" : "false");
	tiny_put(dir, "config.json", &config, NULL);
	text_release(&config);
}

/* Write the checkpoint into a new directory under /tmp; its path goes to dir[size]. */
static inline void tiny_write(const struct tiny *t, char *dir, size_t size)
{
	struct tiny_file f = { .t = t, .state = t->seed * 2654435761u + 1 };
	uint64_t len;
	struct text head = { 0 };

	snprintf(dir, size, "/tmp/torchless-tiny-XXXXXX");
	if (!mkdtemp(dir))
		abort();
	tiny_write_config(dir, t);
	text_adds(&f.header, "{");
	tiny_tensor(&f, "model.embed_tokens.weight", t->vocab, t->d_model);
	for (int i = 0; i < t->layers; i++)
		tiny_layer(&f, i);
	tiny_tensor(&f, "model.norm.weight", t->d_model, 0);
	if (!t->tied)
		tiny_tensor(&f, "lm_head.weight", t->vocab, t->d_model);
	text_adds(&f.header, "}");
	len = f.header.len;
	text_add(&head, &len, sizeof(len));
	text_add(&head, f.header.data, f.header.len);
	tiny_put(dir, "model.safetensors", &head, &f.data);
	text_release(&head);
	text_release(&f.header);
	text_release(&f.data);
}

/* Remove what tiny_write() made. */
static inline void tiny_remove(const char *dir)
{
	static const char *const names[] = { "config.json", "model.safetensors" };
	char path[512];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

#endif
