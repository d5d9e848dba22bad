/*
 * config.c -- config.json and generation_config.json: every field that changes the numbers.
 *
 * A field that is absent has the value transformers gives it, which depends on the architecture;
 * `null` is not absent (a null sliding_window means none, an absent one 4096).  What cannot change
 * the logits is not looked at: dropout, initializer_range, torch_dtype, use_cache, and
 * pretraining_tp, which only splits matrix products into parts.  Llama has no sliding window, and
 * a `sliding_window` there is ignored, as transformers does.
 */
#include "torchless/config.h"
#include "torchless/text.h"
#include "torchless/utf8.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Sizes that no model comes near keep every later product within 64 bits. */
#define MAX_DIM      INT32_MAX
#define MAX_HEADS    65536
#define MAX_HEAD_DIM 65536
#define MAX_LAYERS   65536

/* `also`: what else config.json calls it, whose weights are the same but for their names. */
struct arch {
	const char *name, *model_type;
	const char *also[3];
	int64_t d_ff, n_kv_heads, max_positions, window; /* n_kv_heads 0: as many as heads */
};

static const struct arch archs[] = {
	{ "MistralForCausalLM", "mistral", { "MistralModel" }, 14336, 8, 131072, 4096 },
	{ "LlamaForCausalLM",
	  "llama",
	  { "LLaMAForCausalLM", "LlamaModel", "LLaMAModel" },
	  11008,
	  0,
	  2048,
	  0 },
};
#define N_ARCHS (sizeof(archs) / sizeof(*archs))

/* What a reader needs to know of the file. */
struct reader {
	struct config *c;
	const cJSON *json;
	const char *what;
	struct err *err;
};

/* obj[key] even when it is null: the last one, as json_get() takes. */
static const cJSON *member(const cJSON *obj, const char *key)
{
	const cJSON *found = NULL, *item;

	cJSON_ArrayForEach(item, obj)
	{
		if (!strcmp(item->string, key))
			found = item;
	}
	return found;
}

static bool is_null(const cJSON *obj, const char *key)
{
	return cJSON_IsNull(member(obj, key));
}

/* ---- the architecture ---------------------------------------------------------------------- */

/* architectures[0], NULL when there is none. */
static const char *architecture(const cJSON *json)
{
	const cJSON *list = json_get(json, "architectures");

	return cJSON_GetStringValue(cJSON_IsArray(list) ? cJSON_GetArrayItem(list, 0) : list);
}

static bool is_called(const struct arch *arch, const char *name)
{
	bool is = !strcmp(name, arch->name);

	for (size_t i = 0; i < sizeof(arch->also) / sizeof(*arch->also) && arch->also[i]; i++)
		is = is || !strcmp(name, arch->also[i]);
	return is;
}

static const struct arch *find_arch(struct reader *r)
{
	const char *name = architecture(r->json);
	const char *type = cJSON_GetStringValue(json_get(r->json, "model_type"));

	for (size_t i = 0; i < N_ARCHS; i++) {
		if ((name || type) && (!name || is_called(&archs[i], name)) &&
		    (!type || !strcmp(type, archs[i].model_type)))
			return &archs[i];
	}
	if (json_get(r->json, "vision_config") || json_get(r->json, "audio_config"))
		err_set(r->err, ERR_FORMAT,
			"%s: %.60s is a model of text and %s, which is not supported: use a checkpoint "
			"of its text part alone, with that part's config.json",
			r->what,
			name   ? name
			: type ? type
			       : "this",
			json_get(r->json, "vision_config") ? "pictures" : "sound");
	else if (!name && !type)
		err_set(r->err, ERR_FORMAT,
			"%s names no architectures and no model_type, so it is no model's config",
			r->what);
	else
		err_set(r->err, ERR_FORMAT,
			"%s: architectures is %.60s and model_type %.60s, but supported are "
			"MistralForCausalLM (mistral) and LlamaForCausalLM (llama)",
			r->what, name ? name : "absent", type ? type : "absent");
	return NULL;
}

/* ---- what is refused ----------------------------------------------------------------------- */

static int refuse(struct reader *r, const char *key, const char *found, const char *supported)
{
	return err_set(r->err, ERR_FORMAT, "%s: %s is %.60s, but only %s is supported", r->what,
		       key, found, supported);
}

