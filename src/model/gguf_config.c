/*
 * gguf_config.c -- the config.json that a GGUF file's model would have.
 *
 * The keys become a text, which config_parse() then reads as it reads every other: one place knows
 * what is supported, and a recording keeps the same kind of text for every model.
 *
 * Source: gguf-py's constants.py; llama.cpp's convert_hf_to_gguf.py, which wrote the keys.
 */
#include "gguf_header.h"
#include "torchless/gguf.h"
#include "torchless/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How far factors of frequencies may lie from the formula: they were computed in f32. */
#define FACTOR_TOLERANCE 1e-3

struct build {
	const struct gguf_header *h;
	const struct tensor_file *files;
	int n_files;
	struct bytes arch; /* what stands before the keys of the model */
	bool is_mistral;
	int64_t heads, kv_heads, hidden, head_dim, positions;
	double theta;
	struct text *out;
	struct err *err;
};

/* A key under the architecture's name. */
struct key {
	char s[128];
};

static struct key key_of(const struct build *b, const char *name)
{
	struct key key;

	snprintf(key.s, sizeof(key.s), "%.*s.%s", (int)b->arch.len, b->arch.data, name);
	return key;
}

static bool is_text(struct bytes text, const char *s)
{
	return text.len == strlen(s) && !memcmp(text.data, s, text.len);
}

static int refuse(const struct build *b, const char *key, const char *why)
{
	return err_set(b->err, ERR_FORMAT, "%s: %s %s", b->h->path, key, why);
}

/* ---- the architecture ---------------------------------------------------------------------- */

static int read_architecture(struct build *b)
{
	int64_t experts = 0;
	int rc = gguf_get_text(b->h, "general.architecture", &b->arch, b->err);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return refuse(b, "general.architecture", "is missing, so it is no file of a model");
	b->is_mistral = is_text(b->arch, "mistral");
	if (!b->is_mistral && !is_text(b->arch, "llama"))
		return err_set(
			b->err, ERR_FORMAT,
			"%s holds a model of the architecture %.*s, but supported are llama and "
			"mistral",
			b->h->path, (int)(b->arch.len < 60 ? b->arch.len : 60), b->arch.data);
	if (gguf_get_int(b->h, key_of(b, "expert_count").s, 0, INT32_MAX, &experts, b->err) < 0)
		return b->err->code;
	if (experts)
		return err_set(b->err, ERR_FORMAT,
			       "%s is a mixture of experts (%s is %" PRId64
			       "), which is not supported",
			       b->h->path, key_of(b, "expert_count").s, experts);
	return 0;
}

static bool is_known(const char *name, size_t len)
{
	static const char *const known[] = {
#define GGUF_SIZE(key, config, is_required) key,
#include "torchless/gguf.def"
#define GGUF_KNOWN(key) key,
#include "torchless/gguf.def"
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strlen(known[i]) == len && !memcmp(known[i], name, len))
			return true;
	return false;
}

/* A key that nobody here knows may change the numbers. */
static int check_keys(const struct build *b)
{
	for (size_t i = 0; i < b->h->n_values; i++) {
		struct bytes key = b->h->values[i].key;
		size_t skip = b->arch.len + 1;

		if (key.len <= skip || memcmp(key.data, b->arch.data, b->arch.len) != 0 ||
		    key.data[b->arch.len] != '.' || is_known(key.data + skip, key.len - skip))
			continue;
		return err_set(b->err, ERR_FORMAT,
			       "%s: the key %.*s is not supported: it may change the numbers",
			       b->h->path, (int)(key.len < 120 ? key.len : 120), key.data);
	}
	return 0;
}

static int check_causal(const struct build *b)
{
	struct key key = key_of(b, "attention.causal");
	bool causal = true;

	if (gguf_get_bool(b->h, key.s, &causal, b->err) < 0)
		return b->err->code;
	return causal ? 0 : refuse(b, key.s, "is false, but only true is supported");
}

/* ---- sizes --------------------------------------------------------------------------------- */

/* A size, which some files give for each layer: then all have to be one.  0: there is none. */
static int read_size(const struct build *b, const char *name, int64_t *out)
{
	struct key key = key_of(b, name);
	const struct gguf_value *v = gguf_find(b->h, key.s);
	size_t width;

	if (!v || v->type != GGUF_ARRAY)
		return gguf_get_int(b->h, key.s, 1, INT32_MAX, out, b->err);
	if (!gguf_is_int(v->element) || !v->n)
		return refuse(b, key.s, "is an array of something else than integers");
	width = gguf_width(v->element);
	*out = gguf_load_int(v->element, v->data.data);
	for (uint64_t i = 1; i < v->n; i++)
		if (gguf_load_int(v->element, v->data.data + i * width) != *out)
			return refuse(b, key.s,
				      "differs from layer to layer, which is not supported");
	if (*out < 1 || *out > INT32_MAX)
		return refuse(b, key.s, "holds no positive number");
	return 1;
}

