/*
 * auto.c -- what transformers' AutoTokenizer adds to tokenizer.json.
 *
 * tokenizer_config.json names a class, or config.json one or its kind of model.  The class has
 * special tokens unless the config names others; the config may list added tokens.  All of them
 * are put into the vocabulary (add_tokens() says in which order).  Some classes put a template of
 * their own in place of the file's, or have the file split otherwise.
 *
 * Source: transformers 4.44: tokenization_auto.py, tokenization_utils_base.py
 * (_from_pretrained), tokenization_utils_fast.py (__init__), models/<name>/tokenization_*_fast.py.
 */
#include "impl.h"

#include "torchless/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- classes ---- */

enum trait {
	ADDS_BOS = 1,         /* add_bos_token is true where the config has none */
	HAS_TEMPLATE = 2,     /* a template of add_bos_token and add_eos_token */
	SETS_PREFIX = 4,      /* add_prefix_space changes a pre_tokenizer that is ByteLevel */
	TURNS_PREFIX_ON = 8,  /* add_prefix_space turns it on, wherever it stands */
	MAKES_TOKENS = 16,    /* texts of special tokens become tokens with flags */
	INFILLS = 32,         /* has the four tokens of Code Llama */
	CONVERTS_PREFIX = 64, /* add_prefix_space has tokenizer.model converted */
};

struct tokenizer_class {
	const char *name; /* without the "Fast" behind it */
	const char *bos, *eos, *unk, *pad;
	unsigned traits;
};

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

/* The class of a kind of model, by the model_type of config.json. */
static const struct {
	const char *type, *class;
} model_types[] = {
	{ "bloom", "BloomTokenizer" },
	{ "chameleon", "LlamaTokenizer" },
	{ "code_llama", "CodeLlamaTokenizer" },
	{ "codegen", "CodeGenTokenizer" },
	{ "cohere", "CohereTokenizer" },
	{ "dbrx", "GPT2Tokenizer" },
	{ "gemma", "GemmaTokenizer" },
	{ "gemma2", "GemmaTokenizer" },
	{ "gpt2", "GPT2Tokenizer" },
	{ "gpt_bigcode", "GPT2Tokenizer" },
	{ "gpt_neo", "GPT2Tokenizer" },
	{ "gpt_neox", "GPTNeoXTokenizer" },
	{ "gptj", "GPT2Tokenizer" },
	{ "jetmoe", "LlamaTokenizer" },
	{ "llama", "LlamaTokenizer" },
	{ "mamba", "GPTNeoXTokenizer" },
	{ "mamba2", "GPTNeoXTokenizer" },
	{ "mistral", "LlamaTokenizer" },
	{ "mixtral", "LlamaTokenizer" },
	{ "mpt", "GPTNeoXTokenizer" },
	{ "olmo", "GPTNeoXTokenizer" },
	{ "opt", "GPT2Tokenizer" },
	{ "persimmon", "LlamaTokenizer" },
	{ "phi", "CodeGenTokenizer" },
	{ "phi3", "LlamaTokenizer" },
	{ "qwen2", "Qwen2Tokenizer" },
	{ "qwen2_moe", "Qwen2Tokenizer" },
	{ "recurrent_gemma", "GemmaTokenizer" },
	{ "rwkv", "GPTNeoXTokenizer" },
	{ "stablelm", "GPTNeoXTokenizer" },
	{ "starcoder2", "GPT2Tokenizer" },
};

static const struct tokenizer_class *class_named(const char *name)
{
	size_t len = strlen(name);

	if (len > 4 && strcmp(name + len - 4, "Fast") == 0)
		len -= 4;
	for (size_t i = 0; i < N_CLASSES; i++)
		if (strncmp(classes[i].name, name, len) == 0 && !classes[i].name[len])
			return &classes[i];
	return NULL;
}

/* ---- the texts ---- */

