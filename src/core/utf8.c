/*
 * utf8.c -- characters as bytes: what is well-formed, what may still become so, how wide it is.
 *
 * One scan with the table of the Unicode Standard (table 3-7) answers every question: it knows
 * after each byte whether a character can still come of them.
 */
#include "torchless/utf8.h"

#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <wchar.h>

/* What a lead byte says: how many bytes follow, and the range of the first of them. */
static int lead(unsigned char c, unsigned char *lo, unsigned char *hi)
{
	*lo = 0x80;
	*hi = 0xbf;
	if (c >= 0xc2 && c <= 0xdf)
		return 1;
	if (c >= 0xe0 && c <= 0xef) {
		*lo = c == 0xe0 ? 0xa0 : 0x80; /* overlong below */
		*hi = c == 0xed ? 0x9f : 0xbf; /* surrogates above */
		return 2;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		*lo = c == 0xf0 ? 0x90 : 0x80;
		*hi = c == 0xf4 ? 0x8f : 0xbf; /* beyond U+10FFFF */
		return 3;
	}
	return c < 0x80 ? 0 : -1;
}

/*
 * The bytes at the start of s[0..n) that begin one well-formed character, and in *want how long
 * that character is; 0 when there is none.
 */
static int utf8_scan(const char *s, size_t n, int *want)
{
	unsigned char lo, hi;
	int more, have = 1;

	if (n == 0 || (more = lead((unsigned char)s[0], &lo, &hi)) < 0)
		return 0;
	*want = more + 1;
	for (; have <= more && (size_t)have < n; have++) {
		unsigned char c = (unsigned char)s[have];
		if (c < lo || c > hi)
			return 0;
		lo = 0x80;
		hi = 0xbf;
	}
	return have;
}

int utf8_decode(const char *s, size_t n, uint32_t *cp)
{
	static const unsigned char lead_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	int want = 0;
	int have = utf8_scan(s, n, &want);

	if (have == 0 || have < want)
		return 0;
	uint32_t c = (unsigned char)s[0] & lead_bits[want];
	for (int i = 1; i < want; i++)
		c = c << 6 | ((unsigned char)s[i] & 0x3fu);
	if (cp)
		*cp = c;
	return want;
}

int utf8_encode(uint32_t cp, char out[4])
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	int n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
	for (int i = n - 1; i > 0; i--, cp >>= 6)
		out[i] = (char)(0x80 | (cp & 0x3f));
	out[0] = (char)(0xf00u >> n | cp);
	return n;
}

size_t utf8_complete(const char *s, size_t n)
{
	for (size_t back = 1; back <= 3 && back <= n; back++) {
		int want = 0;
		int have = utf8_scan(s + n - back, back, &want);
		if (have == (int)back && have < want)
			return n - back;
	}
	return n;
}

bool utf8_is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

bool utf8_is_directing(uint32_t cp)
{
	return cp == 0x61c || cp == 0x200e || cp == 0x200f || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069);
}

bool utf8_is_printable(const char *s)
{
	for (size_t n = strlen(s); n > 0;) {
		uint32_t cp = 0;
		int len = utf8_decode(s, n, &cp);

		if (len == 0 || utf8_is_control(cp) || utf8_is_directing(cp))
			return false;
		s += len;
		n -= (size_t)len;
	}
	return true;
}

static locale_t utf8_locale;
static pthread_once_t utf8_locale_once = PTHREAD_ONCE_INIT;

static void open_utf8_locale(void)
{
	utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

int utf8_width(const char *s, size_t n)
{
	int width = 0;

	/* Most text is that, and asks nobody. */
	for (; n > 0 && *s >= 0x20 && *s < 0x7f; s++, n--)
		width++;
	if (n == 0)
		return width;
	/* wcwidth asks the locale, and the user's may know ASCII only. */
	pthread_once(&utf8_locale_once, open_utf8_locale);
	locale_t before = utf8_locale ? uselocale(utf8_locale) : (locale_t)0;
	for (size_t i = 0; i < n;) {
		uint32_t cp = 0;
		int len = utf8_decode(s + i, n - i, &cp);
		int columns = len && (cp < 0x80 || utf8_locale) ? wcwidth((wchar_t)cp) : 1;

		width += columns < 0 ? 1 : columns;
		i += len ? (size_t)len : 1;
	}
	if (before)
		uselocale(before);
	return width;
}
