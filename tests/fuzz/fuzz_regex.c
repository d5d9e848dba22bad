/*
 * fuzz_regex.c -- libFuzzer over regular expressions, and all engines over texts.
 *
 * A zero byte ends the expression and what follows is the text, both as they are; or, when the
 * first byte is odd, an expression of support/regexes.h is made of the bytes, and texts.  What
 * Oniguruma refuses is explained, matches lie behind one another inside the text, and what the
 * grammar lets through to PCRE2, and what an automaton does of it, is what Oniguruma finds.
 */
#include "fuzz.h"

#include "support/regexes.h"

/* Every match, or a sentence. */
static void check_matches(const struct pattern *p, const char *s, size_t len)
{
	struct matcher m;
	struct finder f = { .p = p, .m = &m, .s = s, .len = len };
	struct err err = { 0 };
	size_t from, to, end = 0;
	int rc;

	matcher_init(&m);
	while ((rc = finder_next(&f, &from, &to, &err)) > 0) {
		require(end <= from && from <= to && to <= len, "matches lie behind one another");
		end = to;
	}
	succeeded(rc, &err);
	matcher_release(&m);
}

static void check_same(const char *regex, const char *s, size_t len)
{
	struct regexes r;
	struct err err = { 0 };

	if (regexes_compile(regex, &r, &err)) {
		ptrdiff_t at = regexes_disagree(&r, s, len);

		if (at >= 0)
			fprintf(stderr, "'%s' differs in '%.*s' at %td\n", regex, (int)len, s, at);
		require(at < 0, "all engines find the same");
		regexes_release(&r);
	}
	require(err.code == 0, "what the grammar lets through, all accept");
}

static void check(const char *regex, const char *s, size_t len)
{
	struct pattern p = { 0 };
	struct err err = { 0 };

	if (succeeded(pattern_regex(&p, regex, "fuzz", "key", &err), &err))
		check_matches(&p, s, len);
	pattern_release(&p);
	check_same(regex, s, len);
}

static bool is_well_formed(const char *s, size_t len)
{
	size_t at = 0;

	for (int n = 1; at < len && n; at += (size_t)n)
		n = utf8_decode(s + at, len - at, NULL);
	return at == len;
}

static void check_made(struct regexes_input in)
{
	struct text regex = { 0 }, text = { 0 };

	regexes_make_alternatives(&in, 0, &regex);
	text_addc(&regex, '\0');
	do {
		text_clear(&text);
		regexes_make_text(&in, &text);
		text_addc(&text, 'a');
		check(regex.data, text.data, text.len);
	} while (in.left);
	text_release(&regex);
	text_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	size_t text_len;
	char *regex, *text;

	/* Oniguruma's bounds are of seconds, for texts of a document's size. */
	if (!size || size > 512)
		return 0;
	if (*data % 2) {
		check_made((struct regexes_input){ data + 1, size - 1 });
		return 0;
	}
	in = (struct input){ data + 1, size - 1 };
	regex = input_string(&in, '\0');
	text = input_rest(&in, &text_len);
	if (is_well_formed(regex, strlen(regex)) && is_well_formed(text, text_len))
		check(regex, text, text_len);
	free(regex);
	free(text);
	return 0;
}
