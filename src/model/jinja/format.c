/*
 * format.c -- "%s" % x and "{}".format(x): the conversions that text is made with.
 */
#include "impl.h"

#include <stdio.h>
#include <string.h>

#define MAX_WIDTH 100000

/* What stands between % or { and the letter. */
struct spec {
	bool minus, plus, space, alternate, zero;
	char align; /* of {}: < > ^ =, or '\0' */
	uint32_t fill;
	int64_t width, precision; /* -1: none */
	char type;                /* '\0': none */
};

static void add_fill(struct jinja *j, struct buffer *b, uint32_t fill, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		buffer_add_char(j, b, fill);
}

static void add_aligned(struct jinja *j, struct buffer *b, struct bytes s, const struct spec *spec,
			char align)
{
	int64_t room = spec->width - (int64_t)count_chars(j, s);
	int64_t left = align == '>' ? room : align == '^' ? room / 2 : 0;

	if (room < 0)
		room = left = 0;
	add_fill(j, b, spec->fill, left);
	buffer_add(j, b, s.data, s.len);
	add_fill(j, b, spec->fill, room - left);
}

static struct bytes cut(struct bytes s, int64_t precision)
{
	if (precision >= 0)
		s.len = char_offset(s, (size_t)precision);
	return s;
}

/* Sign and digits; zeros between them up to the width where the format asks for them. */
static void add_number(struct jinja *j, struct buffer *b, bool negative, const char *digits,
		       const struct spec *spec, char align)
{
	struct buffer whole = { 0 };
	int64_t n = (int64_t)strlen(digits);
	const char *sign = negative ? "-" : spec->plus ? "+" : spec->space ? " " : "";

	buffer_adds(j, &whole, sign);
	if (spec->zero && !spec->minus)
		add_fill(j, &whole, '0', spec->width - n - (int64_t)strlen(sign));
	buffer_adds(j, &whole, digits);
	add_aligned(j, b, v_buffer(&whole).s, spec, align);
}

static void add_integer(struct jinja *j, struct buffer *b, int64_t i, const struct spec *spec,
			char align)
{
	char digits[32], padded[128];
	unsigned long long u = i < 0 ? 0 - (unsigned long long)i : (unsigned long long)i;
	int precision = spec->precision < 0 ? 0 : (int)spec->precision;
	const char *prefix = "";

	if (precision > 60)
		jinja_fail(j, "a precision of more than 60 digits is not supported");
	if (spec->alternate && spec->type != 'd')
		prefix = spec->type == 'x' ? "0x" : spec->type == 'X' ? "0X" : "0o";
	snprintf(digits, sizeof(digits),
		 spec->type == 'x'   ? "%llx"
		 : spec->type == 'X' ? "%llX"
		 : spec->type == 'o' ? "%llo"
				     : "%llu",
		 u);
	if (*prefix && spec->zero)
		jinja_fail(j, "a prefix before zeros is not supported");
	snprintf(padded, sizeof(padded), "%s%.*s%s", prefix,
		 precision > (int)strlen(digits) ? precision - (int)strlen(digits) : 0,
		 "000000000000000000000000000000000000000000000000000000000000", digits);
	add_number(j, b, i < 0, padded, spec, align);
}

static void add_real(struct jinja *j, struct buffer *b, double d, const struct spec *spec,
		     char align)
{
	char format[] = "%.*f", digits[512];
	int precision = spec->precision < 0 ? 6 : (int)spec->precision;
	bool negative;

	if (precision > 60 || spec->alternate)
		jinja_fail(j, "this format of a float is not supported");
	format[3] = spec->type;
	if (d != d || d - d != 0)
		jinja_fail(j, "formatting infinity or nan is not supported");
	snprintf(digits, sizeof(digits), format, precision, d);
	negative = digits[0] == '-';
	add_number(j, b, negative, digits + negative, spec, align);
}

/* ---- "%s" % x ---- */

struct percent {
	struct bytes format;
	size_t i;
	struct value args;
	size_t next;     /* of a tuple */
	bool is_mapping; /* what is left over is no error */
};

static struct value next_argument(struct jinja *j, struct percent *p)
{
	if (p->args.kind == V_TUPLE) {
		if (p->next >= p->args.seq->n)
			jinja_fail(j, "not enough arguments for format string");
		return p->args.seq->at[p->next++];
	}
	if (p->next++)
		jinja_fail(j, "not enough arguments for format string");
	return p->args;
}

static char peek(const struct percent *p)
{
	return p->i < p->format.len ? p->format.data[p->i] : '\0';
}

/* %(name)s */
static struct value named_argument(struct jinja *j, struct percent *p)
{
	size_t from = ++p->i;
	struct bytes name;
	const struct value *found;

	if (p->args.kind != V_DICT)
		jinja_fail(j, "format requires a mapping");
	while (p->i < p->format.len && peek(p) != ')' && peek(p) != '(')
		p->i++;
	if (peek(p) != ')')
		jinja_fail(j, "incomplete format key");
	name = (struct bytes){ p->format.data + from, p->i++ - from };
	found = dict_find_text(j, p->args.dict, name);
	if (!found)
		jinja_fail(j, "there is no key '%s' for the format", short_name(j, name));
	return *found;
}