/* A token that a config lists with an id. */
struct listed {
	int64_t id;
	size_t at;   /* where it stands in the list */
	bool is_new; /* tokenizer.json does not have it, or otherwise */
	struct config_token token;
};

/* What is at hand while the texts are applied. */
struct build {
	struct tokenizer *tok;
	const struct tokenizer_class *class;
	cJSON *root; /* tokenizer.json, which stays its owner's */
	cJSON *config, *map, *added, *model;
	struct text config_name, map_name, added_name; /* as errors have them */
	struct listed *listed;
	size_t n_listed, cap_listed;
	size_t n_of_file; /* added tokens that tokenizer.json has */
	struct err *err;
};

/* The name of the file `name` where tokenizer.json is called `what`. */
static void name_beside(struct text *t, const char *what, const char *name)
{
	static const char ours[] = "tokenizer.json";
	size_t len = strlen(what), n = sizeof(ours) - 1;

	if (len >= n && !strcmp(what + len - n, ours))
		text_addf(t, "%.*s%s", (int)(len - n), what, name);
	else
		text_addf(t, "the %s of %s", name, what);
}

/* A text that may be absent as JSON, which must then be an object. */
static int parse_text(cJSON **json, const char *text, const char *name, struct err *err)
{
	if (!text)
		return 0;
	*json = json_parse(text, strlen(text), name, err);
	if (!*json)
		return err->code;
	if (!cJSON_IsObject(*json))
		return err_set(err, ERR_FORMAT, "%s is no JSON object", name);
	return 0;
}

/* The member, null included; NULL when there is none.  The last of several counts. */
static const cJSON *member(const cJSON *obj, const char *key)
{
	const cJSON *found = NULL, *item;

	if (!cJSON_IsObject(obj))
		return NULL;
	cJSON_ArrayForEach(item, obj)
	{
		if (strcmp(item->string, key) == 0)
			found = item;
	}
	return found;
}

static bool is_true(const cJSON *value)
{
	if (cJSON_IsString(value))
		return value->valuestring[0];
	if (cJSON_IsNumber(value))
		return value->valuedouble != 0;
	return cJSON_IsTrue(value) || (value && value->child);
}

/* Whether the config says so, or, where it has nothing, the default. */
static bool config_says(const struct build *b, const char *key, bool otherwise)
{
	const cJSON *value = member(b->config, key);

	return value ? is_true(value) : otherwise;
}

/* special_tokens_map.json and added_tokens.json are of a time before added_tokens_decoder. */
static bool is_legacy(const struct build *b)
{
	return !member(b->config, "added_tokens_decoder");
}

static int parse_texts(struct build *b, const struct tokenizer_texts *texts, const char *what)
{
	int rc;

	name_beside(&b->config_name, what, "tokenizer_config.json");
	name_beside(&b->map_name, what, "special_tokens_map.json");
	name_beside(&b->added_name, what, "added_tokens.json");
	rc = parse_text(&b->config, texts->config, b->config_name.data, b->err);
	if (!rc && is_legacy(b))
		rc = parse_text(&b->map, texts->special_tokens_map, b->map_name.data, b->err);
	if (!rc && is_legacy(b))
		rc = parse_text(&b->added, texts->added_tokens, b->added_name.data, b->err);
	return rc;
}

void auto_free(struct build *b)
{
	if (!b)
		return;
	cJSON_Delete(b->config);
	cJSON_Delete(b->map);
	cJSON_Delete(b->added);
	cJSON_Delete(b->model);
	text_release(&b->config_name);
	text_release(&b->map_name);
	text_release(&b->added_name);
	for (size_t i = 0; i < b->n_listed; i++)
		config_token_release(&b->listed[i].token);
	free(b->listed);
	free(b);
}

/* ---- the class ---- */

