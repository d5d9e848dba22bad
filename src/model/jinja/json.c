/*
 * json.c -- `tojson`: Python's json.dumps(), with the arguments that transformers lets through.
 */
#include "impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct style {
	bool ascii, sort;
	struct bytes indent; /* a level of it */
	bool lines;          /* an indent was given */
	struct bytes comma, colon;
};

static void add_json(struct jinja *j, struct buffer *b, const struct style *s, struct value v,
		     int level);

static void add_unicode(struct jinja *j, struct buffer *b, uint32_t cp)
{
	char text[16];

	if (cp >= 0x10000)
		snprintf(text, sizeof(text), "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
			 0xdc00 + ((cp - 0x10000) & 0x3ff));
	else
		snprintf(text, sizeof(text), "\\u%04x", cp);
	buffer_adds(j, b, text);
}

static void add_text(struct jinja *j, struct buffer *b, const struct style *style, struct bytes s)
{
	static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
	uint32_t cp;

	buffer_addc(j, b, '"');
	for (size_t i = 0; i < s.len;) {
		const char *named;

		i += char_at(s.data + i, s.len - i, &cp);
		named = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
		if (named) {
			buffer_addc(j, b, '\\');
			buffer_addc(j, b, to[named - from]);
		} else if (cp < 0x20 || (style->ascii && cp >= 0x7f)) {
			add_unicode(j, b, cp);
		} else {
			buffer_add_char(j, b, cp);
		}
	}
	buffer_addc(j, b, '"');
}

static void add_line(struct jinja *j, struct buffer *b, const struct style *s, int level)
{
	if (!s->lines)
		return;
	buffer_addc(j, b, '\n');
	for (int i = 0; i < level; i++)
		buffer_add(j, b, s->indent.data, s->indent.len);
}

static void add_number(struct jinja *j, struct buffer *b, double d)
{
	if (isnan(d))
		buffer_adds(j, b, "NaN");
	else if (isinf(d))
		buffer_adds(j, b, d < 0 ? "-Infinity" : "Infinity");
	else
		add_float(j, b, d);
}

static void add_list(struct jinja *j, struct buffer *b, const struct style *s,
		     const struct seq *items, int level)
{
	buffer_addc(j, b, '[');
	for (size_t i = 0; i < items->n; i++) {
		if (i)
			buffer_add(j, b, s->comma.data, s->comma.len);
		add_line(j, b, s, level + 1);
		add_json(j, b, s, items->at[i], level + 1);
	}
	if (items->n)
		add_line(j, b, s, level);
	buffer_addc(j, b, ']');
}

static void add_key(struct jinja *j, struct buffer *b, const struct style *s, struct value key)
{
	if (key.kind == V_STRING) {
		add_text(j, b, s, key.s);
		return;
	}
	if (!is_number(key) && key.kind != V_NONE)
		jinja_fail(j, "keys must be str, int, float, bool or None, not %s", type_name(key));
	buffer_addc(j, b, '"');
	add_json(j, b, s, key, 0);
	buffer_addc(j, b, '"');
}

/* Keys are sorted as values, before they become text. */
static const struct dict *sorted(struct jinja *j, const struct dict *d)
{
	struct dict *copy = dict_new(j);

	copy->at = jinja_alloc(j, d->n, sizeof(*copy->at));
	for (size_t i = 0; i < d->n; i++) {
		size_t to = copy->n++;

		for (; to > 0 && values_ordered(j, "<", d->at[i].key, copy->at[to - 1].key); to--)
			copy->at[to] = copy->at[to - 1];
		copy->at[to] = d->at[i];
	}
	return copy;
}

static void add_dict(struct jinja *j, struct buffer *b, const struct style *s, const struct dict *d,
		     int level)
{
	if (s->sort)
		d = sorted(j, d);
	buffer_addc(j, b, '{');
	for (size_t i = 0; i < d->n; i++) {
		if (i)
			buffer_add(j, b, s->comma.data, s->comma.len);
		add_line(j, b, s, level + 1);
		add_key(j, b, s, d->at[i].key);
		buffer_add(j, b, s->colon.data, s->colon.len);
		add_json(j, b, s, d->at[i].value, level + 1);
	}
	if (d->n)
		add_line(j, b, s, level);
	buffer_addc(j, b, '}');
}

static void add_json(struct jinja *j, struct buffer *b, const struct style *s, struct value v,
		     int level)
{
	jinja_work(j, 1);
	switch (v.kind) {
	case V_NONE:
		buffer_adds(j, b, "null");
		return;
	case V_BOOL:
		buffer_adds(j, b, v.b ? "true" : "false");
		return;
	case V_INT:
		add_int(j, b, v.i);
		return;
	case V_FLOAT:
		add_number(j, b, v.d);
		return;
	case V_STRING:
		add_text(j, b, s, v.s);
		return;
	case V_LIST:
	case V_TUPLE:
		add_list(j, b, s, v.seq, level);
		return;
	case V_DICT:
		add_dict(j, b, s, v.dict, level);
		return;
	default:
		jinja_fail(j, "Object of type %s is not JSON serializable", type_name(v));
	}
}

static struct bytes indent_of(struct jinja *j, struct value v)
{
	struct buffer b = { 0 };

	if (v.kind == V_STRING)
		return v.s;
	for (int64_t i = arg_int(j, "tojson", v, 0); i > 0; i--)
		buffer_addc(j, &b, ' ');
	return v_buffer(&b).s;
}

struct bytes to_json(struct jinja *j, struct value v, const struct value *arg)
{
	struct style s = { .ascii = value_truth(arg[0]), .sort = value_truth(arg[3]) };
	struct buffer b = { 0 };

	s.lines = arg[1].kind != V_MISSING && arg[1].kind != V_NONE;
	if (s.lines)
		s.indent = indent_of(j, arg[1]);
	s.comma = bytes_of(s.lines ? "," : ", ");
	s.colon = bytes_of(": ");
	if (arg[2].kind != V_MISSING && arg[2].kind != V_NONE) {
		const struct seq *both = value_items(j, arg[2]);

		if (both->n != 2 || !is_string(both->at[0]) || !is_string(both->at[1]))
			jinja_fail(j, "tojson's separators are two strings");
		s.comma = both->at[0].s;
		s.colon = both->at[1].s;
	}
	add_json(j, &b, &s, v, 0);
	return v_buffer(&b).s;
}
