/*
 * regexes.h -- regular expressions and texts out of bytes, and the engines over them.
 *
 * The expressions are near to what src/model/tokenizer/regex_same.c derives, on either side of
 * it; the texts are made of what tells one meaning from another.
 */
#ifndef TESTS_REGEXES_H
#define TESTS_REGEXES_H

#include "model/tokenizer/impl.h"

#include <string.h>

struct regexes_input {
	const uint8_t *at;
	size_t left;
};

/* A number below n; 0 when the bytes are used up. */
static inline size_t regexes_choose(struct regexes_input *in, size_t n)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++ % n;
}

static const char *const regexes_ones[] = {
	"a",
	"b",
	"s",
	"'",
	"ab",
	"\\s",
	"\\S",
	"\\d",
	"\\D",
	"\\w",
	"\\W",
	".",
	"\\p{L}",
	"\\P{L}",
	"\\p{N}",
	"\\P{N}",
	"\\p{^L}",
	"\\p{Lu}",
	"\\p{Han}",
	"[ab]",
	"[^a]",
	"[a-c]",
	"[^\\s\\p{L}]",
	"[^\\r\\n\\p{L}\\p{N}]",
	"[\\r\\n]",
	"[\\w-]",
	"[-a]",
	"[^\\S]",
	"[\\D]",
	"[\\p{Ll}\\p{M}]",
	"[^\\P{L}]",
	"[\\S]",
	" ",
	"\\n",
	"\\x41",
	"\\x{e9}",
	"\xe4\xbd\xa0",
	"\\.",
	"1",
	"[ -~]",
	"\\^",
	"[\\]\\\\]",
};
static const char *const regexes_odd_ones[] = {
	"[a&&b]",  "[[a]b]", "[\\W]", "\\h", "\\X", "\\R",   "\\b",       "\\K",
	"\\G",     "\\1",    "]",     "{",   "}",   "(?i)",  "(?~a)",     "\\xe9",
	"(?<n>a)", "[",      "(",     ")",   "\\",  "(?#a)", "[:alpha:]", "\\g<0>",
};
static const char *const regexes_quantifiers[] = {
	"", "", "", "", "", "", "?", "*", "+", "++", "*+", "?+", "{2}", "{1,3}", "{2,}", "{0,2}",
};
static const char *const regexes_odd_quantifiers[] = {
	"??", "*?", "+?", "{2}?", "{,2}", "{2}+", "{3,1}", "{0}", "**", "{1,2}{2}",
};
static const char *const regexes_groups[] = { "(?:", "(", "(?=", "(?!", "(?:" };
static const char *const regexes_odd_groups[] = { "(?>", "(?<=", "(?<!", "(?i:", "(?m:", "(?~|" };
static const char *const regexes_whole[] = {
	"(?i:'s|'t|'re)", "(?i:[sdmt]|ll|ve)", "(?i:s|k)?", "^", "$", "^a", "b$",
	"\\s+(?!\\S)",    "(?i:'S)",
};

#define REGEXES_CHOOSE(in, list) (list)[regexes_choose(in, sizeof(list) / sizeof(*(list)))]

static inline void regexes_make_alternatives(struct regexes_input *in, int depth, struct text *out);

static inline void regexes_make_item(struct regexes_input *in, int depth, struct text *out)
{
	size_t kind = regexes_choose(in, 24);

	if (kind == 0)
		text_adds(out, REGEXES_CHOOSE(in, regexes_odd_ones));
	else if (kind <= 3)
		text_adds(out, REGEXES_CHOOSE(in, regexes_whole));
	else if (kind <= 7 && depth < 3) {
		text_adds(out, kind == 4 ? REGEXES_CHOOSE(in, regexes_odd_groups)
					 : REGEXES_CHOOSE(in, regexes_groups));
		regexes_make_alternatives(in, depth + 1, out);
		text_adds(out, ")");
	} else {
		text_adds(out, REGEXES_CHOOSE(in, regexes_ones));
	}
	text_adds(out, regexes_choose(in, 24) ? REGEXES_CHOOSE(in, regexes_quantifiers)
					      : REGEXES_CHOOSE(in, regexes_odd_quantifiers));
}

static inline void regexes_make_alternatives(struct regexes_input *in, int depth, struct text *out)
{
	do {
		for (size_t n = regexes_choose(in, 4); n; n--)
			regexes_make_item(in, depth, out);
	} while (regexes_choose(in, 3) == 1 && (text_adds(out, "|"), true));
}