/* config.json is asked only where tokenizer_config.json names no class; it may be broken else. */
static const char *class_of_model(struct build *b, const struct tokenizer_texts *texts)
{
	const char *type, *name;
	struct err ignored = { 0 };

	if (parse_text(&b->model, texts->model_config, "config.json", &ignored))
		return NULL;
	name = cJSON_GetStringValue(json_get(b->model, "tokenizer_class"));
	type = cJSON_GetStringValue(json_get(b->model, "model_type"));
	for (size_t i = 0; type && !name && i < sizeof(model_types) / sizeof(*model_types); i++)
		if (strcmp(model_types[i].type, type) == 0)
			name = model_types[i].class;
	return name;
}

static void choose_class(struct build *b, const struct tokenizer_texts *texts)
{
	const char *name = cJSON_GetStringValue(json_get(b->config, "tokenizer_class"));

	if (!name)
		name = class_of_model(b, texts);
	b->class = name ? class_named(name) : &classes[0];
	if (b->class)
		return;
	b->class = &classes[0];
	tokenizer_add_note(b->tok, true,
			   "%s: what the tokenizer_class '%.60s' adds to tokenizer.json is not "
			   "known: nothing is added",
			   b->config_name.data, name);
}

/* ---- special tokens ---- */

/* What the files say of a special token: the old map, else the config; NULL when neither does. */
static const cJSON *said_of(const struct build *b, const char *key, const char **where)
{
	const cJSON *value = member(b->map, key);

	*where = value ? b->map_name.data : b->config_name.data;
	return value ? value : member(b->config, key);
}

static void set_defaults(struct build *b)
{
	struct config_token *one = b->tok->specials.one;
	const struct {
		int at;
		const char *content;
	} defaults[] = {
		{ SPECIAL_BOS, b->class->bos },
		{ SPECIAL_EOS, b->class->eos },
		{ SPECIAL_UNK, b->class->unk },
		{ SPECIAL_PAD, b->class->pad },
	};
	const cJSON *padding = json_get(b->root, "padding");
	const char *pad = cJSON_GetStringValue(json_get(padding, "pad_token"));

	if (pad)
		config_token_set(&one[SPECIAL_PAD], pad);
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
		if (defaults[i].content)
			config_token_set(&one[defaults[i].at], defaults[i].content);
}

/* A text that is listed as an added token, too, is that token with its flags. */
static void use_listed(const struct build *b, struct config_token *t)
{
	const struct config_token *found = NULL;
	const struct added_token *a;

	for (size_t i = 0; i < b->n_listed; i++)
		if (strcmp(b->listed[i].token.content, t->content) == 0)
			found = &b->listed[i].token;
	if (found && !is_legacy(b)) {
		config_token_copy(t, found);
		return;
	}
	a = is_legacy(b) ? added_find(b->tok, t->content) : NULL;
	if (a) {
		t->flags = a->flags;
		t->is_text = false;
		t->says_normalized = true;
	}
}

static int read_ones(struct build *b)
{
	for (int i = 0; i < SPECIAL_ONES; i++) {
		struct config_token *t = &b->tok->specials.one[i];
		const char *where;
		const cJSON *value = said_of(b, special_name(i), &where);

		if (value && config_token_read(t, value, special_name(i), where, b->err))
			return b->err->code;
		if (value && where == b->map_name.data && !t->is_text)
			t->flags.special = true;
		if (value && t->content)
			use_listed(b, t);
		if (t->content && t->is_text && b->class->traits & MAKES_TOKENS &&
		    i <= SPECIAL_PAD && i != SPECIAL_SEP) {
			t->is_text = false;
			t->says_normalized = t->flags.special = true;
		}
	}
	return 0;
}

static bool same_token(const struct config_token *a, const struct config_token *b)
{
	struct token_flags x = config_token_flags(a, false), y = config_token_flags(b, false);

	return a->is_text == b->is_text && strcmp(a->content, b->content) == 0 &&
	       (a->is_text || token_flags_equal(&x, &y));
}