static int required_size(const struct build *b, const char *name, int64_t *out)
{
	int rc = read_size(b, name, out);

	return rc ? rc : refuse(b, key_of(b, name).s, "is missing");
}

static int add_sizes(struct build *b)
{
	static const struct {
		const char *key, *config;
		bool is_required;
	} sizes[] = {
#define GGUF_SIZE(key, config, is_required) { key, config, is_required },
#include "torchless/gguf.def"
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int64_t x = 0;
		int rc = sizes[i].is_required ? required_size(b, sizes[i].key, &x)
					      : read_size(b, sizes[i].key, &x);

		if (rc < 0)
			return rc;
		if (rc)
			json_add_int(b->out, sizes[i].config, x);
	}
	return 0;
}

/* Sizes that others depend on. */
static int read_heads(struct build *b)
{
	static const char *const same[] = { "attention.value_length", "rope.dimension_count" };

	if (required_size(b, "attention.head_count", &b->heads) < 0 ||
	    required_size(b, "embedding_length", &b->hidden) < 0 ||
	    required_size(b, "context_length", &b->positions) < 0)
		return b->err->code;
	b->kv_heads = b->heads;
	b->head_dim = b->hidden / b->heads;
	if (read_size(b, "attention.head_count_kv", &b->kv_heads) < 0 ||
	    read_size(b, "attention.key_length", &b->head_dim) < 0)
		return b->err->code;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		int64_t x = b->head_dim;

		if (read_size(b, same[i], &x) < 0)
			return b->err->code;
		if (x != b->head_dim)
			return err_set(b->err, ERR_FORMAT,
				       "%s: %s is %" PRId64
				       ", but only the size of a head, %" PRId64 ", is supported",
				       b->h->path, key_of(b, same[i]).s, x, b->head_dim);
	}
	return 0;
}

/* ---- tensors that say something ------------------------------------------------------------ */

static const struct file_tensor *find(const struct build *b, const char *name)
{
	const struct file_tensor *t = NULL;

	for (int i = 0; i < b->n_files && !t; i++)
		t = tensor_file_find(&b->files[i], name);
	return t;
}

/* Rows of the embeddings, which may be more than there are tokens. */
static int add_vocabulary(const struct build *b)
{
	const struct file_tensor *t = find(b, "model.embed_tokens.weight");
	const struct gguf_value *tokens = NULL;
	int64_t n = 0;

	if (gguf_get_array(b->h, "tokenizer.ggml.tokens", GGUF_STRING, &tokens, b->err) < 0 ||
	    gguf_get_int(b->h, key_of(b, "vocab_size").s, 1, INT32_MAX, &n, b->err) < 0)
		return b->err->code;
	if (t)
		n = t->t.shape[0];
	else if (!n && tokens)
		n = (int64_t)tokens->n;
	if (!n)
		return refuse(b, "token_embd.weight", "is missing");
	json_add_int(b->out, "vocab_size", n);
	json_add_bool(b->out, "tie_word_embeddings", !find(b, "lm_head.weight"));
	return 0;
}

/* ---- reals --------------------------------------------------------------------------------- */

/* The number that a person wrote before it was stored as f32: 9.99999974e-06 was 1e-05. */
static double shortest(double x)
{
	char text[40];
	double y = x;

	for (int digits = 6; digits <= 9; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, x);
		y = strtod(text, NULL);
		if ((float)y == (float)x)
			return y;
	}
	return x;
}

static int read_theta(struct build *b)
{
	struct key key = key_of(b, "rope.freq_base");

	b->theta = 10000;
	if (gguf_get_real(b->h, key.s, &b->theta, b->err) < 0)
		return b->err->code;
	if (b->theta <= 1 || b->theta > 1e12)
		return refuse(b, key.s, "is no base of a rotary embedding");
	b->theta = shortest(b->theta);
	json_add_real(b->out, "rope_theta", b->theta);
	return 0;
}

static int add_epsilon(const struct build *b)
{
	struct key key = key_of(b, "attention.layer_norm_rms_epsilon");
	double epsilon = 0;
	int rc = gguf_get_real(b->h, key.s, &epsilon, b->err);

	if (rc < 0)
		return rc;
	if (!rc)
		return refuse(b, key.s, "is missing");
	json_add_real(b->out, "rms_norm_eps", shortest(epsilon));
	return 0;
}

/* ---- the scaling of the rotary embedding ---------------------------------------------------- */

static double wavelength_of(const struct build *b, int64_t i)
{
	return 2 * 3.14159265358979323846 * pow(b->theta, (double)(2 * i) / (double)b->head_dim);
}

