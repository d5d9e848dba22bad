/*
 * chat_template.c -- the model's chat template: where it comes from, or why there is none.
 *
 * A model without a usable template is a whole model to whoever does not chat with it.  So nothing
 * here fails: what is wrong is kept as a sentence, and said to who asks for the template.
 *
 * Source: transformers' PreTrainedTokenizerBase.__init__() and get_chat_template().
 */
#include "impl.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdlib.h>
#include <string.h>

void chat_template_release(struct tokenizer *tok)
{
	free(tok->chat_template);
	free(tok->chat_template_source);
	free(tok->chat_template_problem);
	tok->chat_template = tok->chat_template_source = tok->chat_template_problem = NULL;
}

/* Forget what there was; takes the sentence. */
static void set_problem(struct tokenizer *tok, struct text *problem)
{
	chat_template_release(tok);
	tok->chat_template_problem = problem->data;
	*problem = (struct text){ 0 };
}

void tokenizer_set_chat_template(struct tokenizer *tok, const char *text, size_t len,
				 const char *source)
{
	struct text problem = { 0 };
	size_t at = 0;
	int n;

	while (at < len && text[at] && (n = utf8_decode(text + at, len - at, NULL)) > 0)
		at += (size_t)n;
	if (at < len) {
		text_addf(&problem, "%s: the chat template holds %s at byte %zu", source,
			  text[at] ? "what is no UTF-8" : "the character U+0000", at);
		set_problem(tok, &problem);
		return;
	}
	chat_template_release(tok);
	tok->chat_template = mem_strdup(text);
	tok->chat_template_source = mem_strdup(source);
}

void tokenizer_lack_chat_template(struct tokenizer *tok, const char *source, const char *names)
{
	struct text problem = { 0 };

	text_addf(&problem, "%s has chat templates but none called default: %s", source,
		  names && *names ? names : "the list is empty");
	set_problem(tok, &problem);
}

int tokenizer_need_chat_template(const struct tokenizer *tok, struct err *err)
{
	if (tok->chat_template)
		return 0;
	return err_set(
		err, ERR_USAGE, "%s",
		tok->chat_template_problem
			? tok->chat_template_problem
			: "the model has no chat template: a file chat_template.jinja beside its tokenizer.json gives one");
}

const char *tokenizer_chat_template(const struct tokenizer *tok)
{
	return tok->chat_template;
}

const char *tokenizer_chat_template_source(const struct tokenizer *tok)
{
	return tok->chat_template_source;
}

/* ---- tokenizer_config.json ---- */

/* What an entry of a list, or of an object, is called; NULL when it has no name. */
static const char *entry_name(const cJSON *list, const cJSON *item)
{
	return cJSON_IsArray(list) ? cJSON_GetStringValue(json_get(item, "name")) : item->string;
}

/* The last one counts where a name comes twice: they are the keys of a dictionary. */
static const cJSON *find_default(const cJSON *list, struct text *names)
{
	const cJSON *item, *found = NULL;

	cJSON_ArrayForEach(item, list)
	{
		const char *name = entry_name(list, item);

		if (!name)
			continue;
		if (!strcmp(name, "default"))
			found = cJSON_IsArray(list) ? json_get(item, "template") : item;
		text_adds(names, names->len ? ", " : "");
		text_add_escaped(names, name, strlen(name));
	}
	return found;
}

void chat_template_parse(struct tokenizer *tok, const cJSON *config, const char *source)
{
	const cJSON *value = json_get(config, "chat_template");
	struct text names = { 0 }, problem = { 0 };
	const char *text;

	if (cJSON_IsArray(value) || cJSON_IsObject(value)) {
		const cJSON *found = find_default(value, &names);

		if (!found)
			tokenizer_lack_chat_template(tok, source, names.data);
		value = found;
	}
	text = cJSON_GetStringValue(value);
	if (text && !strstr(text, MARKED_NUL)) {
		tokenizer_set_chat_template(tok, text, strlen(text), source);
	} else if (value) {
		text_addf(&problem, "%s: chat_template %s", source,
			  text ? "holds the character U+0000, which is not read" : "is no text");
		set_problem(tok, &problem);
	}
	text_release(&names);
}