/* Append the tokens of additional_special_tokens; the old map's only where they are new. */
static int read_more(struct build *b, const cJSON *json, const char *where)
{
	struct specials *s = &b->tok->specials;
	const cJSON *list = json_get(json, "additional_special_tokens"), *item;
	bool is_map = json && json == b->map;
	size_t n = s->n_more;

	if (list && !cJSON_IsArray(list))
		return err_set(b->err, ERR_FORMAT, "%s: additional_special_tokens is no list",
			       where);
	cJSON_ArrayForEach(item, list)
	{
		struct config_token *t = specials_more(s);
		bool known = false;

		if (config_token_read(t, item, "additional_special_tokens", where, b->err))
			return b->err->code;
		if (is_map && !t->is_text)
			t->flags.special = true;
		for (size_t i = 0; is_map && i < n && t->content; i++)
			known = known || same_token(&s->more[i], t);
		if (!t->content || known) {
			config_token_release(t);
			s->n_more--;
		}
	}
	return 0;
}

static int read_infill(struct build *b)
{
	static const char *const keys[] = { "prefix_token", "middle_token", "suffix_token",
					    "eot_token" };
	static const char *const defaults[] = { METASPACE "<PRE>", METASPACE "<MID>",
						METASPACE "<SUF>", METASPACE "<EOT>" };

	for (size_t i = 0; i < 4 && b->class->traits & INFILLS; i++) {
		const cJSON *value = member(b->config, keys[i]);
		struct config_token *t = specials_more(&b->tok->specials);

		config_token_set(t, defaults[i]);
		if (value && config_token_read(t, value, keys[i], b->config_name.data, b->err))
			return b->err->code;
		if (!t->content)
			b->tok->specials.n_more--;
	}
	return 0;
}

static int read_specials(struct build *b)
{
	struct specials *s = &b->tok->specials;

	set_defaults(b);
	if (read_ones(b) || read_more(b, b->config, b->config_name.data) ||
	    read_more(b, b->map, b->map_name.data) || read_infill(b))
		return b->err->code;
	s->more_texts = mem_calloc(s->n_more + 1, sizeof(*s->more_texts));
	for (size_t i = 0; i < s->n_more; i++)
		s->more_texts[i] = s->more[i].content;
	return 0;
}

/* ---- listed tokens ---- */

static struct listed *listed_new(struct build *b, int64_t id)
{
	struct listed *l;

	b->listed = mem_grow(b->listed, b->n_listed, &b->cap_listed, sizeof(*b->listed));
	l = &b->listed[b->n_listed];
	*l = (struct listed){ .id = id, .at = b->n_listed++ };
	return l;
}

/* added_tokens_decoder: {"32000": {"content": "<pad>", …}, …} */
static int read_decoder(struct build *b)
{
	const cJSON *list = json_get(b->config, "added_tokens_decoder"), *item;

	if (list && !cJSON_IsObject(list))
		return err_set(b->err, ERR_FORMAT, "%s: added_tokens_decoder is no object",
			       b->config_name.data);
	cJSON_ArrayForEach(item, list)
	{
		char *end;
		long long id;
		struct listed *l;

		errno = 0;
		id = strtoll(item->string, &end, 10);
		if (end == item->string || *end || errno || !cJSON_IsObject(item))
			return err_set(b->err, ERR_FORMAT,
				       "%s: added_tokens_decoder has '%.60s' in it, where an id "
				       "and an object with its token are expected",
				       b->config_name.data, item->string);
		l = listed_new(b, id);
		if (config_token_read(&l->token, item, "added_tokens_decoder", b->config_name.data,
				      b->err))
			return b->err->code;
	}
	return 0;
}

/* Whether the files, and not the class, name a special token of that text. */
static bool is_named(const struct build *b, const char *content)
{
	for (int i = 0; i < SPECIAL_ONES; i++) {
		const char *where;
		const cJSON *value = said_of(b, special_name(i), &where);
		bool is_object = cJSON_IsObject(value) && where == b->map_name.data;
		const char *text =
			cJSON_GetStringValue(is_object ? json_get(value, "content") : value);

		if (text && strcmp(text, content) == 0)
			return true;
	}
	for (size_t i = 0; i < b->tok->specials.n_more; i++)
		if (strcmp(b->tok->specials.more[i].content, content) == 0)
			return true;
	return false;
}

