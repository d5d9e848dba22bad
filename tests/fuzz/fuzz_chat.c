/*
 * fuzz_chat.c -- libFuzzer over tokenizer_config.json and chat templates.
 *
 * Form feeds separate a document and a message.  A document that begins with '{' is a whole
 * tokenizer_config.json, any other the chat template of one.
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

static void check_chat(const struct tokenizer *tok, const char *message, size_t len)
{
	struct chat_request chat = { .message = { message, len },
				     .system = { message, len / 2 },
				     .has_system = len % 2 == 1 };
	struct text out = { 0 };
	struct err err = { 0 };

	if (!succeeded(chat_format(tok, &chat, &out, &err), &err))
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
