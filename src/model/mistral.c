/*
 * mistral.c -- the forward pass, written to be read next to the paper.
 *
 * Nothing here computes anything: each call appends one op to the program and returns the number
 * of its output.  Names and nesting are those of the Hugging Face module tree, so a path printed
 * by the debugger can be pasted into PyTorch.  Llama differs from Mistral in the names of its
 * classes and in having no sliding window.
 *
 * A failed emit returns a negative id and every later emit passes it on: one check at the end.
 * Source: transformers, models/mistral/modeling_mistral.py; Jiang et al., "Mistral 7B" (2023).
 */
#include "torchless/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct build {
	struct program *p;
	const struct checkpoint *ck;
	const struct config *c;
	const char *file; /* of the weight asked for last: a shape that does not fit is there */
	value_id failed;  /* the first failure, whose sentence must not be overwritten; else 0 */
	struct err *err;
};

static value_id check(struct build *b, value_id id)
{
	if (id < 0 && !b->failed)
		b->failed = id;
	return id;
}

/* Declare weight `name`, whose first dimension the configuration's `key` fixes to `rows`. */
static value_id declare(struct build *b, const char *name, int64_t rows, int64_t k, const char *key)
{
	const struct tensor_file *file = NULL;
	const struct file_tensor *t = checkpoint_find(b->ck, name, &file);
	char shape[96];

	if (b->failed)
		return b->failed;
	if (!b->ck->n_files)
		return program_outline(b->p, name, b->ck->weight_dtype, rows, k);
	if (!t && !strcmp(name, "lm_head.weight"))
		return err_set(
			b->err, ERR_FORMAT,
			"%s has no lm_head.weight, and its config.json does not tie the head to "
			"the embeddings (tie_word_embeddings): it is a base model, which predicts "
			"no token; use the %s of it",
			b->ck->path, config_class(b->c, "ForCausalLM"));
	if (!t)
		return checkpoint_lacks(b->ck, name, b->err);
	b->file = file->path;
	if (tensor_file_usable(file, t, b->err))
		return b->err->code;
	if (t->t.n_dims < 1 || t->t.shape[0] != rows)
		return err_set(b->err, ERR_SHAPE, "%s: %s is %s but %s in %s asks for %lld rows",
			       file->path, name, tensor_format(&t->t, shape, sizeof(shape)), key,
			       b->ck->is_gguf ? "the configuration" : "config.json",
			       (long long)rows);
	return program_weight(b->p, name, t->t);
}

/* The weight of a child of the current module: "norm" inside "model" is model.norm.weight. */
static value_id weight(struct build *b, const char *child, int64_t rows, int64_t k, const char *key)
{
	const char *scope = b->p->modules[b->p->scope].path;
	char name[160];

	snprintf(name, sizeof(name), "%s%s%s.weight", scope, *scope ? "." : "", child);
	return check(b, declare(b, name, rows, k, key));
}

/* Macros, so that the file and line an op remembers are those of the model and not of a helper. */
#define emit(b, ...) check((b), program_emit((b)->p, (b)->err, __VA_ARGS__))

/* y = x W^T with W [rows, K]; the output is viewed by heads where there are any. */
#define linear(b, name, x, rows, key, h)                                                           \
	emit(b, .code = OP_LINEAR, .module = (name), .type = "Linear",                             \
	     .in = { (x), weight(b, name, rows, program_row((b)->p, x), key) }, .heads = (h))
#define rmsnorm(b, name, x)                                                                        \
	emit(b, .code = OP_RMSNORM, .module = (name), .type = config_class((b)->c, "RMSNorm"),     \
	     .in = { (x), weight(b, name, (b)->c->d_model, 0, "hidden_size") },                    \
	     .eps = (float)(b)->c->rms_norm_eps)
/* An op of the current module itself, whose output is the point `name`. */
#define compute(b, opcode, name, ...) emit(b, .code = (opcode), .point = (name), __VA_ARGS__)

/* The rotation of every position of the pass: computed once, used by all layers. */
struct rotation {
	value_id cos, sin;
};

/*
 * x[T,D] -> [T,D].  H query heads share G key/value heads (grouped-query attention); a query sees
 * the keys up to itself, at most `window` of them.
 */
