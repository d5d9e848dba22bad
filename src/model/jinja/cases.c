/*
 * cases.c -- upper and lower case of strings as Python sees them.
 *
 * The C library's C.UTF-8 knows what one character becomes; the table here, which characters become
 * several (Unicode's SpecialCasing, without what hangs on a language).  A capital sigma looks at
 * its neighbours.
 */
#include "impl.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#define CAPITAL_I_WITH_DOT 0x130
#define CAPITAL_SIGMA      0x3a3
#define SMALL_SIGMA        0x3c3
#define FINAL_SIGMA        0x3c2
#define CAPITAL_IOTA       0x399
#define IOTA_BELOW         0x345
#define CAPITAL_SHARP_S    0x1e9e
#define SMALL_DOTLESS_I    0x131

struct expansion {
	uint32_t cp;
	uint32_t upper[3]; /* the rest is 0 */
};

static const struct expansion expansions[] = {
	{ 0x00df, { 0x0053, 0x0053 } },         { 0x0149, { 0x02bc, 0x004e } },
	{ 0x01f0, { 0x004a, 0x030c } },         { 0x0390, { 0x0399, 0x0308, 0x0301 } },
	{ 0x03b0, { 0x03a5, 0x0308, 0x0301 } }, { 0x0587, { 0x0535, 0x0552 } },
	{ 0x1e96, { 0x0048, 0x0331 } },         { 0x1e97, { 0x0054, 0x0308 } },
	{ 0x1e98, { 0x0057, 0x030a } },         { 0x1e99, { 0x0059, 0x030a } },
	{ 0x1e9a, { 0x0041, 0x02be } },         { 0x1f50, { 0x03a5, 0x0313 } },
	{ 0x1f52, { 0x03a5, 0x0313, 0x0300 } }, { 0x1f54, { 0x03a5, 0x0313, 0x0301 } },
	{ 0x1f56, { 0x03a5, 0x0313, 0x0342 } }, { 0x1f80, { 0x1f08, 0x0399 } },
	{ 0x1f81, { 0x1f09, 0x0399 } },         { 0x1f82, { 0x1f0a, 0x0399 } },
	{ 0x1f83, { 0x1f0b, 0x0399 } },         { 0x1f84, { 0x1f0c, 0x0399 } },
	{ 0x1f85, { 0x1f0d, 0x0399 } },         { 0x1f86, { 0x1f0e, 0x0399 } },
	{ 0x1f87, { 0x1f0f, 0x0399 } },         { 0x1f88, { 0x1f08, 0x0399 } },
	{ 0x1f89, { 0x1f09, 0x0399 } },         { 0x1f8a, { 0x1f0a, 0x0399 } },
	{ 0x1f8b, { 0x1f0b, 0x0399 } },         { 0x1f8c, { 0x1f0c, 0x0399 } },
	{ 0x1f8d, { 0x1f0d, 0x0399 } },         { 0x1f8e, { 0x1f0e, 0x0399 } },
	{ 0x1f8f, { 0x1f0f, 0x0399 } },         { 0x1f90, { 0x1f28, 0x0399 } },
	{ 0x1f91, { 0x1f29, 0x0399 } },         { 0x1f92, { 0x1f2a, 0x0399 } },
	{ 0x1f93, { 0x1f2b, 0x0399 } },         { 0x1f94, { 0x1f2c, 0x0399 } },
	{ 0x1f95, { 0x1f2d, 0x0399 } },         { 0x1f96, { 0x1f2e, 0x0399 } },
	{ 0x1f97, { 0x1f2f, 0x0399 } },         { 0x1f98, { 0x1f28, 0x0399 } },
	{ 0x1f99, { 0x1f29, 0x0399 } },         { 0x1f9a, { 0x1f2a, 0x0399 } },
	{ 0x1f9b, { 0x1f2b, 0x0399 } },         { 0x1f9c, { 0x1f2c, 0x0399 } },
	{ 0x1f9d, { 0x1f2d, 0x0399 } },         { 0x1f9e, { 0x1f2e, 0x0399 } },
	{ 0x1f9f, { 0x1f2f, 0x0399 } },         { 0x1fa0, { 0x1f68, 0x0399 } },
	{ 0x1fa1, { 0x1f69, 0x0399 } },         { 0x1fa2, { 0x1f6a, 0x0399 } },
	{ 0x1fa3, { 0x1f6b, 0x0399 } },         { 0x1fa4, { 0x1f6c, 0x0399 } },
	{ 0x1fa5, { 0x1f6d, 0x0399 } },         { 0x1fa6, { 0x1f6e, 0x0399 } },
	{ 0x1fa7, { 0x1f6f, 0x0399 } },         { 0x1fa8, { 0x1f68, 0x0399 } },
	{ 0x1fa9, { 0x1f69, 0x0399 } },         { 0x1faa, { 0x1f6a, 0x0399 } },
	{ 0x1fab, { 0x1f6b, 0x0399 } },         { 0x1fac, { 0x1f6c, 0x0399 } },
	{ 0x1fad, { 0x1f6d, 0x0399 } },         { 0x1fae, { 0x1f6e, 0x0399 } },
	{ 0x1faf, { 0x1f6f, 0x0399 } },         { 0x1fb2, { 0x1fba, 0x0399 } },
	{ 0x1fb3, { 0x0391, 0x0399 } },         { 0x1fb4, { 0x0386, 0x0399 } },
	{ 0x1fb6, { 0x0391, 0x0342 } },         { 0x1fb7, { 0x0391, 0x0342, 0x0399 } },
	{ 0x1fbc, { 0x0391, 0x0399 } },         { 0x1fc2, { 0x1fca, 0x0399 } },
	{ 0x1fc3, { 0x0397, 0x0399 } },         { 0x1fc4, { 0x0389, 0x0399 } },
	{ 0x1fc6, { 0x0397, 0x0342 } },         { 0x1fc7, { 0x0397, 0x0342, 0x0399 } },
	{ 0x1fcc, { 0x0397, 0x0399 } },         { 0x1fd2, { 0x0399, 0x0308, 0x0300 } },
	{ 0x1fd3, { 0x0399, 0x0308, 0x0301 } }, { 0x1fd6, { 0x0399, 0x0342 } },
	{ 0x1fd7, { 0x0399, 0x0308, 0x0342 } }, { 0x1fe2, { 0x03a5, 0x0308, 0x0300 } },
	{ 0x1fe3, { 0x03a5, 0x0308, 0x0301 } }, { 0x1fe4, { 0x03a1, 0x0313 } },
	{ 0x1fe6, { 0x03a5, 0x0342 } },         { 0x1fe7, { 0x03a5, 0x0308, 0x0342 } },
	{ 0x1ff2, { 0x1ffa, 0x0399 } },         { 0x1ff3, { 0x03a9, 0x0399 } },
	{ 0x1ff4, { 0x038f, 0x0399 } },         { 0x1ff6, { 0x03a9, 0x0342 } },
	{ 0x1ff7, { 0x03a9, 0x0342, 0x0399 } }, { 0x1ffc, { 0x03a9, 0x0399 } },
	{ 0xfb00, { 0x0046, 0x0046 } },         { 0xfb01, { 0x0046, 0x0049 } },
	{ 0xfb02, { 0x0046, 0x004c } },         { 0xfb03, { 0x0046, 0x0046, 0x0049 } },
	{ 0xfb04, { 0x0046, 0x0046, 0x004c } }, { 0xfb05, { 0x0053, 0x0054 } },
	{ 0xfb06, { 0x0053, 0x0054 } },         { 0xfb13, { 0x0544, 0x0546 } },
	{ 0xfb14, { 0x0544, 0x0535 } },         { 0xfb15, { 0x0544, 0x053b } },
	{ 0xfb16, { 0x054e, 0x0546 } },         { 0xfb17, { 0x0544, 0x053d } },
};

