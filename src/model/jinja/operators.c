/*
 * operators.c -- what + - * / // % ** do with values that need not be numbers.
 */
#include "impl.h"

#include <string.h>

static _Noreturn void fail_types(struct jinja *j, const char *op, struct value a, struct value b)
{
	if (a.kind == V_UNDEFINED || b.kind == V_UNDEFINED)
		jinja_fail(j, "%s", short_name(j, a.kind == V_UNDEFINED ? a.s : b.s));
	if (op[0] == '+' && is_string(a))
		jinja_fail(j, "can only concatenate str (not \"%s\") to str", type_name(b));
	jinja_fail(j, "unsupported operand type(s) for %s: '%s' and '%s'", op, type_name(a),
		   type_name(b));
}

/* What escape() has marked stays marked, and the other string is escaped. */
static struct value add_texts(struct jinja *j, struct value a, struct value b)
{
	struct buffer sum = { 0 };
	struct value r;
	bool markup = a.markup || b.markup;

	if (markup) {
		a = text_escaped(j, a);
		b = text_escaped(j, b);
	}
	buffer_add(j, &sum, a.s.data, a.s.len);
	buffer_add(j, &sum, b.s.data, b.s.len);
	r = v_buffer(&sum);
	r.markup = markup;
	return r;
}

static struct value add_lists(struct jinja *j, struct value a, struct value b)
{
	struct seq *s = seq_new(j, a.seq->n + b.seq->n);

	jinja_work(j, a.seq->n + b.seq->n);
	for (size_t i = 0; i < a.seq->n; i++)
		seq_add(j, s, a.seq->at[i]);
	for (size_t i = 0; i < b.seq->n; i++)
		seq_add(j, s, b.seq->at[i]);
	return v_seq(a.kind, s);
}

struct value add_values(struct jinja *j, struct value a, struct value b)
{
	if (is_string(a) && is_string(b))
		return add_texts(j, a, b);
	if (is_number(a) && is_number(b))
		return number_operate(j, '+', a, b);
	if (a.kind == b.kind && (a.kind == V_LIST || a.kind == V_TUPLE))
		return add_lists(j, a, b);
	fail_types(j, "+", a, b);
}

static struct value repeat(struct jinja *j, struct value v, int64_t times)
{
	struct buffer b = { 0 };
	struct seq *s = seq_new(j, 0);
	size_t n = is_string(v) ? v.s.len : v.seq->n;

	if (times > 0 && n > j->limit / (size_t)times)
		jinja_fail(j, "the template needs more than %zu MB of memory", j->limit >> 20);
	for (int64_t i = 0; i < times && n > 0; i++) {
		if (is_string(v))
			buffer_add(j, &b, v.s.data, v.s.len);
		else
			for (size_t k = 0; k < v.seq->n; k++)
				seq_add(j, s, v.seq->at[k]);
	}
	if (is_string(v)) {
		struct value r = v_buffer(&b);

		r.markup = v.markup;
		return r;
	}
	return v_seq(v.kind, s);
}

static bool repeats(struct value v)
{
	return is_string(v) || v.kind == V_LIST || v.kind == V_TUPLE;
}

struct value operate(struct jinja *j, const char *op, struct value a, struct value b)
{
	char letter = strcmp(op, "//") == 0 ? 'f' : strcmp(op, "**") == 0 ? 'p' : *op;

	jinja_work(j, 1);
	if (letter == '+')
		return add_values(j, a, b);
	if (is_number(a) && is_number(b))
		return number_operate(j, letter, a, b);
	if (letter == '%' && is_string(a)) {
		if (a.markup)
			jinja_fail(
				j,
				"formatting a string that 'escape' or 'safe' has marked is not supported");
		return format_percent(j, a.s, b);
	}
	if (letter == '*' && repeats(a) && is_integer(b))
		return repeat(j, a, integer_of(b));
	if (letter == '*' && repeats(b) && is_integer(a))
		return repeat(j, b, integer_of(a));
	fail_types(j, letter == 'p' ? "** or pow()" : op, a, b);
}
