/*
 * regex_same.c -- the regular expressions that mean the same to PCRE2 as to Oniguruma.
 *
 * The two dialects differ in more places than anybody has listed, so nothing here looks for
 * differences: this is a grammar of what is known to be the same, and whatever it does not derive
 * is Oniguruma's.  It derives the published patterns.
 *
 *	alternatives := sequence { "|" sequence }
 *	sequence     := { item }
 *	item         := one [quantifier ["+"]] | "(" ["?:"] alternatives ")" [quantifier]
 *	              | "(?i:" letters { "|" letters } ")" ["?"] | ("(?=" | "(?!") alternatives ")"
 *	              | "^" | "$"
 *	one          := character | "." | class | "[" ["^"] { character ["-" character] | class }
 *"]" class        := \s \S \d \D \w \W \p{category} \p{script} \P{...} \p{^...} quantifier   := "*"
 *| "+" | "?" | "{n}" | "{n,}" | "{n,m}"
 *
 * What a grammar does not say is asked of shapes: what may be empty is not repeated, and a
 * repetition alone is not repeated again (Oniguruma makes one of the two); letters without case
 * stand where no two of them meet that another character folds to ("ss", "fi").  What no published
 * pattern needs is left out, since both have faults: lazy quantifiers, atomic groups, looking
 *behind.
 *
 * Written anew for PCRE2: \s is Unicode's White_Space (PCRE2 adds U+180E), \w has marks (PCRE2
 * 10.42 leaves them out) and, outside of a set, what Oniguruma takes from Latin-1, \p{Han} is the
 * script itself, not its extensions.
 */
#include "impl.h"

#include "torchless/utf8.h"

#include <ctype.h>
#include <string.h>

#define MAX_DEPTH  32
#define MAX_REPEAT 999

#define QUANTIFIERS "*+?{"

#define SPACES                                                                                     \
	"\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"   \
	"\\x{3000}"
#define NO_SPACES                                                                                  \
	"\\x{0}-\\x{8}\\x{e}-\\x{1f}!-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"  \
	"\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"             \
	"\\x{3001}-\\x{10ffff}"
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
/* Superscripts and fractions. */
#define LATIN_WORD "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"

/* What stands for a class outside a set and inside one (NULL: nothing does). */
static const struct {
	char escape;
	bool of_unicode; /* by a table that grows with Unicode */
	const char *outside, *inside;
} classes[] = {
	{ 's', false, "[" SPACES "]", SPACES },       { 'S', false, "[^" SPACES "]", NO_SPACES },
	{ 'w', true, "[" WORD LATIN_WORD "]", WORD }, { 'W', true, "[^" WORD LATIN_WORD "]", NULL },
	{ 'd', true, "\\p{Nd}", "\\p{Nd}" },          { 'D', true, "\\P{Nd}", "\\P{Nd}" },
};

static const char *const categories[] = {
	"C",  "Cc", "Cf", "Cn", "Co", "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",
	"Mc", "Me", "Mn", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Pe", "Pf",
	"Pi", "Po", "Ps", "S",  "Sc", "Sk", "Sm", "So", "Z",  "Zl", "Zp", "Zs",
};

static const char *const scripts[] = {
	"Arabic",  "Armenian", "Bengali",  "Bopomofo", "Cyrillic", "Devanagari", "Georgian",
	"Greek",   "Gujarati", "Gurmukhi", "Han",      "Hangul",   "Hebrew",     "Hiragana",
	"Kannada", "Katakana", "Khmer",    "Lao",      "Latin",    "Malayalam",  "Myanmar",
	"Sinhala", "Tamil",    "Telugu",   "Thai",     "Tibetan",
};

/* Escapes of one character. */
static const char escaped[] = "tnrfeav", escapes_to[] = "\t\n\r\f\x1b\a\v";

/* Pairs of letters that are the fold of a character, or begin such a fold. */
static const char folds[][3] = { "ss", "ff", "fi", "fl", "st" };

struct parse {
	const char *s;
	size_t at, len;
	int depth;
	bool of_unicode; /* something of `classes` or a property was there */
	struct text *out;
};

/* What an expression is, for what may stand around it. */
struct shape {
	bool may_be_empty;
	bool is_repetition; /* it is one item with a quantifier, and nothing else */
	bool has_folds;     /* letters without case are in it */
	bool ends_folded;   /* such letters may be the last of it */
};

