/*
 * open.c -- tokenizer.json to a tokenizer.
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

static int refuse_unsupported(const cJSON *model, const char *what, struct err *err)
{
	static const char *const fields[] = { "continuing_subword_prefix", "end_of_word_suffix" };
	const char *type = "BPE";

	if (json_get_string(model, "type", &type, what, err) < 0)
		return err->code;
	if (strcmp(type, "BPE") != 0)
		return err_set(err, ERR_FORMAT,
			       "%s: model is of the type '%.60s'; supported is BPE", what, type);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (refuse_field(model, "model.", fields[i], what, err))
			return err->code;
	return 0;
}

/*
 * What a training left behind.  transformers switches truncation and padding off before it
 * encodes; dropout makes ids random, which nobody wants of a prompt.
 */
static void note_training_state(struct tokenizer *tok, const cJSON *root, const cJSON *model,
				const char *what)
{
	const cJSON *dropout = json_get(model, "dropout");

	if (json_get(root, "truncation"))
		tokenizer_add_note(tok, false, "%s: truncation is ignored", what);
	if (json_get(root, "padding"))
		tokenizer_add_note(tok, false, "%s: padding is ignored", what);
	if (dropout && !(cJSON_IsNumber(dropout) && dropout->valuedouble == 0))
		tokenizer_add_note(tok, false, "%s: model.dropout is ignored", what);
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

static int parse_added_token(struct tokenizer *tok, const cJSON *j, const char *what,
			     struct err *err)
{
	int32_t id = (int32_t)json_get(j, "id")->valuedouble, expected;
	struct token_flags flags = { 0 };
	const char *content = "";

	if (json_get_string(j, "content", &content, what, err) < 0 ||
	    token_flags_read(&flags, j, what, err))
		return err->code;
	if (!*content)
		return 0;
	expected = added_id(tok, content);
	if (id != expected)
		return err_set(
			err, ERR_FORMAT,
			"%s: added_tokens gives '%.60s' the id %d, but by the vocabulary it is %d",
			what, content, id, expected);
	if (added_find(tok, content))
		return err_set(err, ERR_FORMAT, "%s: added_tokens lists '%.60s' twice", what,
			       content);
	return added_put(tok, content, &flags, what, err);
}

static int parse_added(struct tokenizer *tok, const cJSON *added, const char *what, struct err *err)
{
	const cJSON *item;

	tok->next_id = tok->vocab.n;
	tok->cap_by_id = (size_t)tok->vocab.size;
	tok->added_by_id = mem_calloc(tok->cap_by_id, sizeof(*tok->added_by_id));
	cJSON_ArrayForEach(item, added)
	{
		if (parse_added_token(tok, item, what, err))
			return err->code;
	}
	return 0;
}

/* What a token that only matches whole words asks of the text beside it. */
static int compile_word(struct tokenizer *tok, const char *what, struct err *err)
{
	bool any = false;

	for (size_t i = 0; i < tok->n_added; i++)
		any = any || tok->added[i].flags.single_word;
	if (!any)
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
	note_training_state(tok, root, model, what);
	if (refuse_unsupported(model, what, err) || parse_model(tok, root, model, what, err) ||
	    stages_parse_normalizer(tok, json_get(root, "normalizer"), what, err) ||
	    stages_parse_pre_tokenizer(tok, json_get(root, "pre_tokenizer"), what, err) ||
	    stages_parse_decoder(tok, json_get(root, "decoder"), what, err) ||
	    parse_added(tok, json_get(root, "added_tokens"), what, err) ||
	    stages_parse_post_processor(tok, json_get(root, "post_processor"), what, err))
		return err->code;
	return 0;
}

static int build(struct tokenizer *tok, const struct tokenizer_texts *texts, cJSON *root,
		 const char *what, struct err *err)
{
	struct build *additions = NULL;
	int rc;

	if (!texts->raw) {
		additions = auto_begin(tok, texts, root, what, err);
		if (!additions)
			return err->code;
	}
	rc = parse_root(tok, root, what, err);
	if (!rc && additions)
		rc = auto_finish(additions);
	auto_free(additions);
	if (!rc)
		rc = compile_word(tok, what, err);
	if (rc)
		return rc;
	cache_ids(tok);
	metaspace_prepare(tok);
	tok->pool = encoder_pool_new();
	return 0;
}

struct tokenizer *tokenizer_open(const struct tokenizer_texts *texts, const char *what,
				 struct err *err)
{
	const char *json = texts->tokenizer.data;
	size_t len = texts->tokenizer.len;
	struct tokenizer *tok = mem_calloc(1, sizeof(*tok));
	cJSON *root = NULL;
	bool ok = !check_text(json, len, what, err) &&
		  (root = json_parse_python(json, len, what, err)) != NULL &&
		  !build(tok, texts, root, what, err);

	cJSON_Delete(root);
	if (ok)
		return tok;
	tokenizer_free(tok);
	return NULL;
}

struct tokenizer *tokenizer_new(const char *json, size_t len, const char *config_json,
				const char *what, struct err *err)
{
	struct tokenizer_texts texts = { .tokenizer = { json, len }, .config = config_json };

	return tokenizer_open(&texts, what, err);
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
	free(tok->metaspace);
	encoder_pool_free(tok->pool);
	free(tok->added);
	free(tok->added_by_id);
	free(tok->before.ids);
	free(tok->after.ids);
	chat_template_release(tok);
	specials_release(&tok->specials);
	for (size_t i = 0; i < tok->n_notes; i++)
		free(tok->notes[i].text);
	free(tok->notes);
	free(tok);
}