/* The boolean fields that must have one value, which is also what absence means. */
static int check_flags(struct reader *r)
{
	static const struct {
		const char *key;
		bool supported;
	} flags[] = { { "attention_bias", false }, { "mlp_bias", false }, { "is_causal", true } };

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		bool value = flags[i].supported;
		if (json_get_bool(r->json, flags[i].key, &value, r->what, r->err) < 0)
			return r->err->code;
		if (value != flags[i].supported)
			return refuse(r, flags[i].key, value ? "true" : "false",
				      value ? "false" : "true");
	}
	return 0;
}

static int check_activation(struct reader *r)
{
	const char *act = "silu";

	if (json_get_string(r->json, "hidden_act", &act, r->what, r->err) < 0)
		return r->err->code;
	if (strcmp(act, "silu") != 0 && strcmp(act, "swish") != 0)
		return refuse(r, "hidden_act", act, "silu");
	return 0;
}

static int check_partial_rotary(struct reader *r, const cJSON *obj)
{
	double factor = 1;
	char found[32];

	if (json_get_double(obj, "partial_rotary_factor", &factor, r->what, r->err) < 0)
		return r->err->code;
	snprintf(found, sizeof(found), "%g", factor);
	return factor == 1 ? 0 : refuse(r, "partial_rotary_factor", found, "1");
}

/* Mistral and Llama ignore layer_types that say one thing; a mixture is another model. */
static int check_layer_types(struct reader *r)
{
	const cJSON *list = json_get(r->json, "layer_types"), *item;
	const char *first = NULL;

	cJSON_ArrayForEach(item, list)
	{
		const char *type = cJSON_GetStringValue(item);
		if (!type || (first && strcmp(type, first) != 0))
			return refuse(r, "layer_types", "a mixture", "one kind of layer");
		first = type;
	}
	return 0;
}

/* Who quantized: MLX says so by a key of its own, and the others' key by the method's name. */
static int check_quantization(struct reader *r)
{
	static const char *const keys[] = { "quantization_config", "quantization" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const cJSON *q = json_get(r->json, keys[i]), *bits = json_get(q, "bits");
		const char *method = cJSON_GetStringValue(json_get(q, "quant_method"));
		char width[32] = "";

		if (!q || (i == 1 && !cJSON_IsObject(q)))
			continue;
		if (!method)
			method = json_get(r->json, "quantization") ? "MLX"
								   : "a method without a name";
		if (cJSON_IsNumber(bits))
			snprintf(width, sizeof(width), " to %g bits", bits->valuedouble);
		return err_set(r->err, ERR_FORMAT,
			       "%s: %s says that the weights are quantized%s (%.40s), which is not "
			       "supported: use the checkpoint they were made from",
			       r->what, keys[i], width, method);
	}
	return 0;
}

static int check_unsupported(struct reader *r)
{
	if (check_quantization(r))
		return r->err->code;
	if (check_flags(r) || check_activation(r) || check_partial_rotary(r, r->json))
		return r->err->code;
	return check_layer_types(r);
}

/* ---- sizes --------------------------------------------------------------------------------- */

struct size_field {
	const char *key;
	size_t offset;
	int64_t max;
};

static const struct size_field size_fields[] = {
	{ "vocab_size", offsetof(struct config, n_vocab), MAX_DIM },
	{ "hidden_size", offsetof(struct config, d_model), MAX_DIM },
	{ "intermediate_size", offsetof(struct config, d_ff), MAX_DIM },
	{ "num_hidden_layers", offsetof(struct config, n_layers), MAX_LAYERS },
	{ "num_attention_heads", offsetof(struct config, n_heads), MAX_HEADS },
	{ "max_position_embeddings", offsetof(struct config, max_positions), MAX_DIM },
};

static int read_size(struct reader *r, const char *key, int64_t max, int64_t *out)
{
	if (is_null(r->json, key))
		return refuse(r, key, "null", "a positive number");
	return json_get_int(r->json, key, 1, max, out, r->what, r->err);
}

