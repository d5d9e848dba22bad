/*
 * test_tokenizer_auto.c -- what AutoTokenizer adds to tokenizer.json, case by case.
 *
 * tests/data/tokenizer_auto.json holds the cases and what transformers makes of them;
 * py/test_tokenizer_auto asks it again.
 */
#include "torchless/json.h"
#include "torchless/tokenizer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A case: the texts of the files that it has. */
struct files {
	char *tokenizer, *config, *map, *added, *model;
};

static char *printed_json(const cJSON *json, const char *key)
{
	const cJSON *value = json_get(json, key);

	return value ? cJSON_PrintUnformatted(value) : NULL;
}

static void files_init(struct files *f, const cJSON *bases, const cJSON *c)
{
	const cJSON *files = json_get(c, "files"), *item;
	cJSON *base = cJSON_Duplicate(json_get(bases, json_get(c, "base")->valuestring), true);

	cJSON_ArrayForEach(item, json_get(c, "changes"))
	{
		cJSON_DeleteItemFromObjectCaseSensitive(base, item->string);
		cJSON_AddItemToObject(base, item->string, cJSON_Duplicate(item, true));
	}
	*f = (struct files){ cJSON_PrintUnformatted(base), printed_json(files, "config"),
			     printed_json(files, "special_tokens_map"),
			     printed_json(files, "added_tokens"),
			     printed_json(files, "model_config") };
	cJSON_Delete(base);
}

static struct tokenizer *files_open(const struct files *f, bool raw, struct err *err)
{
	struct tokenizer_texts texts = { .tokenizer = { f->tokenizer, strlen(f->tokenizer) },
					 .config = f->config,
					 .special_tokens_map = f->map,
					 .added_tokens = f->added,
					 .model_config = f->model,
					 .raw = raw };

	return tokenizer_open(&texts, "dir/tokenizer.json", err);
}

static void files_release(struct files *f)
{
	cJSON_free(f->tokenizer);
	cJSON_free(f->config);
	cJSON_free(f->map);
	cJSON_free(f->added);
	cJSON_free(f->model);
}

/* The ids as JSON has them. */
static void add_ids(struct text *t, const struct tokenizer *tok, const char *text)
{
	struct encoding enc = { 0 };
	struct err err = { 0 };

	cr_assert_eq(tokenizer_encode(tok, text, strlen(text), ENCODE_SPECIAL, &enc, &err), 0, "%s",
		     err.message);
	text_addc(t, '[');
	for (int64_t i = 0; i < enc.n; i++)
		text_addf(t, "%s%d", i ? "," : "", (int)enc.tokens[i].id);
	text_addc(t, ']');
	encoding_release(&enc);
}

static void expect_ids(const struct tokenizer *tok, const cJSON *texts, const cJSON *c)
{
	const char *name = json_get(c, "name")->valuestring;
	const cJSON *text, *ids = json_get(c, "ids")->child;

	cJSON_ArrayForEach(text, texts)
	{
		char *expected = cJSON_PrintUnformatted(ids);
		struct text found = { 0 };

		add_ids(&found, tok, text->valuestring);
		cr_expect_str_eq(found.data, expected, "%s: '%s' is %s, not %s", name,
				 text->valuestring, expected, found.data);
		text_release(&found);
		cJSON_free(expected);
		ids = ids->next;
	}
}

static void expect_specials(const struct tokenizer *tok, const cJSON *c)
{
	const char *name = json_get(c, "name")->valuestring;
	const cJSON *expected = json_get(c, "specials")->child;
	struct special_token s;
	size_t n = 0;

	for (; tokenizer_special(tok, n, &s); n++, expected = expected->next) {
		const cJSON *item = expected && s.is_list ? expected->child : expected;

		cr_assert(expected && strcmp(s.name, expected->string) == 0, "%s: %s", name,
			  s.name);
		for (size_t i = 0; i < s.n; i++, item = item->next)
			cr_assert(item && strcmp(s.texts[i], item->valuestring) == 0, "%s: %s",
				  name, s.texts[i]);
		if (!s.is_list)
			cr_expect_str_eq(tokenizer_special_text(tok, s.name), s.texts[0]);
	}
	cr_expect(!expected, "%s: one is missing after %zu", name, n);
	cr_expect_null(tokenizer_special_text(tok, "additional_special_tokens"));
}

static cJSON *load(void)
{
	struct err err = { 0 };
	cJSON *all = json_parse_file("tests/data/tokenizer_auto.json", 1 << 22, &err);

	cr_assert_not_null(all, "%s", err.message);
	return all;
}

