/*
 * unicode.c -- characters of strings as Python sees them.
 *
 * Letters and digits are asked of PCRE2, cases of the C library's C.UTF-8.  Where one character
 * becomes several (the German sharp s, ligatures), or the answer hangs on its neighbours, nothing
 * is guessed: the evaluation ends.
 */
#include "impl.h"

#include "torchless/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <locale.h>
#include <pcre2.h>
#include <string.h>
#include <wctype.h>

#define NO_UTF8 0xdc00

size_t char_at(const char *s, size_t n, uint32_t *cp)
{
	int bytes = utf8_decode(s, n, cp);

	if (bytes)
		return (size_t)bytes;
	*cp = NO_UTF8 + (unsigned char)*s;
	return 1;
}

void buffer_add_char(struct jinja *j, struct buffer *b, uint32_t cp)
{
	char utf8[4];

	if (cp >= NO_UTF8 && cp < NO_UTF8 + 0x100)
		buffer_addc(j, b, (char)(cp - NO_UTF8));
	else
		buffer_add(j, b, utf8, (size_t)utf8_encode(cp, utf8));
}

size_t count_chars(struct jinja *j, struct bytes s)
{
	size_t n = 0;
	uint32_t cp;

	jinja_work(j, s.len / 8);
	for (size_t i = 0; i < s.len; n++)
		i += char_at(s.data + i, s.len - i, &cp);
	return n;
}

size_t char_offset(struct bytes s, size_t i)
{
	size_t at = 0;
	uint32_t cp;

	while (i-- > 0 && at < s.len)
		at += char_at(s.data + at, s.len - at, &cp);
	return at;
}