static inline void regexes_make_text(struct regexes_input *in, struct text *out)
{
	static const char *const characters[] = {
		"a",
		"b",
		"c",
		"s",
		"S",
		"k",
		"K",
		"t",
		"'",
		"1",
		" ",
		" ",
		"\n",
		"\r",
		"\t",
		"_",
		"-",
		".",
		"A",
		"]",
		"\xc5\xbf" /* long s */,
		"\xe2\x84\xaa" /* Kelvin */,
		"\xc3\x9f" /* sharp s */,
		"\xef\xac\x81" /* fi */,
		"\xef\xac\x86" /* st */,
		"\xc3\xa9",
		"\xc2\xbd" /* a half */,
		"\xc2\xa0",
		"\xc2\x85",
		"\xe1\xa0\x8e",
		"\xe4\xbd\xa0",
		"\xcc\x81" /* acute */,
		"\xcc\x87",
		"\xc4\xb0" /* I with dot */,
		"\xe2\x80\x8d",
		"\xf0\x9f\x98\x80",
		"\xd9\xa3" /* a digit */,
		"\xe3\x81\x82",
		"\xcf\x82",
		"\xc7\xb0",
		"l",
		"v",
		"e",
		"r",
		"d",
		"m",
	};

	for (size_t n = regexes_choose(in, 24); n && in->left; n--)
		text_adds(out, REGEXES_CHOOSE(in, characters));
}

/* What an expression is to PCRE2, to the automaton (with PCRE2 behind it) and to Oniguruma. */
struct regexes {
	struct pattern jit, dfa, onig;
};

static inline void regexes_release(struct regexes *r)
{
	pattern_release(&r->jit);
	pattern_release(&r->dfa);
	pattern_release(&r->onig);
	*r = (struct regexes){ 0 };
}

/* False when the grammar does not let it; r->dfa.dfa is NULL where no automaton can do it. */
static inline bool regexes_compile(const char *regex, struct regexes *r, struct err *err)
{
	struct text dialect = { 0 };
	bool of_unicode, ok = regex_same(regex, &dialect, &of_unicode);
	const char *s = dialect.len ? dialect.data : "";

	*r = (struct regexes){ 0 };
	if (ok && (regex_jit_compile(&r->jit, s, dialect.len) ||
		   regex_jit_compile(&r->dfa, s, dialect.len))) {
		err_set(err, ERR_FORMAT, "PCRE2 refuses '%s'", regex);
		ok = false;
	}
	if (ok)
		r->dfa.dfa = dfa_compile(s, dialect.len);
	if (ok && regex_onig_compile(&r->onig, regex, "test", "key", err))
		ok = false;
	if (!ok)
		regexes_release(r);
	text_release(&dialect);
	return ok;
}

/* The first byte at which the two find something else in s; -1 when they agree. */
static inline ptrdiff_t regexes_differ(const struct pattern *a, const struct pattern *b,
				       const char *s, size_t len)
{
	struct matcher m;
	struct finder in_a = { .p = a, .m = &m, .s = s, .len = len };
	struct finder in_b = { .p = b, .m = &m, .s = s, .len = len };
	ptrdiff_t where = -1;
	struct err err = { 0 };
	int rc_a, rc_b;

	matcher_init(&m);
	do {
		size_t from_a = 0, to_a = 0, from_b = 0, to_b = 0;

		rc_a = finder_next(&in_a, &from_a, &to_a, &err);
		rc_b = finder_next(&in_b, &from_b, &to_b, &err);
		if (rc_a < 0 || rc_b < 0)
			break;
		if (rc_a != rc_b || from_a != from_b || to_a != to_b)
			where = (ptrdiff_t)(from_a < from_b ? from_a : from_b);
	} while (rc_a > 0 && where < 0);
	matcher_release(&m);
	return where;
}

/* Where one of them finds something else than Oniguruma; -1 when all agree. */
static inline ptrdiff_t regexes_disagree(const struct regexes *r, const char *s, size_t len)
{
	ptrdiff_t at = regexes_differ(&r->jit, &r->onig, s, len);

	return at < 0 ? regexes_differ(&r->dfa, &r->onig, s, len) : at;
}

#endif
