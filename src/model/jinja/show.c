/*
 * show.c -- str() and repr() of values.
 */
#include "impl.h"

#include <stdio.h>
#include <string.h>

static void add_escape(struct jinja *j, struct buffer *b, uint32_t cp)
{
	static const char named[][2] = { { '\n', 'n' }, { '\r', 'r' }, { '\t', 't' } };
	char text[16];

	for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++) {
		if (cp == (unsigned char)named[i][0]) {
			buffer_addc(j, b, '\\');
			buffer_addc(j, b, named[i][1]);
			return;
		}
	}
	snprintf(text, sizeof(text),
		 cp < 0x100     ? "\\x%02x"
		 : cp < 0x10000 ? "\\u%04x"
				: "\\U%08x",
		 cp);
	buffer_adds(j, b, text);
}

static void add_repr_text(struct jinja *j, struct buffer *b, struct bytes s)
{
	char quote =
		s.len && memchr(s.data, '\'', s.len) && !memchr(s.data, '"', s.len) ? '"' : '\'';
	uint32_t cp;

	buffer_addc(j, b, quote);
	for (size_t i = 0; i < s.len;) {
		i += char_at(s.data + i, s.len - i, &cp);
		if (cp == '\\' || cp == (unsigned char)quote) {
			buffer_addc(j, b, '\\');
			buffer_addc(j, b, (char)cp);
		} else if (char_is(j, CHAR_PRINTABLE, cp)) {
			buffer_add_char(j, b, cp);
		} else {
			add_escape(j, b, cp);
		}
	}
	buffer_addc(j, b, quote);
}

static void add_items(struct jinja *j, struct buffer *b, const struct seq *s)
{
	for (size_t i = 0; i < s->n; i++) {
		buffer_adds(j, b, i ? ", " : "");
		add_repr(j, b, s->at[i]);
	}
}

static void add_seq(struct jinja *j, struct buffer *b, struct value v)
{
	switch (v.kind) {
	case V_RANGE:
		buffer_adds(j, b, v.seq->type);
		return;
	case V_VIEW:
		buffer_adds(j, b, v.seq->type);
		buffer_adds(j, b, "([");
		add_items(j, b, v.seq);
		buffer_adds(j, b, "])");
		return;
	case V_TUPLE:
		buffer_addc(j, b, '(');
		add_items(j, b, v.seq);
		buffer_adds(j, b, v.seq->n == 1 ? ",)" : ")");
		return;
	default:
		buffer_addc(j, b, '[');
		add_items(j, b, v.seq);
		buffer_addc(j, b, ']');
	}
}

static void add_dict(struct jinja *j, struct buffer *b, const struct dict *d)
{
	buffer_addc(j, b, '{');
	for (size_t i = 0; i < d->n; i++) {
		buffer_adds(j, b, i ? ", " : "");
		add_repr(j, b, d->at[i].key);
		buffer_adds(j, b, ": ");
		add_repr(j, b, d->at[i].value);
	}
	buffer_addc(j, b, '}');
}

/* It can hold itself, and what holds it: the one thing that could be walked without end. */
static void add_namespace(struct jinja *j, struct buffer *b, const struct dict *d)
{
	if (j->in_namespace)
		jinja_fail(j, "printing a namespace in a namespace is not supported");
	j->in_namespace = true;
	buffer_adds(j, b, "<Namespace ");
	add_dict(j, b, d);
	buffer_addc(j, b, '>');
	j->in_namespace = false;
}

void add_repr(struct jinja *j, struct buffer *b, struct value v)
{
	jinja_work(j, 1);
	switch (v.kind) {
	case V_UNDEFINED:
		buffer_adds(j, b, "Undefined");
		return;
	case V_NONE:
		buffer_adds(j, b, "None");
		return;
	case V_BOOL:
		buffer_adds(j, b, v.b ? "True" : "False");
		return;
	case V_INT:
		add_int(j, b, v.i);
		return;
	case V_FLOAT:
		add_float(j, b, v.d);
		return;
	case V_STRING:
		buffer_adds(j, b, v.markup ? "Markup(" : "");
		add_repr_text(j, b, v.s);
		buffer_adds(j, b, v.markup ? ")" : "");
		return;
	case V_LIST:
	case V_TUPLE:
	case V_RANGE:
	case V_VIEW:
		add_seq(j, b, v);
		return;
	case V_DICT:
		add_dict(j, b, v.dict);
		return;
	case V_NAMESPACE:
		add_namespace(j, b, v.dict);
		return;
	case V_LOOP:
		buffer_adds(j, b, "<LoopContext ");
		add_int(j, b, (int64_t)v.loop->index0 + 1);
		buffer_addc(j, b, '/');
		add_int(j, b, (int64_t)v.loop->items->n);
		buffer_addc(j, b, '>');
		return;
	default:
		jinja_fail(j, "printing a %s is not supported", type_name(v));
	}
}

void add_str(struct jinja *j, struct buffer *b, struct value v)
{
	if (v.kind == V_STRING)
		buffer_add(j, b, v.s.data, v.s.len);
	else if (v.kind != V_UNDEFINED)
		add_repr(j, b, v);
}

struct bytes to_str(struct jinja *j, struct value v)
{
	struct buffer b = { 0 };

	if (v.kind == V_STRING)
		return v.s;
	add_str(j, &b, v);
	return v_buffer(&b).s;
}

struct bytes to_repr(struct jinja *j, struct value v)
{
	struct buffer b = { 0 };

	add_repr(j, &b, v);
	return v_buffer(&b).s;
}
