/*
 * fuzz_tokenizer.c -- libFuzzer over tokenizer.json, the files beside it, texts and ids.
 *
 * A form feed, which JSON cannot hold, ends the document; what follows is the text, and behind
 * further ones tokenizer_config.json, special_tokens_map.json, added_tokens.json and config.json.
 * Whatever documents are accepted must keep their promises: ids inside the vocabulary, offsets
 * inside the text, bytes back from any ids, special tokens with names and texts.
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

/* Steps take the long way, and what was encoded before is remembered: neither changes anything. */
static void check_same(const struct encoding *a, const struct encoding *b)
{
	require(a->n == b->n && a->n_dropped == b->n_dropped, "every way has the same tokens");
	for (int64_t i = 0; i < a->n; i++)
		require(a->tokens[i].id == b->tokens[i].id &&
				a->tokens[i].start == b->tokens[i].start &&
				a->tokens[i].end == b->tokens[i].end,
			"every way has the same ids and offsets");
}

static void check_text(const struct tokenizer *tok, const char *text, size_t len)
{
	struct encoding plain = { 0 }, again = { 0 }, stepped = { 0 };
	struct err err = { 0 };
	int rc = tokenizer_encode(tok, text, len, ENCODE_SPECIAL, &plain, &err);

	succeeded(rc, &err);
	require(tokenizer_encode(tok, text, len, ENCODE_SPECIAL, &again, &err) == rc &&
			tokenizer_encode(tok, text, len, ENCODE_SPECIAL | ENCODE_STEPS, &stepped,
					 &err) == rc,
		"every way ends the same");
	check_same(&plain, &stepped);
	check_same(&again, &stepped);
	for (int64_t i = 0; i < plain.n; i++)
		check_token(tok, &plain.tokens[i], len);
	for (int64_t i = 0; i < stepped.n_steps; i++)
		require(stepped.steps[i].at_byte <= (int64_t)len, "steps are in the text");
	check_decoding(tok, &plain);
	encoding_release(&plain);
	encoding_release(&again);
	encoding_release(&stepped);
}

static void check_specials(const struct tokenizer *tok)
{
	struct special_token t;

	for (size_t i = 0; tokenizer_special(tok, i, &t); i++) {
		require(t.n > 0 && t.texts[0], "a special token has a text");
		if (!t.is_list)
			require(tokenizer_special_text(tok, t.name) == t.texts[0],
				"a special token is found by its name");
	}
}

static void check_notes(const struct tokenizer *tok)
{
	const char *sentence;
	bool is_warning;

	for (size_t i = 0; (sentence = tokenizer_note(tok, i, &is_warning)); i++)
		require(*sentence, "a note says something");
}

/* What follows up to the next form feed; NULL when it is nothing.  free() it. */
static char *take_file(struct input *in)
{
	char *s = input_string(in, '\f');

	if (*s)
		return s;
	free(s);
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	size_t json_len, text_len;
	char *json = input_until(&in, '\f', &json_len);
	char *text = input_until(&in, '\f', &text_len);
	char *config = take_file(&in), *map = take_file(&in), *added = take_file(&in),
	     *model = take_file(&in);
	const struct tokenizer_texts texts = { .tokenizer = { json, json_len },
					       .config = config,
					       .special_tokens_map = map,
					       .added_tokens = added,
					       .model_config = model };
	struct err err = { 0 };
	struct tokenizer *tok = tokenizer_open(&texts, "fuzz", &err);

	free(json);
	free(config);
	free(map);
	free(added);
	free(model);
	require(!tok == (err.code < 0), "what is refused is explained");
	if (tok) {
		check_text(tok, text, text_len);
		check_specials(tok);
		check_notes(tok);
	} else {
		require_sentence(&err);
	}
	tokenizer_free(tok);
	free(text);
	return 0;
}
