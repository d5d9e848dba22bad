/*
 * test_tokenizer_fast.c -- what makes encoding fast changes nothing.
 *
 * Asking for steps takes the long way through every text: no word comes from memory, and a model of
 * ▁ is normalized and merged as a whole.  So random tokenizers, made to have what decides which way
 * is taken, encode random texts with steps and without; ids, offsets, what was dropped and what is
 * refused must be the same, also when the words are known by then.
 */
#include "torchless/tokenizer.h"
#include "torchless/utf8.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_TOKENIZERS 400
#define N_TEXTS      40

#define SP        "\xe2\x96\x81"
#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

static uint32_t draw(uint64_t *state, uint32_t below)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((*state >> 33) % below);
}

#define PICK(state, list) ((list)[draw(state, LENGTH(list))])

/* ---- tokenizers ---- */

#define REPLACE_SPACE     "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" SP "\"}"
#define PREPEND           "{\"type\":\"Prepend\",\"prepend\":\"" SP "\"}"
#define SEQUENCE(members) "{\"type\":\"Sequence\",\"normalizers\":[" members "]}"
#define STAGES(members)   "{\"type\":\"Sequence\",\"pretokenizers\":[" members "]}"
#define METASPACE(scheme, split)                                                                   \
	"{\"type\":\"Metaspace\",\"replacement\":\"" SP "\",\"prepend_scheme\":\"" scheme "\","    \
	"\"split\":" split "}"
#define BYTE_LEVEL(prefix, regex)                                                                  \
	"{\"type\":\"ByteLevel\",\"add_prefix_space\":" prefix ",\"trim_offsets\":true,"           \
	"\"use_regex\":" regex "}"
#define SPLIT(regex, behavior)                                                                     \
	"{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex "\"},\"behavior\":\"" behavior       \
	"\",\"invert\":false}"
#define DIGITS "{\"type\":\"Digits\",\"individual_digits\":true}"

/* How text is taken apart: normalizer and pre_tokenizer. */
static const struct {
	const char *normalizer, *pre_tokenizer;
} metaspace_stages[] = {
	{ SEQUENCE(PREPEND "," REPLACE_SPACE), "null" },
	{ SEQUENCE(REPLACE_SPACE "," PREPEND), "null" },
	{ SEQUENCE(PREPEND "," PREPEND "," REPLACE_SPACE), "null" },
	{ REPLACE_SPACE, "null" },
	{ REPLACE_SPACE, METASPACE("always", "false") },
	{ "null", METASPACE("always", "false") },
	{ "null", METASPACE("always", "true") },
	{ "null", METASPACE("first", "false") },
	{ "null", METASPACE("first", "true") },
	{ "null", METASPACE("never", "false") },
	{ "null", METASPACE("never", "true") },
	{ "null", "null" },
	{ "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\s+\"},\"content\":\"" SP "\"}",
	  "null" },
	{ SEQUENCE(PREPEND "," REPLACE_SPACE), SPLIT("\\\\d", "Isolated") },
}, byte_level_stages[] = {
	{ "null", BYTE_LEVEL("false", "true") },
	{ "null", BYTE_LEVEL("true", "true") },
	{ "null", BYTE_LEVEL("false", "false") },
	{ "null", STAGES(DIGITS "," BYTE_LEVEL("false", "true")) },
	{ "null", STAGES(SPLIT("\\\\s+", "Removed") "," BYTE_LEVEL("true", "false")) },
	{ "null", STAGES(SPLIT("b|\\\\s", "MergedWithNext") "," BYTE_LEVEL("false", "false")) },
	{ REPLACE_SPACE, BYTE_LEVEL("false", "true") },
};

/* Characters that pieces are made of; byte-level: the symbols of a, b, space, 1, line feed, ', s
 * and the two bytes of é. */
static const char *const characters[] = { "a", "b", SP, "1", "\\n", "\xc3\xa9", "-", "s", " " };
static const char *const symbols[] = { "a", "b", "\xc4\xa0", "1",       "\xc4\x8a",
				       "'", "s", "\xc3\x83", "\xc2\xa9" };

