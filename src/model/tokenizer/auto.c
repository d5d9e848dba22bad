/*
 * auto.c -- what transformers' AutoTokenizer adds to tokenizer.json.
 *
 * tokenizer_config.json names a class, or config.json one or its kind of model.  The class has
 * special tokens unless the config names others; the config may list added tokens.  All of them
 * are put into the vocabulary (auto_tokens.c).  Some classes put a template of their own in place
 * of the file's, or have the file split otherwise.
 *
 * Source: transformers 4.44: models/auto/tokenization_auto.py and
 * models/<name>/tokenization_<name>_fast.py.
 */
#include "auto.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- classes ---- */

#define EOT "<|endoftext|>"
static const struct tokenizer_class classes[] = {
	{ "PreTrainedTokenizer", NULL, NULL, NULL, NULL, 0 },
	{ "BloomTokenizer", "<s>", "</s>", "<unk>", "<pad>", TURNS_PREFIX_ON },
	{ "CodeGenTokenizer", EOT, EOT, EOT, NULL, SETS_PREFIX },
	{ "CodeLlamaTokenizer", "<s>", "</s>", "<unk>", NULL, HAS_TEMPLATE | ADDS_BOS | INFILLS },
	{ "CohereTokenizer", "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<UNK>", NULL,
	  HAS_TEMPLATE | ADDS_BOS | TURNS_PREFIX_ON },
	{ "GPT2Tokenizer", EOT, EOT, EOT, NULL, SETS_PREFIX },
	{ "GPTNeoXTokenizer", EOT, EOT, EOT, NULL, HAS_TEMPLATE | SETS_PREFIX },
	{ "GemmaTokenizer", "<bos>", "<eos>", "<unk>", "<pad>", HAS_TEMPLATE | ADDS_BOS },
	{ "LlamaTokenizer", "<s>", "</s>", "<unk>", NULL,
	  HAS_TEMPLATE | ADDS_BOS | CONVERTS_PREFIX },
	{ "Qwen2Tokenizer", NULL, EOT, EOT, EOT, MAKES_TOKENS },
};
#define N_CLASSES (sizeof(classes) / sizeof(*classes))

/* The class of a kind of model, by the model_type of config.json, as transformers finds it: by the
 * class of the configuration, which code_llama shares with llama. */
static const struct {
	const char *type, *class;
} model_types[] = {
	{ "blip-2", "GPT2Tokenizer" },
	{ "bloom", "BloomTokenizer" },
	{ "chameleon", "LlamaTokenizer" },
	{ "code_llama", "LlamaTokenizer" },
	{ "codegen", "CodeGenTokenizer" },
	{ "cohere", "CohereTokenizer" },
	{ "dbrx", "GPT2Tokenizer" },
	{ "falcon", "PreTrainedTokenizer" },
	{ "gemma", "GemmaTokenizer" },
	{ "gemma2", "GemmaTokenizer" },
	{ "gpt2", "GPT2Tokenizer" },
	{ "gpt_bigcode", "GPT2Tokenizer" },
	{ "gpt_neo", "GPT2Tokenizer" },
	{ "gpt_neox", "GPTNeoXTokenizer" },
	{ "gptj", "GPT2Tokenizer" },
	{ "idefics", "LlamaTokenizer" },
	{ "idefics2", "LlamaTokenizer" },
	{ "instructblip", "GPT2Tokenizer" },
	{ "instructblipvideo", "GPT2Tokenizer" },
	{ "jamba", "LlamaTokenizer" },
	{ "jetmoe", "LlamaTokenizer" },
	{ "llama", "LlamaTokenizer" },
	{ "llava", "LlamaTokenizer" },
	{ "llava-next-video", "LlamaTokenizer" },
	{ "llava_next", "LlamaTokenizer" },
	{ "mamba", "GPTNeoXTokenizer" },
	{ "mamba2", "GPTNeoXTokenizer" },
	{ "mistral", "LlamaTokenizer" },
	{ "mixtral", "LlamaTokenizer" },
	{ "mpt", "GPTNeoXTokenizer" },
	{ "olmo", "GPTNeoXTokenizer" },
	{ "opt", "GPT2Tokenizer" },
	{ "paligemma", "LlamaTokenizer" },
	{ "persimmon", "LlamaTokenizer" },
	{ "phi", "CodeGenTokenizer" },
	{ "phi3", "LlamaTokenizer" },
	{ "qwen2", "Qwen2Tokenizer" },
	{ "qwen2_moe", "Qwen2Tokenizer" },
	{ "recurrent_gemma", "GemmaTokenizer" },
	{ "rwkv", "GPTNeoXTokenizer" },
	{ "stablelm", "GPTNeoXTokenizer" },
	{ "starcoder2", "GPT2Tokenizer" },
	{ "video_llava", "LlamaTokenizer" },
	{ "vipllava", "LlamaTokenizer" },
};

/* NULL, and a warning, when it is not known. */
static const struct tokenizer_class *class_named(const char *name, const char *where,
						 struct build *b)
{
	size_t len = strlen(name);

