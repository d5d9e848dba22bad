/*
 * said.c -- whether what a text says is what was computed.
 *
 * A number is compared to as many digits as the text shows, with a little more room than half of
 * its last digit: another machine adds in another order.
 */
#include "text_impl.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MACHINE 1e-4 /* relative: what another order of adding may change */

/* A number within a word: "~-1,024.50%". */
struct shown {
	size_t from, len; /* of its digits, with its sign */
	double value;
	int decimals;
	bool commas, exponent, minus; /* U+2212 is its sign */
};

static bool is_number_char(char c)
{
	return isdigit((unsigned char)c) || c == '.' || c == ',';
}

/* The sign before s[at]: the bytes of it. */
static size_t sign_len(const char *s, size_t at, bool *minus)
{
	*minus = at >= 3 && !memcmp(s + at - 3, "\xe2\x88\x92", 3);
	if (*minus)
		return 3;
	return at > 0 && (s[at - 1] == '-' || s[at - 1] == '+') &&
			       !(at > 1 && isalnum((unsigned char)s[at - 2]))
		       ? 1
		       : 0;
}

/* The first number in s[0..len). */
static bool find_number(const char *s, size_t len, struct shown *n)
{
	char digits[64];
	size_t at = 0, end, k = 0, sign;

	while (at < len && !isdigit((unsigned char)s[at]))
		at++;
	for (end = at; end < len && is_number_char(s[end]);)
		end++;
	while (end > at && !isdigit((unsigned char)s[end - 1]))
		end--;
	if (end == at || end - at >= sizeof(digits) - 8)
		return false;
	*n = (struct shown){ 0 };
	sign = sign_len(s, at, &n->minus);
	if (sign)
		digits[k++] = n->minus || s[at - 1] == '-' ? '-' : '+';
	for (size_t i = at; i < end; i++) {
		n->commas = n->commas || s[i] == ',';
		if (s[i] != ',')
			digits[k++] = s[i];
		n->decimals += memchr(s + at, '.', i - at) != NULL;
	}
	if (end + 1 < len && (s[end] == 'e' || s[end] == 'E')) {
		size_t e = end + 1 + (s[end + 1] == '-' || s[end + 1] == '+');

		for (n->exponent = e < len && isdigit((unsigned char)s[e]);
		     n->exponent && e < len && isdigit((unsigned char)s[e]) &&
		     k < sizeof(digits) - 1;)
			e++;
		if (n->exponent && e - end < 8) {
			memcpy(digits + k, s + end, e - end);
			k += e - end;
			end = e;
		}
	}
	digits[k] = '\0';
	n->value = strtod(digits, NULL);
	n->from = at - sign;
	n->len = end - n->from;
	return true;
}

/* Half of the last digit that is shown. */
static double half_digit(const struct shown *n)
{
	double power = n->exponent && n->value != 0 ? floor(log10(fabs(n->value))) : 0;

	return 0.5 * pow(10, power - n->decimals);
}

static void add_commas(struct text *out, const char *digits)
{
	size_t whole = strcspn(digits, "."), sign = *digits == '-';

	for (size_t i = 0; digits[i]; i++) {
		if (i > sign && i < whole && (whole - i) % 3 == 0)
			text_addc(out, ',');
		text_addc(out, digits[i]);
	}
}

/* The number as the text writes it. */
static void add_number(struct text *out, const struct shown *as, double x)
{
	char digits[400];

	if (as->exponent)
		snprintf(digits, sizeof(digits), "%.*e", as->decimals, x);
	else
		snprintf(digits, sizeof(digits), "%.*f", as->decimals, x);
	if (as->minus && *digits == '-')
		text_adds(out, "\xe2\x88\x92");
	if (as->commas)
		add_commas(out, digits + (as->minus && *digits == '-'));
	else
		text_adds(out, digits + (as->minus && *digits == '-'));
}

/* A value that is a number and nothing else. */
static bool is_number(const char *value, double *x)
{
	char *end;

	*x = strtod(value, &end);
	return end != value && *end == '\0' && isfinite(*x) &&
	       strcspn(value, "xX") == strlen(value);
}

bool said_is(const char *shown, const char *value, struct text *want)
{
	struct shown n;
	double x;

	if (!strcmp(shown, value))
		return true;
	if (!is_number(value, &x) || !find_number(shown, strlen(shown), &n)) {
		text_adds(want, value);
		return false;
	}
	if (fabs(n.value - x) <= half_digit(&n) * 1.0001 + MACHINE * fabs(x) * (n.decimals > 0))
		return true;
	text_add(want, shown, n.from);
	add_number(want, &n, x);
	text_adds(want, shown + n.from + n.len);
	return false;
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* Numbers at the beginning of two texts, which are near: the bytes of them; false: they are not. */
static bool near_numbers(const char *a, size_t a_len, const char *b, size_t b_len, size_t *a_used,
			 size_t *b_used)
{
	struct shown m, n;
	double room;

	if (!find_number(a, a_len, &m) || !find_number(b, b_len, &n) || m.from || n.from)
		return false;
	*a_used = m.len;
	*b_used = n.len;
	/* Without a decimal it is a count, of which each is another. */
	if (m.decimals == 0 && n.decimals == 0 && !m.exponent && !n.exponent)
		return m.value == n.value;
	room = fmax(half_digit(&m), half_digit(&n)) * 2.2;
	return fabs(m.value - n.value) <= room + 1e-3 * fabs(n.value);
}

static size_t spaces(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && (s[n] == ' ' || s[n] == '\t'))
		n++;
	return n;
}

bool said_alike(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t i = 0, k = 0, m, n;

	while (i < a_len && k < b_len) {
		bool begins = i == 0 || !isalnum((unsigned char)a[i - 1]);

		m = spaces(a + i, a_len - i);
		n = spaces(b + k, b_len - k);
		if ((m > 0) != (n > 0))
			break;
		if (m == 0 && begins && isdigit((unsigned char)a[i]) &&
		    isdigit((unsigned char)b[k])) {
			if (!near_numbers(a + i, a_len - i, b + k, b_len - k, &m, &n))
				return false;
		} else if (m == 0) {
			if (a[i] != b[k])
				return false;
			m = n = 1;
		}
		i += m;
		k += n;
	}
	i += spaces(a + i, a_len - i);
	k += spaces(b + k, b_len - k);
	return i == a_len && k == b_len;
}