static int read_heads(struct reader *r, const struct arch *arch)
{
	struct config *c = r->c;

	c->n_kv_heads = arch->n_kv_heads && !is_null(r->json, "num_key_value_heads")
				? arch->n_kv_heads
				: c->n_heads;
	c->head_dim = c->d_model / c->n_heads;
	if (json_get_int(r->json, "num_key_value_heads", 1, MAX_HEADS, &c->n_kv_heads, r->what,
			 r->err) < 0 ||
	    json_get_int(r->json, "head_dim", 1, MAX_HEAD_DIM, &c->head_dim, r->what, r->err) < 0)
		return r->err->code;
	if (!json_get(r->json, "head_dim") && c->d_model % c->n_heads)
		return err_set(
			r->err, ERR_FORMAT,
			"%s: hidden_size %lld is no multiple of num_attention_heads %lld and there is no head_dim",
			r->what, (long long)c->d_model, (long long)c->n_heads);
	if (c->n_heads % c->n_kv_heads)
		return err_set(
			r->err, ERR_FORMAT,
			"%s: num_attention_heads %lld is no multiple of num_key_value_heads %lld",
			r->what, (long long)c->n_heads, (long long)c->n_kv_heads);
	if (c->head_dim % 2 || c->head_dim < 2 || c->head_dim > MAX_HEAD_DIM)
		return err_set(r->err, ERR_FORMAT,
			       "%s: head_dim is %lld, but an even number from 2 to %d is supported",
			       r->what, (long long)c->head_dim, MAX_HEAD_DIM);
	return 0;
}

static int read_sizes(struct reader *r, const struct arch *arch)
{
	struct config *c = r->c;

	c->n_vocab = 32000;
	c->d_model = 4096;
	c->d_ff = arch->d_ff;
	c->n_layers = c->n_heads = 32;
	c->max_positions = arch->max_positions;
	for (size_t i = 0; i < sizeof(size_fields) / sizeof(*size_fields); i++) {
		const struct size_field *f = &size_fields[i];
		if (read_size(r, f->key, f->max, (int64_t *)((char *)c + f->offset)) < 0)
			return r->err->code;
	}
	c->window = is_null(r->json, "sliding_window") ? 0 : arch->window;
	if (arch->window &&
	    json_get_int(r->json, "sliding_window", 1, MAX_DIM, &c->window, r->what, r->err) < 0)
		return r->err->code;
	return read_heads(r, arch);
}

/* ---- the rotary embedding ------------------------------------------------------------------ */

static int positive(struct reader *r, const cJSON *obj, const char *key, bool required, double *out)
{
	int rc = json_get_double(obj, key, out, r->what, r->err);

	if (rc == 0 && required)
		return err_set(r->err, ERR_FORMAT, "%s: the rope scaling lacks %s", r->what, key);
	if (rc == 1 && *out <= 0)
		return err_set(r->err, ERR_FORMAT, "%s: %s is %g, but a positive number is needed",
			       r->what, key, *out);
	return rc < 0 ? rc : 0;
}

static int read_llama3(struct reader *r, const cJSON *rope)
{
	struct config *c = r->c;

	c->rope_original_positions = c->max_positions;
	if (positive(r, rope, "low_freq_factor", true, &c->rope_low_freq) ||
	    positive(r, rope, "high_freq_factor", true, &c->rope_high_freq) ||
	    json_get_int(rope, "original_max_position_embeddings", 1, MAX_DIM,
			 &c->rope_original_positions, r->what, r->err) < 0)
		return r->err->code;
	if (c->rope_high_freq <= c->rope_low_freq)
		return err_set(r->err, ERR_FORMAT,
			       "%s: high_freq_factor %g must exceed low_freq_factor %g", r->what,
			       c->rope_high_freq, c->rope_low_freq);
	return 0;
}

static int read_rope_type(struct reader *r, const cJSON *rope)
{
	struct config *c = r->c;
	const char *type = "default";

	/* "type" is the older spelling. */
	if (json_get_string(rope, "type", &type, r->what, r->err) < 0 ||
	    json_get_string(rope, "rope_type", &type, r->what, r->err) < 0)
		return r->err->code;
	if (!strcmp(type, "default"))
		return 0;
	if (!strcmp(type, "linear"))
		c->rope_scaling = ROPE_LINEAR;
	else if (!strcmp(type, "llama3"))
		c->rope_scaling = ROPE_LLAMA3;
	else
		return refuse(r, "rope_type", type, "default, linear or llama3");
	if (positive(r, rope, "factor", true, &c->rope_factor))
		return r->err->code;
	return c->rope_scaling == ROPE_LLAMA3 ? read_llama3(r, rope) : 0;
}