/* added_tokens.json: {"<pad>": 32000, …}; ids that tokenizer.json gives are that file's. */
static int read_added(struct build *b)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, b->added)
	{
		double id = cJSON_IsNumber(item) ? item->valuedouble : -1;
		struct listed *l;

		if (!(id >= 0 && id <= TOKENIZER_MAX_ID && id == (double)(int32_t)id))
			return err_set(b->err, ERR_FORMAT, "%s: '%.60s' has no id from 0 to %d",
				       b->added_name.data, item->string, TOKENIZER_MAX_ID);
		if (id < (double)b->tok->vocab.size && b->tok->added_by_id[(int32_t)id])
			continue;
		l = listed_new(b, (int64_t)id);
		config_token_set(&l->token, item->string);
		l->token.is_text = false;
		l->token.flags.special = is_named(b, item->string);
	}
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* ---- adding ---- */

/* A text, and with which flags it is to be added: a bit for each of their combinations. */
struct known {
	const char *content;
	uint32_t combinations;
};

static int by_content(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->content, ((const struct known *)b)->content);
}

static uint32_t combination(struct token_flags f)
{
	return 1u << (f.single_word | f.lstrip << 1 | f.rstrip << 2 | f.normalized << 3 |
		      f.special << 4);
}

struct known_set {
	struct known *at;
	size_t n;
};

static void known_sort(struct known_set *s)
{
	size_t n = 0;

	if (s->n > 1)
		qsort(s->at, s->n, sizeof(*s->at), by_content);
	for (size_t i = 0; i < s->n; i++) {
		if (n && strcmp(s->at[n - 1].content, s->at[i].content) == 0)
			s->at[n - 1].combinations |= s->at[i].combinations;
		else
			s->at[n++] = s->at[i];
	}
	s->n = n;
}

static uint32_t known_find(const struct known_set *s, const char *content)
{
	const struct known key = { content, 0 }, *found = NULL;

	if (s->n)
		found = bsearch(&key, s->at, s->n, sizeof(*s->at), by_content);
	return found ? found->combinations : 0;
}

/* The special tokens, each text once; a list is only held against those with a name. */
static size_t list_specials(const struct specials *s, const struct config_token **list)
{
	size_t n = 0, n_ones;

	for (int i = 0; i < SPECIAL_ONES; i++) {
		const struct config_token *t = &s->one[i];
		bool seen = !t->content || (t->is_text && !*t->content);

		for (size_t k = 0; k < n && !seen; k++)
			seen = strcmp(list[k]->content, t->content) == 0;
		if (!seen)
			list[n++] = t;
	}
	n_ones = n;
	for (size_t i = 0; i < s->n_more; i++) {
		bool seen = false;

		for (size_t k = 0; k < n_ones && !seen; k++)
			seen = strcmp(list[k]->content, s->more[i].content) == 0;
		if (!seen)
			list[n++] = &s->more[i];
	}
	return n;
}

static int add(struct build *b, const struct config_token *t, bool is_special)
{
	struct token_flags flags = config_token_flags(t, is_special);

	return added_put(b->tok, t->content, &flags, b->config_name.data, b->err);
}

static void note_other_id(struct build *b, const struct listed *l)
{
	int32_t id = added_id(b->tok, l->token.content);

	if (id != l->id && *l->token.content)
		tokenizer_add_note(b->tok, false,
				   "%s: '%.60s' is listed with the id %" PRId64
				   " but has %d, by tokenizer.json",
				   b->config_name.data, l->token.content, l->id, id);
}