static int64_t read_width(struct jinja *j, struct percent *p)
{
	int64_t n = 0;

	if (peek(p) == '*')
		jinja_fail(j, "a width of '*' is not supported");
	for (; peek(p) >= '0' && peek(p) <= '9'; p->i++)
		n = n > MAX_WIDTH ? n : n * 10 + (peek(p) - '0');
	if (n > MAX_WIDTH)
		jinja_fail(j, "a width of more than %d is not supported", MAX_WIDTH);
	return n;
}

static struct spec read_percent(struct jinja *j, struct percent *p)
{
	struct spec s = { .precision = -1, .fill = ' ' };

	for (;; p->i++) {
		char c = peek(p);

		if (c == '-')
			s.minus = true;
		else if (c == '+')
			s.plus = true;
		else if (c == ' ')
			s.space = true;
		else if (c == '#')
			s.alternate = true;
		else if (c == '0')
			s.zero = true;
		else
			break;
	}
	s.width = read_width(j, p);
	if (peek(p) == '.') {
		p->i++;
		s.precision = read_width(j, p);
	}
	while (peek(p) == 'h' || peek(p) == 'l' || peek(p) == 'L')
		p->i++;
	s.type = peek(p);
	if (!s.type)
		jinja_fail(j, "incomplete format");
	p->i++;
	return s;
}

static int64_t whole_number(struct jinja *j, struct value v, char type)
{
	int64_t i;

	if (is_integer(v))
		return integer_of(v);
	if (v.kind != V_FLOAT || (type != 'd' && type != 'i' && type != 'u') ||
	    !float_to_int(j, v.d, &i))
		jinja_fail(j, "%%%c format: a number is required, not %s", type, type_name(v));
	return i;
}

static void add_character(struct jinja *j, struct buffer *b, struct value v, const struct spec *s)
{
	struct buffer one = { 0 };

	if (is_integer(v)) {
		if (integer_of(v) < 0 || integer_of(v) > 0x10ffff ||
		    (integer_of(v) >= 0xd800 && integer_of(v) < 0xe000))
			jinja_fail(j, "%%c arg not in range(0x110000)");
		buffer_add_char(j, &one, (uint32_t)integer_of(v));
	} else if (is_string(v) && count_chars(j, v.s) == 1) {
		buffer_add(j, &one, v.s.data, v.s.len);
	} else {
		jinja_fail(j, "%%c requires int or char");
	}
	add_aligned(j, b, v_buffer(&one).s, s, s->minus ? '<' : '>');
}

static void add_percent(struct jinja *j, struct buffer *b, struct value v, struct spec *s)
{
	char align = s->minus ? '<' : '>';

	switch (s->type) {
	case 's':
		add_aligned(j, b, cut(to_str(j, v), s->precision), s, align);
		return;
	case 'r':
		add_aligned(j, b, cut(to_repr(j, v), s->precision), s, align);
		return;
	case 'c':
		add_character(j, b, v, s);
		return;
	case 'd':
	case 'i':
	case 'u':
		s->type = s->type == 'i' || s->type == 'u' ? 'd' : s->type;
		add_integer(j, b, whole_number(j, v, 'd'), s, align);
		return;
	case 'x':
	case 'X':
	case 'o':
		add_integer(j, b, whole_number(j, v, s->type), s, align);
		return;
	case 'f':
	case 'F':
	case 'e':
	case 'E':
	case 'g':
	case 'G':
		if (!is_number(v))
			jinja_fail(j, "must be real number, not %s", type_name(v));
		add_real(j, b, float_of(v), s, align);
		return;
	default:
		jinja_fail(j, "the format '%%%c' is not supported", s->type);
	}
}

struct value format_percent(struct jinja *j, struct bytes format, struct value args)
{
	struct percent p = { .format = format, .args = args };
	struct buffer b = { 0 };

	p.is_mapping = args.kind == V_DICT || args.kind == V_LIST || args.kind == V_RANGE;
	while (p.i < format.len) {
		struct value v = { .kind = V_MISSING };
		struct spec s;

		if (format.data[p.i] != '%') {
			buffer_addc(j, &b, format.data[p.i++]);
			continue;
		}
		p.i++;
		if (peek(&p) == '(')
			v = named_argument(j, &p);
		s = read_percent(j, &p);
		if (s.type == '%') {
			buffer_addc(j, &b, '%');
			continue;
		}
		add_percent(j, &b, v.kind == V_MISSING ? next_argument(j, &p) : v, &s);
	}
	if (!p.is_mapping && p.next < (args.kind == V_TUPLE ? args.seq->n : 1))
		jinja_fail(j, "not all arguments converted during string formatting");
	return v_buffer(&b);
}

/* ---- "{}".format(x) ---- */

static struct spec read_braces(struct jinja *j, struct bytes s)
{
	struct spec spec = { .precision = -1, .fill = ' ' };
	struct percent at = { .format = s };
	uint32_t cp = 0;
	size_t n = s.len ? char_at(s.data, s.len, &cp) : 0;

