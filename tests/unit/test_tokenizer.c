/*
 * test_tokenizer.c -- both families on vocabularies small enough to follow by hand.
 *
 * What is expected here was checked against the tokenizers library; the real vocabularies are
 * compared with it by scripts/check_tokenizers.py.
 */
#include "torchless/tokenizer.h"
#include "torchless/utf8.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	cr_assert((tok != NULL) != (err->code != 0), "NULL and an error come together");
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
	"id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],"
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

static struct parts metaspace(const char *pre_tokenizer)
{
	struct parts p = mistral();

	p.normalizer = NULL;
	p.pre_tokenizer = pre_tokenizer;
	return p;
}

#define METASPACE(scheme, split)                                                                   \
	"{\"type\":\"Metaspace\",\"replacement\":\"" SP "\",\"prepend_scheme\":\"" scheme "\","    \
	"\"split\":" split "}"
#define REPLACE(regex)                                                                             \
	"{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"" regex "\"},\"content\":\"x\"}"
#define BYTE_LEVEL(prefix, regex)                                                                  \
	"{\"type\":\"ByteLevel\",\"add_prefix_space\":" prefix ",\"trim_offsets\":true,"           \
	"\"use_regex\":" regex "}"
#define SEQUENCE(members) "{\"type\":\"Sequence\",\"pretokenizers\":[" members "]}"
#define SPLIT(pattern, behavior, invert)                                                           \
	"{\"type\":\"Split\",\"pattern\":" pattern ",\"behavior\":\"" behavior "\","               \
	"\"invert\":" invert "}"

/* \xc4\xa0 is the symbol of a space, \xc4\x8a of a line feed, \xc3\xa9 of the byte e9. */
#define GS "\xc4\xa0"

/* 0 <|x|> 1 _ 2 a 3 b 4 1 5 2 6 __ 7 _a 8 ab 9 12 10 ' 11 s 12 's 13 the byte c3 14 of a9 15 both
 */
static struct parts gpt2(const char *pre_tokenizer)
{
	return (struct parts){
		.added = "[" ADDED_SPECIAL(0, "<|x|>") "]",
		.pre_tokenizer = pre_tokenizer,
		.decoder = BYTE_LEVEL("true", "true"),
		.vocab = "<|x|> " GS " a b 1 2 " GS GS " " GS
			 "a ab 12 ' s 's \xc3\x83 \xc2\xa9 \xc3\x83\xc2\xa9",
		.merges = "[\"" GS " " GS "\",\"" GS
			  " a\",\"a b\",\"1 2\",\"' s\",\"\xc3\x83 \xc2\xa9\"]",
	};
}

/* "3-5 5-6": the offsets. */
static const char *offsets_of(const struct tokenizer *tok, const char *s)
{
	static char out[512];
	struct encoding enc = { 0 };
	struct err err = { 0 };
	size_t n = 0;

	cr_assert_eq(tokenizer_encode(tok, s, strlen(s), ENCODE_SPECIAL, &enc, &err), 0);
	for (int64_t i = 0; i < enc.n; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%d-%d", i ? " " : "",
				      (int)enc.tokens[i].start, (int)enc.tokens[i].end);
	encoding_release(&enc);
	return out;
}

/* "rule left+right>merged@byte", one a line. */
static const char *steps_of(const struct tokenizer *tok, const char *s)
{
	static struct text out;
	struct encoding enc = { 0 };
	struct err err = { 0 };

	text_clear(&out);
	cr_assert_eq(tokenizer_encode(tok, s, strlen(s), ENCODE_SPECIAL | ENCODE_STEPS, &enc, &err),
		     0);
	for (int64_t i = 0; i < enc.n_steps; i++) {
		const struct stage_step *step = &enc.steps[i];

		cr_expect_eq(step->stage, STAGE_TOKENIZER);
		text_addf(&out, "%s ", step->rule);
		text_add(&out, step->left.data, step->left.len);
		text_adds(&out, step->right.len ? "+" : "");
		text_add(&out, step->right.data, step->right.len);
		text_adds(&out, ">");
		text_add(&out, step->merged.data, step->merged.len);
		text_addf(&out, "@%d", (int)step->at_byte);
		if (step->rank >= 0)
			text_addf(&out, " rank %d", (int)step->rank);
		text_adds(&out, "\n");
	}
	encoding_release(&enc);
	return out.data;
}

