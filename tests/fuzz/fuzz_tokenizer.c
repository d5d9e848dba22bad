/*
 * fuzz_tokenizer.c -- libFuzzer over tokenizer.json, texts and ids.
 *
 * A form feed, which JSON cannot hold, ends the document; what follows is the text.  Whatever
 * document is accepted must keep its promises: ids inside the vocabulary, offsets inside the text,
 * bytes back from any ids.
 */
#include "fuzz.h"
#include "torchless/tokenizer.h"

static void check_token(const struct tokenizer *tok, const struct token *t, size_t len)
{
	struct bytes piece = tokenizer_piece(tok, t->id);

	require(t->id >= 0 && t->id < tokenizer_vocab_size(tok), "ids are in the vocabulary");
	require(0 <= t->start && t->start <= t->end && t->end <= (int64_t)len,
		"offsets are in the text");
	if (piece.len)
		require(tokenizer_find(tok, piece.data, piece.len) == t->id, "a piece has its id");
}

/* Every id of the text, then some that are none. */
static void check_decoding(const struct tokenizer *tok, const struct encoding *enc)
{
	struct decode_stream d;
	struct text out = { 0 };

	decode_init(&d, tok, enc->n % 2);
	for (int64_t i = 0; i < enc->n; i++)
		decode_push(&d, enc->tokens[i].id, &out);
	decode_push(&d, -1, &out);
	decode_push(&d, INT32_MAX, &out);
	decode_finish(&d, &out);
	require(d.pending.len == 0, "nothing is held back at the end");
	decode_release(&d);
	text_release(&out);
}

static void check_text(const struct tokenizer *tok, const char *text, size_t len)
{
	struct encoding plain = { 0 }, stepped = { 0 };
	struct err err = { 0 };
	int rc = tokenizer_encode(tok, text, len, ENCODE_SPECIAL, &plain, &err);

	succeeded(rc, &err);
	require(tokenizer_encode(tok, text, len, ENCODE_SPECIAL | ENCODE_STEPS, &stepped, &err) ==
			rc,
		"steps change nothing");
	require(plain.n == stepped.n, "steps change nothing");
	for (int64_t i = 0; i < plain.n; i++) {
		check_token(tok, &plain.tokens[i], len);
		require(plain.tokens[i].id == stepped.tokens[i].id, "steps change nothing");
	}
	for (int64_t i = 0; i < stepped.n_steps; i++)
		require(stepped.steps[i].at_byte <= (int64_t)len, "steps are in the text");
	check_decoding(tok, &plain);
	encoding_release(&plain);
	encoding_release(&stepped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	size_t json_len, text_len;
	char *json = input_until(&in, '\f', &json_len), *text = input_rest(&in, &text_len);
	struct err err = { 0 };
	struct tokenizer *tok = tokenizer_new(json, json_len, NULL, "fuzz", &err);

	free(json);
	require(!tok == (err.code < 0), "what is refused is explained");
	if (tok)
		check_text(tok, text, text_len);
	else
		require_sentence(&err);
	tokenizer_free(tok);
	free(text);
	return 0;
}