static locale_t cases(struct jinja *j)
{
	if (!j->locale)
		j->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!j->locale)
		jinja_fail(j, "upper and lower case beyond ASCII need the locale C.UTF-8");
	return j->locale;
}

static int by_character(const void *key, const void *entry)
{
	uint32_t cp = *(const uint32_t *)key, other = ((const struct expansion *)entry)->cp;

	return (cp > other) - (cp < other);
}

static const struct expansion *find_expansion(uint32_t cp)
{
	return bsearch(&cp, expansions, sizeof(expansions) / sizeof(*expansions),
		       sizeof(*expansions), by_character);
}

static void add_upper(struct jinja *j, struct buffer *b, uint32_t cp)
{
	const struct expansion *e = find_expansion(cp);

	if (!e)
		buffer_add_char(j, b, towupper_l(cp, cases(j)));
	for (size_t i = 0; e && i < 3 && e->upper[i]; i++)
		buffer_add_char(j, b, e->upper[i]);
}

/* Of the letters whose title case is one letter, but not the upper case; 0 for others. */
static uint32_t title_letter(uint32_t cp)
{
	if (cp >= 0x1c4 && cp <= 0x1cc)
		return 0x1c5 + (cp - 0x1c4) / 3 * 3;
	if (cp >= 0x1f1 && cp <= 0x1f3)
		return 0x1f2;
	if (cp >= 0x1f80 && cp <= 0x1faf)
		return cp | 8;
	if (cp == 0x1fb3 || cp == 0x1fc3 || cp == 0x1ff3)
		return cp + 9;
	if ((cp >= 0x10d0 && cp <= 0x10ff) || cp == 0x1fbc || cp == 0x1fcc || cp == 0x1ffc)
		return cp;
	return 0;
}