/* The text of ids, pushed one by one; what comes must be whole characters as long as they can. */
static const char *decoded(const struct tokenizer *tok, const int32_t *ids, int n, bool skip)
{
	static struct text out;
	struct decode_stream d;

	text_clear(&out);
	text_adds(&out, "");
	decode_init(&d, tok, skip);
	for (int i = 0; i < n; i++) {
		decode_push(&d, ids[i], &out);
		cr_expect_eq(utf8_complete(out.data, out.len), out.len);
	}
	decode_finish(&d, &out);
	decode_release(&d);
	return out.data;
}
#define EXPECT_TEXT(tok, text, ...)                                                                \
	cr_expect_str_eq(decoded(tok, (const int32_t[]){ __VA_ARGS__ },                            \
				 sizeof((int32_t[]){ __VA_ARGS__ }) / sizeof(int32_t), false),     \
			 text)

/* ---- Metaspace ---- */

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

Test(tokenizer, the_text_of_a_byte_token_is_no_byte)
{
	struct parts p = mistral();
	struct tokenizer *tok = must_build(&p);

	cr_expect_eq(tokenizer_find(tok, "<0x0A>", 6), 21);
	/* "<" is no piece: a byte token, and so on for every character. */
	EXPECT_IDS(tok, "<0x0A>", "1 3 71 59 131 59 76 73");
	tokenizer_free(tok);
}

Test(tokenizer, merges_as_pairs_are_the_same_merges)
{
	struct parts p = mistral();
	struct tokenizer *tok;

	p.merges = "[[\"a\",\"a\"],[\"" SP "\",\"a\"],[\"a\",\"b\"],[\"" SP "a\",\"b\"],"
		   "[\"" SP "\",\"" SP "\"]]";
	tok = must_build(&p);
	EXPECT_IDS(tok, "aab  b", "1 3 8 5 9 5");
	tokenizer_free(tok);
}

Test(tokenizer, a_pair_that_is_listed_twice_has_its_last_rank)
{
	struct parts p = mistral();
	struct tokenizer *tok;

	p.merges = "[\"a a\",\"" SP " a\",\"a b\",\"" SP "a b\",\"a a\"]";
	tok = must_build(&p);
	EXPECT_IDS(tok, "aa", "1 6 4");
	tokenizer_free(tok);
}

