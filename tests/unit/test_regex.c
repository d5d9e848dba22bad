/*
 * test_regex.c -- expressions mean what Oniguruma makes of them, by whichever engine.
 *
 * What the grammar lets through to PCRE2 is run by both engines and has to be split the same; what
 * it does not is compared to what the tokenizers library (0.19.1) splits.
 */
#include "support/regexes.h"

#include "torchless/utf8.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct pattern must_compile(const char *regex)
{
	struct pattern p = { 0 };
	struct err err = { 0 };

	cr_assert_eq(pattern_regex(&p, regex, "test", "key", &err), 0, "%s", err.message);
	cr_assert(!p.code != !p.onig, "one engine has '%s'", regex);
	return p;
}

/* "0-2 3-5", or the sentence with which matching gave up. */
static const char *spans_of(const char *regex, const char *text)
{
	static char spans[1024];
	struct pattern p = must_compile(regex);
	struct matcher m;
	struct finder f = { .p = &p, .m = &m, .s = text, .len = strlen(text) };
	struct err err = { 0 };
	size_t from, to, n = 0;
	int rc;

	matcher_init(&m);
	*spans = '\0';
	while ((rc = finder_next(&f, &from, &to, &err)) > 0)
		n += (size_t)snprintf(spans + n, sizeof(spans) - n, "%s%zu-%zu", n ? " " : "", from,
				      to);
	if (rc < 0)
		snprintf(spans, sizeof(spans), "%s", err.message);
	matcher_release(&m);
	pattern_release(&p);
	return spans;
}

/* ---- which engine ---- */

static const char *const published[] = {
	/* GPT-2 */
	"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
	/* cl100k as Llama 3, Qwen 2 and tiktoken have it */
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
	" ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
	" ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
	"'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}|"
	" ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
	/* o200k */
	"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
	"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|"
	"\\s+(?!\\S)|\\s+",
	/* Tekken */
	"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|"
	"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|"
	"\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
	/* DeepSeek */
	"\\p{N}{1,3}",
	"[\xe4\xb8\x80-\xe9\xbe\xa5\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+",
	"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"
	"[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
	"[\r\n]",
	"\\s?[A-Za-z\xc2\xb5\xc3\x80-\xc3\x96]+",
	"\\s?\\p{P}+",
	"[\xe4\xb8\x80-\xe9\xbe\xa5\xe0\xa0\x80-\xe4\xb8\x80\xea\xb0\x80-\xed\x9f\xbf]+",
	/* SmolLM2 and others: Digits */
	"\\p{N}",
};

Test(regex, published_patterns_keep_the_jit)
{
	for (size_t i = 0; i < sizeof(published) / sizeof(*published); i++) {
		struct pattern p = must_compile(published[i]);

		cr_expect_not_null(p.code, "%s", published[i]);
		pattern_release(&p);
	}
}

Test(regex, what_pcre2_is_not_known_to_share_is_onigurumas)
{
	static const char *const others[] = {
		"a{2}?",
		"a{,2}",
		"a{2}+",
		"a{1,2}?",
		"a{0}",
		"a{3,2}",
		"a**",
		"a+{2}",
		"a*?",
		"a??",
		"(?>a)",
		"(?i)a",
		"(?i:ss)",
		"(?i:fi)",
		"(?i:\xc3\x9f)",
		"(?i:s)(?i:s)",
		"(?i:s){2}",
		"(?:(?i:s)){2}",
		"(?i:s)(?:(?i:s)|a)",
		"(?i:[a-z])",
		"(?i:\\w)",
		"(?i:[^s])",
		"(?m:a)",
		"[a&&b]",
		"[[a]b]",
		"[\\W]",
		"[]a]",
		"[a-\\d]",
		"[\\w-a]",
		"[b-a]",
		"[[:alpha:]]",
		"\\h",
		"\\R",
		"\\X",
		"\\K",
		"\\G",
		"\\b",
		"\\1",
		"\\xe9",
		"\\x{d800}",
		"\\u12",
		"\\pL",
		"\\p{l}",
		"\\p{Word}",
		"\\P{^L}",
		"\\p{Cs}",
		"(?<=a+)b",
		"(?<n>a)",
		"(?~a)",
		"(*FAIL)",
		"(?:a?)+",
		"(?:a+)?",
		"(?:(?:a*))+",
		"(?=a)?b",
		"(?:^)?a",
		"a]",
		"a{",
		"a}",
		"\\\xc3\xa9",
		"(a|)*",
		"(?#a)",
		"\\Z",
		"\\A",
		"\\z",
		"(?<=a)b",
		"(?<!a",
		"a{1000}",
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		struct text out = { 0 };
		bool of_unicode;

		cr_expect_not(regex_same(others[i], &out, &of_unicode), "%s", others[i]);
		text_release(&out);
	}
}