/* Pieces that no merge makes at first. */
static const char *const unmerged[] = { SP "-", SP "1", "ab" SP "a" };

#define MAX_PIECES 64

struct vocabulary {
	char pieces[MAX_PIECES][64]; /* as JSON has them */
	int n, n_merges;
	struct text merges;
	bool has_bytes;
};

static bool has_piece(const struct vocabulary *v, const char *piece)
{
	for (int i = 0; i < v->n; i++)
		if (strcmp(v->pieces[i], piece) == 0)
			return true;
	return false;
}

static void add_merge(struct vocabulary *v, uint64_t *state)
{
	const char *left = v->pieces[1 + draw(state, (uint32_t)v->n - 1)];
	const char *right = v->pieces[1 + draw(state, (uint32_t)v->n - 1)];
	char joined[64];

	if (v->has_bytes && draw(state, 60) == 0)
		left = "<0x0A>";
	if (strlen(left) + strlen(right) > 30 || v->n == MAX_PIECES)
		return;
	snprintf(joined, sizeof(joined), "%s%s", left, right);
	if (!has_piece(v, joined))
		strcpy(v->pieces[v->n++], joined);
	text_addf(&v->merges, "%s[\"%s\",\"%s\"]", v->n_merges++ ? "," : "", left, right);
}

static void make_vocabulary(struct vocabulary *v, bool byte_level, bool has_bytes, uint64_t *state)
{
	size_t n = byte_level ? LENGTH(symbols) : LENGTH(characters);

	*v = (struct vocabulary){ .has_bytes = has_bytes };
	strcpy(v->pieces[v->n++], "<unk>");
	for (size_t i = 0; i < n; i++)
		if (draw(state, 12))
			strcpy(v->pieces[v->n++], byte_level ? symbols[i] : characters[i]);
	for (int i = 0; i < (byte_level ? 0 : 3); i++)
		strcpy(v->pieces[v->n++], unmerged[i]);
	for (int i = 0; i < 50; i++)
		add_merge(v, state);
}

static void add_vocabulary(struct text *t, const struct vocabulary *v)
{
	for (int i = 0; i < v->n; i++)
		text_addf(t, "%s\"%s\":%d", i ? "," : "", v->pieces[i], i);
	for (int b = 0; v->has_bytes && b < 256; b++)
		text_addf(t, ",\"<0x%02X>\":%d", b, v->n + b);
}

static void add_added(struct text *t, const struct vocabulary *v, uint64_t *state)
{
	int id = v->n + (v->has_bytes ? 256 : 0);

	text_adds(t, "\"added_tokens\":[");
	if (draw(state, 3) == 0)
		text_addf(t,
			  "{\"id\":%d,\"content\":\"<x>\",\"single_word\":false,\"lstrip\":%s,"
			  "\"rstrip\":false,\"normalized\":%s,\"special\":false}",
			  id, draw(state, 2) ? "true" : "false", draw(state, 2) ? "true" : "false");
	text_adds(t, "],");
}

static struct tokenizer *make_tokenizer(uint64_t seed)
{
	static const char *const says[] = { "false", "true" };
	uint64_t state = seed;
	bool byte_level = draw(&state, 3) == 0, has_bytes = draw(&state, 4) > 0;
	size_t stages =
		draw(&state, byte_level ? LENGTH(byte_level_stages) : LENGTH(metaspace_stages));
	struct vocabulary v;
	struct text t = { 0 };
	struct err err = { 0 };
	struct tokenizer *tok;