	if (len > 4 && strcmp(name + len - 4, "Fast") == 0)
		len -= 4;
	for (size_t i = 0; i < N_CLASSES; i++)
		if (strncmp(classes[i].name, name, len) == 0 && !classes[i].name[len])
			return &classes[i];
	tokenizer_add_note(b->tok, true,
			   "%s: what the tokenizer_class '%.60s' adds to tokenizer.json is not "
			   "known: nothing is added",
			   where, name);
	return NULL;
}

/* ---- the class ---- */

/* A class that is named, or NULL; false when something is named that is no text. */
static bool class_said(const cJSON *json, const char **name)
{
	const cJSON *value = json_get(json, "tokenizer_class");

	*name = cJSON_GetStringValue(value);
	return !value || *name;
}

static const char *class_of_type(const char *type)
{
	for (size_t i = 0; i < sizeof(model_types) / sizeof(*model_types); i++)
		if (strcmp(model_types[i].type, type) == 0)
			return model_types[i].class;
	return NULL;
}

/* config.json is asked only where tokenizer_config.json names no class; it may be broken,
 * which is no reason to refuse tokens. */
static const struct tokenizer_class *class_of_model(struct build *b,
						    const struct tokenizer_texts *texts)
{
	const char *type, *name;
	struct err why = { 0 };

	if (texts_parse_one(&b->model, texts->model_config, "config.json", &why)) {
		tokenizer_add_note(b->tok, true, "%.200s: nothing is added to tokenizer.json",
				   why.message);
		return &classes[0];
	}
	type = cJSON_GetStringValue(json_get(b->model, "model_type"));
	if (class_said(b->model, &name) && !name)
		name = type ? class_of_type(type) : "PreTrainedTokenizer";
	if (!name)
		tokenizer_add_note(
			b->tok, true,
			"config.json: what the tokenizer of a model_type '%.60s' adds to "
			"tokenizer.json is not known: nothing is added",
			type ? type : "");
	return name ? class_named(name, "config.json", b) : NULL;
}

static void choose_class(struct build *b, const struct tokenizer_texts *texts)
{
	const char *name;

	if (!class_said(b->config, &name))
		tokenizer_add_note(b->tok, true,
				   "%s: tokenizer_class is no text: nothing is added to "
				   "tokenizer.json",
				   b->config_name.data);
	else
		b->class =
			name ? class_named(name, b->config_name.data, b) : class_of_model(b, texts);
	if (!b->class)
		b->class = &classes[0];
}

/* ---- what the class changes ---- */

static int32_t id_of_special(const struct tokenizer *tok, int which)
{
	const char *text = tok->specials.one[which].content;
	int32_t id = tokenizer_find(tok, text, strlen(text));

	return id < 0 && which != SPECIAL_UNK && tok->specials.one[SPECIAL_UNK].content
		       ? id_of_special(tok, SPECIAL_UNK)
		       : id;
}

/* One token before or after every text. */
static int put_in_template(struct build *b, struct id_list *list, const char *key, int which)
{
	int32_t id;

	if (!b->tok->specials.one[which].content)
		return err_set(b->err, ERR_FORMAT,
			       "%s: %s is true but there is no %s (AutoTokenizer refuses it, too)",
			       b->config_name.data, key, special_name(which));
	id = id_of_special(b->tok, which);
	if (id < 0)
		return err_set(b->err, ERR_FORMAT, "%s: %s is true but the %s has no id",
			       b->config_name.data, key, special_name(which));
	list->ids = mem_grow(list->ids, list->n, &list->cap, sizeof(*list->ids));
	list->ids[list->n++] = id;
	return 0;
}

static int set_template(struct build *b)
{
	struct tokenizer *tok = b->tok;

	if (!(b->class->traits & HAS_TEMPLATE))
		return 0;
	tok->before.n = tok->after.n = 0;
	tok->trim_offsets = false;
	if (texts_say(b, "add_bos_token", b->class->traits & ADDS_BOS) &&
	    put_in_template(b, &tok->before, "add_bos_token", SPECIAL_BOS))
		return b->err->code;
	if (texts_say(b, "add_eos_token", false) &&
	    put_in_template(b, &tok->after, "add_eos_token", SPECIAL_EOS))
		return b->err->code;
	return 0;
}

/* Set the member of every ByteLevel in a pre_tokenizer that has the other value. */
static void set_flag(cJSON *j, const char *key, bool on)
{
	const char *type = cJSON_GetStringValue(json_get(j, "type"));
	cJSON *item;

	if (type && strcmp(type, "ByteLevel") == 0) {
		cJSON_DeleteItemFromObjectCaseSensitive(j, key);
		cJSON_AddBoolToObject(j, key, on);
	}
	cJSON_ArrayForEach(item, (cJSON *)json_get(j, "pretokenizers")) set_flag(item, key, on);
}

