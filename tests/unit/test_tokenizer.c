/*
 * test_tokenizer.c -- both families on vocabularies small enough to follow by hand.
 *
 * What is expected here was checked against the tokenizers library; the real vocabularies are
 * compared with it by scripts/check_tokenizers.py.
 */
#include "torchless/tokenizer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The parts of a tokenizer.json that tests vary; NULL is null. */
struct parts {
	const char *added, *normalizer, *pre_tokenizer, *post_processor, *decoder;
	const char *model;  /* fields of model before the vocabulary */
	const char *vocab;  /* pieces in order, separated by spaces */
	const char *merges; /* the array */
	bool byte_tokens;   /* <0x00> ... after the pieces */
};

static void add_vocab(struct text *t, const struct parts *p)
{
	char *copy = strdup(p->vocab), *save = NULL;
	int id = 0;

	for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		text_adds(t, id ? "," : "");
		text_add_json(t, s, strlen(s));
		text_addf(t, ":%d", id++);
	}
	for (int b = 0; p->byte_tokens && b < 256; b++)
		text_addf(t, ",\"<0x%02X>\":%d", b, id++);
	free(copy);
}

static struct tokenizer *build(const struct parts *p, struct err *err)
{
	struct text t = { 0 };
	struct tokenizer *tok;

#define OR_NULL(s) ((s) ? (s) : "null")
	text_addf(&t,
		  "{\"version\":\"1.0\",\"added_tokens\":%s,\"normalizer\":%s,\"pre_tokenizer\":%s,"
		  "\"post_processor\":%s,\"decoder\":%s,\"model\":{\"type\":\"BPE\",%s\"vocab\":{",
		  p->added ? p->added : "[]", OR_NULL(p->normalizer), OR_NULL(p->pre_tokenizer),
		  OR_NULL(p->post_processor), OR_NULL(p->decoder), p->model ? p->model : "");
	add_vocab(&t, p);
	text_addf(&t, "},\"merges\":%s}}", p->merges ? p->merges : "[]");
	tok = tokenizer_new(t.data, t.len, NULL, "test.json", err);
	text_release(&t);
	return tok;
}

static struct tokenizer *must_build(const struct parts *p)
{
	struct err err = { 0 };
	struct tokenizer *tok = build(p, &err);

	cr_assert_not_null(tok, "%s", err.message);
	return tok;
}

/* "1 22 3", or the error. */
static const char *ids_of(const struct tokenizer *tok, const char *s, size_t len, bool special)
{
	static char out[4096];
	struct encoding enc = { 0 };
	struct err err = { 0 };
	size_t n = 0;

	out[0] = '\0';
	if (tokenizer_encode(tok, s, len, special ? ENCODE_SPECIAL : 0, &enc, &err)) {
		snprintf(out, sizeof(out), "%s", err.message);
		return out;
	}
	for (int64_t i = 0; i < enc.n; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%d", i ? " " : "",
				      enc.tokens[i].id);
	encoding_release(&enc);
	return out;
}

#define EXPECT_IDS(tok, text, ids)                                                                 \
	cr_expect_str_eq(ids_of(tok, text, sizeof(text) - 1, true), ids, "for '%s'", text)

#define SP "\xe2\x96\x81"
#define ADDED_SPECIAL(id, content)                                                                 \
	"{\"id\":" #id ",\"content\":\"" content "\",\"single_word\":false,\"lstrip\":false,"      \
	"\"rstrip\":false,\"normalized\":false,\"special\":true}"

static const char legacy_normalizer[] =
	"{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"" SP "\"},"
	"{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" SP "\"}]}";
static const char bos_template[] =
	"{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\",\"type_"
	"id\":0}},"
	"{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],"
	"\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[1],\"tokens\":[\"<s>\"]}}}";
static const char llama_decoder[] =
	"{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"" SP
	"\"},"
	"\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},"
	"{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]}";

/* 0 <unk> 1 <s> 2 </s> 3 _ 4 a 5 b 6 _a 7 ab 8 aa 9 __ 10 _ab 11... bytes */
static struct parts mistral(void)
{
	return (struct parts){
		.added = "[" ADDED_SPECIAL(0, "<unk>") "," ADDED_SPECIAL(
			1, "<s>") "," ADDED_SPECIAL(2, "</s>") "]",
		.normalizer = legacy_normalizer,
		.post_processor = bos_template,
		.decoder = llama_decoder,
		.model = "\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":true,",
		.vocab = "<unk> <s> </s> " SP " a b " SP "a ab aa " SP SP " " SP "ab",
		.merges = "[\"a a\",\"" SP " a\",\"a b\",\"" SP "a b\",\"" SP " " SP "\"]",
		.byte_tokens = true,
	};
}

Test(tokenizer, merges_lowest_rank_first_leftmost_on_ties)
{
	struct parts p = mistral();
	struct tokenizer *tok = must_build(&p);

	EXPECT_IDS(tok, "ab", "1 10");
	/* a+a has the lower rank: _ aa, then _ is left alone. */
	EXPECT_IDS(tok, "aa", "1 3 8");
	EXPECT_IDS(tok, "aaa", "1 3 8 4");
	EXPECT_IDS(tok, "", "1");
	EXPECT_IDS(tok, " ", "1 9");
	EXPECT_IDS(tok, SP, "1 9");
	tokenizer_free(tok);
}

Test(tokenizer, added_tokens_cut_the_raw_text_and_every_segment_gets_a_prefix)
{
	struct parts p = mistral();
	struct tokenizer *tok = must_build(&p);

	EXPECT_IDS(tok, "a<s>b", "1 6 1 3 5");
	EXPECT_IDS(tok, "<s>ab", "1 1 10");
	tokenizer_free(tok);
}

Test(tokenizer, bytes_without_a_piece_become_byte_tokens)
{
	struct parts p = mistral();
	struct tokenizer *tok = must_build(&p);

	EXPECT_IDS(tok, "\n", "1 3 21");
	EXPECT_IDS(tok,
		   "a\xff"
		   "b",
		   "1 6 266 5");
	EXPECT_IDS(tok, "a\0b", "1 6 11 5");
	tokenizer_free(tok);
}