static int read_rope(struct reader *r)
{
	const cJSON *rope = json_get(r->json, "rope_scaling"), *item;

	/* transformers: `rope_scaling or rope_parameters`, and an empty object is false. */
	if (!rope || !rope->child)
		rope = json_get(r->json, "rope_parameters");
	r->c->rope_theta = 10000;
	if (positive(r, r->json, "rope_theta", false, &r->c->rope_theta))
		return r->err->code;
	if (!rope)
		return 0;
	if (!cJSON_IsObject(rope))
		return refuse(r, "rope_scaling", "no object", "an object or null");
	cJSON_ArrayForEach(item, rope)
	{
		if (cJSON_IsObject(item))
			return refuse(r, "rope_parameters", "given by layer type",
				      "one for all layers");
	}
	if (positive(r, rope, "rope_theta", false, &r->c->rope_theta) ||
	    check_partial_rotary(r, rope))
		return r->err->code;
	return read_rope_type(r, rope);
}

/* ---- tokens and the name ------------------------------------------------------------------- */

static int add_eos(struct reader *r, const cJSON *item)
{
	struct config *c = r->c;
	double id = cJSON_IsNumber(item) ? item->valuedouble : -2;

	/* What no token has never ends a text, as in transformers. */
	if (id == -1)
		return 0;
	if (id < 0 || id > MAX_DIM || id != floor(id))
		return err_set(r->err, ERR_FORMAT, "%s: eos_token_id holds no token id", r->what);
	if (config_is_eos(c, (int64_t)id))
		return 0;
	if (c->n_eos == CONFIG_MAX_EOS)
		return err_set(r->err, ERR_FORMAT,
			       "%s: more than %d eos_token_id are not supported", r->what,
			       CONFIG_MAX_EOS);
	c->eos_ids[c->n_eos++] = (int64_t)id;
	return 0;
}

static int read_eos(struct reader *r, const cJSON *json)
{
	const cJSON *eos = json_get(json, "eos_token_id"), *item;

	if (eos && !cJSON_IsArray(eos))
		return add_eos(r, eos);
	cJSON_ArrayForEach(item, eos)
	{
		if (add_eos(r, item))
			return r->err->code;
	}
	return 0;
}

static int read_tokens(struct reader *r, const cJSON *generation)
{
	struct config *c = r->c;

	c->bos_id = is_null(r->json, "bos_token_id") ? -1 : 1;
	if (json_get_int(r->json, "bos_token_id", -1, MAX_DIM, &c->bos_id, r->what, r->err) < 0)
		return r->err->code;
	if (!member(r->json, "eos_token_id"))
		c->eos_ids[c->n_eos++] = 2;
	if (read_eos(r, r->json))
		return r->err->code;
	return read_eos(r, generation);
}

static void read_name(struct reader *r)
{
	const char *path = cJSON_GetStringValue(json_get(r->json, "_name_or_path"));
	struct text shown = { 0 };
	size_t len = path ? strlen(path) : 0;

	while (len && path[len - 1] == '/')
		len--;
	size_t begin = len;
	while (begin && path[begin - 1] != '/')
		begin--;
	if (len > begin)
		text_add_escaped(&shown, path + begin, len - begin);
	if (shown.len >= sizeof(r->c->name))
		shown.len = utf8_complete(shown.data, sizeof(r->c->name) - 1);
	if (shown.len)
		memcpy(r->c->name, shown.data, shown.len);
	r->c->name[shown.len] = '\0';
	text_release(&shown);
}

/* Beside the numbers: which types scripts/import_gguf.py found, "Q4_1, Q8_0". */
static void read_source_types(struct reader *r)
{
	const char *types = cJSON_GetStringValue(json_get(r->json, "torchless_source_types"));
	struct text shown = { 0 };

	text_add_escaped(&shown, types ? types : "", types ? strlen(types) : 0);
	if (shown.len >= sizeof(r->c->source_types))
		shown.len = utf8_complete(shown.data, sizeof(r->c->source_types) - 1);
	memcpy(r->c->source_types, shown.data ? shown.data : "", shown.len);
	r->c->source_types[shown.len] = '\0';
	text_release(&shown);
}

