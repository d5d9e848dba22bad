/*
 * filters_text.c -- filters that make text and numbers.
 */
#include "impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILTER(name)                                                                               \
	static struct value name(struct jinja *j, struct value v, const struct value *arg,         \
				 const struct args *args)
#define UNUSED (void)j, (void)arg, (void)args

/* soft_str(): what is marked stays so, which these filters do not follow. */
static struct bytes plain(struct jinja *j, struct value v)
{
	if (is_string(v) && v.markup)
		jinja_fail(
			j,
			"a filter over a string that 'escape' or 'safe' has marked is not supported");
	return to_str(j, v);
}

static struct value in_case(struct jinja *j, struct bytes s, enum char_case to)
{
	struct buffer b = { 0 };

	add_cased(j, &b, s, to);
	return v_buffer(&b);
}

FILTER(upper)
{
	UNUSED;
	return in_case(j, plain(j, v), CASE_UPPER);
}

FILTER(lower)
{
	UNUSED;
	return in_case(j, plain(j, v), CASE_LOWER);
}

FILTER(capitalize)
{
	UNUSED;
	return text_capitalize(j, plain(j, v));
}

static bool is_between_words(uint32_t cp)
{
	return is_space(cp) || (cp < 0x80 && cp && strchr("-({[<", (int)cp));
}

static size_t word_end(struct bytes s, size_t at)
{
	uint32_t cp;

	while (at < s.len) {
		size_t n = char_at(s.data + at, s.len - at, &cp);

		if (is_between_words(cp))
			break;
		at += n;
	}
	return at;
}

/* Words lie between white space and any of - ( { [ <; what lies between has no case.  The rest of a
 * word does not see its first letter: jinja2 lowers it alone. */
FILTER(title)
{
	struct bytes s = plain(j, v);
	struct buffer b = { 0 };
	uint32_t cp;

	UNUSED;
	for (size_t i = 0, end; i < s.len; i = end) {
		size_t rest = i + char_at(s.data + i, s.len - i, &cp);

		end = is_between_words(cp) ? rest : word_end(s, rest);
		add_cased(j, &b, (struct bytes){ s.data + i, rest - i }, CASE_UPPER);
		add_cased(j, &b, (struct bytes){ s.data + rest, end - rest }, CASE_LOWER);
	}
	return v_buffer(&b);
}

FILTER(trim)
{
	UNUSED;
	return v_bytes(text_strip(plain(j, v),
				  arg[0].kind == V_MISSING || arg[0].kind == V_NONE
					  ? (struct bytes){ 0 }
					  : arg_text(j, "trim", arg[0]),
				  true, true));
}

FILTER(center)
{
	UNUSED;
	return text_center(j, plain(j, v), arg_int(j, "center", arg[0], 80), bytes_of(" "));
}

FILTER(replace)
{
	int64_t times = arg[2].kind == V_NONE ? -1 : arg_int(j, "replace", arg[2], -1);

	UNUSED;
	return text_replace(j, to_str(j, v), to_str(j, arg[0]), to_str(j, arg[1]), times);
}

FILTER(string)
{
	struct value s = v_bytes(to_str(j, v));

	UNUSED;
	s.markup = is_string(v) && v.markup;
	return s;
}

FILTER(indent)
{
	struct bytes s = arg_text(j, "indent", v), by = { 0 };
	bool first = arg_bool(arg[1], false), blank = arg_bool(arg[2], false);
	struct buffer b = { 0 }, whole = { 0 }, spaces = { 0 };
	struct value lines;

	UNUSED;
	plain(j, v);
	if (is_string(arg[0])) {
		by = arg[0].s;
	} else {
		for (int64_t i = arg_int(j, "indent", arg[0], 4); i > 0; i--)
			buffer_addc(j, &spaces, ' ');
		by = v_buffer(&spaces).s;
	}
	buffer_add(j, &whole, s.data, s.len);
	buffer_addc(j, &whole, '\n');
	lines = text_split_lines(j, v_buffer(&whole).s);
	for (size_t i = 0; i < lines.seq->n; i++) {
		struct bytes line = lines.seq->at[i].s;

		if (i)
			buffer_addc(j, &b, '\n');
		if (i ? blank || line.len : first)
			buffer_add(j, &b, by.data, by.len);
		buffer_add(j, &b, line.data, line.len);
	}
	return v_buffer(&b);
}