Test(tokenizer_auto, ids_and_special_tokens_are_those_of_the_reference)
{
	cJSON *all = load();
	const cJSON *c;
	int n = 0;

	cJSON_ArrayForEach(c, json_get(all, "cases"))
	{
		struct err err = { 0 };
		struct files f;
		struct tokenizer *tok;

		files_init(&f, json_get(all, "bases"), c);
		tok = files_open(&f, false, &err);
		cr_assert_not_null(tok, "%s: %s", json_get(c, "name")->valuestring, err.message);
		expect_ids(tok, json_get(all, "texts"), c);
		expect_specials(tok, c);
		tokenizer_free(tok);
		files_release(&f);
		n++;
	}
	cr_expect_geq(n, 40);
	cJSON_Delete(all);
}

/* ---- by hand ---- */

#define VOCAB                                                                                      \
	"\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"dropout\":0.1,"   \
	"\"vocab\":{\"<unk>\":0,\"<s>\":1,\"a\":2},\"merges\":[]}"
static char small[] =
	"{\"truncation\":{\"max_length\":1},\"padding\":{\"strategy\":\"BatchLongest\"},"
	"\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true}]," VOCAB "}";

static struct tokenizer *open_small(const char *config, bool raw, struct err *err)
{
	struct files f = { .tokenizer = small, .config = (char *)config };

	return files_open(&f, raw, err);
}

static void expect_text_ids(const struct tokenizer *tok, const char *text, const char *expected)
{
	struct text found = { 0 };

	add_ids(&found, tok, text);
	cr_expect_str_eq(found.data, expected);
	text_release(&found);
}

Test(tokenizer_auto, raw_is_tokenizer_json_alone)
{
	struct err err = { 0 };
	struct tokenizer *tok = open_small("not JSON", true, &err);

	cr_assert_not_null(tok, "%s", err.message);
	expect_text_ids(tok, "a<x>", "[2,0]");
	cr_expect_null(tokenizer_special_text(tok, "bos_token"));
	tokenizer_free(tok);
}

static bool has_note(const struct tokenizer *tok, const char *part, bool warning)
{
	const char *sentence;
	bool is_warning;

	for (size_t i = 0; (sentence = tokenizer_note(tok, i, &is_warning)); i++)
		if (strstr(sentence, part) && is_warning == warning)
			return true;
	return false;
}

Test(tokenizer_auto, what_does_not_count_is_noted)
{
	struct err err = { 0 };
	struct tokenizer *tok = open_small("{\"tokenizer_class\":\"FooTokenizer\",\"added_tokens_"
					   "decoder\":{\"9\":{\"content\":\"<x>\"}}}",
					   false, &err);

	cr_assert_not_null(tok, "%s", err.message);
	expect_text_ids(tok, "a<x>", "[2,3]");
	cr_expect(has_note(tok, "dir/tokenizer.json: truncation", false));
	cr_expect(has_note(tok, "padding", false));
	cr_expect(has_note(tok, "model.dropout", false));
	cr_expect(has_note(
		tok, "dir/tokenizer_config.json: '<x>' is listed with the id 9 but has 3", false));
	cr_expect(has_note(tok, "'FooTokenizer'", true));
	cr_expect_eq(tokenizer_vocab_size(tok), 4);
	tokenizer_free(tok);
}

/* What a class adds is not guessed, and that nothing is added is said. */
Test(tokenizer_auto, classes_that_are_not_known_are_warned_of)
{
	static const struct {
		const char *config, *model, *warning;
	} cases[] = {
		{ "{}", "{\"model_type\":\"bert\"}",
		  "config.json: what the tokenizer of a model_type 'bert'" },
		{ "{}", "{\"tokenizer_class\":\"Foo\"}",
		  "config.json: what the tokenizer_class 'Foo'" },
		{ "{}", "{", "config.json is not valid JSON" },
		{ "{\"tokenizer_class\":3}", NULL, "tokenizer_class is no text" },
		{ "{\"tokenizer_class\":\"Fast\"}", NULL, "the tokenizer_class 'Fast'" },
		{ "{}", "{\"model_type\":\"falcon\"}", NULL },
		{ "{}", "{\"model_type\":\"mistral\"}", NULL },
		{ "{\"pad_token\":\"<x>\\\\u0000\",\"a\":\"\\u0000\"}", NULL, NULL },
		{ "{}", "{}", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct files f = { .config = (char *)cases[i].config,
				   .model = (char *)cases[i].model };
		struct err err = { 0 };
		struct tokenizer *tok;
		bool warns = false, is_warning;

		f.tokenizer = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"<s>\":0,\"</s>\":1,"
			      "\"<unk>\":2},\"merges\":[]}}";
		tok = files_open(&f, false, &err);
		cr_assert_not_null(tok, "%s", err.message);
		for (size_t k = 0; tokenizer_note(tok, k, &is_warning); k++)
			warns = warns || is_warning;
		cr_expect_eq(warns, cases[i].warning != NULL, "%zu", i);
		cr_expect(!cases[i].warning || has_note(tok, cases[i].warning, true), "%zu", i);
		tokenizer_free(tok);
	}
}

/* Where AutoTokenizer makes a tokenizer of tokenizer.model, its stages follow from the config. */
Test(tokenizer_auto, a_prefix_that_the_config_sets_is_that_of_the_conversion)
{
	static const struct {
		const char *keys, *ids;
	} cases[] = {
		{ "\"add_prefix_space\":false", "[1,2,1,2]" },
		{ "\"add_prefix_space\":true,\"legacy\":false", "[1,3,2,1,2]" },
		{ "\"add_prefix_space\":true", "[1,3,2,1,3,2]" },
		{ "\"from_slow\":true,\"legacy\":false", "[1,2,1,2]" },
	};
	char json[] = "{\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true}],"
		      "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"vocab\":{\"<unk>\":0,"
		      "\"<s>\":1,\"a\":2,\"\xe2\x96\x81\":3,\"</s>\":4},\"merges\":[]}}";

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct text config = { 0 };
		struct files f = { .tokenizer = json };
		struct err err = { 0 };
		struct tokenizer *tok;

		text_addf(&config, "{\"tokenizer_class\":\"LlamaTokenizer\",%s}", cases[i].keys);
		f.config = config.data;
		tok = files_open(&f, false, &err);
		cr_assert_not_null(tok, "%s", err.message);
		expect_text_ids(tok, "a<s>a", cases[i].ids);
		cr_expect(has_note(tok, "tokenizer.model", false));
		tokenizer_free(tok);
		text_release(&config);
	}
}