	if (n && n < s.len && strchr("<>^", s.data[n])) {
		spec.fill = cp;
		at.i = n;
	}
	if (peek(&at) && strchr("<>^", peek(&at)))
		spec.align = at.format.data[at.i++];
	if (peek(&at) && strchr("+- ", peek(&at))) {
		spec.plus = peek(&at) == '+';
		spec.space = peek(&at) == ' ';
		at.i++;
	}
	if (peek(&at) == '0' && !spec.align) {
		spec.zero = true;
		at.i++;
	}
	spec.width = read_width(j, &at);
	if (peek(&at) == '.') {
		at.i++;
		spec.precision = read_width(j, &at);
	}
	if (peek(&at))
		spec.type = at.format.data[at.i++];
	if (at.i != s.len)
		jinja_fail(j, "the format '{:%s}' is not supported", short_name(j, s));
	return spec;
}

static void add_formatted(struct jinja *j, struct buffer *b, struct value v, struct bytes text)
{
	struct spec spec = read_braces(j, text);
	char align = spec.align ? spec.align : '>';

	if (!text.len) {
		add_str(j, b, v);
	} else if (is_string(v) && !spec.plus && !spec.space && !spec.zero &&
		   (!spec.type || spec.type == 's')) {
		add_aligned(j, b, cut(v.s, spec.precision), &spec, spec.align ? spec.align : '<');
	} else if (v.kind == V_INT && spec.precision < 0 &&
		   (!spec.type || strchr("dxXo", spec.type))) {
		spec.type = spec.type ? spec.type : 'd';
		add_integer(j, b, v.i, &spec, align);
	} else if (is_number(v) && spec.type && strchr("fFeE", spec.type)) {
		add_real(j, b, float_of(v), &spec, align);
	} else {
		jinja_fail(j, "the format '{:%s}' of a %s is not supported", short_name(j, text),
			   type_name(v));
	}
}

struct braces {
	const struct args *args;
	size_t next;
	bool automatic, manual;
};

static struct value field_value(struct jinja *j, struct braces *f, struct bytes name)
{
	int64_t i = 0;

	for (size_t k = 0; k < name.len; k++)
		if (name.data[k] == '.' || name.data[k] == '[')
			jinja_fail(j, "the field '{%s}' is not supported", short_name(j, name));
	if (!name.len) {
		f->automatic = true;
		i = (int64_t)f->next++;
	} else if (name.data[0] >= '0' && name.data[0] <= '9') {
		f->manual = true;
		if (!read_int(j, name, 10, &i))
			jinja_fail(j, "the field '{%s}' is not supported", short_name(j, name));
	} else {
		const struct value *v = args_named(f->args, short_name(j, name));

		if (!v)
			jinja_fail(j, "there is no argument '%s' for the format",
				   short_name(j, name));
		return *v;
	}
	if (f->automatic && f->manual)
		jinja_fail(j, "cannot switch between {} and {0} in one format");
	if ((size_t)i >= f->args->n)
		jinja_fail(j, "there is no argument %lld for the format", (long long)i);
	return f->args->at[i];
}

/* {name!r:spec} */
static void add_field(struct jinja *j, struct buffer *b, struct braces *f, struct bytes field)
{
	const char *colon = memchr(field.data, ':', field.len);
	struct bytes name = field, spec = { "", 0 };
	struct value v;

	if (colon) {
		name.len = (size_t)(colon - field.data);
		spec = (struct bytes){ colon + 1, field.len - name.len - 1 };
	}
	if (name.len >= 2 && name.data[name.len - 2] == '!') {
		char c = name.data[name.len - 1];

		name.len -= 2;
		v = field_value(j, f, name);
		if (c != 'r' && c != 's')
			jinja_fail(j, "the conversion '!%c' is not supported", c);
		v = v_bytes(c == 'r' ? to_repr(j, v) : to_str(j, v));
	} else {
		v = field_value(j, f, name);
	}
	add_formatted(j, b, v, spec);
}

struct value format_braces(struct jinja *j, struct bytes s, const struct args *args)
{
	struct braces f = { .args = args };
	struct buffer b = { 0 };

	for (size_t i = 0; i < s.len; i++) {
		const char *close;
		char c = s.data[i];

		if (c != '{' && c != '}') {
			buffer_addc(j, &b, c);
			continue;
		}
		if (i + 1 < s.len && s.data[i + 1] == c) {
			buffer_addc(j, &b, s.data[i++]);
			continue;
		}
		close = c == '{' ? memchr(s.data + i, '}', s.len - i) : NULL;
		if (!close || memchr(s.data + i + 1, '{', (size_t)(close - s.data) - i - 1))
			jinja_fail(j, "the format '%s' is not supported", short_name(j, s));
		add_field(j, &b, &f,
			  (struct bytes){ s.data + i + 1, (size_t)(close - s.data) - i - 1 });
		i = (size_t)(close - s.data);
	}
	return v_buffer(&b);
}