bool is_space(uint32_t cp)
{
	return (cp >= 0x09 && cp <= 0x0d) || (cp >= 0x1c && cp <= 0x20) || cp == 0x85 ||
	       cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 ||
	       cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

/* ---- classes ---- */

static pcre2_code *class_code(struct jinja *j, enum char_class class)
{
	static const char *const patterns[] = {
		[CHAR_PRINTABLE] = "[^\\p{C}\\p{Z}]",
		[CHAR_LETTER] = "\\p{L}",
		[CHAR_DIGIT] = "[\\p{Nd}]",
		[CHAR_WORD] = "[\\p{L}\\p{N}_]",
	};
	PCRE2_SIZE offset;
	int error;

	if (!j->classes[class])
		j->classes[class] =
			pcre2_compile((PCRE2_SPTR)patterns[class], PCRE2_ZERO_TERMINATED,
				      PCRE2_UTF | PCRE2_ANCHORED, &error, &offset, NULL);
	if (!j->classes[class])
		jinja_fail_memory(j); /* the patterns are well-formed */
	return j->classes[class];
}

static bool ascii_is(enum char_class class, uint32_t cp)
{
	bool letter = (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z');
	bool digit = cp >= '0' && cp <= '9';

	switch (class) {
	case CHAR_PRINTABLE:
		return cp >= 0x20 && cp < 0x7f;
	case CHAR_LETTER:
		return letter;
	case CHAR_DIGIT:
		return digit;
	case CHAR_WORD:
		break;
	}
	return letter || digit || cp == '_';
}

bool char_is(struct jinja *j, enum char_class class, uint32_t cp)
{
	pcre2_match_data *data;
	char utf8[4];
	int n, found;

	if (cp < 0x80)
		return ascii_is(class, cp);
	if (cp >= NO_UTF8 && cp < NO_UTF8 + 0x100)
		return false;
	n = utf8_encode(cp, utf8);
	data = pcre2_match_data_create_from_pattern(class_code(j, class), NULL);
	if (!data)
		jinja_fail_memory(j);
	found = pcre2_match(class_code(j, class), (PCRE2_SPTR)utf8, (size_t)n, 0, 0, data, NULL);
	pcre2_match_data_free(data);
	if (found == PCRE2_ERROR_NOMEMORY)
		jinja_fail_memory(j);
	return found > 0;
}

/* ---- cases ---- */

static locale_t cases(struct jinja *j)
{
	if (!j->locale)
		j->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!j->locale && errno == ENOMEM)
		jinja_fail_memory(j);
	if (!j->locale)
		jinja_fail(j, "upper and lower case beyond ASCII need the locale C.UTF-8");
	return j->locale;
}

/* Where Python's answer has several characters, is a title letter, or is newer than others'. */
static bool is_special(uint32_t cp)
{
	static const uint32_t ranges[][2] = {
		{ 0xdf, 0xdf },     { 0x130, 0x131 },   { 0x149, 0x149 },   { 0x1c4, 0x1cc },
		{ 0x1f0, 0x1f3 },   { 0x345, 0x345 },   { 0x390, 0x390 },   { 0x3a3, 0x3a3 },
		{ 0x3b0, 0x3b0 },   { 0x3c2, 0x3c2 },   { 0x587, 0x587 },   { 0x10d0, 0x10ff },
		{ 0x13a0, 0x13ff }, { 0x1c80, 0x1cbf }, { 0x1e96, 0x1e9e }, { 0x1f50, 0x1f57 },
		{ 0x1f80, 0x1fff }, { 0x2126, 0x212b }, { 0xa64a, 0xa64b }, { 0xa7ae, 0xa7ff },
		{ 0xab53, 0xabbf }, { 0xfb00, 0xfb17 },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (cp >= ranges[i][0] && cp <= ranges[i][1])
			return true;
	return cp >= 0x10570 && cp <= 0x105bc;
}

static uint32_t cased(struct jinja *j, uint32_t cp, enum char_case to)
{
	if (cp < 0x80) {
		if (to == CASE_UPPER)
			return cp >= 'a' && cp <= 'z' ? cp - 32 : cp;
		return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
	}
	if (cp >= NO_UTF8 && cp < NO_UTF8 + 0x100)
		return cp;
	if (is_special(cp))
		jinja_fail(j, "the %s case of U+%04X is not supported",
			   to == CASE_UPPER ? "upper" : "lower", cp);
	return to == CASE_UPPER ? towupper_l(cp, cases(j)) : towlower_l(cp, cases(j));
}

void add_cased(struct jinja *j, struct buffer *b, struct bytes s, enum char_case to)
{
	uint32_t cp;

	jinja_work(j, s.len);
	for (size_t i = 0; i < s.len;) {
		i += char_at(s.data + i, s.len - i, &cp);
		buffer_add_char(j, b, cased(j, cp, to));
	}
}

bool is_upper(struct jinja *j, uint32_t cp)
{
	return cased(j, cp, CASE_LOWER) != cp;
}

bool is_lower(struct jinja *j, uint32_t cp)
{
	return cased(j, cp, CASE_UPPER) != cp;
}

/* ---- stripping ---- */

static bool is_among(struct bytes chars, uint32_t wanted)
{
	uint32_t cp;

	if (!chars.data)
		return is_space(wanted);
	for (size_t i = 0; i < chars.len;) {
		i += char_at(chars.data + i, chars.len - i, &cp);
		if (cp == wanted)
			return true;
	}
	return false;
}

/* The bytes of the last character. */
static size_t last_char(struct bytes s, uint32_t *cp)
{
	for (size_t k = s.len < 4 ? s.len : 4; k > 1; k--)
		if ((size_t)utf8_decode(s.data + s.len - k, k, cp) == k)
			return k;
	return char_at(s.data + s.len - 1, 1, cp);
}

struct bytes text_strip(struct bytes s, struct bytes chars, bool left, bool right)
{
	uint32_t cp;

	while (left && s.len) {
		size_t n = char_at(s.data, s.len, &cp);

		if (!is_among(chars, cp))
			break;
		s.data += n;
		s.len -= n;
	}
	while (right && s.len) {
		size_t n = last_char(s, &cp);

		if (!is_among(chars, cp))
			break;
		s.len -= n;
	}
	return s;
}

void unicode_release(struct jinja *j)
{
	if (j->locale)
		freelocale(j->locale);
	for (size_t i = 0; i < sizeof(j->classes) / sizeof(*j->classes); i++)
		pcre2_code_free(j->classes[i]);
}