/* Up to the last blank within `keep` characters, or so many characters. */
FILTER(truncate)
{
	struct bytes s = arg_text(j, "truncate", v);
	int64_t n = arg_int(j, "truncate", arg[0], 255);
	struct bytes end =
		arg[2].kind == V_MISSING ? bytes_of("...") : arg_text(j, "truncate", arg[2]);
	int64_t leeway = arg[3].kind == V_NONE ? 5 : arg_int(j, "truncate", arg[3], 5);
	int64_t end_chars = (int64_t)count_chars(j, end);
	struct buffer b = { 0 };
	size_t keep;

	UNUSED;
	plain(j, v);
	if (n < end_chars || leeway < 0)
		jinja_fail(j, "truncate: expected length >= %lld and leeway >= 0",
			   (long long)end_chars);
	if ((int64_t)count_chars(j, s) <= n + leeway)
		return v;
	keep = char_offset(s, (size_t)(n - end_chars));
	if (!value_truth(arg[1]))
		for (size_t i = keep; i > 0; i--)
			if (s.data[i - 1] == ' ') {
				keep = i - 1;
				break;
			}
	buffer_add(j, &b, s.data, keep);
	buffer_add(j, &b, end.data, end.len);
	return v_buffer(&b);
}

FILTER(wordcount)
{
	struct bytes s = plain(j, v);
	bool inside = false;
	int64_t n = 0;
	uint32_t cp;

	UNUSED;
	for (size_t i = 0; i < s.len;) {
		bool word;

		i += char_at(s.data + i, s.len - i, &cp);
		word = char_is(j, CHAR_WORD, cp);
		n += word && !inside;
		inside = word;
	}
	return v_int(n);
}

FILTER(urlencode)
{
	static const char kept[] = "_.-~/", hex[] = "0123456789ABCDEF";
	struct bytes s = plain(j, v);
	struct buffer b = { 0 };

	UNUSED;
	if (!is_string(v) && is_iterable(v))
		jinja_fail(j, "'urlencode' of a %s is not supported", type_name(v));
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if ((c < 0x80 && char_is(j, CHAR_WORD, c)) || (c && strchr(kept, c))) {
			buffer_addc(j, &b, (char)c);
			continue;
		}
		buffer_addc(j, &b, '%');
		buffer_addc(j, &b, hex[c >> 4]);
		buffer_addc(j, &b, hex[c & 15]);
	}
	return v_buffer(&b);
}

/* ---- marks ---- */

struct value text_escaped(struct jinja *j, struct value v)
{
	static const struct {
		char c;
		const char *as;
	} entities[] = { { '&', "&amp;" },
			 { '>', "&gt;" },
			 { '<', "&lt;" },
			 { '\'', "&#39;" },
			 { '"', "&#34;" } };
	struct bytes s = to_str(j, v);
	struct buffer b = { 0 };
	struct value r;

	if (is_string(v) && v.markup)
		return v;
	for (size_t i = 0; i < s.len; i++) {
		const char *as = NULL;

		for (size_t k = 0; k < sizeof(entities) / sizeof(*entities); k++)
			as = s.data[i] == entities[k].c ? entities[k].as : as;
		if (as)
			buffer_adds(j, &b, as);
		else
			buffer_addc(j, &b, s.data[i]);
	}
	r = v_buffer(&b);
	r.markup = true;
	return r;
}

FILTER(escape)
{
	UNUSED;
	return text_escaped(j, v);
}

FILTER(forceescape)
{
	UNUSED;
	return text_escaped(j, v_bytes(to_str(j, v)));
}

FILTER(safe)
{
	struct value s = v_bytes(to_str(j, v));

	UNUSED;
	s.markup = true;
	return s;
}

FILTER(tojson)
{
	UNUSED;
	return v_bytes(to_json(j, v, arg));
}

/* "%s" | format(x), or by names. */
FILTER(format)
{
	struct seq *s = seq_new(j, args->n);
	struct dict *d = dict_new(j);

	(void)arg;
	if (args->n && args->n_named)
		jinja_fail(j, "can't handle positional and keyword arguments at the same time");
	for (size_t i = 0; i < args->n; i++)
		seq_add(j, s, args->at[i]);
	for (size_t i = 0; i < args->n_named; i++)
		dict_put(j, d, v_bytes(args->named[i].name), args->named[i].value);
	return format_percent(j, plain(j, v), args->n_named ? v_dict(d) : v_seq(V_TUPLE, s));
}

/* ---- numbers ---- */

static void must_be_defined(struct jinja *j, struct value v)
{
	if (v.kind == V_UNDEFINED)
		jinja_fail(j, "%s", short_name(j, v.s));
}

/* int(float(v)), which reads "42.5". */
static bool through_float(struct jinja *j, struct value v, int64_t *i)
{
	double d = 0;

	if (is_string(v) ? !read_float(j, v.s, &d) : !is_number(v))
		return false;
	return float_to_int(j, is_string(v) ? d : float_of(v), i);
}

