/*
 * number.c -- integers and floats: arithmetic, reading and printing, as Python has them.
 *
 * Python's integers have no end, these have 64 bits: what does not fit is refused.
 */
#include "impl.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- printing ---- */

void add_int(struct jinja *j, struct buffer *b, int64_t i)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)i);
	buffer_adds(j, b, text);
}

/* The shortest digits that read back as d, and the exponent of the first of them. */
static int shortest(double d, char digits[20])
{
	char text[40];
	size_t n = 0;

	for (int precision = 0; precision < 17; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision, d);
		if (strtod(text, NULL) == d)
			break;
	}
	for (const char *s = text; *s != 'e'; s++)
		if (*s >= '0' && *s <= '9')
			digits[n++] = *s;
	digits[n] = '\0';
	return (int)strtol(strchr(text, 'e') + 1, NULL, 10);
}

static void add_fixed(struct jinja *j, struct buffer *b, const char *digits, int exponent)
{
	int n = (int)strlen(digits);

	if (exponent < 0) {
		buffer_adds(j, b, "0.");
		for (int i = -1; i > exponent; i--)
			buffer_addc(j, b, '0');
		buffer_adds(j, b, digits);
		return;
	}
	for (int i = 0; i <= exponent; i++)
		buffer_addc(j, b, i < n ? digits[i] : '0');
	buffer_addc(j, b, '.');
	buffer_adds(j, b, n > exponent + 1 ? digits + exponent + 1 : "0");
}

void add_float(struct jinja *j, struct buffer *b, double d)
{
	char digits[20] = "", text[16];
	int exponent;

	if (!isfinite(d)) {
		buffer_adds(j, b, isnan(d) ? "nan" : d < 0 ? "-inf" : "inf");
		return;
	}
	if (signbit(d))
		buffer_addc(j, b, '-');
	exponent = shortest(fabs(d), digits);
	if (exponent >= -4 && exponent < 16) {
		while (strlen(digits) > 1 && digits[strlen(digits) - 1] == '0')
			digits[strlen(digits) - 1] = '\0';
		add_fixed(j, b, digits, exponent);
		return;
	}
	buffer_addc(j, b, digits[0]);
	if (digits[1]) {
		buffer_addc(j, b, '.');
		buffer_adds(j, b, digits + 1);
	}
	snprintf(text, sizeof(text), "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
	buffer_adds(j, b, text);
}

/* ---- reading ---- */

/* Digits with '_' between them, Python's rule; false when it is none. */
static bool take_underscores(struct bytes s, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '_') {
			if (i == 0 || i + 1 == s.len || s.data[i - 1] == '_' ||
			    !strchr("0123456789abcdefABCDEF", s.data[i + 1]) ||
			    s.data[i - 1] == '+' || s.data[i - 1] == '-')
				return false;
			continue;
		}
		if (n + 1 >= size || !s.data[i] || (unsigned char)s.data[i] >= 0x80)
			return false;
		out[n++] = s.data[i];
	}
	out[n] = '\0';
	return n > 0;
}

static int64_t prefix_base(const char *s)
{
	if (s[0] != '0')
		return 0;
	return strchr("xX", s[1]) && s[1]   ? 16
	       : strchr("oO", s[1]) && s[1] ? 8
	       : strchr("bB", s[1]) && s[1] ? 2
					    : 0;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'Z' ? c - 'A' + 10 : 99;
}

bool read_int(struct jinja *j, struct bytes s, int64_t base, int64_t *i)
{
	char text[400];
	const char *at = text;
	bool negative;

	if (base != 0 && (base < 2 || base > 36))
		jinja_fail(j, "int() base must be >= 2 and <= 36, or 0");
	if (!take_underscores(text_strip(s, (struct bytes){ 0 }, true, true), text, sizeof(text)))
		return false;
	negative = *at == '-';
	at += *at == '-' || *at == '+';
	if (prefix_base(at) && (base == 0 || base == prefix_base(at))) {
		base = prefix_base(at);
		at += 2;
	} else if (base == 0) {
		base = 10;
		if (at[0] == '0' && strspn(at, "0") != strlen(at))
			return false;
	}
	*i = 0;
	if (!*at)
		return false;
	for (; *at; at++) {
		if (digit_of(*at) >= base)
			return false;
		if (__builtin_mul_overflow(*i, base, i) ||
		    __builtin_sub_overflow(*i, digit_of(*at), i))
			jinja_fail(j, "integers beyond 64 bits are not supported");
	}
	if (!negative && *i == INT64_MIN)
		jinja_fail(j, "integers beyond 64 bits are not supported");
	*i = negative ? *i : -*i;
	return true;
}

bool read_float(struct jinja *j, struct bytes s, double *d)
{
	char text[400];
	char *end;

	(void)j;
	if (!take_underscores(text_strip(s, (struct bytes){ 0 }, true, true), text, sizeof(text)))
		return false;
	if (text[strspn(text, "+-0123456789.eE")] &&
	    text[strspn(text, "+-infatyINFATY")]) /* no hexadecimal floats */
		return false;
	if (strchr(text, '('))
		return false;
	*d = strtod(text, &end);
	return end != text && !*end;
}

