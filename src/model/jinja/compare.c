/*
 * compare.c -- what is equal, what is before what, what is in what, and the keys of dicts.
 */
#include "impl.h"

#include <string.h>

static bool equal_items(struct jinja *j, const struct seq *a, const struct seq *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!values_equal(j, a->at[i], b->at[i]))
			return false;
	return true;
}

static bool equal_dicts(struct jinja *j, const struct dict *a, const struct dict *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct value *other = dict_find(j, b, a->at[i].key);

		if (!other || !values_equal(j, a->at[i].value, *other))
			return false;
	}
	return true;
}

/* The same thing, where there is nothing else to compare. */
static bool same_object(struct value a, struct value b)
{
	switch (a.kind) {
	case V_VIEW:
	case V_STREAM:
		return a.seq == b.seq;
	case V_NAMESPACE:
		return a.dict == b.dict;
	case V_CALLABLE:
		return a.callable == b.callable;
	case V_LOOP:
		return a.loop == b.loop;
	default:
		return a.cycler == b.cycler;
	}
}

bool values_equal(struct jinja *j, struct value a, struct value b)
{
	jinja_work(j, 1);
	if (is_number(a) && is_number(b))
		return compare_numbers(a, b) == 0;
	if (a.kind != b.kind)
		return false;
	switch (a.kind) {
	case V_MISSING:
	case V_UNDEFINED:
	case V_NONE:
		return true;
	case V_STRING:
		jinja_work(j, a.s.len / 16);
		return bytes_equal(a.s, b.s);
	case V_LIST:
	case V_TUPLE:
	case V_RANGE:
		return equal_items(j, a.seq, b.seq);
	case V_VIEW:
		if (a.seq != b.seq)
			jinja_fail(j, "comparing a %s is not supported", type_name(a));
		return true;
	case V_DICT:
		return equal_dicts(j, a.dict, b.dict);
	default:
		return same_object(a, b);
	}
}

static int compare_texts(struct jinja *j, struct bytes a, struct bytes b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.data, b.data, n) : 0;

	jinja_work(j, n / 16);
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool holds(const char *op, int order)
{
	if (order == 2)
		return false;
	if (order == 0)
		return op[1] == '=';
	return (op[0] == '<') == (order < 0);
}

/* The first items that differ decide. */
static bool ordered_items(struct jinja *j, const char *op, const struct seq *a, const struct seq *b)
{
	size_t n = a->n < b->n ? a->n : b->n;

	for (size_t i = 0; i < n; i++)
		if (!values_equal(j, a->at[i], b->at[i]))
			return values_ordered(j, op, a->at[i], b->at[i]);
	return holds(op, (a->n > b->n) - (a->n < b->n));
}

bool values_ordered(struct jinja *j, const char *op, struct value a, struct value b)
{
	jinja_work(j, 1);
	if (is_number(a) && is_number(b))
		return holds(op, compare_numbers(a, b));
	if (is_string(a) && is_string(b)) {
		int order = compare_texts(j, a.s, b.s);

		return holds(op, (order > 0) - (order < 0));
	}
	if (a.kind == b.kind && (a.kind == V_LIST || a.kind == V_TUPLE))
		return ordered_items(j, op, a.seq, b.seq);
	if (a.kind == V_UNDEFINED || b.kind == V_UNDEFINED)
		jinja_fail(j, "%s", short_name(j, a.kind == V_UNDEFINED ? a.s : b.s));
	if (a.kind == V_VIEW && b.kind == V_VIEW)
		jinja_fail(j, "comparing a %s is not supported", type_name(a));
	jinja_fail(j, "'%s' not supported between instances of '%s' and '%s'", op, type_name(a),
		   type_name(b));
}

/* ---- containers ---- */

static bool text_contains(struct jinja *j, struct bytes s, struct bytes part)
{
	jinja_work(j, s.len);
	if (!part.len)
		return true;
	for (size_t i = 0; i + part.len <= s.len; i++)
		if (s.data[i] == *part.data && memcmp(s.data + i, part.data, part.len) == 0)
			return true;
	return false;
}

/* A stream is read up to where the item is. */
static bool stream_contains(struct jinja *j, struct seq *s, struct value item)
{
	while (s->next < s->n)
		if (values_equal(j, s->at[s->next++], item))
			return true;
	return false;
}

bool value_contains(struct jinja *j, struct value container, struct value item)
{
	if (is_string(container)) {
		if (!is_string(item))
			jinja_fail(j, "'in <string>' requires string as left operand, not %s",
				   type_name(item));
		return text_contains(j, container.s, item.s);
	}
	if (container.kind == V_DICT) {
		if (!is_hashable(item))
			jinja_fail(j, "unhashable type: '%s'", type_name(item));
		return dict_find(j, container.dict, item) != NULL;
	}
	if (container.kind == V_STREAM)
		return stream_contains(j, container.seq, item);
	if (has_items(container)) {
		for (size_t i = 0; i < container.seq->n; i++)
			if (values_equal(j, container.seq->at[i], item))
				return true;
		return false;
	}
	if (container.kind == V_UNDEFINED)
		return false;
	jinja_fail(j, "argument of type '%s' is not iterable", type_name(container));
}

bool is_hashable(struct value v)
{
	if (v.kind == V_TUPLE) {
		for (size_t i = 0; i < v.seq->n; i++)
			if (!is_hashable(v.seq->at[i]))
				return false;
		return true;
	}
	return v.kind != V_LIST && v.kind != V_DICT && v.kind != V_VIEW;
}

struct value *dict_find(struct jinja *j, const struct dict *d, struct value key)
{
	for (size_t i = 0; i < d->n; i++)
		if (values_equal(j, d->at[i].key, key))
			return &d->at[i].value;
	return NULL;
}

struct value *dict_find_text(struct jinja *j, const struct dict *d, struct bytes key)
{
	return dict_find(j, d, v_bytes(key));
}

void dict_put(struct jinja *j, struct dict *d, struct value key, struct value value)
{
	struct value *there = dict_find(j, d, key);
	int depth = value_depth(value) + 1;

	if (!is_hashable(key))
		jinja_fail(j, "unhashable type: '%s'", type_name(key));
	if (depth > JINJA_MAX_VALUE)
		jinja_fail(j, "a value is nested deeper than %d levels", JINJA_MAX_VALUE);
	d->depth = depth > d->depth ? depth : d->depth;
	if (there) {
		*there = value;
		return;
	}
	d->at = jinja_grow(j, d->at, d->n, &d->cap, sizeof(*d->at));
	d->at[d->n++] = (struct pair){ key, value };
}
