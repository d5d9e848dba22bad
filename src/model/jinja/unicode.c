/*
 * unicode.c -- characters of strings as Python sees them.
 *
 * What a character is, is asked of PCRE2; what it becomes in another case, see cases.c.
 */
#include "impl.h"

#include "torchless/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <locale.h>
#include <pcre2.h>
#include <string.h>

size_t char_at(const char *s, size_t n, uint32_t *cp)
{
	int bytes = utf8_decode(s, n, cp);

	if (bytes)
		return (size_t)bytes;
	*cp = CHAR_NO_UTF8 + (unsigned char)*s;
	return 1;
}

bool is_no_utf8(uint32_t cp)
{
	return cp >= CHAR_NO_UTF8 && cp < CHAR_NO_UTF8 + 0x100;
}

void buffer_add_char(struct jinja *j, struct buffer *b, uint32_t cp)
{
	char utf8[4];

	if (is_no_utf8(cp))
		buffer_addc(j, b, (char)(cp - CHAR_NO_UTF8));
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
		[CHAR_UPPER] = "\\p{Uppercase}",
		[CHAR_LOWER] = "\\p{Lowercase}",
		[CHAR_TITLE] = "\\p{Lt}",
		[CHAR_CASED] = "\\p{Cased}",
		[CHAR_CASE_IGNORABLE] = "\\p{Case_Ignorable}",
		[CHAR_NUMBER] = "\\p{N}",
		[CHAR_NAME_START] = "\\p{XID_Start}",
		[CHAR_NAME] = "\\p{XID_Continue}",
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
	bool upper = cp >= 'A' && cp <= 'Z', lower = cp >= 'a' && cp <= 'z';
	bool digit = cp >= '0' && cp <= '9';

	switch (class) {
	case CHAR_PRINTABLE:
		return cp >= 0x20 && cp < 0x7f;
	case CHAR_LETTER:
	case CHAR_CASED:
		return upper || lower;
	case CHAR_DIGIT:
	case CHAR_NUMBER:
		return digit;
	case CHAR_NAME_START:
		return upper || lower || cp == '_';
	case CHAR_UPPER:
		return upper;
	case CHAR_LOWER:
		return lower;
	case CHAR_TITLE:
		return false;
	case CHAR_CASE_IGNORABLE:
		return cp && strchr("'.:^`", (int)cp);
	case CHAR_WORD:
	case CHAR_NAME:
	case CHAR_CLASSES:
		break;
	}
	return upper || lower || digit || cp == '_';
}

bool char_is(struct jinja *j, enum char_class class, uint32_t cp)
{
	pcre2_match_data *data;
	char utf8[4];
	int n, found;

	if (cp < 0x80)
		return ascii_is(class, cp);
	if (is_no_utf8(cp))
		return false;
	jinja_work(j, 16);
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

size_t last_char(struct bytes s, uint32_t *cp)
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