Test(regex, expressions_say_whether_they_depend_on_unicodes_version)
{
	static const struct {
		const char *regex;
		bool of_unicode;
	} cases[] = { { "[a-z\xc3\xa9]+\\s", false },
		      { "\\p{L}", true },
		      { "[^\\d]", true },
		      { "a|b\\w", true },
		      { ".", false },
		      { "(?i:s)", false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct text out = { 0 };
		bool of_unicode;

		cr_assert(regex_same(cases[i].regex, &out, &of_unicode), "%s", cases[i].regex);
		cr_expect_eq(of_unicode, cases[i].of_unicode, "%s", cases[i].regex);
		text_release(&out);
	}
}

/* ---- what they mean ---- */

Test(regex, expressions_split_as_the_library_splits)
{
	static const struct {
		const char *regex, *text, *spans;
	} cases[] = {
		{ "l{2}?", "Hello world", "0-0 1-1 2-4 5-5 6-6 7-7 8-8 9-9 10-10 11-11" },
		{ "l{,2}", "llla", "0-2 2-3 4-4" },
		{ "(?i:ss)",
		  "\xc3\x9f"
		  "aSS\xe1\xba\x9e",
		  "0-2 3-5 5-8" },
		{ "(?i:\xc3\x9f)", "sS\xc3\x9f", "0-2 2-4" },
		{ "(?i:\xef\xac\x81)", "FIfi", "0-2 2-4" },
		{ "[[a]b]", "abc", "0-1 1-2" },
		{ "[a-d&&[^b]]+", "abcd", "0-1 2-4" },
		{ "\\h+", "afgz09", "0-2 4-6" },
		{ "\\X",
		  "e\xcc\x81"
		  "a",
		  "0-3 3-4" },
		{ "\\R", "a\r\n\nb", "1-3 3-4" },
		{ "a\\Kb", "abab", "1-2 3-4" },
		{ "\\Ga", "aaba", "0-1 1-2" },
		{ "(?~ab)", "xxabyy", "0-2 3-6" },
		{ "\\p{Word}+",
		  "a\xc2\xbd"
		  "b",
		  "0-1 3-4" },
		{ "\\w+",
		  "a\xc2\xbd"
		  "b",
		  "0-4" },
		{ "[\\w]+",
		  "a\xc2\xbd"
		  "b",
		  "0-1 3-4" },
		{ "a{2}+", "aaaaa", "0-4" },
		{ "(?m:a.b)", "a\nb", "0-3" },
		{ "\\xC3\\xA9",
		  "a\xc3\xa9"
		  "b",
		  "1-3" },
		{ "(?<n>a)\\g<n>", "aaaa", "0-2 2-4" },
		{ "a{ 2}", "aa{ 2}", "1-6" },
		{ "[[:alpha:]]+",
		  "a\xc3\xa9"
		  "1",
		  "0-3" },
		{ "(?x: a b )", "abab", "0-2 2-4" },
		{ "a|b|", "xab", "0-0 1-2 2-3" },
		{ "\\b\xc3\xa9+", "\xc3\xa9\xc3\xa9 \xc3\xa9", "0-4 5-7" },
		{ "a{3,2}", "aaaaa", "0-3 3-5" },
		{ "(a)\\1", "aaa", "0-2" },
		{ "(?i)\xef\xac\x80", "ff", "0-2" },
		{ "a**", "aab", "0-2 3-3" },
		{ "[^\\W_]+", "a_b", "0-1 2-3" },
		{ "", "ab", "0-0 1-1 2-2" },
		{ "(?=b)", "abb", "1-1 2-2" },
		{ "\\P{N}+\\P{L}", " .", "0-2" },
		{ "$", "a\n", "1-1 2-2" },
		{ "^", "a\n", "0-0" },
		{ "(?>a+|b)c", "aac", "0-3" },
		{ "(?:a|b)*?c", "abc", "0-3" },
		{ "\\N+", "a\nb", "0-1 2-3" },
		{ "[]a]", "a]", "0-1 1-2" },
		{ "a(?#x)b", "ab", "0-2" },
		{ "]", "a]", "1-2" },
		{ "{", "a{", "1-2" },
		{ "(?<=a|bc)d", "adbcd", "1-2 4-5" },
		{ "(?<!a+)b", "aab b", "4-5" },
		{ " ?[^(\\s|[.,!?\xe2\x80\xa6\xe3\x80\x82\xef\xbc\x8c\xe3\x80\x81\xe0\xa5\xa4\xdb\x94\xd8\x8c])]+",
		  "ab. cd(x|y)", "0-2 3-6 7-8 9-10" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_expect_str_eq(spans_of(cases[i].regex, cases[i].text), cases[i].spans,
				 "'%s' in '%s'", cases[i].regex, cases[i].text);
}

/* Every code point but most of those that nothing is assigned to, each between two letters. */
static void add_code_points(struct text *text)
{
	for (uint32_t cp = 1; cp <= 0x10ffff; cp++) {
		char utf8[4];

		if ((cp >= 0xd800 && cp <= 0xdfff) || (cp > 0x323af && cp % 997 && cp % 0x1000))
			continue;
		text_addc(text, 'a');
		text_add(text, utf8, (size_t)utf8_encode(cp, utf8));
	}
}

static void expect_same(const char *regex, const struct text *text)
{
	struct regexes r;
	struct err err = { 0 };
	ptrdiff_t at;

	cr_assert(regexes_compile(regex, &r, &err), "%s: %s", regex, err.message);
	at = regexes_disagree(&r, text->data, text->len);
	cr_expect_eq(at, -1, "'%s' differs at byte %td: %.12s", regex, at, text->data + at);
	regexes_release(&r);
}

Test(regex, classes_are_the_same_for_every_code_point, .timeout = 600)
{
	static const char *const classes[] = {
		"\\s",
		"\\S",
		"\\d",
		"\\D",
		"\\w",
		"\\W",
		".",
		"[\\s]",
		"[^\\s]",
		"[\\S]",
		"[\\w]",
		"[^\\w]",
		"[\\D]",
		"(?i:[abcdefghijklm])",
		"(?i:[nopqrstuvwxyz])",
		"(?i:a|s|k|i)",
		"$",
		"\\p{C}",
		"\\p{Cc}",
		"\\p{Cf}",
		"\\p{Cn}",
		"\\p{Co}",
		"\\p{L}",
		"\\p{Ll}",
		"\\p{Lm}",
		"\\p{Lo}",
		"\\p{Lt}",
		"\\p{Lu}",
		"\\p{M}",
		"\\p{Mc}",
		"\\p{Me}",
		"\\p{Mn}",
		"\\p{N}",
		"\\p{Nd}",
		"\\p{Nl}",
		"\\p{No}",
		"\\p{P}",
		"\\p{Pc}",
		"\\p{Pd}",
		"\\p{Pe}",
		"\\p{Pf}",
		"\\p{Pi}",
		"\\p{Po}",
		"\\p{Ps}",
		"\\p{S}",
		"\\p{Sc}",
		"\\p{Sk}",
		"\\p{Sm}",
		"\\p{So}",
		"\\p{Z}",
		"\\p{Zl}",
		"\\p{Zp}",
		"\\p{Zs}",
		"\\P{L}",
		"\\p{^N}",
		"[^\\P{M}]",
		"\\p{Arabic}",
		"\\p{Armenian}",
		"\\p{Bengali}",
		"\\p{Bopomofo}",
		"\\p{Cyrillic}",
		"\\p{Devanagari}",
		"\\p{Georgian}",
		"\\p{Greek}",
		"\\p{Gujarati}",
		"\\p{Gurmukhi}",
		"\\p{Han}",
		"\\p{Hangul}",
		"\\p{Hebrew}",
		"\\p{Hiragana}",
		"\\p{Kannada}",
		"\\p{Katakana}",
		"\\p{Khmer}",
		"\\p{Lao}",
		"\\p{Latin}",
		"\\p{Malayalam}",
		"\\p{Myanmar}",
		"\\p{Sinhala}",
		"\\p{Tamil}",
		"\\p{Telugu}",
		"\\p{Thai}",
		"\\p{Tibetan}",
	};
	struct text text = { 0 };

	add_code_points(&text);
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		expect_same(classes[i], &text);
	for (size_t i = 0; i < sizeof(published) / sizeof(*published); i++)
		expect_same(published[i], &text);
	text_release(&text);
}

/* An expression and four texts for it, all out of random bytes; false where it is Oniguruma's. */
static bool check_random(struct text *regex, struct text *text, int *n_dfa)
{
	uint8_t bytes[128];
	struct regexes_input in = { bytes, sizeof(bytes) };
	struct regexes r;
	struct err err = { 0 };

	for (size_t k = 0; k < sizeof(bytes); k++)
		bytes[k] = (uint8_t)(rand() >> 7);
	text_clear(regex);
	regexes_make_alternatives(&in, 0, regex);
	text_addc(regex, '\0');
	if (!regexes_compile(regex->data, &r, &err)) {
		cr_assert_eq(err.code, 0, "%s", err.message);
		return false;
	}
	*n_dfa += r.dfa.dfa != NULL;
	for (int k = 0; k < 4; k++) {
		ptrdiff_t at;

		text_clear(text);
		regexes_make_text(&in, text);
		text_addc(text, 'a');
		at = regexes_disagree(&r, text->data, text->len);
		cr_assert_eq(at, -1, "'%s' differs in '%.*s' at %td", regex->data, (int)text->len,
			     text->data, at);
	}
	regexes_release(&r);
	return true;
}

Test(regex, all_engines_agree_on_whatever_the_grammar_lets_through, .timeout = 600)
{
	struct text regex = { 0 }, text = { 0 };
	int n_same = 0, n_dfa = 0;

	srand(1);
	for (int i = 0; i < 60000; i++)
		n_same += check_random(&regex, &text, &n_dfa);
	cr_expect_gt(n_same, 6000, "%d are the same", n_same);
	cr_expect_gt(n_dfa, 4000, "%d are automata", n_dfa);
	text_release(&regex);
	text_release(&text);
}

/* ---- automata ---- */

/* Published patterns are automata, but for the one that is possessive, and know every character. */
Test(regex, published_patterns_are_automata, .timeout = 600)
{
	struct text text = { 0 };

	add_code_points(&text);
	for (size_t i = 0; i < sizeof(published) / sizeof(*published); i++) {
		struct pattern p = must_compile(published[i]);
		size_t at = 0, from, to;
		int rc = p.dfa ? 1 : 0;

		cr_expect_eq(!p.dfa, strstr(published[i], "?+") != NULL, "%s", published[i]);
		while (rc > 0) {
			rc = dfa_next(p.dfa, text.data, text.len, at, &from, &to);
			at = rc > 0 ? to : at;
		}
		cr_expect_eq(rc, 0, "'%s' gives up behind byte %zu", published[i], at);
		pattern_release(&p);
	}
	text_release(&text);
}

/* What is too much for an automaton, or not in its grammar, is left to PCRE2. */
Test(regex, what_is_no_automaton_is_left_to_pcre2)
{
	static const char *const others[] = {
		"^a",
		"a$",
		"a++b",
		"a(?=bc)",
		"a(?!b|c)",
		"a(?=b+)",
		"(?:a{30}b?){30}",
		"\\p{N}{999}",
		"(?:a|b)*a(?:a|b){12}",
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		struct pattern p = must_compile(others[i]);

		cr_expect_null(p.dfa, "%s", others[i]);
		cr_expect_not_null(p.code, "%s", others[i]);
		pattern_release(&p);
	}
}

/* A search that finds nothing looks at every place; PCRE2 has the sentence for that. */
Test(regex, an_automaton_does_not_search_without_end, .timeout = 60)
{
	struct pattern p = must_compile("a+b");
	struct text text = { 0 };
	size_t from, to;

	for (int i = 0; i < 1000000; i++)
		text_addc(&text, 'a');
	cr_expect_eq(dfa_next(p.dfa, text.data, text.len, 0, &from, &to), DFA_GIVES_UP);
	text_addc(&text, 'b');
	cr_expect_eq(dfa_next(p.dfa, text.data, text.len, 0, &from, &to), 1);
	cr_expect(from == 0 && to == text.len);
	text_release(&text);
	pattern_release(&p);
}

/* ---- threads ---- */

static void *match_much(void *ctx)
{
	const struct pattern *p = ctx;
	struct text text = { 0 };
	struct matcher m;
	struct finder f = { .p = p, .m = &m };
	struct err err = { 0 };
	size_t from, to;
	intptr_t n = 0;

	add_code_points(&text);
	f.s = text.data;
	f.len = text.len;
	matcher_init(&m);
	while (finder_next(&f, &from, &to, &err) > 0)
		n++;
	matcher_release(&m);
	text_release(&text);
	return (void *)n;
}

/* All of them meet every block of Unicode for the first time. */
Test(regex, threads_share_an_automaton, .timeout = 600)
{
	struct pattern p = must_compile(published[0]);
	pthread_t threads[4];
	void *n[4];

	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, match_much, &p), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], &n[i]);
	for (int i = 1; i < 4; i++)
		cr_expect_eq(n[i], n[0]);
	cr_expect_gt((intptr_t)n[0], 1000);
	pattern_release(&p);
}