bool float_to_int(struct jinja *j, double d, int64_t *i)
{
	if (!isfinite(d))
		return false;
	if (d < -9223372036854775808.0 || d >= 9223372036854775808.0)
		jinja_fail(j, "integers beyond 64 bits are not supported");
	*i = (int64_t)d;
	return true;
}

double float_of(struct value v)
{
	return v.kind == V_FLOAT ? v.d : (double)integer_of(v);
}

/* ---- arithmetic ---- */

static _Noreturn void fail_zero(struct jinja *j, char op)
{
	jinja_fail(j, "%s by zero", op == '%' ? "modulo" : "division");
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

static struct value power_of_ints(struct jinja *j, int64_t a, int64_t b)
{
	int64_t r = 1;

	if (b < 0) {
		if (a == 0)
			jinja_fail(j, "0.0 cannot be raised to a negative power");
		return v_float(pow((double)a, (double)b));
	}
	for (bool overflow = false; b > 0; b >>= 1) {
		overflow = (b & 1) && __builtin_mul_overflow(r, a, &r);
		if (overflow || (b > 1 && __builtin_mul_overflow(a, a, &a)))
			jinja_fail(j, "integers beyond 64 bits are not supported");
	}
	return v_int(r);
}

static struct value arithmetic_of_ints(struct jinja *j, char op, int64_t a, int64_t b)
{
	int64_t r = 0;
	bool overflow = false;

	if (op == 'p')
		return power_of_ints(j, a, b);
	if ((op == '/' || op == '%' || op == 'f') && b == 0)
		fail_zero(j, op == 'f' ? '/' : op);
	if (op == '/')
		return v_float((double)((long double)a / (long double)b));
	if (op == '%')
		return v_int(b == -1 ? 0 : a - floor_div(a, b) * b);
	if (op == 'f' && b == -1)
		overflow = __builtin_sub_overflow(0, a, &r);
	else if (op == 'f')
		r = floor_div(a, b);
	else if (op == '+')
		overflow = __builtin_add_overflow(a, b, &r);
	else if (op == '-')
		overflow = __builtin_sub_overflow(a, b, &r);
	else
		overflow = __builtin_mul_overflow(a, b, &r);
	if (overflow)
		jinja_fail(j, "integers beyond 64 bits are not supported");
	return v_int(r);
}

/* Python's float_divmod: the quotient is a whole number, the rest has the sign of b. */
static struct value divide(struct jinja *j, char op, double a, double b)
{
	double rest, quotient;

	if (b == 0)
		jinja_fail(j, op == '%' ? "float modulo" : "float floor division by zero");
	rest = fmod(a, b);
	quotient = (a - rest) / b;
	if (rest != 0 && (b < 0) != (rest < 0)) {
		rest += b;
		quotient -= 1;
	} else if (rest == 0) {
		rest = copysign(0, b);
	}
	if (op == '%')
		return v_float(rest);
	if (quotient == 0)
		return v_float(copysign(0, a / b));
	return v_float(quotient - floor(quotient) > 0.5 ? floor(quotient) + 1 : floor(quotient));
}

static struct value power(struct jinja *j, double a, double b)
{
	double r;

	if (a == 0 && b < 0)
		jinja_fail(j, "0.0 cannot be raised to a negative power");
	if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
		jinja_fail(j, "complex numbers are not supported");
	r = pow(a, b);
	if (isinf(r) && isfinite(a) && isfinite(b))
		jinja_fail(j, "the result of ** is too large");
	return v_float(r);
}

struct value number_operate(struct jinja *j, char op, struct value a, struct value b)
{
	double x, y;

	if (is_integer(a) && is_integer(b))
		return arithmetic_of_ints(j, op, integer_of(a), integer_of(b));
	x = float_of(a);
	y = float_of(b);
	if (op == '+')
		return v_float(x + y);
	if (op == '-')
		return v_float(x - y);
	if (op == '*')
		return v_float(x * y);
	if (op == 'p')
		return power(j, x, y);
	if (op != '/')
		return divide(j, op, x, y);
	if (y == 0)
		jinja_fail(j, "float division by zero");
	return v_float(x / y);
}

struct value negate(struct jinja *j, struct value a)
{
	return a.kind == V_FLOAT ? v_float(-a.d) : number_operate(j, '-', v_int(0), a);
}

int compare_numbers(struct value a, struct value b)
{
	long double x = a.kind == V_FLOAT ? (long double)a.d : (long double)integer_of(a);
	long double y = b.kind == V_FLOAT ? (long double)b.d : (long double)integer_of(b);

	if (isnan(x) || isnan(y))
		return 2;
	return (x > y) - (x < y);
}
