/*
 * tokenizer.c -- tokenizer.json to a tokenizer, and what one can ask of it.
 *
 * The library gives an added token the id that the vocabulary gives its text, and the next free
 * one otherwise, whatever the file says.  A file in which the two differ is refused: its author
 * meant other ids than the library would give.
 */
#include "impl.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* GPT-2's bytes_to_unicode: printable Latin-1 stands for itself, the rest from U+0100 on. */
static bool is_own_symbol(unsigned byte)
{
	return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

uint32_t byte_symbol(uint8_t byte)
{
	uint32_t n = 0;

	if (is_own_symbol(byte))
		return byte;
	for (unsigned b = 0; b < byte; b++)
		n += !is_own_symbol(b);
	return 0x100 + n;
}

int symbol_byte(uint32_t symbol)
{
	if (symbol < 0x100)
		return is_own_symbol(symbol) ? (int)symbol : -1;
	for (unsigned b = 0, n = 0x100; b < 0x100; b++) {
		if (is_own_symbol(b))
			continue;
		if (n++ == symbol)
			return (int)b;
	}
	return -1;
}

/* ---- building ---- */

/* cJSON ends strings at \u0000 and passes any bytes: refuse both, so that no piece is cut short. */
static int check_text(const char *json, size_t len, const char *what, struct err *err)
{
	bool escaped = false;

	if (len > INT32_MAX)
		return err_set(err, ERR_FORMAT, "%s has %zu bytes; at most %d are supported", what,
			       len, INT32_MAX);
	for (size_t i = 0; i < len;) {
		int n = (signed char)json[i] > 0 ? 1 : utf8_decode(json + i, len - i, NULL);

		if (!n || !json[i])
			return err_set(err, ERR_FORMAT,
				       "%s holds a byte at %zu that is no UTF-8 text", what, i);
		if (escaped && len - i >= 5 && memcmp(json + i, "u0000", 5) == 0)
			return err_set(
				err, ERR_FORMAT,
				"%s holds the character U+0000 at byte %zu, which pieces cannot",
				what, i - 1);
		escaped = json[i] == '\\' && !escaped;
		i += (size_t)n;
	}
	return 0;
}

/* Fields that would change ids and are not supported: they must be absent, null, false or empty. */
static int refuse_field(const cJSON *obj, const char *section, const char *key, const char *what,
			struct err *err)
{
	const cJSON *item = json_get(obj, key);

	if (!item || cJSON_IsFalse(item) || (cJSON_IsString(item) && !item->valuestring[0]) ||
	    (cJSON_IsNumber(item) && item->valuedouble == 0))
		return 0;
	return err_set(err, ERR_FORMAT, "%s: %s%s is set, which is not supported", what, section,
		       key);
}

static int refuse_unsupported(const cJSON *root, const cJSON *model, const char *what,
			      struct err *err)
{
	static const char *const fields[] = { "dropout", "continuing_subword_prefix",
					      "end_of_word_suffix" };
	const cJSON *padding = json_get(json_get(root, "padding"), "strategy");
	const char *type = "BPE";

	if (json_get_string(model, "type", &type, what, err) < 0)
		return err->code;
	if (strcmp(type, "BPE") != 0)
		return err_set(err, ERR_FORMAT,
			       "%s: model is of the type '%.60s'; supported is BPE", what, type);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (refuse_field(model, "model.", fields[i], what, err))
			return err->code;
	if (cJSON_IsObject(padding))
		return err_set(err, ERR_FORMAT, "%s: padding to a fixed length is not supported",
			       what);
	return refuse_field(root, "", "truncation", what, err);
}

static int parse_model(struct tokenizer *tok, const cJSON *root, const cJSON *model,
		       const char *what, struct err *err)
{
	const char *unk = NULL;

	tok->unk = -1;
	if (vocab_parse(&tok->vocab, model, json_get(root, "added_tokens"), what, err) ||
	    merges_parse(&tok->merges, &tok->vocab, model, what, err) ||
	    json_get_bool(model, "byte_fallback", &tok->byte_fallback, what, err) < 0 ||
	    json_get_bool(model, "fuse_unk", &tok->fuse_unk, what, err) < 0 ||
	    json_get_bool(model, "ignore_merges", &tok->ignore_merges, what, err) < 0 ||
	    json_get_string(model, "unk_token", &unk, what, err) < 0)
		return err->code;
	if (!unk)
		return 0;
	tok->unk = vocab_find(&tok->vocab, unk, strlen(unk));
	if (tok->unk < 0)
		return err_set(err, ERR_FORMAT,
			       "%s: model.unk_token is '%.60s', which model.vocab lacks", what,
			       unk);
	return 0;
}

/* The id that the library would give the text of an added token: `next` where it is a new one. */
static int32_t library_id(const struct tokenizer *tok, int64_t next, const char *content)
{
	int32_t id = vocab_find(&tok->vocab, content, strlen(content));

	return id < 0 && next < tok->vocab.size ? (int32_t)next : id;
}

static int parse_added_flags(struct added_token *a, const cJSON *j, const char *what,
			     struct err *err)
{
	const struct {
		const char *key;
		bool *flag;
	} flags[] = {
		{ "single_word", &a->single_word }, { "lstrip", &a->lstrip },
		{ "rstrip", &a->rstrip },           { "normalized", &a->normalized },
		{ "special", &a->special },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (json_get_bool(j, flags[i].key, flags[i].flag, what, err) < 0)
			return err->code;
	return 0;
}

/* Let text be searched for the token; a normalized one as the normalizer leaves its content. */
static int make_findable(struct tokenizer *tok, const struct added_token *a, int32_t index,
			 const char *content, struct err *err)
{
	struct text normalized = { 0 };

	if (!a->normalized) {
		trie_add(&tok->raw, content, strlen(content), index);
		return 0;
	}
	if (tokenizer_normalize(tok, content, strlen(content), &normalized, err)) {
		text_release(&normalized);
		return err->code;
	}
	if (normalized.len)
		trie_add(&tok->normalized, normalized.data, normalized.len, index);
	text_release(&normalized);
	return 0;
}

static int parse_added_token(struct tokenizer *tok, const cJSON *j, int64_t *next, const char *what,
			     struct err *err)
{
	struct added_token a = { .id = (int32_t)json_get(j, "id")->valuedouble };
	const char *content = "";
	int32_t id;

	if (json_get_string(j, "content", &content, what, err) < 0 ||
	    parse_added_flags(&a, j, what, err))
		return err->code;
	if (!*content)
		return 0;
	id = library_id(tok, *next, content);
	if (id != a.id)
		return err_set(
			err, ERR_FORMAT,
			"%s: added_tokens gives '%.60s' the id %d, but by the vocabulary it is %d",
			what, content, a.id, id);
	if (tok->added_by_id[id])
		return err_set(err, ERR_FORMAT, "%s: added_tokens lists '%.60s' twice", what,
			       content);
	a.in_model = !vocab_add(&tok->vocab, content, strlen(content), id);
	tok->added = mem_grow(tok->added, tok->n_added, &tok->cap_added, sizeof(*tok->added));
	tok->added[tok->n_added] = a;
	tok->added_by_id[id] = (int32_t)tok->n_added + 1;
	*next = id >= *next ? id + 1 : *next;
	return make_findable(tok, &a, (int32_t)tok->n_added++, content, err);
}

static int parse_added(struct tokenizer *tok, const cJSON *added, const char *what, struct err *err)
{
	int64_t next = tok->vocab.n;
	bool any_word = false;
	const cJSON *item;

	tok->added_by_id = mem_calloc((size_t)tok->vocab.size, sizeof(*tok->added_by_id));
	cJSON_ArrayForEach(item, added)
	{
		if (parse_added_token(tok, item, &next, what, err))
			return err->code;
	}
	for (size_t i = 0; i < tok->n_added; i++)
		any_word = any_word || tok->added[i].single_word;
	if (!any_word)
		return 0;
	return pattern_regex(&tok->word, "[\\w\\x{200c}\\x{200d}]", what, "single_word", err);
}

/* The ids that encoding needs for every byte. */
static void cache_ids(struct tokenizer *tok)
{
	for (unsigned b = 0; b < 256; b++) {
		char byte[8], unit[4] = { (char)b };
		int n = tok->byte_level ? utf8_encode(byte_symbol((uint8_t)b), unit) : 1;

		snprintf(byte, sizeof(byte), "<0x%02X>", b);
		tok->byte_ids[b] = tokenizer_model_find(tok, byte, 6);
		tok->unit_ids[b] = tokenizer_model_find(tok, unit, (size_t)n);
	}
}

static int parse_root(struct tokenizer *tok, const cJSON *root, const char *what, struct err *err)
{
	const cJSON *model = json_get(root, "model");

	if (!cJSON_IsObject(model))
		return err_set(err, ERR_FORMAT, "%s: there is no object 'model'", what);
	if (refuse_unsupported(root, model, what, err) ||
	    parse_model(tok, root, model, what, err) ||
	    stages_parse_normalizer(tok, json_get(root, "normalizer"), what, err) ||
	    stages_parse_pre_tokenizer(tok, json_get(root, "pre_tokenizer"), what, err) ||
	    stages_parse_decoder(tok, json_get(root, "decoder"), what, err) ||
	    parse_added(tok, json_get(root, "added_tokens"), what, err) ||
	    stages_parse_post_processor(tok, json_get(root, "post_processor"), what, err))
		return err->code;
	cache_ids(tok);
	return 0;
}

/* The name of tokenizer_config.json where tokenizer.json is called `what`. */
static void name_config(struct text *t, const char *what)
{
	static const char name[] = "tokenizer.json";
	size_t len = strlen(what), n = sizeof(name) - 1;

	if (len >= n && !strcmp(what + len - n, name))
		text_addf(t, "%.*stokenizer_config.json", (int)(len - n), what);
	else
		text_addf(t, "the tokenizer_config.json of %s", what);
}

static int parse_config(struct tokenizer *tok, const char *json, const char *what, struct err *err)
{
	struct text name = { 0 };
	cJSON *config = NULL;

	name_config(&name, what);
	if (json)
		config = json_parse(json, strlen(json), name.data, err);
	if (config)
		chat_template_parse(tok, config, json, name.data);
	text_release(&name);
	if (json && !config)
		return err->code;
	const cJSON *bos = json_get(config, "bos_token");

	if (cJSON_IsObject(bos))
		bos = json_get(bos, "content");
	tok->bos_text = cJSON_IsString(bos) ? mem_strdup(bos->valuestring) : NULL;
	cJSON_Delete(config);
	return 0;
}

struct tokenizer *tokenizer_new(const char *json, size_t len, const char *config_json,
				const char *what, struct err *err)
{
	struct tokenizer *tok = mem_calloc(1, sizeof(*tok));
	cJSON *root = NULL;
	bool ok = !check_text(json, len, what, err) &&
		  (root = json_parse(json, len, what, err)) != NULL &&
		  !parse_root(tok, root, what, err) && !parse_config(tok, config_json, what, err);

	cJSON_Delete(root);
	if (ok)
		return tok;
	tokenizer_free(tok);
	return NULL;
}

void tokenizer_free(struct tokenizer *tok)
{
	if (!tok)
		return;
	vocab_release(&tok->vocab);
	merges_release(&tok->merges);
	stages_release(tok);
	trie_release(&tok->raw);
	trie_release(&tok->normalized);
	pattern_release(&tok->word);
	free(tok->added);
	free(tok->added_by_id);
	free(tok->before.ids);
	free(tok->after.ids);
	chat_template_release(tok);
	free(tok->bos_text);
	free(tok);
}

/* ---- asking ---- */

int64_t tokenizer_vocab_size(const struct tokenizer *tok)
{
	return tok->vocab.size;
}

struct bytes tokenizer_piece(const struct tokenizer *tok, int32_t id)
{
	return vocab_piece(&tok->vocab, id);
}

int32_t tokenizer_find(const struct tokenizer *tok, const char *piece, size_t len)
{
	return vocab_find(&tok->vocab, piece, len);
}

int32_t tokenizer_model_find(const struct tokenizer *tok, const char *piece, size_t len)
{
	int32_t id = vocab_find(&tok->vocab, piece, len);
	int32_t added = id >= 0 ? tok->added_by_id[id] : 0;

	return added && !tok->added[added - 1].in_model ? -1 : id;
}

bool tokenizer_is_special(const struct tokenizer *tok, int32_t id)
{
	int32_t added = id >= 0 && id < tok->vocab.size ? tok->added_by_id[id] : 0;

	return added && tok->added[added - 1].special;
}

int32_t tokenizer_bos(const struct tokenizer *tok)
{
	return tok->before.n ? tok->before.ids[0] : -1;
}

int32_t tokenizer_unk(const struct tokenizer *tok)
{
	return tok->unk;
}