/* Of several letters the first is a capital; an iota that was below the letter is there again. */
static void add_title(struct jinja *j, struct buffer *b, uint32_t cp)
{
	const struct expansion *e = find_expansion(cp);
	uint32_t letter = title_letter(cp);
	bool first_only = cp == 0xdf || cp == 0x587 || (cp >= 0x1fb2 && cp <= 0x1ff7) ||
			  (cp >= 0xfb00 && cp <= 0xfb17);

	if (letter) {
		buffer_add_char(j, b, letter);
		return;
	}
	if (!e || !first_only) {
		add_upper(j, b, cp);
		return;
	}
	buffer_add_char(j, b, e->upper[0]);
	for (size_t i = 1; i < 3 && e->upper[i]; i++)
		buffer_add_char(j, b,
				e->upper[i] == CAPITAL_IOTA ? IOTA_BELOW
							    : towlower_l(e->upper[i], cases(j)));
}

/* What letters are compared by: the small letters of the capitals, but for a few. */
static void add_folded(struct jinja *j, struct buffer *b, uint32_t cp)
{
	const struct expansion *e = find_expansion(cp);
	bool cherokee = (cp >= 0x13a0 && cp <= 0x13fd) || (cp >= 0xab70 && cp <= 0xabbf);

	if (cp == CAPITAL_I_WITH_DOT)
		buffer_add(j, b, "i\u0307", strlen("i\u0307"));
	else if (cp == CAPITAL_SHARP_S)
		buffer_adds(j, b, "ss");
	else if (cp == SMALL_DOTLESS_I)
		buffer_add_char(j, b, cp);
	else if (cherokee)
		add_upper(j, b, cp);
	else if (!e)
		buffer_add_char(j, b, towlower_l(towupper_l(cp, cases(j)), cases(j)));
	for (size_t i = 0; e && i < 3 && e->upper[i]; i++)
		buffer_add_char(j, b, towlower_l(e->upper[i], cases(j)));
}

/* Is there a letter before s[from], past what has no case?  Or behind it? */
static bool letter_before(struct jinja *j, struct bytes s, size_t from)
{
	uint32_t cp;

	while (from > 0) {
		from -= last_char((struct bytes){ s.data, from }, &cp);
		if (!char_is(j, CHAR_CASE_IGNORABLE, cp))
			return char_is(j, CHAR_CASED, cp);
		jinja_work(j, 1);
	}
	return false;
}

static bool letter_behind(struct jinja *j, struct bytes s, size_t to)
{
	uint32_t cp;

	while (to < s.len) {
		to += char_at(s.data + to, s.len - to, &cp);
		if (!char_is(j, CHAR_CASE_IGNORABLE, cp))
			return char_is(j, CHAR_CASED, cp);
		jinja_work(j, 1);
	}
	return false;
}

/* The character s[from..to). */
static void add_lower(struct jinja *j, struct buffer *b, struct bytes s, size_t from, size_t to,
		      uint32_t cp)
{
	bool final;

	if (cp == CAPITAL_SIGMA) {
		final = letter_before(j, s, from) && !letter_behind(j, s, to);
		buffer_add_char(j, b, final ? FINAL_SIGMA : SMALL_SIGMA);
	} else if (cp == CAPITAL_I_WITH_DOT) {
		buffer_add(j, b, "i\u0307", strlen("i\u0307"));
	} else {
		buffer_add_char(j, b, towlower_l(cp, cases(j)));
	}
}

static uint32_t ascii_cased(uint32_t cp, enum char_case wanted)
{
	if (wanted == CASE_LOWER || wanted == CASE_FOLD)
		return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
	return cp >= 'a' && cp <= 'z' ? cp - 32 : cp;
}

void add_part_cased(struct jinja *j, struct buffer *b, struct bytes s, size_t from, size_t to,
		    enum char_case wanted)
{
	uint32_t cp;

	jinja_work(j, to - from);
	for (size_t i = from, n; i < to; i += n) {
		n = char_at(s.data + i, s.len - i, &cp);
		if (cp < 0x80)
			buffer_addc(j, b, (char)ascii_cased(cp, wanted));
		else if (is_no_utf8(cp))
			buffer_add_char(j, b, cp);
		else if (wanted == CASE_LOWER)
			add_lower(j, b, s, i, i + n, cp);
		else if (wanted == CASE_FOLD)
			add_folded(j, b, cp);
		else if (wanted == CASE_TITLE)
			add_title(j, b, cp);
		else
			add_upper(j, b, cp);
	}
}

void add_cased(struct jinja *j, struct buffer *b, struct bytes s, enum char_case to)
{
	add_part_cased(j, b, s, 0, s.len, to);
}

bool text_has_case(struct jinja *j, struct bytes s, enum char_case wanted)
{
	enum char_class has = wanted == CASE_UPPER ? CHAR_UPPER : CHAR_LOWER;
	enum char_class other = wanted == CASE_UPPER ? CHAR_LOWER : CHAR_UPPER;
	bool any = false;
	uint32_t cp;

	jinja_work(j, s.len);
	for (size_t i = 0; i < s.len;) {
		i += char_at(s.data + i, s.len - i, &cp);
		if (char_is(j, other, cp) || char_is(j, CHAR_TITLE, cp))
			return false;
		any = any || char_is(j, has, cp);
	}
	return any;
}
