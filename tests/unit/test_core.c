/* Unit tests of the core layer: errors, memory, text, JSON, tensors, statistics. */
#include "torchless/beside.h"
#include "torchless/called.h"
#include "torchless/err.h"
#include "torchless/json.h"
#include "torchless/mem.h"
#include "torchless/out_file.h"
#include "torchless/stats.h"
#include "torchless/tensor.h"
#include "torchless/text.h"
#include "torchless/utf8.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- called ------------------------------------------------------------------------------- */

static const char *expanded(const char *sentence)
{
	static char out[512];

	cr_assert_lt(called_expand(sentence, out, sizeof(out)), sizeof(out));
	return out;
}

Test(called, commands_in_backquotes_are_named_as_the_program_was_called)
{
	static const char sentence[] = "torchless reads `torchless`, `torchless x | torchless y`: "
				       "`torchless: `, `xtorchless z`, `a torchless b`, torchless";
	struct err err;
	char small[8];

	cr_assert_str_eq(called_name(), "torchless");
	cr_assert_str_eq(expanded(sentence), sentence);
	called_as("./tl");
	cr_assert_str_eq(
		expanded(sentence),
		"torchless reads `./tl`, `./tl x | ./tl y`: `torchless: `, `xtorchless z`, "
		"`a torchless b`, torchless");
	cr_assert_str_eq(expanded("one ` and `torchless x"), "one ` and `torchless x");
	cr_assert_eq(called_expand("`torchless a`", small, sizeof(small)), strlen("`./tl a`"));
	cr_assert_str_eq(small, "`./tl a");
	err_set(&err, ERR_IO, "see `torchless %s`", "info");
	cr_assert_str_eq(err.message, "see `./tl info`");
	err_wrap(&err, "here");
	cr_assert_str_eq(err.message, "here: see `./tl info`");
}

Test(called, a_line_that_is_typed_has_no_backquotes)
{
	static const char line[] = "git log | torchless run \"torchless $(torchless x)\"";
	struct text t = { 0 };

	called_as("'a b/torchless'");
	text_add_called_line(&t, line, strlen(line));
	cr_assert_str_eq(t.data,
			 "git log | 'a b/torchless' run \"torchless $('a b/torchless' x)\"");
	text_release(&t);
}

static bool with_system(struct called_words *words)
{
	*words = (struct called_words){ "--system 'a --capture units '\\'' b' --capture units -n 2",
					"'x y'" };
	return true;
}

Test(called, an_option_that_the_line_says_itself_is_none_of_a_text)
{
	called_recorded(with_system);
	cr_assert_str_eq(
		expanded("`torchless trace --capture units PROMPT`"),
		"`torchless trace --system 'a --capture units '\\'' b' -n 2 --capture units 'x y'`");
	cr_assert_str_eq(
		expanded("`torchless trace --capture a PROMPT`"),
		"`torchless trace --system 'a --capture units '\\'' b' --capture units -n 2 "
		"--capture a 'x y'`");
	called_recorded(NULL);
}

Test(called, a_script_that_is_nowhere_is_said_to_be_the_trees_once)
{
	struct err err;

	err_set(&err, ERR_IO, "use `scripts/no_such.py`");
	cr_assert_str_eq(err.message, "use `scripts/no_such.py` of torchless's source tree");
	err_wrap(&err, "x");
	cr_assert_str_eq(err.message, "x: use `scripts/no_such.py` of torchless's source tree");
}

Test(called, words_are_quoted_for_a_shell)
{
	struct text t = { 0 };

	text_add_shell_word(&t, "a/b-1.db");
	text_addc(&t, ' ');
	text_add_shell_word(&t, "");
	text_addc(&t, ' ');
	text_add_shell_word(&t, "it's $x");
	cr_assert_str_eq(t.data, "a/b-1.db '' 'it'\\''s $x'");
	text_release(&t);
}

/* ---- what was meant ----------------------------------------------------------------------- */

Test(nearest, swapped_letters_are_one_slip)
{
	cr_assert_eq(text_distance("tmep", "temp"), 1);
	cr_assert_eq(text_distance("tmep", "mem"), 2);
	cr_assert_eq(text_distance("patern", "pattern"), 1);
	cr_assert_eq(text_distance("ca", "abc"), 3);
	cr_assert_eq(text_distance("", "abc"), 3);
}