/*
 * The factors are what each frequency is divided by.  Where all wavelengths are as Llama 3.1 and
 * later have them (low_freq_factor 1, high_freq_factor 4) they follow from two numbers, and with
 * those the frequencies are Hugging Face's to the bit.
 */
static bool is_llama3(const struct build *b, const float *found, int64_t n, double factor,
		      double original)
{
	for (int64_t i = 0; i < n; i++) {
		double smooth = (original / wavelength_of(b, i) - 1) / (4 - 1);
		double expected;

		smooth = smooth < 0 ? 0 : smooth > 1 ? 1 : smooth;
		expected = 1 / ((1 - smooth) / factor + smooth);
		if (!(fabs(expected - (double)found[i]) <= FACTOR_TOLERANCE * expected))
			return false;
	}
	return true;
}

static void add_llama3(const struct build *b, double factor, int64_t original)
{
	json_add_key(b->out, "rope_scaling");
	text_addc(b->out, '{');
	json_add_string(b->out, "rope_type", "llama3");
	json_add_real(b->out, "factor", factor);
	json_add_real(b->out, "low_freq_factor", 1);
	json_add_real(b->out, "high_freq_factor", 4);
	json_add_int(b->out, "original_max_position_embeddings", original);
	text_addc(b->out, '}');
}

/*
 * The context that a factor between 1 and the largest one was computed with; 0 where there is no
 * such factor, so that it cannot be told.
 */
static double original_of(const struct build *b, const float *found, int64_t n, double factor)
{
	for (int64_t i = 0; i < n; i++) {
		double x = (double)found[i], smooth = (1 / x - 1 / factor) / (1 - 1 / factor);

		if (smooth > 0.05 && smooth < 0.95)
			return round(wavelength_of(b, i) * (1 + (4 - 1) * smooth));
	}
	return 0;
}

/* The factors as a scaling: Llama 3's own context, the file's, or what they say themselves. */
static int name_factors(const struct build *b, const float *found, int64_t n, double factor,
			int64_t stated)
{
	double originals[] = { 8192, (double)stated, original_of(b, found, n, factor) };

	for (size_t i = 0; i < sizeof(originals) / sizeof(*originals); i++) {
		if (originals[i] < 1 || originals[i] > INT32_MAX ||
		    !is_llama3(b, found, n, factor, originals[i]))
			continue;
		/* Older conversions wrote factors of models without any scaling: all are 1. */
		if (factor > 1)
			add_llama3(b, factor, (int64_t)originals[i]);
		return 0;
	}
	return refuse(
		b, "rope_freqs.weight",
		"holds factors of frequencies that no llama3 scaling makes, which is not supported");
}

static int read_factors(const struct build *b, const struct file_tensor *t)
{
	struct key key = key_of(b, "rope.scaling.original_context_length");
	int64_t n = b->head_dim / 2, stated = 0;
	double factor = 1;
	float *found;
	int rc;

	if (gguf_get_int(b->h, key.s, 1, INT32_MAX, &stated, b->err) < 0)
		return b->err->code;
	if (t->t.dtype != DTYPE_F32 || t->unsupported || t->rank != 1 || t->t.shape[0] != n)
		return refuse(b, "rope_freqs.weight",
			      "is no tensor of a number in f32 for each frequency");
	found = mem_calloc((size_t)n + 1, sizeof(*found));
	memcpy(found, t->t.data, (size_t)n * sizeof(*found));
	for (int64_t i = 0; i < n; i++)
		factor = (double)found[i] > factor ? (double)found[i] : factor;
	rc = name_factors(b, found, n, shortest(factor), stated);
	free(found);
	return rc;
}

static int add_linear(const struct build *b, double factor)
{
	if (factor < 0)
		return refuse(b, key_of(b, "rope.scaling.factor").s, "is negative");
	if (factor == 0 || factor == 1)
		return 0;
	json_add_key(b->out, "rope_scaling");
	text_addc(b->out, '{');
	json_add_string(b->out, "rope_type", "linear");
	json_add_real(b->out, "factor", shortest(factor));
	text_addc(b->out, '}');
	return 0;
}