static bool parse_alternatives(struct parse *p, bool after_folded, struct shape *shape);

static bool peek(const struct parse *p, const char *s)
{
	size_t n = strlen(s);

	return p->len - p->at >= n && memcmp(p->s + p->at, s, n) == 0;
}

static bool peek_any(const struct parse *p, const char *set)
{
	return p->at < p->len && p->s[p->at] && strchr(set, p->s[p->at]);
}

/* Read `s`, which both write alike, and write it. */
static bool take(struct parse *p, const char *s)
{
	if (!peek(p, s))
		return false;
	text_adds(p->out, s);
	p->at += strlen(s);
	return true;
}

/* ---- one character ---- */

static void put_character(struct parse *p, uint32_t cp)
{
	char utf8[4];

	if (cp < 0x80 && !isalnum((int)cp) && cp != ' ')
		text_addf(p->out, "\\x{%x}", (unsigned)cp);
	else
		text_add(p->out, utf8, (size_t)utf8_encode(cp, utf8));
}

/* The digits behind \x, \x{ or \u, at least `least` of them; 0 digits read: false. */
static bool read_hex(struct parse *p, int least, int most, uint32_t *cp)
{
	int n = 0;

	for (*cp = 0; n < most && p->at < p->len && isxdigit((unsigned char)p->s[p->at]); n++) {
		int c = tolower((unsigned char)p->s[p->at++]);

		*cp = *cp << 4 | (uint32_t)(isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	return n >= least;
}

/* \x41 (above 7f it is a byte, not a character), \x{2581}, \u2581. */
static bool read_code(struct parse *p, uint32_t *cp)
{
	bool ok;

	if (peek(p, "x{")) {
		p->at += 2;
		ok = read_hex(p, 1, 6, cp) && peek(p, "}");
		p->at += ok;
	} else if (p->s[p->at++] == 'u') {
		ok = read_hex(p, 4, 4, cp);
	} else {
		ok = read_hex(p, 2, 2, cp) && *cp < 0x80;
	}
	return ok && *cp <= 0x10ffff && !(*cp >= 0xd800 && *cp <= 0xdfff);
}

/* One character, written as itself (if it is none of `special`) or escaped. */
static bool read_character(struct parse *p, const char *special, uint32_t *cp)
{
	const char *e;
	int n;

	if (p->at >= p->len)
		return false;
	if (p->s[p->at] != '\\') {
		n = utf8_decode(p->s + p->at, p->len - p->at, cp);
		if (!n || !*cp || (*cp < 0x80 && strchr(special, (int)*cp)))
			return false;
		p->at += (size_t)n;
		return true;
	}
	p->at++;
	if (peek_any(p, "xu"))
		return read_code(p, cp);
	if (p->at >= p->len || !p->s[p->at])
		return false;
	*cp = (unsigned char)p->s[p->at++];
	e = strchr(escaped, (int)*cp);
	if (e)
		*cp = (unsigned char)escapes_to[e - escaped];
	return e || (*cp < 0x80 && (ispunct((int)*cp) || *cp == ' '));
}

/* ---- classes and sets ---- */

static bool is_one_of(const char *name, size_t n, const char *const *list, size_t n_list)
{
	for (size_t i = 0; i < n_list; i++)
		if (strlen(list[i]) == n && memcmp(list[i], name, n) == 0)
			return true;
	return false;
}

/* \p{L}, \P{Lu}, \p{^N}, \p{Han} */
static bool parse_property(struct parse *p)
{
	const char *name = p->s + p->at + 3, *close;
	bool negated, is_script;
	size_t n;

	if (p->len - p->at < 4 || name[-1] != '{' ||
	    !(close = memchr(name, '}', p->len - p->at - 3)))
		return false;
	negated = *name == '^';
	if (negated && p->s[p->at + 1] == 'P')
		return false;
	name += negated;
	n = (size_t)(close - name);
	is_script = is_one_of(name, n, scripts, sizeof(scripts) / sizeof(*scripts));
	if (!is_script && !is_one_of(name, n, categories, sizeof(categories) / sizeof(*categories)))
		return false;
	text_addf(p->out, "\\%c{%s%s%.*s}", p->s[p->at + 1], negated ? "^" : "",
		  is_script ? "sc:" : "", (int)n, name);
	p->at = (size_t)(close + 1 - p->s);
	p->of_unicode = true;
	return true;
}

static bool at_class(const struct parse *p)
{
	return p->len - p->at >= 2 && p->s[p->at] == '\\' && p->s[p->at + 1] &&
	       strchr("sSdDwWpP", p->s[p->at + 1]);
}

static bool parse_class(struct parse *p, bool in_set)
{
	char c = p->s[p->at + 1];

	if (c == 'p' || c == 'P')
		return parse_property(p);
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		const char *to = in_set ? classes[i].inside : classes[i].outside;

		if (classes[i].escape != c)
			continue;
		if (to)
			text_adds(p->out, to);
		p->of_unicode = p->of_unicode || classes[i].of_unicode;
		p->at += 2;
		return to != NULL;
	}
	return false;
}

/* A character or a range of them. */
static bool parse_range(struct parse *p)
{
	uint32_t low, high;

	if (peek(p, "&&") || !read_character(p, "[]\\-", &low))
		return false;
	put_character(p, low);
	if (!peek(p, "-") || peek(p, "-]"))
		return true;
	text_addc(p->out, '-');
	p->at++;
	if (!read_character(p, "[]\\-&", &high) || high < low)
		return false;
	put_character(p, high);
	return true;
}

/* A hyphen that stands for itself is the first or the last of a set. */
static bool parse_hyphen(struct parse *p)
{
	if (!peek(p, "-"))
		return false;
	p->at++;
	put_character(p, '-');
	return true;
}

static bool parse_set(struct parse *p)
{
	if (!take(p, "["))
		return false;
	take(p, "^");
	if (peek(p, "]") || peek(p, "-]"))
		return false;
	parse_hyphen(p);
	while (!peek(p, "]")) {
		if (peek(p, "-]") ? !parse_hyphen(p)
				  : !(at_class(p) ? parse_class(p, true) : parse_range(p)))
			return false;
	}
	return take(p, "]");
}

/* What matches one character. */
static bool parse_one(struct parse *p)
{
	uint32_t cp;

	if (peek(p, "["))
		return parse_set(p);
	if (at_class(p))
		return parse_class(p, false);
	if (take(p, "."))
		return true;
	if (!read_character(p, "\\^$.[]()|{}*+?", &cp))
		return false;
	put_character(p, cp);
	return true;
}

/* ---- quantifiers ---- */

static bool read_number(struct parse *p, int *n)
{
	size_t from = p->at;

	for (*n = 0; *n <= MAX_REPEAT && p->at < p->len && isdigit((unsigned char)p->s[p->at]);)
		*n = *n * 10 + p->s[p->at++] - '0';
	return p->at > from && *n <= MAX_REPEAT;
}

/* {n}, {n,}, {n,m}; {,n} and {3,2} are something else in Oniguruma. */
static bool parse_count(struct parse *p)
{
	size_t from = p->at++;
	int least, most;

	if (!read_number(p, &least))
		return false;
	most = least;
	if (peek(p, ",")) {
		p->at++;
		most = MAX_REPEAT;
		if (!peek(p, "}") && !read_number(p, &most))
			return false;
	}
	if (!peek(p, "}") || most < least || most < 1)
		return false;
	p->at++;
	text_add(p->out, p->s + from, p->at - from);
	return true;
}

/* The quantifier of what has the shape, if there is one; one alone, not stacked. */
static bool parse_quantifier(struct parse *p, bool may_be_possessive, struct shape *shape)
{
	size_t from = p->at;

	if (!peek_any(p, QUANTIFIERS))
		return true;
	if (shape->may_be_empty || shape->is_repetition || (shape->has_folds && !peek(p, "?")))
		return false;
	if (peek(p, "{")) {
		if (!parse_count(p))
			return false;
		shape->may_be_empty = p->s[from + 1] == '0';
	} else {
		shape->may_be_empty = !peek(p, "+");
		text_addc(p->out, p->s[p->at++]);
		if (may_be_possessive)
			take(p, "+");
	}
	shape->is_repetition = true;
	return !peek_any(p, QUANTIFIERS);
}

/* ---- groups ---- */

/* Letters and other ASCII characters, or one set of letters, whose case does not matter. */
static bool parse_letters(struct parse *p)
{
	uint32_t cp, before = 0;

	if (take(p, "[")) {
		while (p->at < p->len && isalpha((unsigned char)p->s[p->at]))
			text_addc(p->out, p->s[p->at++]);
		return p->s[p->at - 1] != '[' && take(p, "]");
	}
	for (; !peek_any(p, "|)"); before = cp) {
		if (!read_character(p, "\\^$.[]()|{}*+?", &cp) || cp >= 0x80)
			return false;
		cp = (uint32_t)tolower((int)cp);
		for (size_t i = 0; i < sizeof(folds) / sizeof(*folds); i++)
			if ((uint32_t)folds[i][0] == before && (uint32_t)folds[i][1] == cp)
				return false;
		put_character(p, cp);
	}
	return before != 0;
}

static bool parse_caseless(struct parse *p, bool after_folded, struct shape *shape)
{
	if (after_folded || !take(p, "(?i:"))
		return false;
	do
		if (!parse_letters(p))
			return false;
	while (take(p, "|"));
	*shape = (struct shape){ .has_folds = true, .ends_folded = true };
	return take(p, ")") && parse_quantifier(p, false, shape);
}

static const struct {
	const char *open;
	bool looks;
} groups[] = { { "(?:", false }, { "(?=", true }, { "(?!", true }, { "(", false } };

static bool parse_group(struct parse *p, bool after_folded, struct shape *shape)
{
	size_t i = 0;

	while (!peek(p, groups[i].open))
		i++;
	if ((groups[i].open[1] == '\0' && (peek(p, "(?") || peek(p, "(*"))) ||
	    p->depth == MAX_DEPTH)
		return false;
	take(p, groups[i].open);
	p->depth++;
	if (!parse_alternatives(p, after_folded, shape) || !take(p, ")"))
		return false;
	p->depth--;
	if (!groups[i].looks) {
		shape->is_repetition = shape->is_repetition && groups[i].open[1];
		return parse_quantifier(p, false, shape);
	}
	*shape = (struct shape){ .may_be_empty = true,
				 .ends_folded = after_folded || shape->has_folds };
	return !peek_any(p, QUANTIFIERS);
}

static bool parse_item(struct parse *p, bool after_folded, struct shape *shape)
{
	*shape = (struct shape){ 0 };
	if (take(p, "^") || take(p, "$")) {
		*shape = (struct shape){ .may_be_empty = true, .ends_folded = after_folded };
		return !peek_any(p, QUANTIFIERS);
	}
	if (peek(p, "(?i:"))
		return parse_caseless(p, after_folded, shape);
	if (peek(p, "("))
		return parse_group(p, after_folded, shape);
	return parse_one(p) && parse_quantifier(p, true, shape);
}

static bool parse_sequence(struct parse *p, bool after_folded, struct shape *shape)
{
	int n = 0;

	*shape = (struct shape){ .may_be_empty = true, .ends_folded = after_folded };
	for (; p->at < p->len && !peek_any(p, "|)"); n++) {
		struct shape item;

		if (!parse_item(p, shape->ends_folded, &item))
			return false;
		shape->ends_folded = item.ends_folded || (item.may_be_empty && shape->ends_folded);
		shape->may_be_empty = shape->may_be_empty && item.may_be_empty;
		shape->has_folds = shape->has_folds || item.has_folds;
		shape->is_repetition = n == 0 && item.is_repetition;
	}
	return true;
}

static bool parse_alternatives(struct parse *p, bool after_folded, struct shape *shape)
{
	bool is_first = true;

	*shape = (struct shape){ 0 };
	do {
		struct shape one;

		if (!parse_sequence(p, after_folded, &one))
			return false;
		shape->may_be_empty = shape->may_be_empty || one.may_be_empty;
		shape->has_folds = shape->has_folds || one.has_folds;
		shape->ends_folded = shape->ends_folded || one.ends_folded;
		shape->is_repetition = is_first && one.is_repetition;
		is_first = false;
	} while (take(p, "|"));
	return true;
}

bool regex_same(const char *regex, struct text *out, bool *of_unicode)
{
	struct parse p = { .s = regex, .len = strlen(regex), .out = out };
	struct shape shape;

	if (!parse_alternatives(&p, false, &shape) || p.at < p.len)
		return false;
	*of_unicode = p.of_unicode;
	return true;
}
