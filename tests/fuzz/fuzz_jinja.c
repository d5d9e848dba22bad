#define _GNU_SOURCE /* memmem */
/*
 * fuzz_jinja.c -- libFuzzer over chat templates: whatever one says, it is run or refused.
 *
 * Form feeds separate the template, a message and a system message.  It is run twice: nothing but
 * what is given decides what is printed.  Newlines of other systems mean the same.
 */
#include "fuzz.h"
#include "torchless/jinja.h"

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

/* Values of every kind, so that one is near for whatever is done with it. */
static void set_variables(struct jinja *j, struct bytes message, struct bytes system)
{
	struct jinja_value *messages = jinja_list(j), *dict = jinja_dict(j), *list = jinja_list(j);

	add_message(j, messages, "system", system);
	add_message(j, messages, "user", message);
	jinja_set(j, "messages", messages);
	jinja_set(j, "m", jinja_string(j, message.data, message.len));
	jinja_put(j, dict, "a", jinja_int(j, 1));
	jinja_put(j, dict, "b", jinja_float(j, 2.5));
	jinja_put(j, dict, "c", jinja_none(j));
	jinja_append(j, list, jinja_int(j, -7));
	jinja_append(j, list, text_value(j, "two"));
	jinja_append(j, list, dict);
	jinja_set(j, "d", dict);
	jinja_set(j, "l", list);
	jinja_set(j, "n", jinja_int(j, 3));
	jinja_set(j, "t", jinja_bool(j, true));
	jinja_set(j, "bos_token", text_value(j, "<s>"));
}

static int render(const char *template, size_t len, struct bytes message, struct bytes system,
		  struct text *out, struct err *err)
{
	struct jinja *j = jinja_new();
	int r;

	set_variables(j, message, system);
	r = jinja_render(j, template, len, "fuzz", out, err);
	if (!succeeded(r, err))
		require(out->len == 0, "what is refused prints nothing");
	jinja_free(j);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	size_t len, message_len, system_len;
	char *template = input_until(&in, '\f', &len);
	char *message = input_until(&in, '\f', &message_len);
	char *system = input_until(&in, '\f', &system_len);
	struct bytes said = { message, message_len }, before = { system, system_len };
	struct text first = { 0 }, second = { 0 };
	struct err err = { 0 }, again = { 0 };
	int r = render(template, len, said, before, &first, &err);

	/* The second by another clock: what hangs on it is not compared. */
	if (!len || !memmem(template, len, "strftime", 8)) {
		require(r == render(template, len, said, before, &second, &again),
			"what is run twice ends alike");
		require(first.len == second.len && !strcmp(err.message, again.message) &&
				(!first.len || !memcmp(first.data, second.data, first.len)),
			"what is run twice prints the same");
	}
	text_release(&first);
	text_release(&second);
	free(template);
	free(message);
	free(system);
	return 0;
}
