/*
 * auto_texts.c -- the texts beside tokenizer.json.
 *
 * Source: transformers 4.44, tokenization_utils_base.py: _from_pretrained().
 */
#include "auto.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

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

/* cJSON ends a string where \u0000 stands: bytes that no text has are put there instead. */
static void mark_nuls(struct text *out, const char *json)
{
	const char *run = json;

	for (const char *s = strchr(json, '\\'); s && s[1]; s = strchr(s + 2, '\\')) {
		if (strncmp(s, "\\u0000", 6) != 0)
			continue;
		text_add(out, run, (size_t)(s - run));
		text_adds(out, MARKED_NUL);
		run = s + 6;
		s += 4;
	}
	text_adds(out, run);
}

int texts_parse_one(cJSON **json, const char *text, const char *name, struct err *err)
{
	struct text marked = { 0 };

	if (!text)
		return 0;
	if (strstr(text, "\\u0000")) {
		mark_nuls(&marked, text);
		text = marked.data;
	}
	*json = json_parse_python(text, strlen(text), name, err);
	text_release(&marked);
	if (!*json)
		return err->code;
	if (!cJSON_IsObject(*json))
		return err_set(err, ERR_FORMAT, "%s is no JSON object", name);
	return 0;
}

bool texts_is_true(const cJSON *value)
{
	if (cJSON_IsString(value))
		return value->valuestring[0];
	if (cJSON_IsNumber(value))
		return value->valuedouble != 0;
	return cJSON_IsTrue(value) || (value && value->child);
}

bool texts_say(const struct build *b, const char *key, bool otherwise)
{
	const cJSON *value = json_member(b->config, key);

	return value ? texts_is_true(value) : otherwise;
}

bool texts_are_legacy(const struct build *b)
{
	return !json_member(b->config, "added_tokens_decoder");
}

int texts_parse(struct build *b, const struct tokenizer_texts *texts, const char *what)
{
	int rc;

	name_beside(&b->config_name, what, "tokenizer_config.json");
	name_beside(&b->map_name, what, "special_tokens_map.json");
	name_beside(&b->added_name, what, "added_tokens.json");
	rc = texts_parse_one(&b->config, texts->config, b->config_name.data, b->err);
	if (!rc && texts_are_legacy(b))
		rc = texts_parse_one(&b->map, texts->special_tokens_map, b->map_name.data, b->err);
	if (!rc && texts_are_legacy(b))
		rc = texts_parse_one(&b->added, texts->added_tokens, b->added_name.data, b->err);
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