	make_vocabulary(&v, byte_level, has_bytes, &state);
	text_adds(&t, "{");
	add_added(&t, &v, &state);
	text_addf(&t, "\"normalizer\":%s,\"pre_tokenizer\":%s,\"post_processor\":%s,",
		  byte_level ? byte_level_stages[stages].normalizer
			     : metaspace_stages[stages].normalizer,
		  byte_level ? byte_level_stages[stages].pre_tokenizer
			     : metaspace_stages[stages].pre_tokenizer,
		  draw(&state, 5) ? "null" : BYTE_LEVEL("true", "true"));
	text_addf(&t,
		  "\"model\":{\"type\":\"BPE\",\"unk_token\":%s,\"fuse_unk\":%s,\"byte_fallback\":"
		  "%s,\"ignore_merges\":%s,\"vocab\":{",
		  draw(&state, 4) ? "\"<unk>\"" : "null", PICK(&state, says),
		  draw(&state, 6) ? "true" : "false", draw(&state, 4) ? "false" : "true");
	add_vocabulary(&t, &v);
	text_addf(&t, "},\"merges\":[%s]}}", v.merges.data ? v.merges.data : "");
	tok = tokenizer_new(t.data, t.len, NULL, "random", &err);
	cr_assert_not_null(tok, "seed %lu: %s\n%s", (unsigned long)seed, err.message, t.data);
	text_release(&t);
	text_release(&v.merges);
	return tok;
}

/* ---- texts ---- */

static const char *const blocks[] = {
	"a",   "b",    "ab",       "aab", " ",    "  ",           "\n",       "1",   "12",
	"'s",  "-",    "\xc3\xa9", SP,    SP "a", "\xe6\x97\xa5", "\xff",     "<x>", "<0x0A>",
	"sab", " ab ", "\xc3",     "\t",  "s's",  "abababab",     "        ",
};

static void make_text(struct text *t, uint64_t *state)
{
	uint32_t n = draw(state, draw(state, 8) ? 12 : 80);

	text_clear(t);
	text_adds(t, "");
	while (n--) {
		const char *block = PICK(state, blocks);
		uint32_t times = draw(state, 20) ? 1 : draw(state, 40);

		while (times--)
			text_adds(t, block);
	}
}

/* ---- both ways ---- */

static void check_same(const struct encoding *a, const struct encoding *b, const char *what,
		       uint64_t seed, const struct text *t)
{
	struct text shown = { 0 };

	text_add_escaped(&shown, t->data, t->len);
	cr_assert_eq(a->n, b->n, "%s, seed %lu, '%s': %ld tokens, %ld by steps", what,
		     (unsigned long)seed, shown.data, (long)a->n, (long)b->n);
	cr_assert_eq(a->n_dropped, b->n_dropped);
	cr_assert_eq(a->first_dropped_at, b->first_dropped_at);
	for (int64_t i = 0; i < a->n; i++)
		cr_assert(memcmp(&a->tokens[i], &b->tokens[i], sizeof(*a->tokens)) == 0 ||
				  (a->tokens[i].id == b->tokens[i].id &&
				   a->tokens[i].start == b->tokens[i].start &&
				   a->tokens[i].end == b->tokens[i].end),
			  "%s, seed %lu, '%s': token %ld is %d at %ld to %ld, by steps %d at %ld "
			  "to %ld",
			  what, (unsigned long)seed, shown.data, (long)i, a->tokens[i].id,
			  (long)a->tokens[i].start, (long)a->tokens[i].end, b->tokens[i].id,
			  (long)b->tokens[i].start, (long)b->tokens[i].end);
	text_release(&shown);
}

/* The tokens of the text. */
static int64_t check_text(const struct tokenizer *tok, const struct text *t, uint64_t seed)
{
	struct encoding plain = { 0 }, again = { 0 }, stepped = { 0 };
	struct err err = { 0 }, err_again = { 0 }, err_stepped = { 0 };
	int rc = tokenizer_encode(tok, t->data, t->len, 0, &plain, &err);
	int64_t n = plain.n;

	cr_assert_eq(rc, tokenizer_encode(tok, t->data, t->len, 0, &again, &err_again));
	cr_assert_eq(rc,
		     tokenizer_encode(tok, t->data, t->len, ENCODE_STEPS, &stepped, &err_stepped));
	cr_assert_str_eq(err.message, err_stepped.message);
	cr_assert_str_eq(err.message, err_again.message);
	if (!rc) {
		check_same(&plain, &stepped, "new words", seed, t);
		check_same(&again, &stepped, "known words", seed, t);
	}
	encoding_release(&plain);
	encoding_release(&again);
	encoding_release(&stepped);
	return n;
}