FILTER(to_int)
{
	struct value otherwise = arg[0].kind == V_MISSING ? v_int(0) : arg[0];
	int64_t i;

	UNUSED;
	must_be_defined(j, v);
	if (is_integer(v))
		return v_int(integer_of(v));
	if (v.kind == V_FLOAT && !isnan(v.d) && isinf(v.d))
		jinja_fail(j, "cannot convert float infinity to integer");
	if (is_string(v)) {
		for (size_t k = 0; k < v.s.len; k++)
			if ((unsigned char)v.s.data[k] >= 0x80)
				jinja_fail(j, "'int' of characters beyond ASCII is not supported");
		if (read_int(j, v.s, arg_int(j, "int", arg[1], 10), &i))
			return v_int(i);
	}
	return through_float(j, v, &i) ? v_int(i) : otherwise;
}

FILTER(to_float)
{
	double d;

	UNUSED;
	must_be_defined(j, v);
	if (is_number(v))
		return v_float(float_of(v));
	if (is_string(v)) {
		for (size_t k = 0; k < v.s.len; k++)
			if ((unsigned char)v.s.data[k] >= 0x80)
				jinja_fail(j,
					   "'float' of characters beyond ASCII is not supported");
		if (read_float(j, v.s, &d))
			return v_float(d);
	}
	return arg[0].kind == V_MISSING ? v_float(0) : arg[0];
}

FILTER(absolute)
{
	UNUSED;
	must_be_defined(j, v);
	if (!is_number(v))
		jinja_fail(j, "bad operand type for abs(): '%s'", type_name(v));
	if (v.kind == V_FLOAT)
		return v_float(fabs(v.d));
	return integer_of(v) < 0 ? negate(j, v) : v_int(integer_of(v));
}

/* Python rounds the decimal digits that the number has, halves to even. */
static struct value round_common(struct jinja *j, struct value v, int64_t digits)
{
	char text[400];

	if (is_integer(v)) {
		if (digits < 0)
			jinja_fail(j, "rounding an integer to tens is not supported");
		return v_int(integer_of(v));
	}
	if (digits < 0)
		jinja_fail(j, "rounding to tens is not supported");
	if (!isfinite(v.d) || digits > 60)
		return v;
	snprintf(text, sizeof(text), "%.*f", (int)digits, v.d);
	return v_float(strtod(text, NULL));
}

FILTER(rounded)
{
	int64_t digits = arg_int(j, "round", arg[0], 0);
	struct bytes method =
		arg[1].kind == V_MISSING ? bytes_of("common") : arg_text(j, "round", arg[1]);
	bool ceils = bytes_are(method, "ceil");
	double scale, x;

	UNUSED;
	must_be_defined(j, v);
	if (!is_number(v))
		jinja_fail(j, "type %s doesn't define __round__ method", type_name(v));
	if (bytes_are(method, "common"))
		return round_common(j, v, digits);
	if (!ceils && !bytes_are(method, "floor"))
		jinja_fail(j, "method must be common, ceil or floor");
	if (digits < 0 || digits > 15)
		jinja_fail(j, "rounding up or down to %lld digits is not supported",
			   (long long)digits);
	scale = pow(10, (double)digits);
	x = float_of(v) * scale;
	return v_float((ceils ? ceil(x) : floor(x)) / scale);
}

const struct filter text_filters[] = {
	{ "abs", absolute, "", 0 },
	{ "capitalize", capitalize, "", 0 },
	{ "center", center, "width", 0 },
	{ "e", escape, "", 0 },
	{ "escape", escape, "", 0 },
	{ "float", to_float, "default", 0 },
	{ "forceescape", forceescape, "", 0 },
	{ "format", format, NULL, 0 },
	{ "indent", indent, "width,first,blank", 0 },
	{ "int", to_int, "default,base", 0 },
	{ "lower", lower, "", 0 },
	{ "replace", replace, "old,new,count", 2 },
	{ "round", rounded, "precision,method", 0 },
	{ "safe", safe, "", 0 },
	{ "string", string, "", 0 },
	{ "title", title, "", 0 },
	{ "tojson", tojson, "ensure_ascii,indent,separators,sort_keys", 0 },
	{ "trim", trim, "chars", 0 },
	{ "truncate", truncate, "length,killwords,end,leeway", 0 },
	{ "upper", upper, "", 0 },
	{ "urlencode", urlencode, "", 0 },
	{ "wordcount", wordcount, "", 0 },
	{ "wordwrap", filter_wordwrap, "width,break_long_words,wrapstring,break_on_hyphens", 0 },
	{ NULL, NULL, NULL, 0 },
};