static value_id attention(struct build *b, value_id x, struct rotation rot)
{
	const struct config *c = b->c;
	value_id q, k, v, keys, values, s, z, out;

	program_enter(b->p, config_class(c, "Attention"), "self_attn");
	q = linear(b, "q_proj", x, c->n_heads * c->head_dim, "num_attention_heads x head_dim",
		   c->n_heads);
	k = linear(b, "k_proj", x, c->n_kv_heads * c->head_dim, "num_key_value_heads x head_dim",
		   c->n_kv_heads);
	v = linear(b, "v_proj", x, c->n_kv_heads * c->head_dim, "num_key_value_heads x head_dim",
		   c->n_kv_heads);
	q = compute(b, OP_ROPE, "q_rot", .in = { q, rot.cos, rot.sin });
	k = compute(b, OP_ROPE, "k_rot", .in = { k, rot.cos, rot.sin });
	keys = compute(b, OP_APPEND, "k_cache", .in = { k });
	values = compute(b, OP_APPEND, "v_cache", .in = { v });
	s = compute(b, OP_SCORES, "scores", .in = { q, keys },
		    .scale = (float)(1.0 / sqrt((double)c->head_dim)));
	s = compute(b, OP_MASK, "scores_masked", .in = { s }, .window = c->window);
	s = compute(b, OP_SOFTMAX, "pattern", .in = { s });
	z = compute(b, OP_MIX, "z", .in = { s, values });
	out = linear(b, "o_proj", z, c->d_model, "hidden_size", 0);
	program_alias(b->p, "out", out);
	program_leave(b->p);
	return out;
}

/* x[T,D] -> [T,D].  SwiGLU: down(silu(gate(x)) * up(x)); gate and up are [T,F]. */
static value_id mlp(struct build *b, value_id x)
{
	int64_t F = b->c->d_ff;
	value_id gate, up, act, down;

	program_enter(b->p, config_class(b->c, "MLP"), "mlp");
	gate = linear(b, "gate_proj", x, F, "intermediate_size", 0);
	act = emit(b, .code = OP_SILU, .module = "act_fn", .type = "SiLU", .in = { gate });
	up = linear(b, "up_proj", x, F, "intermediate_size", 0);
	act = compute(b, OP_MUL, "act_mul", .in = { act, up });
	down = linear(b, "down_proj", act, b->c->d_model, "hidden_size", 0);
	program_alias(b->p, "out", down);
	program_leave(b->p);
	return down;
}

/* x[T,D] -> [T,D].  Both halves read a norm of the residual stream and add to it. */
static value_id layer(struct build *b, int index, value_id x, struct rotation rot)
{
	value_id h;

	program_enter(b->p, config_class(b->c, "DecoderLayer"), "layers.%d", index);
	program_alias(b->p, "in", x);
	program_alias(b->p, "resid_pre", x);
	h = rmsnorm(b, "input_layernorm", x);
	h = attention(b, h, rot);
	x = compute(b, OP_ADD, "resid_mid", .in = { x, h });
	h = rmsnorm(b, "post_attention_layernorm", x);
	h = mlp(b, h);
	x = compute(b, OP_ADD, "out", .in = { x, h });
	program_alias(b->p, "resid_post", x);
	program_leave(b->p);
	return x;
}

/* ids[T] -> [T,D]: everything but the LM head. */
static value_id decoder(struct build *b, const float *inv_freq)
{
	const struct config *c = b->c;
	int64_t F = c->head_dim / 2, D = c->d_model;
	value_id freq =
		program_input(b->p, "inv_freq", tensor_make(DTYPE_F32, 1, &F, (void *)inv_freq));
	struct rotation rot;
	value_id x;

	program_enter(b->p, config_class(c, "Model"), "model");
	x = emit(b, .code = OP_EMBEDDING, .module = "embed_tokens", .type = "Embedding",
		 .in = { weight(b, "embed_tokens", c->n_vocab, D, "vocab_size"), b->p->ids });
	rot.sin = emit(b, .code = OP_ROTARY, .module = "rotary_emb",
		       .type = config_class(c, "RotaryEmbedding"), .in = { freq, b->p->positions },
		       .factor = 1.0f);
	rot.cos = rot.sin - 1; /* the outputs of an op are neighbours */
	for (int i = 0; i < c->n_layers && x >= 0; i++)
		x = layer(b, i, x, rot);
	x = rmsnorm(b, "norm", x);
	program_leave(b->p);
	return x;
}

/* x[T,D] -> logits[R,V] of the last R positions; tied models read the embedding again. */
static value_id lm_head(struct build *b, value_id x)
{
	const char *name = b->c->tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
	value_id last = compute(b, OP_TAIL, "last", .in = { x });

	return emit(b, .code = OP_LINEAR, .module = "lm_head", .type = "Linear",
		    .in = { last, declare(b, name, b->c->n_vocab, b->c->d_model, "vocab_size") });
}

int mistral_build(struct program *p, const struct checkpoint *ck, const float *inv_freq,
		  struct err *err)
{
	struct build b = { .p = p, .ck = ck, .c = &ck->config, .err = err };
	int64_t T = DIM_T;

	program_init(p, config_class(b.c, "ForCausalLM"));
	p->ids = program_input(p, "input_ids", tensor_make(DTYPE_I32, 1, &T, NULL));
	p->positions = program_input(p, "position_ids", tensor_make(DTYPE_I32, 1, &T, NULL));
	p->logits = lm_head(&b, decoder(&b, inv_freq));
	if (p->logits >= 0)
		return 0;
	if (err->code == ERR_SHAPE && b.file && strncmp(err->message, b.file, strlen(b.file)) != 0)
		return err_wrap(err, "%s", b.file);
	return err->code;
}