Test(tokenizer_fast, random_tokenizers_encode_as_their_steps_say, .timeout = 300)
{
	struct text t = { 0 };
	int64_t n = 0;

	for (uint64_t seed = 1; seed <= N_TOKENIZERS; seed++) {
		struct tokenizer *tok = make_tokenizer(seed);
		uint64_t state = seed * 1000;

		for (int i = 0; i < N_TEXTS; i++) {
			make_text(&t, &state);
			n += check_text(tok, &t, seed);
		}
		tokenizer_free(tok);
	}
	cr_expect_gt(n, 100000, "only %ld tokens were compared", (long)n);
	text_release(&t);
}

/* ---- real tokenizers ---- */

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

static void check_file(const struct tokenizer *tok, const char *path)
{
	struct text t = { 0 };
	struct err err = { 0 };

	cr_assert_eq(text_read_file(&t, path, 1 << 28, &err), 0, "%s", err.message);
	check_text(tok, &t, 0);
	for (size_t at = 0; at < t.len; at += 700) {
		struct text piece = { t.data + at, t.len - at < 700 ? t.len - at : 700, 0 };

		check_text(tok, &piece, at);
	}
	text_release(&t);
}

static void check_real(const char *path)
{
	struct tokenizer *tok = real(path);
	struct text t = { 0 };
	uint64_t state = 7;

	check_file(tok, "docs/tokenizers.md");
	check_file(tok, "scripts/check_tokenizers.py");
	check_file(tok, "src/model/tokenizer/regex_same.c");
	for (int i = 0; i < 2000; i++) {
		make_text(&t, &state);
		check_text(tok, &t, (uint64_t)i);
	}
	text_release(&t);
	tokenizer_free(tok);
}

Test(tokenizer_fast, of_lessons, .timeout = 300)
{
	check_real("lessons/model/tokenizer.json");
}

Test(tokenizer_fast, mistral, .timeout = 300)
{
	check_real("models/tokenizers/mistral-v1/tokenizer.json");
}

Test(tokenizer_fast, tekken, .timeout = 300)
{
	check_real("models/tokenizers/tekken/tokenizer.json");
}

Test(tokenizer_fast, smollm2, .timeout = 300)
{
	check_real("models/smollm2-135m/tokenizer.json");
}

/* More different words than are kept: older ones make room. */
Test(tokenizer_fast, words_without_end, .timeout = 300)
{
	struct tokenizer *tok = real("lessons/model/tokenizer.json");
	struct text t = { 0 };

	for (int i = 0; i < 100000; i++)
		text_addf(&t, " %c%cx%d", 'a' + i % 26, 'a' + i / 26 % 26, i);
	check_text(tok, &t, 0);
	text_clear(&t);
	for (int i = 0; i < 100000; i++)
		text_addf(&t, " ab%d", i % 77);
	check_text(tok, &t, 0);
	text_release(&t);
	tokenizer_free(tok);
}

/* ---- threads ---- */

#define N_THREADS 6

static void *encode_much(void *ctx)
{
	const struct tokenizer *tok = ctx;
	struct text t = { 0 };
	uint64_t state = (uint64_t)(uintptr_t)&t;

	for (int i = 0; i < 300; i++) {
		make_text(&t, &state);
		check_text(tok, &t, (uint64_t)i);
	}
	text_release(&t);
	return NULL;
}

Test(tokenizer_fast, threads_share_a_tokenizer, .timeout = 300)
{
	struct tokenizer *tok = real("lessons/model/tokenizer.json");
	pthread_t threads[N_THREADS];

	for (int i = 0; i < N_THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, encode_much, tok), 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	tokenizer_free(tok);
}