static void set_prefix(struct build *b)
{
	cJSON *file = (cJSON *)json_get(b->root, "pre_tokenizer");
	bool on = texts_say(b, "add_prefix_space", false);
	bool turns_on = b->class->traits & TURNS_PREFIX_ON && on;
	/* A Sequence has no such flag of its own, which is all that these classes look at. */
	bool sets = b->class->traits & SETS_PREFIX && !json_get(file, "pretokenizers");

	if (sets || turns_on)
		set_flag(file, "add_prefix_space", on);
}

/* The stages that the conversion of a tokenizer.model makes, for each way to ask for it. */
static const char *converted_stages(bool legacy, bool prefix)
{
#define REPLACE                                                                                    \
	"{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"" METASPACE "\"}"
#define PREPEND "{\"type\": \"Prepend\", \"prepend\": \"" METASPACE "\"}"
#define OLD(norms)                                                                                 \
	"{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [" norms "]}, "                \
	"\"pre_tokenizer\": null, "
#define METASPACES(scheme)                                                                         \
	"{\"normalizer\": null, \"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": "    \
	"\"" METASPACE "\", \"prepend_scheme\": \"" scheme "\", \"split\": false}, "
#define DECODER(strip)                                                                             \
	"\"decoder\": {\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", "            \
	"\"pattern\": {\"String\": \"" METASPACE "\"}, \"content\": \" \"}, "                      \
	"{\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}" strip "]}}"
#define STRIP ", {\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}"

	if (legacy)
		return prefix ? OLD(PREPEND ", " REPLACE) DECODER(STRIP) : OLD(REPLACE) DECODER("");
	return prefix ? METASPACES("first") DECODER(STRIP) : METASPACES("never") DECODER("");
}

static bool has_byte_level(const cJSON *j)
{
	const char *type = cJSON_GetStringValue(json_get(j, "type"));
	const cJSON *item;

	if (type && strcmp(type, "ByteLevel") == 0)
		return true;
	cJSON_ArrayForEach(item, json_get(j, "pretokenizers"))
	{
		if (has_byte_level(item))
			return true;
	}
	return false;
}

/* Put the member of `from` in place of that of the file; whether they differ. */
static bool replace_stage(struct build *b, cJSON *from, const char *key)
{
	cJSON *stage = cJSON_DetachItemFromObjectCaseSensitive(from, key);
	const cJSON *was = json_get(b->root, key);
	bool differs = was ? !cJSON_Compare(was, stage, true) : !cJSON_IsNull(stage);

	while (cJSON_HasObjectItem(b->root, key))
		cJSON_DeleteItemFromObject(b->root, key);
	cJSON_AddItemToObject(b->root, key, stage);
	return differs;
}

/*
 * Where the config sets add_prefix_space (or from_slow), AutoTokenizer makes a tokenizer of
 * tokenizer.model.  Its vocabulary is that of tokenizer.json, which was made so, too; its stages
 * follow from the config.
 */
static void convert_stages(struct build *b)
{
	const cJSON *legacy = json_get(b->config, "legacy");
	bool is_llama = b->class->traits & CONVERTS_PREFIX, differs = false;
	cJSON *stages;

	if (!texts_say(b, "from_slow", false) &&
	    !(is_llama && json_get(b->config, "add_prefix_space")))
		return;
	if (!is_llama || has_byte_level(json_get(b->root, "pre_tokenizer"))) {
		tokenizer_add_note(b->tok, true,
				   "%s has from_slow or add_prefix_space, which asks for the "
				   "conversion of a tokenizer that is not read: tokenizer.json is "
				   "taken as it is",
				   b->config_name.data);
		return;
	}
	stages = cJSON_Parse(converted_stages(!legacy || texts_is_true(legacy),
					      texts_say(b, "add_prefix_space", false)));
	differs |= replace_stage(b, stages, "normalizer");
	differs |= replace_stage(b, stages, "pre_tokenizer");
	differs |= replace_stage(b, stages, "decoder");
	cJSON_Delete(stages);
	if (differs)
		tokenizer_add_note(b->tok, false,
				   "%s has from_slow or add_prefix_space: the normalizer, "
				   "pre_tokenizer and decoder of tokenizer.json give way to those "
				   "that the conversion of tokenizer.model makes",
				   b->config_name.data);
}

/* ---- the way in ---- */

struct build *auto_begin(struct tokenizer *tok, const struct tokenizer_texts *texts, cJSON *root,
			 const char *what, struct err *err)
{
	struct build *b = mem_calloc(1, sizeof(*b));

	*b = (struct build){ .tok = tok, .root = root, .err = err };
	if (texts_parse(b, texts, what)) {
		auto_free(b);
		return NULL;
	}
	choose_class(b, texts);
	if (b->config)
		chat_template_parse(tok, b->config, b->config_name.data);
	set_prefix(b);
	convert_stages(b);
	tok->splits_special = texts_say(b, "split_special_tokens", false);
	return b;
}

int auto_finish(struct build *b)
{
	return auto_tokens(b) ? b->err->code : set_template(b);
}