/* ---- the public part ----------------------------------------------------------------------- */

int config_parse(struct config *c, const cJSON *config, const cJSON *generation, const char *what,
		 struct err *err)
{
	struct reader r = { .c = c, .json = config, .what = what, .err = err };
	const struct arch *arch;

	*c = (struct config){ .rms_norm_eps = 1e-6, .rope_factor = 1 };
	if (!cJSON_IsObject(config))
		return err_set(err, ERR_FORMAT, "%s holds no JSON object", what);
	arch = find_arch(&r);
	if (!arch || check_unsupported(&r) || read_sizes(&r, arch) || read_rope(&r) ||
	    read_tokens(&r, generation))
		return err->code;
	if (json_get_double(config, "rms_norm_eps", &c->rms_norm_eps, what, err) < 0 ||
	    json_get_bool(config, "tie_word_embeddings", &c->tied_embeddings, what, err) < 0)
		return err->code;
	if (c->rms_norm_eps < 0)
		return err_set(err, ERR_FORMAT, "%s: rms_norm_eps is %g, but it cannot be negative",
			       what, c->rms_norm_eps);
	snprintf(c->arch, sizeof(c->arch), "%s", arch->name);
	read_source_types(&r);
	read_name(&r);
	return 0;
}

bool config_is_eos(const struct config *c, int64_t id)
{
	for (int i = 0; i < c->n_eos; i++) {
		if (c->eos_ids[i] == id)
			return true;
	}
	return false;
}

/*
 * _compute_llama3_parameters: wavelengths that the original context held many times stay, those it
 * never completed are divided by the factor, those between are mixed.  Where PyTorch divides a
 * number by a tensor it multiplies by the reciprocal, and so does this.
 */
static float scale_llama3(const struct config *c, float freq)
{
	const float factor = (float)c->rope_factor, low = (float)c->rope_low_freq;
	const float positions = (float)c->rope_original_positions;
	const float wavelen = 1.0f / freq * (float)(2 * 3.14159265358979323846);
	const float longest = (float)((double)c->rope_original_positions / c->rope_low_freq);
	const float shortest = (float)((double)c->rope_original_positions / c->rope_high_freq);

	if (wavelen > longest)
		return freq / factor;
	if (wavelen < shortest)
		return freq;
	float smooth =
		(1.0f / wavelen * positions - low) / (float)(c->rope_high_freq - c->rope_low_freq);
	return (1.0f - smooth) * freq / factor + smooth * freq;
}

void config_rope_frequencies(const struct config *c, float *inv_freq)
{
	for (int64_t i = 0; i < c->head_dim / 2; i++) {
		float exponent = (float)(2 * i) / (float)c->head_dim;
		float freq = 1.0f / powf((float)c->rope_theta, exponent);

		if (c->rope_scaling == ROPE_LINEAR)
			freq /= (float)c->rope_factor;
		else if (c->rope_scaling == ROPE_LLAMA3)
			freq = scale_llama3(c, freq);
		inv_freq[i] = freq;
	}
}

const char *config_class(const struct config *c, const char *suffix)
{
	static const char *const classes[] = {
		"MistralForCausalLM",     "MistralModel",         "MistralDecoderLayer",
		"MistralAttention",       "MistralMLP",           "MistralRMSNorm",
		"MistralRotaryEmbedding", "LlamaForCausalLM",     "LlamaModel",
		"LlamaDecoderLayer",      "LlamaAttention",       "LlamaMLP",
		"LlamaRMSNorm",           "LlamaRotaryEmbedding",
	};
	size_t prefix = strcspn(c->arch, "F"); /* "Mistral" of "MistralForCausalLM" */

	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (!strncmp(classes[i], c->arch, prefix) && !strcmp(classes[i] + prefix, suffix))
			return classes[i];
	}
	return suffix; /* torch.nn.Linear and Embedding have one name everywhere */
}
