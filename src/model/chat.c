/*
 * chat.c -- a user's message, and a system message, in the model's chat template.
 *
 * The template is a program, and it is run: jinja.h.  What it is given is what transformers gives
 * it, so that the text is that of apply_chat_template(tokenize=False, add_generation_prompt=True).
 */
#include "torchless/jinja.h"
#include "torchless/session.h"

#include <string.h>

static struct jinja_value *text_value(struct jinja *j, const char *s)
{
	return jinja_string(j, s, strlen(s));
}

static void add_message(struct jinja *j, struct jinja_value *messages, const char *role,
			struct bytes content)
{
	struct jinja_value *message = jinja_dict(j);

	jinja_put(j, message, "role", text_value(j, role));
	jinja_put(j, message, "content", jinja_string(j, content.data, content.len));
	jinja_append(j, messages, message);
}

/* Those that are there: the others are undefined to the template. */
static void set_special_tokens(struct jinja *j, const struct tokenizer *tok)
{
	struct special_token t;

	for (size_t i = 0; tokenizer_special(tok, i, &t); i++) {
		struct jinja_value *list = jinja_list(j);

		for (size_t k = 0; k < t.n; k++)
			jinja_append(j, list, text_value(j, t.texts[k]));
		jinja_set(j, t.name, t.is_list ? list : text_value(j, t.texts[0]));
	}
}

static void set_variables(struct jinja *j, const struct tokenizer *tok,
			  const struct chat_request *chat)
{
	struct jinja_value *messages = jinja_list(j);

	if (chat->has_system)
		add_message(j, messages, "system", chat->system);
	add_message(j, messages, "user", chat->message);
	set_special_tokens(j, tok);
	jinja_set(j, "messages", messages);
	jinja_set(j, "tools", jinja_none(j));
	jinja_set(j, "documents", jinja_none(j));
	jinja_set(j, "add_generation_prompt", jinja_bool(j, true));
}

int chat_format(const struct tokenizer *tok, const struct chat_request *chat, struct text *out,
		struct err *err)
{
	const char *template;
	struct jinja *j;
	int r;

	if (tokenizer_need_chat_template(tok, err))
		return err->code;
	template = tokenizer_chat_template(tok);
	j = jinja_new();
	set_variables(j, tok, chat);
	r = jinja_render(j, template, strlen(template), tokenizer_chat_template_source(tok), out,
			 err);
	jinja_free(j);
	return r;
}