/* ---- bounds ---- */

Test(regex, what_oniguruma_cannot_match_in_its_bounds_is_one_sentence, .timeout = 120)
{
	static const struct {
		const char *regex, *unit, *why;
	} cases[] = {
		{ "(?:(?>a)|aa)+$", "a", "retry-limit-in-match over" },
		{ "(?i:(?:s|ss)+)\\b9", "s", "retry-limit-in-match over" },
		{ "a|(?<=\\Ka)b", "ab", "\\K begins the match outside of it" },
		{ "(?:\\((?:a|\\g<0>)*+\\)|b)", "(", NULL },
		{ "((?:a|b)(?:\\1|b)*+)*+\\z", "a", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct text text = { 0 };
		const char *spans;

		for (int k = 0; k < 200; k++)
			text_adds(&text, cases[i].unit);
		text_adds(&text, "9");
		text_addc(&text, '\0');
		spans = spans_of(cases[i].regex, text.data);
		if (cases[i].why)
			cr_expect_not_null(strstr(spans, cases[i].why), "%s", spans);
		text_release(&text);
	}
}

Test(regex, a_match_that_takes_too_much_memory_is_one_sentence, .timeout = 120)
{
	struct pattern p = must_compile("(?:\\h|(g))+\\z");
	struct found found;
	struct matcher m;
	size_t len = (size_t)8 << 20;
	char *text = malloc(len);
	int rc;

	matcher_init(&m);
	memset(text, 'a', len);
	rc = regex_onig_next(&p, &m, text, len, 0, &found);
	cr_expect_eq(rc, ERR_FORMAT);
	cr_expect_str_eq(found.why, "match-stack limit over");
	free(text);
	matcher_release(&m);
	pattern_release(&p);
}

Test(regex, a_search_that_takes_long_can_be_interrupted)
{
	volatile sig_atomic_t interrupted = 1;
	struct pattern p = must_compile("\\h");
	struct matcher m;
	struct found found;

	matcher_init(&m);
	m.interrupted = &interrupted;
	cr_expect_eq(regex_onig_next(&p, &m, "xx", 2, 0, &found), ERR_INTERRUPTED);
	interrupted = 0;
	cr_expect_eq(regex_onig_next(&p, &m, "xx", 2, 0, &found), 0);
	matcher_release(&m);
	pattern_release(&p);
}

Test(regex, oniguruma_searches_long_texts)
{
	static const char *const regexes[] = { "(?<=\\h\\h)\xc3\xa9{2}?x", "^.*?\xc3\xa9x\\b",
					       "\\Gq*+", "(?>\xc3\xa9+)x\\z" };
	static const char *const last[] = { "7999-8004", "0-8004", "0-0", "1-8004" };

	for (size_t i = 0; i < sizeof(regexes) / sizeof(*regexes); i++) {
		struct pattern p = must_compile(regexes[i]);
		struct matcher m;
		struct found found;
		struct text text = { 0 };
		char span[64];

		text_adds(&text, "f");
		while (text.len < 7999)
			text_adds(&text, i == 0 && text.len == 7997 ? "ff" : "\xc3\xa9");
		text_adds(&text, "\xc3\xa9\xc3\xa9x");
		matcher_init(&m);
		cr_assert_eq(regex_onig_next(&p, &m, text.data, text.len, 0, &found), 1, "%s",
			     regexes[i]);
		snprintf(span, sizeof(span), "%zu-%zu", found.from, found.to);
		cr_expect_str_eq(span, last[i], "%s", regexes[i]);
		matcher_release(&m);
		pattern_release(&p);
		text_release(&text);
	}
}

static int nest(int depth, struct err *err)
{
	struct pattern p = { 0 };
	struct text regex = { 0 };
	int rc;

	for (int i = 0; i < depth; i++)
		text_adds(&regex, "(?>");
	text_adds(&regex, "a");
	for (int i = 0; i < depth; i++)
		text_adds(&regex, ")");
	text_addc(&regex, '\0');
	rc = pattern_regex(&p, regex.data, "test.json", "key", err);
	pattern_release(&p);
	text_release(&regex);
	return rc;
}

static void *nest_deep(void *ctx)
{
	*(int *)ctx = nest(2000, &(struct err){ 0 });
	return NULL;
}

Test(regex, groups_nest_as_deep_as_oniguruma_has_them_on_a_short_stack)
{
	struct err err = { 0 };
	pthread_attr_t attr;
	pthread_t thread;
	int rc = 1;

	cr_assert_eq(pthread_attr_init(&attr), 0);
	cr_assert_eq(pthread_attr_setstacksize(&attr, (size_t)256 << 10), 0);
	cr_assert_eq(pthread_create(&thread, &attr, nest_deep, &rc), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	cr_expect_eq(rc, 0);
	cr_expect_eq(nest(5000, &err), ERR_FORMAT);
	cr_expect(strstr(err.message, "test.json: key: Oniguruma refuses") &&
			  strstr(err.message, "parse depth limit over"),
		  "%s", err.message);
}

Test(regex, what_oniguruma_refuses_is_one_sentence)
{
	static const struct {
		const char *regex, *why;
	} cases[] = {
		{ "a(", "end pattern with unmatched parenthesis" },
		{ "\\p{Nowhere}", "invalid character property name {Nowhere}" },
		{ "[b-a]", "empty range in char class" },
		{ "*a", "target of repeat operator is not specified" },
		{ "a{200000}", "too big number for repeat range" },
		{ "(?<=a\\g<0>)", "" },
		{ "\\", "end pattern at escape" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pattern p = { 0 };
		struct err err = { 0 };

		cr_expect_eq(pattern_regex(&p, cases[i].regex, "t.json", "key", &err), ERR_FORMAT,
			     "%s", cases[i].regex);
		cr_expect(strstr(err.message, "t.json: key: Oniguruma refuses the regular "
					      "expression '") &&
				  strstr(err.message, cases[i].why),
			  "%s", err.message);
		pattern_release(&p);
	}
}