static const char *meant(const char *typed, const char *names)
{
	static char words[256];
	struct text_nearest near = { .name = typed, .distance = text_too_far(typed) };
	char *rest = NULL;

	snprintf(words, sizeof(words), "%s", names);
	for (char *w = strtok_r(words, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
		text_nearest_offer(&near, w);
	return near.best ? near.best : "none";
}

Test(nearest, one_measure_for_every_suggestion)
{
	static const char *const expected[][3] = {
		{ "tmep", "mem temp", "temp" },
		{ "resid", "rest residual-norm residual roofline", "residual" },
		{ "diff", "first-divergence info differ difference", "differ" },
		{ "knows", "known-not layer-knows", "layer-knows" },
		{ "TEMP", "mem temp", "temp" },
		{ "patern", "norm model.layers.0.self_attn:pattern L0.attn.pattern",
		  "L0.attn.pattern" },
		{ "q_porj", "model.norm.weight model.layers.0.self_attn.q_proj.weight",
		  "model.layers.0.self_attn.q_proj.weight" },
		{ "L0.patern", "L0.pattern pattern", "L0.pattern" },
		{ "x", "xa xb", "xa" },
		{ "xyz", "abc temp", "none" },
		{ "", "abc", "none" },
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		cr_expect_str_eq(meant(expected[i][0], expected[i][1]), expected[i][2]);
}

Test(nearest, lists_have_nothing_twice)
{
	struct text_near near = { .name = "patern" };
	char names[512];

	cr_assert_str_eq(text_near_format(&near, names, sizeof(names)), "");
	text_near_offer(&near, "norm", 1);
	cr_assert_str_eq(text_near_format(&near, names, sizeof(names)), "norm");
	text_near_offer(&near, "norm", 2);
	text_near_offer(&near, "model.layers.0.self_attn:pattern", 3);
	cr_assert_str_eq(text_near_format(&near, names, sizeof(names)),
			 "model.layers.0.self_attn:pattern and norm");
	text_near_offer(&near, "L0.attn.pattern", 3);
	text_near_offer(&near, "L1.attn.pattern", 3);
	text_near_offer(&near, "logits", -1);
	text_near_offer(&near, "scores", -1);
	cr_assert_str_eq(text_near_format(&near, names, sizeof(names)),
			 "L0.attn.pattern, norm and scores");
}

/* ---- err ---------------------------------------------------------------------------------- */

Test(err, set_returns_the_code_and_hides_control_bytes)
{
	struct err err = { 0 };

	cr_assert_eq(
		err_set(&err, ERR_FORMAT, "bad %s%c%s", "\x1b[31m\n", 0x7f, "\xc2\x9b\xff ok é"),
		ERR_FORMAT);
	cr_assert_eq(err.code, ERR_FORMAT);
	cr_assert_str_eq(err.message, "bad ?[31m????? ok é");
}

Test(err, hides_what_turns_text_around)
{
	struct err err;

	err_set(&err, ERR_IO, "a\u202eb\u2066c\u200fd\u2028e\u061cf\xc2\x9bg\xc3\xa9");
	cr_assert_str_eq(err.message, "a???b???c???d???e??f??g\xc3\xa9");
}

Test(err, may_quote_its_own_message)
{
	struct err err = { 0 };

	err_set(&err, ERR_IO, "inner");
	err_set(&err, ERR_USAGE, "outer (%s)", err.message);
	cr_assert_str_eq(err.message, "outer (inner)");
	cr_assert_eq(err_wrap(&err, "file %d", 7), ERR_USAGE);
	cr_assert_str_eq(err.message, "file 7: outer (inner)");
}

Test(err, a_long_message_ends_in_dots_between_characters)
{
	struct err err = { 0 };
	char s[4001];

	for (int shift = 0; shift < 3; shift++) {
		memset(s, 'a', sizeof(s));
		for (int i = shift; i + 3 <= 4000; i += 3)
			memcpy(s + i, "€", 3);
		s[4000] = '\0';
		err_set(&err, ERR_IO, "%s", s);
		size_t n = strlen(err.message);
		cr_assert(n < sizeof(err.message) && n > 1000);
		cr_assert_str_eq(err.message + n - 3, "...");
		cr_assert_null(strchr(err.message, '?'));
	}
}

Test(err, exit_statuses)
{
	static const int expected[] = { 0, 1, 2, 2, 2, 3, 3, 3, 130 };

	for (int code = 0; code <= 8; code++)
		cr_assert_eq(err_exit_status(-code), expected[code]);
}

/* ---- mem ---------------------------------------------------------------------------------- */

Test(mem, products_and_sums_are_checked)
{
	int64_t out = 5;

	cr_assert(mem_mul(1LL << 31, 1LL << 31, &out) && out == 1LL << 62);
	cr_assert_not(mem_mul(1LL << 32, 1LL << 31, &out));
	cr_assert_not(mem_mul(-1, 2, &out));
	cr_assert_not(mem_mul(2, -1, &out));
	cr_assert(mem_mul(0, INT64_MAX, &out) && out == 0);
	cr_assert(mem_add(INT64_MAX - 1, 1, &out) && out == INT64_MAX);
	cr_assert_not(mem_add(INT64_MAX, 1, &out));
	cr_assert_not(mem_add(-1, 1, &out));
}

static void exit_7(size_t bytes)
{
	_exit(bytes > 1000 ? 7 : 8);
}

Test(mem, an_impossible_request_goes_to_the_handler, .exit_code = 7)
{
	mem_out_of_memory = exit_7;
	free(mem_calloc(SIZE_MAX / 2, 4));
}

Test(mem, grow_keeps_the_contents)
{
	int *a = NULL;
	size_t cap = 0;

	for (size_t i = 0; i < 1000; i++) {
		a = mem_grow(a, i, &cap, sizeof(*a));
		cr_assert_gt(cap, i);
		a[i] = (int)i;
	}
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(a[i], i);
	free(a);
}

Test(mem, aligned_and_impossible)
{
	void *p = mem_try_aligned(100);

	cr_assert_not_null(p);
	cr_assert_eq((uintptr_t)p % 64, 0);
	free(p);
	cr_assert_null(mem_try_aligned(SIZE_MAX - 3));
	cr_assert_gt(mem_available_bytes(), 1 << 20);
}

Test(mem, sizes_for_people)
{
	static const struct {
		int64_t bytes;
		const char *expected;
	} cases[] = { { 0, "0 B" },
		      { 999, "999 B" },
		      { 1000, "1.0 kB" },
		      { 3141592, "3.1 MB" },
		      { 999949, "999.9 kB" },
		      { 999951, "1.0 MB" },
		      { 14483498024, "14.5 GB" },
		      { INT64_MAX, "9.2 EB" },
		      { -1, "unknown" } };
	char buf[32];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_expect_str_eq(mem_format_bytes(cases[i].bytes, buf, sizeof(buf)),
				 cases[i].expected);
}

/* ---- text --------------------------------------------------------------------------------- */

Test(text, adds_and_keeps_a_nul_at_the_end)
{
	struct text t = { 0 };

	text_add(&t, "a\0b", 3);
	text_addc(&t, 'c');
	text_adds(&t, "de");
	text_addf(&t, "%0200d", 7);
	cr_assert_eq(t.len, 206);
	cr_assert_arr_eq(t.data, "a\0bcde000", 9);
	cr_assert_eq(t.data[205], '7');
	cr_assert_eq(t.data[206], '\0');
	text_clear(&t);
	cr_assert_eq(t.len, 0);
	cr_assert_str_eq(t.data, "");
	text_release(&t);
	cr_assert_null(t.data);
}

Test(text, json_strings)
{
	struct text t = { 0 };

	text_add_json(&t, "a\"\\\n\x01\0é\xff\xed\xa0\x80", 12);
	cr_assert_str_eq(
		t.data,
		"\"a\\\"\\\\\\n\\u0001\\u0000é\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	text_release(&t);
}

/* One character of each kind that is not shown as it is, and the neighbours that are. */
#define CONTROLS  "\x01\x1b\x1f\x7f\xc2\x80\xc2\x9f"
#define DIRECTING "\u061c\u200e\u200f\u2028\u202e\u2066\u2069"
#define PLAIN     " ~\u00a0\u061b\u200d\u2010\u2027\u202f\u2065\u206a\u05d0"

Test(text, numbers)
{
	static const double x[] = {
		0.1, -0.0, 1e300, (double)NAN, (double)INFINITY, -(double)INFINITY
	};
	struct text t = { 0 }, json = { 0 };

	for (size_t i = 0; i < sizeof(x) / sizeof(*x); i++) {
		text_add_real(&t, x[i]);
		text_addc(&t, ' ');
		text_add_json_number(&json, x[i]);
		text_addc(&json, ' ');
	}
	cr_expect_str_eq(t.data, "0.1 -0 1e+300 nan inf -inf ");
	cr_expect_str_eq(json.data, "0.1 -0 1e+300 null null null ");
	text_release(&t);
	text_release(&json);
}

Test(text, json_shows_no_control_character)
{
	struct text t = { 0 };

	text_add_json(&t, CONTROLS DIRECTING PLAIN, strlen(CONTROLS DIRECTING PLAIN));
	cr_assert_str_eq(t.data,
			 "\"\\u0001\\u001b\\u001f\\u007f\\u0080\\u009f\\u061c\\u200e\\u200f\\u2028"
			 "\\u202e\\u2066\\u2069" PLAIN "\"");
	text_release(&t);
}

Test(text, direction_is_escaped_for_people_only)
{
	struct text t = { 0 };

	text_add_escaped(&t, DIRECTING PLAIN "\xc2\x9b\n", strlen(DIRECTING PLAIN "\xc2\x9b\n"));
	cr_assert_str_eq(t.data, DIRECTING PLAIN "\\xC2\\x9B\\n");
	text_clear(&t);
	text_add_visible(&t, "\u202e\u061c" PLAIN "\xc2\x9b\n",
			 strlen("\u202e\u061c" PLAIN "\xc2\x9b\n"));
	cr_assert_str_eq(t.data, "\\xE2\\x80\\xAE\\xD8\\x9C" PLAIN "\\xC2\\x9B\\n");
	text_release(&t);
}

Test(text, escaped_for_a_terminal)
{
	struct text t = { 0 };

	text_add_escaped(&t, "a\n\t\x1b[2J\0\x7f\xc2\x9b\xff é▁", 18);
	cr_assert_str_eq(t.data, "a\\n\\t\\x1B[2J\\x00\\x7F\\xC2\\x9B\\xFF é▁");
	text_release(&t);
}

Test(text, reading_files)
{
	struct text t = { 0 };
	struct err err = { 0 };
	char path[] = "/tmp/torchless-text-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, "hi\0x", 4), 4);
	close(fd);
	text_adds(&t, ">");
	cr_assert_eq(text_read_file(&t, path, 4, &err), 0);
	cr_assert_eq(t.len, 5);
	cr_assert_arr_eq(t.data, ">hi\0x", 6);
	cr_assert_eq(text_read_file(&t, path, 3, &err), ERR_FORMAT);
	cr_assert_eq(text_read_file(&t, "/tmp", 100, &err), ERR_IO);
	cr_assert_eq(text_read_file(&t, "/dev/zero", 100000, &err), ERR_FORMAT);
	unlink(path);
	cr_assert_eq(text_read_file(&t, path, 100, &err), ERR_IO);
	cr_assert_not_null(strstr(err.message, path));
	text_release(&t);
}

/* Every code point goes out and back, and nothing else decodes: table 3-7, exhaustively. */
Test(utf8, every_scalar_value_and_nothing_else)
{
	int decoded = 0;

	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		char s[4];
		uint32_t back = 0;
		int n = utf8_encode(cp, s);
		bool surrogate = cp >= 0xd800 && cp < 0xe000;

		cr_assert_eq(utf8_decode(s, (size_t)n, &back), surrogate ? 0 : n);
		if (surrogate)
			continue;
		cr_assert_eq(back, cp);
		cr_assert_eq(utf8_decode(s, (size_t)n - 1, NULL), 0);
		for (int k = 1; k < n; k++)
			cr_assert_eq(utf8_complete(s, (size_t)k), 0);
		cr_assert_eq((int)utf8_complete(s, (size_t)n), n);
	}
	for (uint32_t b = 0; b < 1u << 16; b++) {
		char s[2] = { (char)(b >> 8), (char)b };
		if (utf8_decode(s, 2, NULL) == 2)
			decoded++;
	}
	cr_assert_eq(decoded, 0x800 - 0x80);
	cr_assert_eq(utf8_decode("\xc0\x80", 2, NULL), 0);
	cr_assert_eq(utf8_decode("\xe0\x9f\xbf", 3, NULL), 0);
	cr_assert_eq(utf8_decode("\xf0\x8f\xbf\xbf", 4, NULL), 0);
	cr_assert_eq(utf8_decode("\xf4\x90\x80\x80", 4, NULL), 0);
	cr_assert_eq(utf8_decode("\xf8\x88\x80\x80\x80", 5, NULL), 0);
}

Test(utf8, only_a_hopeful_end_is_held_back)
{
	cr_assert_eq(utf8_complete("ab", 2), 2);
	cr_assert_eq(utf8_complete("ab\xe2\x82", 4), 2);
	cr_assert_eq(utf8_complete("ab\xe2\x28", 4), 4); /* cannot become one */
	cr_assert_eq(utf8_complete("ab\xed\xa0", 4), 4); /* a surrogate */
	cr_assert_eq(utf8_complete("\x80\x80\x80\x80", 4), 4);
	cr_assert_eq(utf8_complete("", 0), 0);
}

Test(utf8, what_a_terminal_shows_as_it_is)
{
	cr_expect(utf8_is_printable(""));
	cr_expect(utf8_is_printable("Zo\xc3\xab \xe2\x88\x9e"));
	cr_expect_not(utf8_is_printable("a\tb"));
	cr_expect_not(utf8_is_printable("\x1b[2J"));
	cr_expect_not(utf8_is_printable("\xc2\x9b"));     /* U+009B, which begins what ESC [ does */
	cr_expect_not(utf8_is_printable("\xe2\x80\xae")); /* U+202E, right to left */
	cr_expect_not(utf8_is_printable("cut \xe2\x80"));
}

Test(utf8, columns_do_not_depend_on_the_locale)
{
	cr_assert_eq(utf8_width("abc", 3), 3);
	cr_assert_eq(utf8_width("日本", 6), 4);
	cr_assert_eq(utf8_width("e\xcc\x81", 3), 1);
	cr_assert_eq(utf8_width("▁é", 5), 2);
	cr_assert_eq(utf8_width("\xff", 1), 1);
}

Test(text, distance)
{
	cr_assert_eq(text_distance("", ""), 0);
	cr_assert_eq(text_distance("kitten", "sitting"), 3);
	cr_assert_eq(text_distance("", "abc"), 3);
	cr_assert_eq(text_distance("trace", "tarce"), 1);
}

Test(text, globs)
{
	static const struct {
		const char *pattern, *s;
		bool match;
	} cases[] = { { "", "", true },
		      { "*", "", true },
		      { "*", "anything", true },
		      { "model.layers.*.mlp:out", "model.layers.12.mlp:out", true },
		      { "model.layers.*.mlp:out", "model.layers.12.mlp:outer", false },
		      { "*pattern", "a:pattern:pattern", true },
		      { "a?c", "abc", true },
		      { "a?c", "ac", false },
		      { "[0-9]*", "7b", true },
		      { "[!0-9]*", "7b", false },
		      { "x[]]y", "x]y", true },
		      { "x[a-c-]y", "x-y", true },
		      { "x[", "x[", true },
		      { "x[ab", "x[ab", true },
		      { "*a*b*c", "xxaxxbxxbc", true },
		      { "*a*b*c", "xxaxxbxxcd", false },
		      { "a", "", false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_expect_eq(text_glob(cases[i].pattern, cases[i].s), cases[i].match, "%s ~ %s",
			     cases[i].pattern, cases[i].s);
}

/* A backtracking matcher would need 2^30 steps. */
Test(text, a_hostile_glob_is_no_trap, .timeout = 60)
{
	char s[20001];

	memset(s, 'a', 20000);
	s[20000] = '\0';
	cr_assert_not(text_glob("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", s));
}

/* ---- json --------------------------------------------------------------------------------- */

Test(json, parse_takes_all_or_nothing)
{
	struct err err = { 0 };
	cJSON *v = json_parse(" {\"a\": 1} \n", 11, "x.json", &err);

	cr_assert_not_null(v);
	cJSON_Delete(v);
	cr_assert_null(json_parse("{\"a\": \"x\0y\"}", 12, "x.json", &err));
	cr_assert_str_eq(err.message, "x.json is not valid JSON at byte 8 of 12");
	cr_assert_null(json_parse("{\"a\": 1} x", 10, "x.json", &err));
	cr_assert_str_eq(err.message, "x.json is not valid JSON at byte 9 of 10");
	cr_assert_null(json_parse("", 0, "x.json", &err));
	cr_assert_null(json_parse("[1, 2", 5, "x.json", &err));
}

static void check_value(const char *json, const char *expected)
{
	struct text t = { 0 };

	json_add_value(&t, json, strlen(json));
	cr_assert_str_eq(t.data, expected);
	text_release(&t);
}

Test(json, values_of_others_stay_values_on_one_line)
{
	check_value("", "null");
	check_value("{\"a\": [1, 2.50, \"\\\"\\\\\"],\n\t\"b\": null}",
		    "{\"a\": [1, 2.50, \"\\\"\\\\\"],  \"b\": null}");
	check_value("{\"\x7f\xc2\x9b\u202e\": \"\x1b\n\xff\"}",
		    "{\"\\u007f\\u009b\\u202e\": \"\\u001b\\u000a\xef\xbf\xbd\"}");
	check_value("{\"a\": 1", "\"{\\\"a\\\": 1\"");
	check_value("1 \x1b[31m", "\"1 \\u001b[31m\"");
}

Test(json, depth_is_bounded)
{
	struct err err = { 0 };
	char *deep = malloc(1000000);

	memset(deep, '[', 1000000);
	cr_assert_null(json_parse(deep, 1000000, "deep", &err));
	cr_assert_eq(err.code, ERR_FORMAT);
	free(deep);
}

Test(json, two_hundred_levels_are_read)
{
	struct err err = { 0 };
	char text[1024];
	cJSON *v;

	memset(text, '[', 201);
	memset(text + 201, ']', 201);
	v = json_parse(text + 1, 400, "deep", &err);
	cr_assert_not_null(v);
	cJSON_Delete(v);
	cr_assert_null(json_parse(text, 402, "deep", &err));
	cr_assert_str_eq(err.message, "deep is nested deeper than 200 levels at byte 200");
	/* Brackets in strings are text. */
	snprintf(text, sizeof(text), "[\"\\\"%0300d\", \"", 0);
	memset(strchr(text, '0'), '[', 300);
	strcat(text, "\"]");
	v = json_parse(text, strlen(text), "strings", &err);
	cr_assert_not_null(v, "%s", err.message);
	cJSON_Delete(v);
}

static int allocations_left;

static void *allocate_some(size_t bytes)
{
	if (allocations_left-- > 0)
		return malloc(bytes);
	errno = ENOMEM; /* as malloc() does */
	return NULL;
}

Test(json, memory_that_is_short_is_no_broken_text)
{
	static const char text[] = "{\"a\": [1, \"two\", {\"b\": null}], \"c\": \"d\"}";
	cJSON_Hooks hooks = { allocate_some, free };
	struct err err = { 0 };
	cJSON *v = NULL;

	cJSON_InitHooks(&hooks);
	for (int n = 0; !v; n++) {
		cr_assert_lt(n, 100);
		allocations_left = n;
		v = json_parse(text, strlen(text), "x.json", &err);
		if (!v)
			cr_assert_eq(err.code, ERR_MEMORY, "%d: %s", n, err.message);
	}
	cJSON_Delete(v);
	allocations_left = 100;
	cr_assert_null(json_parse("[1,, 2]", 7, "x.json", &err));
	cr_assert_eq(err.code, ERR_FORMAT);
	cJSON_InitHooks(NULL);
}

Test(json, words_of_python_for_numbers_are_read_where_they_are_asked_for)
{
	static const char text[] = "{\"a\": NaN, \"b\":[-Infinity,Infinity , NaN], \"c\":\n NaN\n,"
				   "\"NaN\": \"NaN, \\\" : Infinity\", \"d\": 1}";
	static const struct {
		const char *text;
		size_t at;
	} wrong[] = {
		{ "[NaN NaN]", 5 },   { "[NaNs]", 1 },       { "[1NaN]", 2 },
		{ "[+Infinity]", 1 }, { "[- Infinity]", 1 }, { "[-NaN]", 1 },
		{ "[nan]", 1 },       { "{NaN: 1}", 2 },     { "[NaN, Infinity, x]", 16 },
		{ "[inf]", 1 },
	};
	struct err err = { 0 };
	int64_t i = 0;
	double d = 0;
	cJSON *o = json_parse_python(text, strlen(text), "x.json", &err);

	cr_assert_not_null(o, "%s", err.message);
	cr_assert_str_eq(json_get(o, "NaN")->valuestring, "NaN, \" : Infinity");
	cr_assert_eq(json_get_int(o, "d", 0, 9, &i, "x.json", &err), 1);
	cr_assert_eq(json_get_double(o, "a", &d, "x.json", &err), ERR_FORMAT);
	cr_assert_str_eq(err.message,
			 "x.json: a is infinite or NaN but a finite number is expected");
	cr_assert_eq(json_get_int(o, "c", 0, 9, &i, "x.json", &err), ERR_FORMAT);
	cr_assert_lt(cJSON_GetArrayItem(json_get(o, "b"), 0)->valuedouble, -1e300);
	cJSON_Delete(o);
	cr_assert_null(json_parse(text, strlen(text), "x.json", &err));
	for (size_t k = 0; k < sizeof(wrong) / sizeof(*wrong); k++) {
		char expected[64];

		snprintf(expected, sizeof(expected), "x.json is not valid JSON at byte %zu of %zu",
			 wrong[k].at, strlen(wrong[k].text));
		cr_expect_null(
			json_parse_python(wrong[k].text, strlen(wrong[k].text), "x.json", &err),
			"%s", wrong[k].text);
		cr_expect_str_eq(err.message, expected, "%s: %s", wrong[k].text, err.message);
	}
}

/* What cJSON reads and JSON has not. */
Test(json, what_python_refuses_is_refused_where_it_is_asked_for)
{
	static const struct {
		const char *text, *part;
	} wrong[] = {
		{ "\xef\xbb\xbf{}", "x.json begins with a byte order mark" },
		{ "[01]", "at byte 1 of" },
		{ "[-01]", "at byte 1 of" },
		{ "[1.]", "at byte 1 of" },
		{ "[\"\t\"]", "at byte 2 of" },
		{ "\v[]", "at byte 0 of" },
		{ "[1,\f2]", "at byte 3 of" },
		{ "[NaN, 00]", "at byte 6 of" },
		{ "[\"a\\\\\", \"\n\"]", "at byte 9 of" },
	};
	static const char right[] =
		"[0, -0, 0.5, -1.25e+7, 1E5, 10, \"01\", \"\\\"01\", -Infinity]";
	struct err err = { 0 };
	cJSON *v = json_parse_python(right, strlen(right), "x.json", &err);

	cr_expect_not_null(v, "%s", err.message);
	cJSON_Delete(v);
	for (size_t k = 0; k < sizeof(wrong) / sizeof(*wrong); k++) {
		const char *text = wrong[k].text;

		cr_expect_null(json_parse_python(text, strlen(text), "x.json", &err), "%s", text);
		cr_expect_not_null(strstr(err.message, wrong[k].part), "%s: %s", text, err.message);
	}
}

Test(json, getters_tell_absent_from_wrong)
{
	struct err err = { 0 };
	const char *text = "{\"n\": 7, \"f\": 1.5, \"nul\": null, \"b\": true, \"s\": \"x\","
			   "\"big\": 1e300, \"twice\": 1, \"twice\": 2, \"inf\": 1e999}";
	cJSON *o = json_parse(text, strlen(text), "t", &err);
	int64_t n = -5;
	double d = 0;
	bool b = false;
	const char *s = NULL;

	cr_assert_eq(json_get_int(o, "n", 0, 10, &n, "t", &err), 1);
	cr_assert_eq(n, 7);
	cr_assert_eq(json_get_int(o, "nul", 0, 10, &n, "t", &err), 0);
	cr_assert_eq(json_get_int(o, "N", 0, 10, &n, "t", &err), 0);
	cr_assert_eq(n, 7);
	cr_assert_eq(json_get_int(o, "twice", 0, 10, &n, "t", &err), 1);
	cr_assert_eq(n, 2);
	cr_assert_eq(json_get_int(o, "f", 0, 10, &n, "t", &err), ERR_FORMAT);
	cr_assert_str_eq(err.message, "t: f is 1.5 but an integer is expected");
	cr_assert_eq(json_get_int(o, "big", 0, INT64_MAX, &n, "t", &err), ERR_FORMAT);
	cr_assert_eq(json_get_int(o, "n", 8, 10, &n, "t", &err), ERR_FORMAT);
	cr_assert_eq(json_get_double(o, "f", &d, "t", &err), 1);
	cr_assert_eq(d, 1.5);
	cr_assert_eq(json_get_double(o, "inf", &d, "t", &err), ERR_FORMAT);
	cr_assert_eq(json_get_bool(o, "b", &b, "t", &err), 1);
	cr_assert(b);
	cr_assert_eq(json_get_bool(o, "n", &b, "t", &err), ERR_FORMAT);
	cr_assert_eq(json_get_string(o, "s", &s, "t", &err), 1);
	cr_assert_str_eq(s, "x");
	cr_assert_eq(json_get_string(o, "n", &s, "t", &err), ERR_FORMAT);
	cr_assert_null(json_get(json_get(o, "n"), "x"));
	cJSON_Delete(o);
}

Test(json, decoded_strings)
{
	static const struct {
		const char *in, *out;
		size_t len;
	} good[] = { { "\"\"", "", 0 },
		     { "\"a\\u0000b\"", "a\0b", 3 },
		     { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8 },
		     { "\"\\ud83d\\ude00\"", "😀", 4 },
		     { "\"\\ud83dx\"", "\xef\xbf\xbdx", 4 },
		     { "\"\\ud83d\\u0041\"",
		       "\xef\xbf\xbd"
		       "A",
		       4 },
		     { "\"\\ude00\"", "\xef\xbf\xbd", 3 },
		     { "\"é\"", "é", 2 } };
	static const char *const bad[] = { "",        "\"",        "a",      "\"a",    "\"a\"b\"",
					   "\"\\x\"", "\"\\u12\"", "\"\n\"", "\"\\\"", "\"\xff\"" };
	struct text t = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		text_clear(&t);
		cr_assert_eq(json_decode_string(good[i].in, strlen(good[i].in), &t, &err), 0);
		cr_assert_eq(t.len, good[i].len, "%s", good[i].in);
		cr_assert_arr_eq(t.data, good[i].out, good[i].len + 1, "%s", good[i].in);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_eq(json_decode_string(bad[i], strlen(bad[i]), &t, &err), ERR_FORMAT, "%s",
			     bad[i]);
	text_release(&t);
}

/* ---- tensor ------------------------------------------------------------------------------- */

Test(tensor, strides_count_bytes)
{
	const int64_t shape[] = { 3, 4, 5 };
	struct tensor t = tensor_make(DTYPE_BF16, 3, shape, NULL);
	char buf[64], data[1];

	cr_assert_eq(t.stride[2], 2);
	cr_assert_eq(t.stride[1], 10);
	cr_assert_eq(t.stride[0], 40);
	cr_assert_eq(tensor_numel(&t), 60);
	cr_assert_eq(tensor_bytes(&t), 120);
	cr_assert(tensor_is_contiguous(&t));
	t.data = data;
	cr_assert_eq(tensor_row(&t, 0), data);
	t.stride[0] = 44;
	cr_assert_not(tensor_is_contiguous(&t));
	cr_assert_str_eq(tensor_format(&t, buf, sizeof(buf)), "bf16[3, 4, 5]");
	cr_assert_str_eq(tensor_format(&t, buf, 8), "bf16[3,");
	t = tensor_make(DTYPE_F64, 0, NULL, NULL);
	cr_assert_eq(tensor_numel(&t), 1);
	cr_assert_eq(tensor_bytes(&t), 8);
	cr_assert_str_eq(tensor_format(&t, buf, sizeof(buf)), "f64[]");
}

Test(tensor, sizes_that_overflow_are_no_sizes)
{
	const int64_t big[] = { 1LL << 31, 1LL << 31 }, none[] = { 0, INT64_MAX, 4 };
	struct tensor t = tensor_make(DTYPE_F32, 2, big, NULL);

	cr_assert_eq(tensor_bytes(&t), -1);
	t = tensor_make(DTYPE_F32, 3, none, NULL);
	cr_assert_eq(tensor_bytes(&t), 0);
	cr_assert_eq(tensor_numel(&t), 0);
}

/* All 65536 halves against arithmetic that knows nothing of bits, and back. */
Test(tensor, every_half_goes_out_and_back)
{
	for (uint32_t h = 0; h < 1u << 16; h++) {
		int exponent = (int)(h >> 10 & 31);
		double mantissa = (double)(h & 0x3ff) / 1024;
		double expected =
			exponent ? ldexp(1 + mantissa, exponent - 15) : ldexp(mantissa, -14);
		float f = f16_to_f32((uint16_t)h), b = bf16_to_f32((uint16_t)h);

		if (exponent < 31)
			cr_assert_eq((double)f, h & 0x8000 ? -expected : expected, "%x", h);
		else
			cr_assert(h & 0x3ff ? isnan(f) : isinf(f));
		cr_assert_eq(!!signbit(f), h >> 15);
		if (isnan(f))
			cr_assert(isnan(f16_to_f32(f32_to_f16(f))));
		else
			cr_assert_eq(f32_to_f16(f), h);
		if (isnan(b))
			cr_assert(isnan(bf16_to_f32(f32_to_bf16(b))));
		else
			cr_assert_eq(f32_to_bf16(b), h);
	}
}

/* Half way between two neighbours goes to the even one, a hair more or less to the nearer. */
Test(tensor, rounding_to_half_is_to_nearest_even)
{
	for (uint32_t h = 0; h < 0x7bff; h++) {
		float a = f16_to_f32((uint16_t)h), b = f16_to_f32((uint16_t)(h + 1));
		float middle = (a + b) / 2; /* exact in f32 */

		cr_assert_eq(f32_to_f16(middle), h & 1 ? h + 1 : h);
		cr_assert_eq(f32_to_f16(nextafterf(middle, 0)), h);
		cr_assert_eq(f32_to_f16(nextafterf(middle, 1e9f)), h + 1);
	}
	cr_assert_eq(f32_to_f16(65519.996f), 0x7bff);
	cr_assert_eq(f32_to_f16(65520.0f), 0x7c00);
	cr_assert_eq(f32_to_bf16(1.00390625f), 0x3f80);
	cr_assert_eq(f32_to_bf16(1.01171875f), 0x3f82);
	cr_assert_eq(f32_to_bf16(3.4e38f), 0x7f80);
}

Test(tensor, elements_of_every_type_unaligned)
{
	char raw[17];
	const int64_t shape[] = { 2 };
	const uint16_t halves[] = { 0x3c00, 0xc000 }, bhalves[] = { 0x3f80, 0xc000 };
	const float f32[] = { 1, -2 };
	const double f64[] = { 1, -2 };
	const struct {
		enum dtype dtype;
		const void *data;
		size_t bytes;
	} cases[] = { { DTYPE_F16, halves, 4 },
		      { DTYPE_BF16, bhalves, 4 },
		      { DTYPE_F32, f32, 8 },
		      { DTYPE_F64, f64, 16 } };

	for (size_t i = 0; i < 4; i++) {
		struct tensor t = tensor_make(cases[i].dtype, 1, shape, raw + 1);
		memcpy(raw + 1, cases[i].data, cases[i].bytes);
		cr_assert_eq(tensor_get(&t, 0), 1);
		cr_assert_eq(tensor_get(&t, 1), -2);
	}
}

/* ---- stats -------------------------------------------------------------------------------- */

/* The definition, in plain loops and long double. */
static struct stats plain_stats(const float *x, int64_t n)
{
	struct stats r = { .min = INFINITY, .max = -INFINITY, .absmax_at = -1, .numel = n };
	long double sum = 0, sq = 0;
	int64_t k = 0;

	for (int64_t i = 0; i < n; i++) {
		r.n_nan += isnan(x[i]);
		r.n_pinf += isinf(x[i]) && x[i] > 0;
		r.n_ninf += isinf(x[i]) && x[i] < 0;
		r.n_zero += x[i] == 0;
		r.n_sub += fpclassify(x[i]) == FP_SUBNORMAL;
		if (!isfinite(x[i]))
			continue;
		k++;
		sum += x[i];
		sq += (long double)x[i] * x[i];
		r.min = fmin(r.min, x[i]);
		r.max = fmax(r.max, x[i]);
		if (r.absmax_at < 0 || fabsf(x[i]) > r.absmax) {
			r.absmax = fabsf(x[i]);
			r.absmax_at = i;
		}
	}
	r.mean = (double)(sum / k);
	r.l2 = (double)sqrtl(sq);
	r.std = (double)sqrtl(sq / k - (sum / k) * (sum / k));
	return r;
}

static void assert_stats(const float *x, int64_t n)
{
	struct stats a = stats_of(x, n), b = plain_stats(x, n);

	cr_assert_eq(a.numel, n);
	cr_assert_eq(a.n_nan, b.n_nan);
	cr_assert_eq(a.n_pinf, b.n_pinf);
	cr_assert_eq(a.n_ninf, b.n_ninf);
	cr_assert_eq(a.n_zero, b.n_zero);
	cr_assert_eq(a.n_sub, b.n_sub);
	cr_assert_eq(a.absmax_at, b.absmax_at);
	if (b.absmax_at < 0) {
		cr_assert(isnan(a.min) && isnan(a.max) && isnan(a.mean) && isnan(a.std) &&
			  isnan(a.l2) && isnan(a.absmax));
		return;
	}
	cr_assert_eq(a.min, b.min);
	cr_assert_eq(a.max, b.max);
	cr_assert_eq(a.absmax, b.absmax);
	cr_assert_float_eq(a.mean, b.mean, 1e-12 * (b.absmax + 1));
	cr_assert_float_eq(a.l2, b.l2, 1e-12 * (b.l2 + 1));
	cr_assert_float_eq(a.std, b.std, 1e-6 * (b.absmax + 1));
}

static float *random_floats(int64_t n)
{
	float *x = malloc((size_t)n * sizeof(*x));
	uint32_t state = 12345;

	for (int64_t i = 0; i < n; i++) {
		state = state * 1664525u + 1013904223u;
		x[i] = (float)(int32_t)state / 2147483648.0f;
	}
	return x;
}

Test(stats, odd_sizes_against_the_definition)
{
	float *x = random_floats(10000);
	static const int64_t sizes[] = { 1, 2, 7, 8, 9, 33, 4095, 4096, 4097, 8192, 9999 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		assert_stats(x, sizes[i]);
	free(x);
}

Test(stats, special_values_anywhere)
{
	static const float special[] = { NAN,   -NAN,   INFINITY, -INFINITY, 0.0f,
					 -0.0f, 1e-40f, -1e-45f,  3.4e38f,   -3.4e38f };
	static const int64_t places[] = { 0, 5, 4095, 4096, 5000 };

	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++) {
		for (size_t j = 0; j < sizeof(places) / sizeof(*places); j++) {
			float *x = random_floats(5001);
			x[places[j]] = special[i];
			assert_stats(x, 5001);
			assert_stats(&special[i], 1);
			free(x);
		}
	}
}

Test(stats, ties_go_to_the_first_and_constants_have_no_spread)
{
	float x[5000];

	for (int i = 0; i < 5000; i++)
		x[i] = i == 17 || i == 4500 ? -0.1f : 0.1f;
	cr_assert_eq(stats_of(x, 5000).absmax_at, 0);
	x[0] = x[1] = 0;
	cr_assert_eq(stats_of(x, 5000).absmax_at, 2);
	for (int i = 0; i < 5000; i++)
		x[i] = 0.1f;
	cr_assert_eq(stats_of(x, 5000).std, 0);
	cr_assert_eq(stats_of(x, 0).numel, 0);
	cr_assert(isnan(stats_of(x, 0).mean));
}

/* Blocks that hold NaN must add their finite values in the same order as other blocks. */
Test(stats, a_nan_changes_no_other_bit)
{
	float *x = random_floats(4096);

	x[100] = 0;
	struct stats a = stats_of(x, 4096);
	x[100] = NAN;
	struct stats b = stats_of(x, 4096);
	cr_assert_eq(a.l2, b.l2);
	cr_assert_eq(b.n_nan, 1);
	cr_assert_eq(b.n_zero, a.n_zero - 1);
	free(x);
}

Test(stats, parts_merge_to_the_same_bits)
{
	float *x = random_floats(20000);
	struct stats_sum all, parts, part;

	x[9000] = -5;
	x[13000] = 5;
	stats_sum_init(&all);
	stats_sum_add(&all, x, 20000, 0);
	stats_sum_init(&parts);
	for (int64_t at = 0; at < 20000; at += 4096) {
		stats_sum_init(&part);
		stats_sum_add(&part, x + at, at + 4096 < 20000 ? 4096 : 20000 - at, at);
		stats_sum_merge(&parts, &part);
	}
	struct stats a = stats_finish(&all), b = stats_finish(&parts);
	cr_assert_eq(a.l2, b.l2);
	cr_assert_eq(a.mean, b.mean);
	cr_assert_eq(a.std, b.std);
	cr_assert_eq(b.absmax_at, 9000);
	cr_assert_eq(a.absmax_at, 9000);
	cr_assert_eq(a.min, b.min);
	cr_assert_eq(b.numel, 20000);
	free(x);
}

Test(text, a_file_is_whole_or_what_it_was)
{
	char folder[] = "/tmp/torchless-out-XXXXXX", path[64], link[64];
	struct out_file f;
	struct text t = { 0 };
	struct err err = { 0 };
	struct stat sb;

	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a", folder);
	snprintf(link, sizeof(link), "%s/b", folder);
	cr_assert(text_write_file(path, "old", 3, &err) == 0);
	cr_assert(symlink("a", link) == 0);
	cr_assert(out_file_open(&f, link, &err) == 0);
	for (int i = 0; i < 100000; i++)
		cr_assert(out_file_write(&f, "0123456789", 10, &err) == 0);
	cr_assert_eq(f.n_bytes, 1000000);
	cr_assert_eq(text_read_file(&t, path, 100, &err), 0);
	cr_assert_str_eq(t.data, "old");
	out_file_drop(&f);
	cr_assert(out_file_open(&f, link, &err) == 0);
	cr_assert(out_file_write(&f, "new", 3, &err) == 0);
	cr_assert(out_file_keep(&f, &err) == 0);
	text_clear(&t);
	cr_assert_eq(text_read_file(&t, path, 100, &err), 0);
	cr_assert_str_eq(t.data, "new");
	cr_assert(lstat(link, &sb) == 0 && S_ISLNK(sb.st_mode));
	cr_assert(out_file_open(&f, "/dev/full", &err) == 0);
	cr_assert(out_file_write(&f, "x", 1, &err) == 0);
	cr_assert(out_file_keep(&f, &err) == ERR_IO && strstr(err.message, "/dev/full: "));
	cr_assert(lstat("/dev/full", &sb) == 0 && S_ISCHR(sb.st_mode));
	cr_assert(out_file_open(&f, folder, &err) == 0);
	cr_assert(out_file_keep(&f, &err) == ERR_IO);
	text_release(&t);
	unlink(link);
	unlink(path);
	cr_assert(rmdir(folder) == 0, "nothing lies beside it");
}

/* ---- what lies beside --------------------------------------------------------------------- */

static void touch(const char *folder, const char *name)
{
	char path[400];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	cr_assert(f && fclose(f) == 0, "%s", path);
}

static bool is_there(const char *folder, const char *name)
{
	char path[400];
	struct stat sb;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return lstat(path, &sb) == 0;
}

Test(beside, what_a_killed_process_left_goes_and_nothing_else)
{
	static const char *const left[] = { "a.c.new-12-AbC012", "a.c.new-4194304-zzzzzz" };
	static const char *const stays[] = {
		"a.c",
		"a.c.AbC012",
		"a.c.new",
		"a.c.new-12",
		"a.c.new-backup",
		"a.c.new--AbC012",
		"a.c.new-12-AbC01",
		"a.c.new-12-AbC0123",
		"a.c.new-1x-AbC012",
		"a.c.new-12-AbC01-",
		"b.c.new-12-AbC012",
		".new-12-AbC012",
		"xa.c.new-12-AbC01",
		"12-AbC012",
		"-AbC012",
	};
	char folder[] = "/tmp/torchless-beside-XXXXXX", target[64], second[96], third[96];
	char *name;
	int fd;

	cr_assert(mkdtemp(folder));
	snprintf(target, sizeof(target), "%s/a.c", folder);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		touch(folder, left[i]);
	for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++)
		touch(folder, stays[i]);
	/* Neither what has a second name, nor a link, a folder or a pipe. */
	snprintf(second, sizeof(second), "%s/a.c.new-13-AbC012", folder);
	cr_assert(link(target, second) == 0);
	snprintf(third, sizeof(third), "%s/a.c.new-14-AbC012", folder);
	cr_assert(symlink("a.c", third) == 0);
	snprintf(third, sizeof(third), "%s/a.c.new-15-AbC012", folder);
	cr_assert(mkdir(third, 0700) == 0);
	snprintf(third, sizeof(third), "%s/a.c.new-16-AbC012", folder);
	cr_assert(mkfifo(third, 0600) == 0);

	fd = beside_make(target, &name);
	cr_assert(fd >= 0 && !strncmp(name, target, strlen(target)));
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		cr_assert(!is_there(folder, left[i]), "%s is left", left[i]);
	for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++)
		cr_assert(is_there(folder, stays[i]), "%s is gone", stays[i]);
	cr_assert(is_there(folder, "a.c.new-13-AbC012") && is_there(folder, "a.c.new-14-AbC012") &&
		  is_there(folder, "a.c.new-15-AbC012") && is_there(folder, "a.c.new-16-AbC012"));

	/* What somebody is making is theirs, until they end. */
	beside_sweep(folder, "a.c");
	cr_assert(access(name, F_OK) == 0, "it is swept while it is made");
	close(fd);
	beside_sweep(folder, "b.c");
	cr_assert(!is_there(folder, "b.c.new-12-AbC012"));
	touch(folder, "b.c.new-12-AbC012");
	beside_sweep(folder, NULL);
	cr_assert(!is_there(folder, "b.c.new-12-AbC012") && is_there(folder, "a.c.new-backup"));
	cr_assert(access(name, F_OK) != 0);
	free(name);
	snprintf(second, sizeof(second), "rm -r %s", folder);
	cr_assert(system(second) == 0);
}

Test(beside, a_long_name_has_one_too)
{
	char folder[] = "/tmp/torchless-beside-XXXXXX", path[400], base[256];
	struct text t = { 0 };
	struct err err = { 0 };

	cr_assert(mkdtemp(folder));
	memset(base, 'n', 255);
	base[255] = '\0';
	snprintf(path, sizeof(path), "%s/%s", folder, base);
	cr_assert(text_write_file(path, "x", 1, &err) == 0, "%s", err.message);
	cr_assert(text_read_file(&t, path, 100, &err) == 0);
	text_release(&t);
	unlink(path);
	cr_assert(rmdir(folder) == 0, "nothing lies beside it");
}
