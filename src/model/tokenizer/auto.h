/*
 * auto.h -- what the files share that say what AutoTokenizer adds to tokenizer.json.
 *
 *	auto_texts.c  the texts beside tokenizer.json, and asking them
 *	auto_sets.c   sets of tokens by their texts
 *	auto_tokens.c special tokens and added tokens, and the order in which they are added
 *	auto.c        classes of tokenizers and what they change
 */
#ifndef TORCHLESS_TOKENIZER_AUTO_H
#define TORCHLESS_TOKENIZER_AUTO_H

#include "impl.h"

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

/* ---- auto_texts.c ---- */

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

/* Parse the texts into *b; their names in errors come from that of tokenizer.json, `what`. */
int texts_parse(struct build *b, const struct tokenizer_texts *texts, const char *what);
/* A text that may be absent (then *json stays) as JSON, which must be an object. */
int texts_parse_one(cJSON **json, const char *text, const char *name, struct err *err);
/* What is true in Python. */
bool texts_is_true(const cJSON *value);
/* Whether tokenizer_config.json says so, or, where it has nothing, the default. */
bool texts_say(const struct build *b, const char *key, bool otherwise);
/* special_tokens_map.json and added_tokens.json are of a time before added_tokens_decoder. */
bool texts_are_legacy(const struct build *b);

/* ---- auto_sets.c ---- */

/* A text, whether it is there as such, and with which flags: a bit for each combination. */
struct known {
	const char *content;
	uint32_t combinations;
	bool is_text;
};

struct known_set {
	struct known *at;
	size_t n, cap;
};

void known_add(struct known_set *s, const char *content, uint32_t combinations, bool is_text);
void known_add_token(struct known_set *s, const struct config_token *t);
/* Once all are added: from here on it can be asked. */
void known_sort(struct known_set *s);
const struct known *known_find(const struct known_set *s, const char *content);
/* Whether the very token is there: a text as a text, an object with the same flags. */
bool known_has(const struct known_set *s, const struct config_token *t);

/* ---- auto_tokens.c ---- */

/* Read the tokens that the texts and the class have, and add them. */
int auto_tokens(struct build *b);

#endif