static int read_scaling(const struct build *b)
{
	const struct file_tensor *factors = find(b, "rope_freqs.weight");
	struct key key = key_of(b, "rope.scaling.type"), older = key_of(b, "rope.scale_linear");
	struct bytes type = { "none", 4 };
	double factor = 0;

	if (gguf_get_text(b->h, key.s, &type, b->err) < 0 ||
	    gguf_get_real(b->h, key_of(b, "rope.scaling.factor").s, &factor, b->err) < 0)
		return b->err->code;
	if (gguf_find(b->h, older.s)) {
		type = (struct bytes){ "linear", 6 };
		if (gguf_get_real(b->h, older.s, &factor, b->err) < 0)
			return b->err->code;
	}
	if (!is_text(type, "none") && !is_text(type, "linear"))
		return err_set(
			b->err, ERR_FORMAT,
			"%s: %s is %.*s, but only none, linear and the factors of llama3 are "
			"supported",
			b->h->path, key.s, (int)(type.len < 60 ? type.len : 60), type.data);
	if (factors)
		return read_factors(b, factors);
	return is_text(type, "linear") ? add_linear(b, factor) : 0;
}

/* ---- tokens, the name ---------------------------------------------------------------------- */

static int read_id(const struct build *b, const char *key, int64_t *id)
{
	*id = -1;
	return gguf_get_int(b->h, key, -1, UINT32_MAX, id, b->err) < 0 ? b->err->code : 0;
}

/* The ids that end a text, the configured one first. */
static int add_ends(const struct build *b, struct text *out)
{
	static const char *const keys[] = { "tokenizer.ggml.eos_token_id",
					    "tokenizer.ggml.eot_token_id",
					    "tokenizer.ggml.eom_token_id" };
	int64_t ids[3];
	int n = 0;

	for (size_t i = 0; i < 3; i++) {
		bool is_new = true;

		if (read_id(b, keys[i], &ids[n]))
			return b->err->code;
		for (int k = 0; k < n; k++)
			is_new = is_new && ids[k] != ids[n];
		n += is_new && ids[n] >= 0 && ids[n] < INT32_MAX;
	}
	json_add_key(out, "eos_token_id");
	text_addc(out, '[');
	for (int i = 0; i < n; i++)
		json_add_int(out, NULL, ids[i]);
	text_addc(out, ']');
	return 0;
}

static int add_ids(const struct build *b, struct text *out)
{
	static const struct {
		const char *key, *config;
	} ids[] = { { "tokenizer.ggml.bos_token_id", "bos_token_id" },
		    { "tokenizer.ggml.padding_token_id", "pad_token_id" } };

	for (size_t i = 0; i < 2; i++) {
		int64_t id;

		if (read_id(b, ids[i].key, &id))
			return b->err->code;
		if (id >= 0 && id < INT32_MAX)
			json_add_int(out, ids[i].config, id);
		else if (!i)
			json_add_string(out, ids[i].config, NULL);
	}
	return add_ends(b, out);
}

static bool names_mistral(struct bytes name)
{
	static const char word[] = "mistral";

	for (size_t i = 0; i + sizeof(word) - 1 <= name.len; i++)
		if (!strncasecmp(name.data + i, word, sizeof(word) - 1))
			return true;
	return false;
}

/*
 * llama.cpp calls both families llama; they differ in a window and in the names of their classes.
 * What has a window, or is called so and has no scaling, is a Mistral.
 */
static int add_class(struct build *b, bool is_scaled)
{
	struct bytes name = { "", 0 };
	int64_t window = 0;

	if (gguf_get_text(b->h, "general.name", &name, b->err) < 0 ||
	    gguf_get_int(b->h, key_of(b, "attention.sliding_window").s, 0, INT32_MAX, &window,
			 b->err) < 0)
		return b->err->code;
	b->is_mistral = b->is_mistral || window || (names_mistral(name) && !is_scaled);
	json_add_key(b->out, "architectures");
	text_addc(b->out, '[');
	json_add_string(b->out, NULL, b->is_mistral ? "MistralForCausalLM" : "LlamaForCausalLM");
	text_addc(b->out, ']');
	json_add_string(b->out, "model_type", b->is_mistral ? "mistral" : "llama");
	if (window)
		json_add_int(b->out, "sliding_window", window);
	else
		json_add_string(b->out, "sliding_window", NULL);
	return 0;
}

static int build(struct build *b)
{
	size_t before;

	if (read_architecture(b) || read_heads(b) || add_sizes(b) || add_vocabulary(b) ||
	    add_epsilon(b) || read_theta(b) || check_causal(b))
		return b->err->code;
	before = b->out->len;
	if (read_scaling(b) || check_keys(b))
		return b->err->code;
	return add_class(b, b->out->len > before) ? b->err->code : add_ids(b, b->out);
}

int gguf_config(const struct tensor_file *files, int n_files, struct text *config,
		struct text *generation, struct err *err)
{
	struct build b = {
		.h = files[0].gguf, .files = files, .n_files = n_files, .out = config, .err = err
	};

	text_addc(config, '{');
	if (build(&b))
		return err->code;
	text_addc(config, '}');
	text_addc(generation, '{');
	if (add_ids(&b, generation))
		return err->code;
	text_addc(generation, '}');
	return 0;
}
