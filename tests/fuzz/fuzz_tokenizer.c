/*
 * fuzz_tokenizer.c -- libFuzzer over tokenizer.json, texts and ids.
 *
 * A form feed, which JSON cannot hold, ends the document; what follows is the text.  Whatever
 * document is accepted must keep its promises: ids inside the vocabulary, offsets inside the text,
 * bytes back from any ids.
 *
 *	make fuzz FUZZ_SECONDS=300
 */
#include "torchless/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "broken promise: %s\n", what);
		abort();
	}
}

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

	require((rc != 0) == (err.message[0] != 0), "what fails is explained");
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
	const uint8_t *end = size ? memchr(data, '\f', size) : NULL;
	size_t json_len = end ? (size_t)(end - data) : size;
	struct err err = { 0 };
	/* Copies, so that reading past either is seen. */
	char *json = malloc(json_len + 1), *text = malloc(size - json_len + 1);
	size_t text_len = end ? size - json_len - 1 : 0;
	struct tokenizer *tok;

	if (!json || !text)
		abort();
	memcpy(json, size ? (const char *)data : "", json_len);
	memcpy(text, end ? (const char *)end + 1 : "", text_len);
	tok = tokenizer_new(json, json_len, NULL, "fuzz", &err);
	free(json);
	require((tok == NULL) == (err.message[0] != 0), "what is refused is explained");
	if (tok)
		check_text(tok, text, text_len);
	tokenizer_free(tok);
	free(text);
	return 0;
}