Test(tokenizer_auto, what_cannot_be_meant_is_refused_by_file_and_key)
{
	static const struct {
		const char *config, *part;
	} cases[] = {
		{ "[]", "dir/tokenizer_config.json is no JSON object" },
		{ "{", "dir/tokenizer_config.json is not valid JSON" },
		{ "{\"bos_token\":3}", "tokenizer_config.json: bos_token is neither" },
		{ "{\"bos_token\":NaN}", "tokenizer_config.json: bos_token is neither" },
		{ "{\"bos_token\":\"\xff\"}", "bos_token is neither" },
		{ "{\"pad_token\":{\"content\":\"x\",\"lstrip\":1}}", "lstrip is 1" },
		{ "{\"pad_token\":\"a\\u0000b\"}",
		  "tokenizer_config.json: pad_token holds the character U+0000" },
		{ "{\"additional_special_tokens\":[\"\\u0000\"]}", "U+0000" },
		{ "{\"added_tokens_decoder\":{\"7\":{\"content\":\"\\\\\\u0000\"}}}", "U+0000" },
		{ "\xef\xbb\xbf{}", "tokenizer_config.json begins with a byte order mark" },
		{ "{\"additional_special_tokens\":{\"a\":1}}", "additional_special_tokens is no" },
		{ "{\"additional_special_tokens\":[7]}", "additional_special_tokens is neither" },
		{ "{\"added_tokens_decoder\":{\"x\":{\"content\":\"y\"}}}", "has 'x' in it" },
		{ "{\"added_tokens_decoder\":{\"7\":\"y\"}}", "has '7' in it" },
		{ "{\"added_tokens_decoder\":[]}", "added_tokens_decoder is no object" },
		{ "{\"tokenizer_class\":\"LlamaTokenizer\",\"bos_token\":null}",
		  "add_bos_token is true but there is no bos_token" },
		{ "{\"tokenizer_class\":\"LlamaTokenizer\",\"eos_token\":null,"
		  "\"add_eos_token\":true}",
		  "add_eos_token is true but there is no eos_token" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = { 0 };

		cr_expect_null(open_small(cases[i].config, false, &err), "%s", cases[i].config);
		cr_expect_eq(err.code, ERR_FORMAT);
		cr_expect_not_null(strstr(err.message, cases[i].part), "%s", err.message);
	}
}

Test(tokenizer_auto, numbers_that_only_python_writes_do_not_matter)
{
	struct err err = { 0 };
	struct tokenizer *tok = open_small(
		"{\"model_max_length\":1000000000000000019884624838656,\"x\":[NaN, -Infinity],"
		"\"y\":Infinity}",
		false, &err);

	cr_expect_not_null(tok, "%s", err.message);
	tokenizer_free(tok);
}

Test(tokenizer_auto, many_tokens_are_added)
{
	struct text config = { 0 };
	struct err err = { 0 };
	struct tokenizer *tok;

	text_adds(&config, "{\"additional_special_tokens\":[\"<0>\"");
	for (int i = 1; i < 5000; i++)
		text_addf(&config, ",\"<%d>\"", i);
	text_adds(&config, "]}");
	tok = open_small(config.data, false, &err);
	cr_assert_not_null(tok, "%s", err.message);
	/* The padding of the file has no pad_token: 3 is the first free id. */
	expect_text_ids(tok, "<0>a<4999><77>", "[3,2,5002,80]");
	cr_expect_eq(tokenizer_vocab_size(tok), 5003);
	cr_expect_eq(tokenizer_find(tok, "<4999>", 6), 5002);
	cr_expect(tokenizer_is_special(tok, 5002));
	tokenizer_free(tok);
	text_release(&config);
}