Test(tokenizer, prepend_scheme_decides_which_segments_get_a_prefix)
{
	static const struct {
		const char *pre_tokenizer, *segments, *space, *letter;
	} cases[] = {
		{ METASPACE("always", "false"), "1 6 1 3 5", "1 3", "1 6" },
		{ METASPACE("first", "false"), "1 6 1 5", "1 3", "1 6" },
		{ METASPACE("never", "false"), "1 4 1 5", "1 3", "1 4" },
		{ METASPACE("always", "true"), "1 6 1 3 5", "1 3", "1 6" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct parts p = metaspace(cases[i].pre_tokenizer);
		struct tokenizer *tok = must_build(&p);

		EXPECT_IDS(tok, "a<s>b", cases[i].segments);
		/* A text that begins with a space needs no other. */
		EXPECT_IDS(tok, " ", cases[i].space);
		EXPECT_IDS(tok, "a", cases[i].letter);
		tokenizer_free(tok);
	}
}

Test(tokenizer, metaspace_split_keeps_merges_from_joining_spaces)
{
	struct parts together = metaspace(METASPACE("always", "false"));
	struct parts apart = metaspace(METASPACE("always", "true"));
	struct tokenizer *a = must_build(&together), *b = must_build(&apart);

	EXPECT_IDS(a, "a  b", "1 6 9 5");
	EXPECT_IDS(b, "a  b", "1 6 3 3 5");
	tokenizer_free(a);
	tokenizer_free(b);
}

Test(tokenizer, add_prefix_space_of_older_files_is_a_prepend_scheme)
{
	struct parts p = metaspace("{\"type\":\"Metaspace\",\"replacement\":\"" SP "\","
				   "\"add_prefix_space\":false,\"split\":false}");
	struct tokenizer *tok = must_build(&p);

	EXPECT_IDS(tok, "a", "1 4");
	tokenizer_free(tok);
}

Test(tokenizer, unknown_characters_fuse_or_stand_alone_or_are_refused)
{
	struct parts p = mistral();
	struct tokenizer *tok;

	p.model = "\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":false,";
	tok = must_build(&p);
	EXPECT_IDS(tok, "xyaz\xff", "1 3 0 4 0");
	tokenizer_free(tok);
	p.model = "\"unk_token\":\"<unk>\",\"fuse_unk\":false,";
	tok = must_build(&p);
	EXPECT_IDS(tok, "xya", "1 3 0 0 4");
	tokenizer_free(tok);
	p.model = NULL;
	tok = must_build(&p);
	cr_expect_not_null(strstr(ids_of(tok, "a x", 3, true), "no token for 'x' at byte 2"));
	tokenizer_free(tok);
}

Test(tokenizer, the_template_is_applied_only_when_asked)
{
	struct parts p = mistral();
	struct tokenizer *tok = must_build(&p);

	cr_expect_str_eq(ids_of(tok, "a", 1, false), "6");
	cr_expect_eq(tokenizer_bos(tok), 1);
	cr_expect_eq(tokenizer_unk(tok), 0);
	cr_expect(tokenizer_is_special(tok, 2) && !tokenizer_is_special(tok, 4));
	cr_expect_eq(tokenizer_vocab_size(tok), 11 + 256);
	tokenizer_free(tok);
}

Test(tokenizer, offsets_are_bytes_of_the_text_that_was_given)
{
	struct parts p = mistral();
	struct tokenizer *tok = must_build(&p);

	cr_expect_str_eq(offsets_of(tok, "ab a"), "0-0 0-2 2-4");
	/* The prefix of a segment has no width. */
	cr_expect_str_eq(offsets_of(tok, "b<s>b"), "0-0 0-0 0-1 1-4 4-4 4-5");
	cr_expect_str_eq(offsets_of(tok, "\xc3\xa9"), "0-0 0-0 0-1 1-2");
	tokenizer_free(tok);
}

Test(tokenizer, steps_tell_what_was_done_in_order)
{
	struct parts p = mistral();
	struct tokenizer *tok = must_build(&p);

	cr_expect_str_eq(steps_of(tok, "ab\xc3\xa9</s>"),
			 "normalize ab\xc3\xa9>" SP "ab\xc3\xa9@0\n"
			 "byte_fallback \xc3><0xC3>@2\n"
			 "byte_fallback \xa9><0xA9>@3\n"
			 "merge " SP "+a>" SP "a@0 rank 1\n"
			 "merge " SP "a+b>" SP "ab@0 rank 3\n"
			 "added </s>></s>@4\n"
			 "template ><s>@-1\n");
	tokenizer_free(tok);
}

Test(tokenizer, decoding_strips_one_space_at_the_very_start_only)
{
	struct parts p = mistral();
	struct tokenizer *tok = must_build(&p);
	struct text bytes = { 0 };

	EXPECT_TEXT(tok, "ab", 10);
	EXPECT_TEXT(tok, "<s> ab", 1, 10);
	EXPECT_TEXT(tok, " ab ab", 9, 8 - 4, 5, 10);
	cr_expect_str_eq(decoded(tok, (int32_t[]){ 1, 10, 2 }, 3, true), "ab");
	tokenizer_token_bytes(tok, 10, &bytes);
	cr_expect_str_eq(bytes.data, " ab");
	text_release(&bytes);
	tokenizer_free(tok);
}

Test(tokenizer, decoding_holds_back_what_is_not_yet_a_character)
{
	struct parts p = mistral();
	struct tokenizer *tok = must_build(&p);
	struct decode_stream d;
	struct text out = { 0 };

	decode_init(&d, tok, false);
	decode_push(&d, 11 + 0xe2, &out);
	decode_push(&d, 11 + 0x82, &out);
	cr_expect_eq(out.len, 0);
	decode_push(&d, 11 + 0xac, &out);
	cr_expect_str_eq(out.data, "\xe2\x82\xac");
	/* The letter shows that the byte before it will never be a character. */
	decode_push(&d, 11 + 0xe2, &out);
	decode_push(&d, 4, &out);
	cr_expect_str_eq(out.data, "\xe2\x82\xac\xe2"
				   "a");
	decode_push(&d, 11 + 0xf0, &out);
	decode_finish(&d, &out);
	cr_expect_eq(out.len, 6);
	decode_release(&d);
	text_release(&out);
	tokenizer_free(tok);
}

Test(tokenizer, any_bytes_come_back_as_the_same_bytes)
{
	struct parts p = mistral();
	struct tokenizer *tok = must_build(&p);
	struct encoding enc = { 0 };
	struct err err = { 0 };
	struct decode_stream d;
	struct text out = { 0 };
	char all[257];

	for (int i = 0; i < 257; i++)
		all[i] = (char)(i * 7);
	cr_assert_eq(tokenizer_encode(tok, all, sizeof(all), 0, &enc, &err), 0);
	decode_init(&d, tok, false);
	for (int64_t i = 0; i < enc.n; i++)
		decode_push(&d, enc.tokens[i].id, &out);
	decode_finish(&d, &out);
	cr_expect_eq(out.len, sizeof(all));
	cr_expect_eq(memcmp(out.data, all, sizeof(all)), 0);
	decode_release(&d);
	encoding_release(&enc);
	text_release(&out);
	tokenizer_free(tok);
}

/* ---- byte level ---- */

Test(tokenizer, pre_tokenizers_run_one_after_the_other)
{
	struct parts p = gpt2(SEQUENCE(
		"{\"type\":\"Digits\",\"individual_digits\":true}," BYTE_LEVEL("false", "true")));
	struct tokenizer *tok = must_build(&p);

	/* The digit is cut off first: the spaces then end their segment and stay together. */
	EXPECT_IDS(tok, "a  1", "2 6 4");
	EXPECT_IDS(tok, "12", "4 5");
	EXPECT_IDS(tok, "", "");
	tokenizer_free(tok);
	p = gpt2(BYTE_LEVEL("false", "true"));
	tok = must_build(&p);
	EXPECT_IDS(tok, "a  12", "2 1 1 9");
	EXPECT_IDS(tok, "ab's", "8 12");
	tokenizer_free(tok);
}

Test(tokenizer, digits_are_kept_together_unless_told)
{
	struct parts p = gpt2(SEQUENCE(
		"{\"type\":\"Digits\",\"individual_digits\":false}," BYTE_LEVEL("false", "false")));
	struct tokenizer *tok = must_build(&p);

	cr_expect_str_eq(steps_of(tok, "a 12"), "split a >a" GS "@0\n"
						"split 12>12@2\n"
						"merge 1+2>12@2 rank 3\n");
	EXPECT_IDS(tok, "a12b", "2 9 3");
	tokenizer_free(tok);
}

Test(tokenizer, a_prefix_space_is_for_text_that_has_none)
{
	struct parts p = gpt2(BYTE_LEVEL("true", "true"));
	struct tokenizer *tok = must_build(&p);

	EXPECT_IDS(tok, "a", "7");
	EXPECT_IDS(tok, " a", "7");
	EXPECT_IDS(tok, "<|x|>a", "0 7");
	tokenizer_free(tok);
}

Test(tokenizer, a_byte_without_a_token_vanishes_and_its_neighbours_merge)
{
	struct parts p = gpt2(BYTE_LEVEL("false", "false"));
	struct tokenizer *tok = must_build(&p);
	struct encoding enc = { 0 };
	struct err err = { 0 };

	cr_assert_eq(tokenizer_encode(tok, "a\0b\xff", 4, 0, &enc, &err), 0);
	cr_expect_eq(enc.n, 1);
	cr_expect_eq(enc.tokens[0].id, 8);
	cr_expect_eq(enc.n_dropped, 2);
	cr_expect_eq(enc.first_dropped_at, 1);
	encoding_release(&enc);
	cr_assert_eq(tokenizer_encode(tok, "ab", 2, 0, &enc, &err), 0);
	cr_expect_eq(enc.n_dropped, 0);
	cr_expect_eq(enc.first_dropped_at, -1);
	encoding_release(&enc);
	cr_expect_str_eq(steps_of(tok, "a\x01"),
			 "split a\x01>a\xc4\x81@0\ndropped \x01>\xc4\x81@1\n");
	tokenizer_free(tok);
}

Test(tokenizer, bytes_that_are_no_utf8_are_a_piece_of_their_own)
{
	struct parts p = gpt2(BYTE_LEVEL("false", "true"));
	struct tokenizer *tok = must_build(&p);

	EXPECT_IDS(tok, "\xc3\xa9", "15");
	EXPECT_IDS(tok,
		   "a\xa9"
		   "b",
		   "2 14 3");
	/* Two strays that would have merged, had they been a character, still may: one run. */
	EXPECT_IDS(tok, "\xa9\xc3\xc3", "14 13 13");
	EXPECT_TEXT(tok, "\xc3", 13);
	EXPECT_TEXT(tok, "\xc3\xa9", 13, 14);
	tokenizer_free(tok);
}

Test(tokenizer, ignore_merges_takes_a_piece_that_is_in_the_vocabulary)
{
	struct parts p = gpt2(BYTE_LEVEL("false", "true"));
	struct tokenizer *tok;

	p.merges = "[]";
	p.model = "\"ignore_merges\":true,";
	tok = must_build(&p);
	EXPECT_IDS(tok, "ab", "8");
	EXPECT_IDS(tok, "aba", "2 3 2");
	tokenizer_free(tok);
}

Test(tokenizer, trim_offsets_takes_the_spaces_off)
{
	struct parts p = gpt2(BYTE_LEVEL("false", "true"));
	struct tokenizer *tok = must_build(&p);

	cr_expect_str_eq(offsets_of(tok, "a a"), "0-1 1-3");
	tokenizer_free(tok);
	p.post_processor = BYTE_LEVEL("false", "true");
	tok = must_build(&p);
	cr_expect_str_eq(offsets_of(tok, "a a  "), "0-1 2-3 5-5");
	tokenizer_free(tok);
}

Test(tokenizer, split_behaviors)
{
	static const struct {
		const char *pre_tokenizer, *pieces;
	} cases[] = {
		{ SPLIT("{\"String\":\"b\"}", "Isolated", "false"), "a|b|b|a" },
		{ SPLIT("{\"String\":\"b\"}", "Removed", "false"), "a|a" },
		{ SPLIT("{\"String\":\"b\"}", "Removed", "true"), "b|b" },
		{ SPLIT("{\"String\":\"b\"}", "MergedWithPrevious", "false"), "ab|b|a" },
		{ SPLIT("{\"String\":\"b\"}", "MergedWithNext", "false"), "a|b|ba" },
		{ SPLIT("{\"String\":\"b\"}", "Contiguous", "false"), "a|bb|a" },
		/* An empty pattern is between any two characters. */
		{ SPLIT("{\"String\":\"\"}", "Isolated", "false"), "a|b|b|a" },
		{ SPLIT("{\"String\":\"\"}", "Removed", "false"), "a|b|b|a" },
		{ SPLIT("{\"String\":\"\"}", "MergedWithPrevious", "true"), "a|b|b|a" },
		{ SPLIT("{\"Regex\":\"\"}", "Isolated", "false"), "a|b|b|a" },
		{ SPLIT("{\"Regex\":\"b+\"}", "Isolated", "false"), "a|bb|a" },
		{ SPLIT("{\"Regex\":\"a|(?=b)\"}", "Isolated", "false"), "a|b|b|a" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct parts p = gpt2(cases[i].pre_tokenizer);
		struct tokenizer *tok = must_build(&p);
		struct encoding enc = { 0 };
		struct err err = { 0 };
		struct text pieces = { 0 };

		cr_assert_eq(tokenizer_encode(tok, "abba", 4, ENCODE_STEPS, &enc, &err), 0);
		for (int64_t k = 0; k < enc.n_steps; k++) {
			if (strcmp(enc.steps[k].rule, "split") != 0)
				continue;
			text_adds(&pieces, pieces.len ? "|" : "");
			text_add(&pieces, enc.steps[k].left.data, enc.steps[k].left.len);
		}
		cr_expect_str_eq(pieces.data, cases[i].pieces, "%s", cases[i].pre_tokenizer);
		text_release(&pieces);
		encoding_release(&enc);
		tokenizer_free(tok);
	}
}

/* How many pieces the text is split into. */
static int n_pieces(const char *regex, const char *text)
{
	char pre_tokenizer[1024];
	struct parts p;
	struct tokenizer *tok;
	struct encoding enc = { 0 };
	struct err err = { 0 };
	int n = 0;

	snprintf(pre_tokenizer, sizeof(pre_tokenizer),
		 SEQUENCE(SPLIT("{\"Regex\":\"%s\"}", "Isolated", "false") "," BYTE_LEVEL("false",
											  "false")),
		 regex);
	p = gpt2(pre_tokenizer);
	tok = must_build(&p);
	cr_assert_eq(tokenizer_encode(tok, text, strlen(text), ENCODE_STEPS, &enc, &err), 0);
	for (int64_t i = 0; i < enc.n_steps; i++)
		n += strcmp(enc.steps[i].rule, "split") == 0;
	encoding_release(&enc);
	tokenizer_free(tok);
	return n;
}

Test(tokenizer, expressions_mean_what_oniguruma_makes_of_them)
{
	/* White space: U+0085 and U+3000 are, U+180E and U+200B are not, nor is U+001C. */
	cr_expect_eq(n_pieces("\\\\s", "a\xc2\x85"
				       "a\xe3\x80\x80"
				       "a"),
		     5);
	cr_expect_eq(n_pieces("\\\\s", "a\xe1\xa0\x8e"
				       "a\xe2\x80\x8b"
				       "a\x1c"
				       "a"),
		     1);
	cr_expect_eq(n_pieces("[^\\\\s]+", "a\xc2\xa0"
					   "a"),
		     3);
	cr_expect_eq(n_pieces("[\\\\S]+", "a\xc2\xa0"
					  "a"),
		     3);
	/* A mark is part of a word but no letter. */
	cr_expect_eq(n_pieces("\\\\w+", "e\xcc\x81 e"), 3);
	cr_expect_eq(n_pieces("\\\\p{L}+", "e\xcc\x81"
					   "e"),
		     3);
	/* A script is what its characters are, not where they are used. */
	cr_expect_eq(n_pieces("\\\\p{Han}+", "\xe6\x97\xa5\xe3\x80\x81"), 2);
	/* A line ends at every line feed. */
	cr_expect_eq(n_pieces("a$", "a\na"), 3);
	cr_expect_eq(n_pieces("(?i:'s)", "a'S"), 2);
}

Test(tokenizer, added_tokens_know_spaces_and_words)
{
#define FLAGS(id, content, flags) "{\"id\":" #id ",\"content\":\"" content "\"," flags "}"
	struct parts p = gpt2(BYTE_LEVEL("false", "true"));
	struct tokenizer *tok;

	p.added = "[" FLAGS(16, "<l>", "\"lstrip\":true") "," FLAGS(
		17, "<r>",
		"\"rstrip\":true") "," FLAGS(18, "<w>",
					     "\"single_word\":true") "," FLAGS(19, "<l><r>",
									       "\"special\":"
									       "true") "]";
	tok = must_build(&p);
	EXPECT_IDS(tok, "a <l> a", "2 16 7");
	EXPECT_IDS(tok, "a <r> a", "2 1 17 2");
	EXPECT_IDS(tok, "a<l><r>a", "2 19 2");
	cr_expect_str_eq(offsets_of(tok, "a <l>"), "0-1 1-5");
	/* Inside a word it is text, of which this vocabulary has no "<". */
	EXPECT_IDS(tok, "a <w> a", "2 1 18 7");
	EXPECT_IDS(tok, "a<w> a", "2 7");
	EXPECT_IDS(tok, "<w>\xc3\xa9", "15");
	tokenizer_free(tok);
}

Test(tokenizer, normalized_added_tokens_are_found_in_normalized_text)
{
	struct parts p = mistral();
	struct tokenizer *tok;

	p.added = "[" ADDED_SPECIAL(1, "<s>") "," FLAGS(267, "a b", "\"normalized\":true") "]";
	tok = must_build(&p);
	/* As the normalizer leaves it, it begins with the prefix. */
	EXPECT_IDS(tok, "a b", "1 267");
	EXPECT_IDS(tok, "aa b", "1 3 8 3 5");
	EXPECT_IDS(tok, "b a b", "1 3 5 267");
	tokenizer_free(tok);
}

/* ---- refusing ---- */

static void expect_refused(const struct parts *p, const char *expected)
{
	struct err err = { 0 };
	struct tokenizer *tok = build(p, &err);

	cr_expect_null(tok, "%s", expected);
	cr_expect_eq(err.code, ERR_FORMAT);
	cr_expect(!strncmp(err.message, "test.json", 9) && strstr(err.message, expected),
		  "'%s' for '%s'", err.message, expected);
	tokenizer_free(tok);
}

Test(tokenizer, what_would_change_ids_is_refused_by_name)
{
	static const struct {
		size_t part;
		const char *json, *expected;
	} cases[] = {
#define PART(field) offsetof(struct parts, field)
		{ PART(normalizer), "{\"type\":\"NFKC\"}", "'NFKC'; supported are Prepend" },
		{ PART(normalizer), "{\"type\":\"Sequence\"}", "normalizers" },
		{ PART(normalizer), "{\"type\":\"Replace\",\"content\":\"x\"}", "no pattern" },
		{ PART(normalizer), "{\"type\":\"Prepend\"}", "'prepend'" },
		{ PART(pre_tokenizer), "{\"type\":\"Whitespace\"}", "'Whitespace'; supported" },
		{ PART(pre_tokenizer), METASPACE("often", "true"), "'often'" },
		{ PART(pre_tokenizer), "{\"type\":\"Metaspace\",\"replacement\":\"ab\"}",
		  "one character" },
		{ PART(pre_tokenizer), SPLIT("{\"Regex\":\"a\"}", "Elsewhere", "false"),
		  "'Elsewhere'" },
		{ PART(pre_tokenizer), SPLIT("{\"Regex\":\"(a\"}", "Isolated", "false"),
		  "pre_tokenizer Split: Oniguruma refuses the regular expression '(a': end pattern "
		  "with unmatched parenthesis" },
		{ PART(normalizer), REPLACE("(?<=a\\\\g<0>)"),
		  "normalizer Replace: Oniguruma refuses" },
		{ PART(decoder), REPLACE("\\\\p{Nowhere}"), "decoder Replace: Oniguruma refuses" },
		{ PART(pre_tokenizer),
		  SEQUENCE(BYTE_LEVEL("false", "true") "," BYTE_LEVEL("false", "true")),
		  "after ByteLevel" },
		{ PART(post_processor), "{\"type\":\"BertProcessing\"}", "'BertProcessing'" },
		{ PART(post_processor), "{\"type\":\"TemplateProcessing\",\"single\":[]}",
		  "single" },
		{ PART(post_processor),
		  "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}}"
		  ",{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"<s>\":{\"ids\":[99999]}}}",
		  "outside the vocabulary" },
		{ PART(decoder), "{\"type\":\"WordPiece\"}", "'WordPiece'" },
		{ PART(decoder),
		  "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"},"
		  "{\"type\":\"ByteFallback\"}]}",
		  "too late" },
		{ PART(model), "\"continuing_subword_prefix\":\"##\",",
		  "continuing_subword_prefix" },
		{ PART(model), "\"end_of_word_suffix\":\"</w>\",", "end_of_word_suffix" },
		{ PART(model), "\"unk_token\":\"<nowhere>\",", "unk_token" },
		{ PART(model), "\"type\":\"Unigram\",", "'Unigram'" },
		{ PART(merges), "[\"a b\",\"a c\"]", "model.merges[1] needs the piece 'c'" },
		{ PART(merges), "[\"b a\"]", "'ba'" },
		{ PART(merges), "[\"a b c\"]", "model.merges[0] is neither" },
		{ PART(merges), "[[\"a\"]]", "model.merges[0] is neither" },
		{ PART(merges), "{}", "no array" },
		{ PART(added), "[{\"content\":\"x\"}]", "added_tokens[0] has no id" },
		{ PART(added), "[{\"id\":-1,\"content\":\"x\"}]", "added_tokens[0]" },
		{ PART(added), "[{\"id\":16777216,\"content\":\"x\"}]", "16777215" },
		{ PART(added), "[" ADDED_SPECIAL(4, "b") "]", "by the vocabulary it is 5" },
		{ PART(added), "[" ADDED_SPECIAL(999, "new") "]", "'new'" },
		{ PART(added), "[" ADDED_SPECIAL(1, "<s>") "," ADDED_SPECIAL(1, "<s>") "]",
		  "twice" },
		{ PART(vocab), "a b a", "'a'" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct parts p = mistral();

		*(const char **)((char *)&p + cases[i].part) = cases[i].json;
		expect_refused(&p, cases[i].expected);
	}
}

Test(tokenizer, documents_that_are_no_tokenizer_are_refused)
{
	static const struct {
		const char *json, *expected;
	} cases[] = {
		{ "", "not valid JSON" },
		{ "[]", "'model'" },
		{ "{\"model\":{\"vocab\":{\"a\":0.5},\"merges\":[]}}", "no id from 0" },
		{ "{\"model\":{\"vocab\":{\"a\":1e99},\"merges\":[]}}", "no id from 0" },
		{ "{\"model\":{\"vocab\":{\"a\":1,\"b\":1},\"merges\":[]}}", "twice" },
		{ "{\"model\":{\"vocab\":{\"a\\u0000b\":1},\"merges\":[]}}", "U+0000 at byte 21" },
		{ "{\"model\":{\"vocab\":{\"a\xff\":1},\"merges\":[]}}", "no UTF-8" },
		{ "{\"model\":{\"vocab\":{\"a\":NaN},\"merges\":[]}}", "gives 'a' no id" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = { 0 };

		cr_expect_null(tokenizer_new(cases[i].json, strlen(cases[i].json), NULL,
					     "test.json", &err));
		cr_expect_not_null(strstr(err.message, cases[i].expected), "%s", err.message);
	}
}

Test(tokenizer, an_expression_that_backtracks_without_end_is_an_error)
{
	struct parts p = gpt2(SPLIT("{\"Regex\":\"(a+)+$\"}", "Isolated", "false"));
	struct tokenizer *tok = must_build(&p);
	char text[65];

	memset(text, 'a', 64);
	text[64] = 'b';
	cr_expect_not_null(strstr(ids_of(tok, text, sizeof(text), false), "match limit"));
	tokenizer_free(tok);
}

Test(tokenizer, replacements_that_grow_without_end_are_an_error)
{
	struct parts p = mistral();
	struct text chain = { 0 };
	struct tokenizer *tok;

	text_adds(&chain, "{\"type\":\"Sequence\",\"normalizers\":[");
	for (int i = 0; i < 40; i++)
		text_addf(
			&chain,
			"%s{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aaaa\"}",
			i ? "," : "");
	text_adds(&chain, "]}");
	p.normalizer = chain.data;
	tok = must_build(&p);
	cr_expect_not_null(strstr(ids_of(tok, "a", 1, false), "replacements"));
	tokenizer_free(tok);
	text_release(&chain);
}

/* ---- long texts, real vocabularies ---- */

/* Quadratic time would be hours here. */
Test(tokenizer, a_megabyte_of_one_letter_is_no_trap, .timeout = 60)
{
	struct parts p = mistral();
	struct tokenizer *tok = must_build(&p);
	struct encoding enc = { 0 };
	struct err err = { 0 };
	char *text = malloc(1 << 20);

	memset(text, 'a', 1 << 20);
	cr_assert_eq(tokenizer_encode(tok, text, 1 << 20, 0, &enc, &err), 0);
	cr_expect_eq(enc.n, 1 + (1 << 19));
	cr_expect_eq(enc.tokens[enc.n - 1].end, 1 << 20);
	encoding_release(&enc);
	free(text);
	tokenizer_free(tok);
}

Test(tokenizer, a_megabyte_of_spaces_does_not_exhaust_a_regular_expression, .timeout = 60)
{
	struct parts p = gpt2(SEQUENCE(
		SPLIT("{\"Regex\":\"\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+|\\\\p{L}+\"}",
		      "Isolated", "false") "," BYTE_LEVEL("false", "false")));
	struct tokenizer *tok = must_build(&p);
	struct encoding enc = { 0 };
	struct err err = { 0 };
	char *text = malloc(1 << 20);

	memset(text, ' ', 1 << 20);
	text[(1 << 20) - 1] = 'a';
	cr_assert_eq(tokenizer_encode(tok, text, 1 << 20, 0, &enc, &err), 0);
	/* Pairs of all but the last space, which is left for the letter. */
	cr_expect_eq(enc.n, (1 << 19) - 1 + 2);
	encoding_release(&enc);
	free(text);
	tokenizer_free(tok);
}

static struct tokenizer *real(const char *path)
{
	struct text json = { 0 };
	struct err err = { 0 };
	struct tokenizer *tok;

	if (text_read_file(&json, path, 1 << 28, &err))
		cr_skip_test("%s is not there", path);
	tok = tokenizer_new(json.data, json.len, NULL, path, &err);
	cr_assert_not_null(tok, "%s", err.message);
	text_release(&json);
	return tok;
}

Test(tokenizer, mistral_7b)
{
	struct tokenizer *tok = real("models/tokenizers/mistral-v1/tokenizer.json");

	EXPECT_IDS(tok, "Hello", "1 22557");
	EXPECT_IDS(tok, " a", "1 28705 264");
	EXPECT_IDS(tok, "aaa", "1 264 4474");
	EXPECT_IDS(tok, "", "1");
	EXPECT_IDS(tok, " ", "1 259");
	EXPECT_IDS(tok, SP, "1 259");
	EXPECT_IDS(tok, "a<s>b", "1 264 1 287");
	EXPECT_IDS(tok, "<s>Hello", "1 1 22557");
	EXPECT_IDS(tok, "\n", "1 28705 13");
	EXPECT_TEXT(tok, "<s> Hello", 1, 22557);
	EXPECT_TEXT(tok, "Hello", 22557);
	tokenizer_free(tok);
}

Test(tokenizer, smollm2)
{
	struct tokenizer *tok = real("models/smollm2-135m/tokenizer.json");
	struct encoding enc = { 0 };
	struct err err = { 0 };

	EXPECT_IDS(tok, "a  1", "81 256 33");
	EXPECT_IDS(tok, "", "");
	cr_assert_eq(tokenizer_encode(tok, "\xff", 1, 0, &enc, &err), 0);
	cr_expect_eq(enc.n_dropped, 1);
	encoding_release(&enc);
	tokenizer_free(tok);
}
