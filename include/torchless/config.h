/*
 * config.h -- config.json and generation_config.json: every field that changes the numbers.
 *
 * Source: transformers' MistralConfig, LlamaConfig and modeling_rope_utils.  A field that would
 * change the numbers and is not supported is refused by its name; fields that cannot are ignored.
 */
#ifndef TORCHLESS_CONFIG_H
#define TORCHLESS_CONFIG_H

#include "torchless/err.h"
#include "torchless/json.h"

#define CONFIG_MAX_EOS 16

enum rope_scaling { ROPE_NONE, ROPE_LINEAR, ROPE_LLAMA3 };

struct config {
	char arch[64];         /* "MistralForCausalLM" */
	char source_types[64]; /* what an import dequantized the weights from; "" when it says
				  nothing */
	char name[128];        /* a name for people: _name_or_path's last part or the directory's */
	int64_t n_layers, d_model, n_heads, n_kv_heads, head_dim, d_ff, n_vocab;
	int64_t max_positions;
	int64_t window; /* sliding window; 0: none */
	double rms_norm_eps, rope_theta;
	enum rope_scaling rope_scaling;
	double rope_factor, rope_low_freq, rope_high_freq; /* linear: factor only */
	int64_t rope_original_positions;
	bool tied_embeddings;
	int64_t bos_id;                  /* -1: none */
	int64_t eos_ids[CONFIG_MAX_EOS]; /* of both files, without repeats */
	int n_eos;
};

/*
 * Read a parsed config.json (and generation_config.json, may be NULL) into *c.  `what` names the
 * file in errors: ERR_FORMAT with the key, what was found and what is supported.
 */
int config_parse(struct config *c, const cJSON *config, const cJSON *generation, const char *what,
		 struct err *err);

bool config_is_eos(const struct config *c, int64_t id);

/*
 * The inverse frequencies of the rotary embedding, f32[head_dim / 2], computed as
 * transformers.modeling_rope_utils does in float32.
 */
void config_rope_frequencies(const struct config *c, float *inv_freq);

/* Class name of a module in this architecture: config_class(c, "Attention") is "MistralAttention".
 */
const char *config_class(const struct config *c, const char *suffix);

#endif
