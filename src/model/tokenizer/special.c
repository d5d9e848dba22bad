/*
 * special.c -- special tokens by the names that configs have for them, and tokens as configs
 * spell them.
 *
 * Source: transformers' SpecialTokensMixin and tokenizers' AddedToken.
 */
#include "impl.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[SPECIAL_ONES] = {
	[SPECIAL_BOS] = "bos_token",   [SPECIAL_EOS] = "eos_token", [SPECIAL_UNK] = "unk_token",
	[SPECIAL_SEP] = "sep_token",   [SPECIAL_PAD] = "pad_token", [SPECIAL_CLS] = "cls_token",
	[SPECIAL_MASK] = "mask_token",
};

const char *special_name(int i)
{
	return names[i];
}

void config_token_set(struct config_token *t, const char *content)
{
	config_token_release(t);
	t->content = mem_strdup(content);
	t->is_text = true;
}

void config_token_copy(struct config_token *t, const struct config_token *from)
{
	config_token_release(t);
	*t = *from;
	t->content = from->content ? mem_strdup(from->content) : NULL;
}

void config_token_release(struct config_token *t)
{
	free(t->content);
	*t = (struct config_token){ 0 };
}

static bool is_utf8(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len;) {
		int n = utf8_decode(s + i, len - i, NULL);

		if (!n)
			return false;
		i += (size_t)n;
	}
	return true;
}

int config_token_read(struct config_token *t, const cJSON *value, const char *key, const char *what,
		      struct err *err)
{
	const cJSON *content = cJSON_IsObject(value) ? json_get(value, "content") : value;

	config_token_release(t);
	if (!value || cJSON_IsNull(value))
		return 0;
	if (cJSON_IsString(content) && strstr(content->valuestring, MARKED_NUL))
		return err_set(err, ERR_FORMAT,
			       "%s: %s holds the character U+0000, which tokens cannot", what, key);
	if (!cJSON_IsString(content) || !is_utf8(content->valuestring))
		return err_set(err, ERR_FORMAT,
			       "%s: %s is neither a text nor an object with the text 'content'",
			       what, key);
	if (cJSON_IsObject(value) && token_flags_read(&t->flags, value, what, err))
		return err->code;
	t->content = mem_strdup(content->valuestring);
	t->is_text = cJSON_IsString(value);
	t->says_normalized = json_get(value, "normalized") != NULL;
	return 0;
}

struct token_flags config_token_flags(const struct config_token *t, bool as_special)
{
	struct token_flags flags = t->flags;

	flags.special = flags.special || as_special;
	if (!t->says_normalized)
		flags.normalized = !flags.special;
	return flags;
}

struct config_token *specials_more(struct specials *s)
{
	s->more = mem_grow(s->more, s->n_more, &s->cap_more, sizeof(*s->more));
	s->more[s->n_more] = (struct config_token){ 0 };
	return &s->more[s->n_more++];
}

void specials_release(struct specials *s)
{
	for (int i = 0; i < SPECIAL_ONES; i++)
		config_token_release(&s->one[i]);
	for (size_t i = 0; i < s->n_more; i++)
		config_token_release(&s->more[i]);
	free(s->more);
	free(s->more_texts);
}

/* ---- asking ---- */

bool tokenizer_special(const struct tokenizer *tok, size_t i, struct special_token *out)
{
	const struct specials *s = &tok->specials;

	for (int k = 0; k < SPECIAL_ONES; k++) {
		const char *const *text = (const char *const *)&s->one[k].content;

		if (!*text || !**text || i--)
			continue;
		*out = (struct special_token){ names[k], text, 1, false };
		return true;
	}
	if (!s->n_more || i)
		return false;
	*out = (struct special_token){ "additional_special_tokens", s->more_texts, s->n_more,
				       true };
	return true;
}

const char *tokenizer_special_text(const struct tokenizer *tok, const char *name)
{
	struct special_token t;

	for (size_t i = 0; tokenizer_special(tok, i, &t); i++)
		if (!t.is_list && strcmp(t.name, name) == 0)
			return t.texts[0];
	return NULL;
}
