#define _GNU_SOURCE /* memmem */
/*
 * fuzz_chat.c -- libFuzzer over tokenizer_config.json and chat templates.
 *
 * Form feeds separate a document and a message.  A document that begins with '{' is a whole
 * tokenizer_config.json, any other the chat template of one.  What is accepted holds the message.
 */
#include "fuzz.h"
#include "torchless/session.h"

static const char tokenizer_json[] =
	"{\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true}],"
	"\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"<s>\":1},\"merges\":[]}}";

static struct tokenizer *open_tokenizer(const char *document, size_t len, struct err *err)
{
	struct text config = { 0 };
	struct tokenizer *tok;

	if (len && document[0] == '{') {
		text_add(&config, document, len);
	} else {
		text_adds(&config, "{\"bos_token\":{\"content\":\"<s>\"},\"chat_template\":");
		text_add_json(&config, document, len);
		text_adds(&config, "}");
	}
	tok = tokenizer_new(tokenizer_json, strlen(tokenizer_json), config.data, "fuzz", err);
	text_release(&config);
	return tok;
}

/* The first run of letters: white space around a message may go. */
static void require_message(const struct text *out, const char *message, size_t len)
{
	size_t from = 0, n = 0;

	while (from < len && !(message[from] >= 'a' && message[from] <= 'z'))
		from++;
	while (from + n < len && message[from + n] >= 'a' && message[from + n] <= 'z')
		n++;
	require(!n || memmem(out->data, out->len, message + from, n), "the message is in it");
}

static void check_chat(const struct tokenizer *tok, const char *message, size_t len)
{
	struct text out = { 0 };
	struct err err = { 0 };
	bool special = false;

	if (succeeded(chat_format(tok, message, len, &out, &special, &err), &err))
		require_message(&out, message, len);
	else
		require(out.len == 0, "what is refused prints nothing");
	text_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	size_t len, message_len;
	char *document = input_until(&in, '\f', &len), *message;
	struct err err = { 0 };
	struct tokenizer *tok = open_tokenizer(document, len, &err);

	message = input_until(&in, '\f', &message_len);
	require(!tok == (err.code < 0), "what is refused is explained");
	if (tok)
		check_chat(tok, message, message_len);
	else
		require_sentence(&err);
	tokenizer_free(tok);
	free(document);
	free(message);
	return 0;
}
