/*
 * value.c -- values: none, numbers, strings, lists and what Python has beside them.
 *
 * A value is a small structure that is copied; strings are stretches of bytes that nobody changes.
 * Lists never change after they were made, since the sandbox forbids it: so how deep they nest is
 * known, and no walk through one needs another bound.
 */
#include "impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct value v_none(void)
{
	return (struct value){ .kind = V_NONE };
}

struct value v_bool(bool b)
{
	return (struct value){ .kind = V_BOOL, .b = b };
}

struct value v_int(int64_t i)
{
	return (struct value){ .kind = V_INT, .i = i };
}

struct value v_float(double d)
{
	return (struct value){ .kind = V_FLOAT, .d = d };
}

struct value v_bytes(struct bytes s)
{
	return (struct value){ .kind = V_STRING, .s = s };
}

struct value v_part(struct bytes s, size_t from, size_t to)
{
	return v_bytes((struct bytes){ s.data + from, to - from });
}

struct value v_text(const char *s)
{
	return v_bytes(bytes_of(s));
}

struct value v_buffer(const struct buffer *b)
{
	return v_bytes((struct bytes){ b->data ? b->data : "", b->len });
}

struct value v_seq(enum kind kind, struct seq *seq)
{
	return (struct value){ .kind = kind, .seq = seq };
}

struct value v_dict(struct dict *d)
{
	return (struct value){ .kind = V_DICT, .dict = d };
}

struct value v_stream(struct seq *seq, const char *type)
{
	seq->type = type;
	return v_seq(V_STREAM, seq);
}

struct value v_undefined(struct jinja *j, const char *fmt, ...)
{
	char why[200];
	size_t len;
	char *copy;
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	len = strlen(why);
	copy = jinja_alloc(j, len + 1, 1);
	memcpy(copy, why, len);
	return (struct value){ .kind = V_UNDEFINED, .s = { copy, len } };
}

/* ---- lists and dicts ---- */

struct seq *seq_new(struct jinja *j, size_t room)
{
	struct seq *s = jinja_alloc(j, 1, sizeof(*s));

	if (room) {
		s->at = jinja_alloc(j, room, sizeof(*s->at));
		s->cap = room;
	}
	s->depth = 1;
	return s;
}

int value_depth(struct value v)
{
	if (has_items(v))
		return v.seq->depth;
	return v.kind == V_DICT ? v.dict->depth : 0;
}

static int deeper(struct jinja *j, int depth, struct value inside)
{
	int d = value_depth(inside) + 1;

	if (d > JINJA_MAX_VALUE && j->end)
		jinja_fail(j, "a value is nested deeper than %d levels", JINJA_MAX_VALUE);
	return d > depth ? d : depth;
}

void seq_add(struct jinja *j, struct seq *s, struct value v)
{
	s->at = jinja_grow(j, s->at, s->n, &s->cap, sizeof(*s->at));
	s->at[s->n++] = v;
	s->depth = deeper(j, s->depth, v);
}

struct value v_pair(struct jinja *j, struct value a, struct value b)
{
	struct seq *s = seq_new(j, 2);

	seq_add(j, s, a);
	seq_add(j, s, b);
	return v_seq(V_TUPLE, s);
}

struct dict *dict_new(struct jinja *j)
{
	struct dict *d = jinja_alloc(j, 1, sizeof(*d));

	d->depth = 1;
	return d;
}

/* ---- asking ---- */

bool is_string(struct value v)
{
	return v.kind == V_STRING;
}

bool is_integer(struct value v)
{
	return v.kind == V_BOOL || v.kind == V_INT;
}

bool is_number(struct value v)
{
	return is_integer(v) || v.kind == V_FLOAT;
}

bool is_sequence(struct value v)
{
	return v.kind == V_LIST || v.kind == V_TUPLE || v.kind == V_RANGE;
}

bool has_items(struct value v)
{
	return is_sequence(v) || v.kind == V_VIEW || v.kind == V_STREAM;
}

int64_t integer_of(struct value v)
{
	return v.kind == V_BOOL ? v.b : v.i;
}

bool value_truth(struct value v)
{
	switch (v.kind) {
	case V_MISSING:
	case V_UNDEFINED:
	case V_NONE:
		return false;
	case V_BOOL:
		return v.b;
	case V_INT:
		return v.i != 0;
	case V_FLOAT:
		return v.d != 0;
	case V_STRING:
		return v.s.len > 0;
	case V_LIST:
	case V_TUPLE:
	case V_RANGE:
	case V_VIEW:
		return v.seq->n > 0;
	case V_DICT:
		return v.dict->n > 0;
	case V_STREAM:
	case V_NAMESPACE:
	case V_CALLABLE:
	case V_CYCLER:
	case V_SELF:
		return true;
	case V_LOOP:
		return v.loop->items->n > 0;
	}
	return false;
}

const char *type_name(struct value v)
{
	static const char *const names[] = {
		[V_MISSING] = "nothing",   [V_UNDEFINED] = "Undefined",
		[V_NONE] = "NoneType",     [V_BOOL] = "bool",
		[V_INT] = "int",           [V_FLOAT] = "float",
		[V_STRING] = "str",        [V_LIST] = "list",
		[V_TUPLE] = "tuple",       [V_RANGE] = "range",
		[V_DICT] = "dict",         [V_NAMESPACE] = "Namespace",
		[V_CALLABLE] = "function", [V_LOOP] = "LoopContext",
		[V_CYCLER] = "Cycler",     [V_SELF] = "TemplateReference",
	};

	if (v.kind == V_VIEW || v.kind == V_STREAM)
		return v.seq->type;
	return names[v.kind];
}

const char *short_name(struct jinja *j, struct bytes s)
{
	size_t n = s.len < 60 ? s.len : 60;
	char *copy;

	while (n < s.len && n > 0 && ((unsigned char)s.data[n] & 0xc0) == 0x80)
		n--;
	copy = jinja_alloc(j, n + 4, 1);
	memcpy(copy, s.data, n);
	if (n < s.len)
		memcpy(copy + n, "...", 4);
	return copy;
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (!a.len || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_are(struct bytes a, const char *b)
{
	return bytes_equal(a, bytes_of(b));
}

struct bytes bytes_of(const char *s)
{
	return (struct bytes){ s, strlen(s) };
}