/* What of the listed is new, or has other flags than in tokenizer.json. */
static void find_new(struct build *b, struct known_set *new)
{
	for (size_t i = 0; i < b->n_listed; i++) {
		const struct config_token *t = &b->listed[i].token;
		struct token_flags flags = config_token_flags(t, false);
		const struct added_token *a = added_find(b->tok, t->content);

		b->listed[i].is_new = !a || !token_flags_equal(&a->flags, &flags);
		if (b->listed[i].is_new)
			new->at[new->n++] = (struct known){ t->content, combination(flags) };
	}
	known_sort(new);
}

static int add_listed(struct build *b, const struct known_set *specials)
{
	for (size_t i = 0; i < b->n_listed; i++) {
		const struct listed *l = &b->listed[i];
		bool special = l->token.flags.special || known_find(specials, l->token.content);

		if (!l->is_new)
			continue;
		note_other_id(b, l);
		if (add(b, &l->token, special))
			return b->err->code;
	}
	return 0;
}

static int add_specials(struct build *b, const struct config_token *const *list, size_t n,
			const struct known_set *new)
{
	for (size_t i = 0; i < n; i++) {
		const struct config_token *t = list[i];
		uint32_t as_new = known_find(new, t->content);
		const struct added_token *a = added_find(b->tok, t->content);
		bool of_file = a && (size_t)(a - b->tok->added) < b->n_of_file;

		if (t->is_text ? as_new || of_file
			       : as_new & combination(config_token_flags(t, false)))
			continue;
		if (add(b, t, true))
			return b->err->code;
	}
	return 0;
}

/*
 * In this order, since new tokens get the next ids: what the config lists, by id, as far as
 * tokenizer.json has it not, or otherwise; then special tokens that are nowhere yet.
 */
static int add_tokens(struct build *b)
{
	const struct specials *s = &b->tok->specials;
	size_t n, room = SPECIAL_ONES + s->n_more;
	const struct config_token **list = mem_calloc(room, sizeof(*list));
	struct known_set specials = { mem_calloc(room, sizeof(*specials.at)), 0 };
	struct known_set new = { mem_calloc(b->n_listed + 1, sizeof(*new.at)), 0 };
	int rc;

	n = list_specials(s, list);
	for (size_t i = 0; i < n; i++)
		specials.at[specials.n++] = (struct known){ list[i]->content, 1 };
	known_sort(&specials);
	if (b->n_listed)
		qsort(b->listed, b->n_listed, sizeof(*b->listed), by_id);
	find_new(b, &new);
	rc = add_listed(b, &specials);
	if (!rc)
		rc = add_specials(b, list, n, &new);
	free(new.at);
	free(specials.at);
	free(list);
	return rc;
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
	if (config_says(b, "add_bos_token", b->class->traits & ADDS_BOS) &&
	    put_in_template(b, &tok->before, "add_bos_token", SPECIAL_BOS))
		return b->err->code;
	if (config_says(b, "add_eos_token", false) &&
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
	bool on = config_says(b, "add_prefix_space", false);

	/* A Sequence has no such flag of its own, which is all that these classes look at. */
	if (b->class->traits & SETS_PREFIX && !json_get(file, "pretokenizers"))
		set_flag(file, "add_prefix_space", on);
	else if (b->class->traits & TURNS_PREFIX_ON && on)
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

	if (!config_says(b, "from_slow", false) &&
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
	stages = cJSON_Parse(converted_stages(!legacy || is_true(legacy),
					      config_says(b, "add_prefix_space", false)));
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
	if (parse_texts(b, texts, what)) {
		auto_free(b);
		return NULL;
	}
	choose_class(b, texts);
	if (b->config)
		chat_template_parse(tok, b->config, texts->config, b->config_name.data);
	set_prefix(b);
	convert_stages(b);
	tok->splits_special = config_says(b, "split_special_tokens", false);
	return b;
}

int auto_finish(struct build *b)
{
	b->n_of_file = b->tok->n_added;
	if (read_decoder(b) || read_specials(b) || read_added(b) || add_tokens(b) ||
	    set_template(b))
		return b->err->code;
	return 0;
}
