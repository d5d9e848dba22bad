/*
 * scan.c -- the smallest pieces of a text: names, numbers, texts in quotes, signs.
 */
#include "expression_impl.h"

#include "torchless/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool scan_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool scan_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

void scan_space(struct scan *s)
{
	s->at += strspn(s->text + s->at, " \t\r\n");
}

size_t scan_word(const struct scan *s, size_t at)
{
	size_t len = 0;

	if (!scan_is_letter(s->text[at]))
		return 0;
	while (scan_is_letter(s->text[at + len]) || scan_is_digit(s->text[at + len]))
		len++;
	return len;
}

bool scan_take(struct scan *s, const char *token)
{
	size_t len = strlen(token);

	scan_space(s);
	if (strncmp(s->text + s->at, token, len) != 0)
		return false;
	s->at += len;
	return true;
}

bool scan_word_before(struct scan *s, const char *ends, size_t *len)
{
	char next;

	scan_space(s);
	*len = scan_word(s, s->at);
	next = s->text[s->at + *len + strspn(s->text + s->at + *len, " \t\r\n")];
	return *len > 0 && next && strchr(ends, next);
}

bool scan_key(struct scan *s, char *key, size_t size)
{
	const char *text;
	size_t len;

	if (!scan_word_before(s, "=", &len))
		return false;
	text = s->text + s->at;
	text = strchr(text + len, '=');
	if (text[1] == '=' || len >= size)
		return false;
	snprintf(key, size, "%.*s", (int)len, s->text + s->at);
	s->at = (size_t)(text + 1 - s->text);
	return true;
}

/* ---- numbers ------------------------------------------------------------------------------- */

static size_t digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* The bytes of "1", "1.5", ".5", "1.", "1e-3"; whether it is none of the others. */
static size_t number_length(const char *text, bool *whole)
{
	size_t len = digits(text), exponent;

	*whole = true;
	if (text[len] == '.') {
		*whole = false;
		len += 1 + digits(text + len + 1);
	}
	exponent = text[len] == 'e' || text[len] == 'E';
	if (exponent) {
		exponent += text[len + 1] == '-' || text[len + 1] == '+';
		if (digits(text + len + exponent)) {
			*whole = false;
			len += exponent + digits(text + len + exponent);
		}
	}
	return len;
}

int scan_number(struct scan *s, struct array_value *v, struct err *err)
{
	const char *text = s->text + s->at;
	bool whole;
	size_t len = number_length(text, &whole), more = len;
	struct text copy = { 0 };

	while (scan_is_letter(text[more]) || scan_is_digit(text[more]))
		more++;
	if (more > len)
		return err_set(err, ERR_USAGE, "'%.*s' is no number", (int)more, text);
	text_add(&copy, text, len);
	errno = 0;
	*v = (struct array_value){ .kind = ARRAY_WHOLE };
	v->whole = whole ? strtoll(copy.data, NULL, 10) : 0;
	if (!whole || errno == ERANGE) {
		v->kind = ARRAY_REAL;
		v->real = strtod(copy.data, NULL);
	}
	text_release(&copy);
	s->at += len;
	return 0;
}

/* ---- texts --------------------------------------------------------------------------------- */

/* What stands behind a backslash; the bytes that it takes, 0 when it means nothing. */
static size_t escape(const char *text, char *byte)
{
	static const char letters[] = "n\nt\tr\r\\\\\"\"''";
	unsigned value;

	if (text[0] == 'x') {
		if (strspn(text + 1, "abcdefABCDEF0123456789") < 2)
			return 0;
		sscanf(text + 1, "%2x", &value);
		*byte = (char)value;
		return value ? 3 : 0;
	}
	for (size_t i = 0; i + 1 < sizeof(letters); i += 2) {
		if (text[0] == letters[i]) {
			*byte = letters[i + 1];
			return 1;
		}
	}
	return 0;
}

int scan_text(struct scan *s, struct text *out, struct err *err)
{
	char quote = s->text[s->at];
	const char *at = s->text + s->at + 1;
	char byte;

	text_adds(out, "");
	while (*at && *at != quote) {
		size_t len = 1;

		byte = *at;
		if (*at == '\\') {
			len = escape(at + 1, &byte);
			if (!len) {
				s->at = (size_t)(at - s->text);
				return err_set(
					err, ERR_USAGE,
					"'\\%.1s' in a text means nothing: expected \\n, \\t, "
					"\\r, \\\\, \\\", \\' or \\xNN",
					at + 1);
			}
			len++;
		}
		text_addc(out, byte);
		at += len;
	}
	if (!*at)
		return err_set(err, ERR_USAGE, "the text that begins here has no closing %c",
			       quote);
	s->at = (size_t)(at + 1 - s->text);
	return 0;
}

bool scan_is_text_before(const struct scan *s, const char *ends)
{
	const char *at = s->text + s->at;
	char quote = *at;

	if (quote != '"' && quote != '\'')
		return false;
	for (at++; *at && *at != quote; at++)
		at += *at == '\\' && at[1];
	at += *at == quote;
	at += strspn(at, " \t\r\n");
	return *at && strchr(ends, *at);
}

/* ---- what is wrong ------------------------------------------------------------------------- */

/* What stands here, for a sentence: a name, a number, or one character. */
static size_t piece(const char *text)
{
	size_t len = 0;
	int character = utf8_decode(text, strlen(text), NULL);

	while ((scan_is_letter(text[len]) || scan_is_digit(text[len])) && len < 40)
		len++;
	if (len)
		return len;
	if (text[0] && text[1] && strchr("=&|<>!", text[0]) &&
	    (text[1] == '=' || text[1] == text[0]))
		return 2;
	return character > 0 ? (size_t)character : 1;
}

int scan_unexpected(struct scan *s, const char *what, struct err *err)
{
	const char *text;

	scan_space(s);
	text = s->text + s->at;
	if (!*text)
		return err_set(err, ERR_USAGE, "expected %s, and the text ends", what);
	return err_set(err, ERR_USAGE, "expected %s, found '%.*s'", what, (int)piece(text), text);
}
