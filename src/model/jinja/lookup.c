/*
 * lookup.c -- x.name, x['name'], x[1] and x[1:2], as the sandbox looks things up.
 *
 * A dot asks for the attribute first and for the item then, brackets the other way round; what is
 * not there is undefined, which is no error until something is done with it.
 */
#include "impl.h"

#include <stdio.h>
#include <string.h>

#define NOTHING ((struct value){ .kind = V_MISSING })

/* ---- what a loop knows ---- */

static struct value neighbour(struct jinja *j, const struct loop *l, bool next)
{
	if (next)
		return l->index0 + 1 < l->items->n ? l->items->at[l->index0 + 1]
						   : v_undefined(j, "there is no next item");
	return l->index0 ? l->items->at[l->index0 - 1]
			 : v_undefined(j, "there is no previous item");
}

static struct value loop_attribute(struct jinja *j, const struct loop *l, struct bytes name)
{
	int64_t i = (int64_t)l->index0, n = (int64_t)l->items->n;

	if (bytes_are(name, "index"))
		return v_int(i + 1);
	if (bytes_are(name, "index0"))
		return v_int(i);
	if (bytes_are(name, "revindex"))
		return v_int(n - i);
	if (bytes_are(name, "revindex0"))
		return v_int(n - i - 1);
	if (bytes_are(name, "first"))
		return v_bool(i == 0);
	if (bytes_are(name, "last"))
		return v_bool(i == n - 1);
	if (bytes_are(name, "length"))
		return v_int(n);
	if (bytes_are(name, "depth"))
		return v_int(l->depth0 + 1);
	if (bytes_are(name, "depth0"))
		return v_int(l->depth0);
	if (bytes_are(name, "previtem") || bytes_are(name, "nextitem"))
		return neighbour(j, l, name.data[0] == 'n');
	return NOTHING;
}

/* ---- what the template itself knows ---- */

static struct value block_named(struct jinja *j, struct bytes name)
{
	struct callable *c;

	for (size_t i = 0; i < j->blocks->n; i++) {
		if (!bytes_equal(j->blocks->at[i]->name, name))
			continue;
		c = jinja_alloc(j, 1, sizeof(*c));
		*c = (struct callable){ .name = short_name(j, name),
					.call = j->call_block,
					.data = j->blocks->at[i] };
		return (struct value){ .kind = V_CALLABLE, .callable = c };
	}
	return NOTHING;
}

/* ---- attributes ---- */

static struct value attribute(struct jinja *j, struct value v, struct bytes name)
{
	if (v.kind == V_NAMESPACE) {
		const struct value *found = dict_find_text(j, v.dict, name);

		return found ? *found : NOTHING;
	}
	if (v.kind == V_LOOP) {
		struct value found = loop_attribute(j, v.loop, name);

		if (found.kind != V_MISSING)
			return found;
	}
	if (v.kind == V_CYCLER && !v.cycler->joins && bytes_are(name, "current"))
		return v.cycler->items->at[v.cycler->pos];
	if (v.kind == V_TUPLE && v.seq->names)
		for (size_t i = 0; i < v.seq->n; i++)
			if (bytes_equal(v.seq->names[i], name))
				return v.seq->at[i];
	if (name.len && *name.data == '_' &&
	    (v.kind >= V_CALLABLE || (name.len > 1 && name.data[1] == '_')))
		jinja_fail(j, "the attribute '%s' is not supported", short_name(j, name));
	return v.kind == V_SELF ? block_named(j, name) : method_find(j, v, name);
}

/* What an undefined value says when something is done with it. */
static struct value not_there(struct jinja *j, struct value v, struct value key)
{
	if (!is_string(key))
		return v_undefined(j, "%s object has no element %s", type_name(v),
				   short_name(j, to_repr(j, key)));
	return v_undefined(j, "'%s' has no attribute '%s'",
			   v.kind == V_NONE     ? "None"
			   : v.kind == V_DICT   ? "dict object"
			   : v.kind == V_STRING ? "str object"
			   : v.kind == V_LIST   ? "list object"
						: type_name(v),
			   short_name(j, key.s));
}

static void must_be_defined(struct jinja *j, struct value v)
{
	if (v.kind == V_UNDEFINED)
		jinja_fail(j, "%s", short_name(j, v.s));
}

/* ---- items ---- */

static struct value nth_char(struct jinja *j, struct bytes s, int64_t i)
{
	int64_t n = 0;
	size_t from;
	uint32_t cp;

	if (i < 0)
		n = (int64_t)count_chars(j, s);
	i += n;
	if (i < 0)
		return NOTHING;
	jinja_work(j, (size_t)i / 4);
	from = char_offset(s, (size_t)i);
	if (from >= s.len)
		return NOTHING;
	return v_bytes((struct bytes){ s.data + from, char_at(s.data + from, s.len - from, &cp) });
}

static struct value item(struct jinja *j, struct value v, struct value key)
{
	if (v.kind == V_DICT) {
		const struct value *found = is_hashable(key) ? dict_find(j, v.dict, key) : NULL;

		return found ? *found : NOTHING;
	}
	if (!is_integer(key))
		return NOTHING;
	if (is_string(v)) {
		struct value c = nth_char(j, v.s, integer_of(key));

		c.markup = v.markup;
		return c;
	}
	if (is_sequence(v)) {
		int64_t i = integer_of(key), n = (int64_t)v.seq->n;

		i += i < 0 ? n : 0;
		return i >= 0 && i < n ? v.seq->at[i] : NOTHING;
	}
	return NOTHING;
}

struct value get_attribute(struct jinja *j, struct value v, struct bytes name)
{
	struct value found;

	jinja_work(j, 1);
	must_be_defined(j, v);
	found = attribute(j, v, name);
	if (found.kind == V_MISSING)
		found = item(j, v, v_bytes(name));
	return found.kind == V_MISSING ? not_there(j, v, v_bytes(name)) : found;
}

struct value get_item(struct jinja *j, struct value v, struct value key)
{
	struct value found;

	jinja_work(j, 1);
	must_be_defined(j, v);
	found = item(j, v, key);
	if (found.kind == V_MISSING && is_string(key))
		found = attribute(j, v, key.s);
	return found.kind == V_MISSING ? not_there(j, v, key) : found;
}

/* ---- slices ---- */

static int64_t slice_index(struct jinja *j, struct value v, int64_t otherwise)
{
	if (v.kind == V_MISSING || v.kind == V_NONE)
		return otherwise;
	if (!is_integer(v))
		jinja_fail(j, "slice indices must be integers or None, not %s", type_name(v));
	return integer_of(v);
}

static int64_t clamp(int64_t i, int64_t n, int64_t low, int64_t high)
{
	i += i < 0 ? n : 0;
	return i < low ? low : i > high ? high : i;
}

static struct value slice_text(struct jinja *j, struct value v, int64_t from, int64_t to)
{
	size_t a, b;
	struct value r;

	if (to < from)
		to = from;
	a = char_offset(v.s, (size_t)from);
	b = a + char_offset((struct bytes){ v.s.data + a, v.s.len - a }, (size_t)(to - from));
	jinja_work(j, b / 4);
	r = v_bytes((struct bytes){ v.s.data + a, b - a });
	r.markup = v.markup;
	return r;
}

static struct value from_items(struct jinja *j, struct value v, const struct seq *items)
{
	struct buffer b = { 0 };

	for (size_t i = 0; i < items->n; i++)
		buffer_add(j, &b, items->at[i].s.data, items->at[i].s.len);
	v.s = v_buffer(&b).s;
	return v;
}

/* Another range, whose parts are those of the first by its repr(). */
static struct value slice_range(struct jinja *j, const struct seq *r, int64_t a, int64_t b,
				int64_t by)
{
	long long from = 0, to = 0, step = 1;

	sscanf(r->type, "range(%lld, %lld, %lld", &from, &to, &step);
	/* Python's integers have no end. */
	if (__builtin_mul_overflow(a, step, &a) || __builtin_add_overflow(from, a, &a) ||
	    __builtin_mul_overflow(b, step, &b) || __builtin_add_overflow(from, b, &b) ||
	    __builtin_mul_overflow(step, by, &by))
		jinja_fail(j, "a range of such numbers is not supported");
	return v_range(j, a, b, by);
}

struct value get_slice(struct jinja *j, struct value v, struct value from, struct value to,
		       struct value step)
{
	int64_t by = slice_index(j, step, 1), n, a, b;
	const struct seq *items;
	struct seq *out;

	must_be_defined(j, v);
	if (!is_string(v) && !is_sequence(v))
		jinja_fail(j, "'%s' object cannot be sliced", type_name(v));
	if (by == 0)
		jinja_fail(j, "slice step cannot be zero");
	if (by < -INT32_MAX || by > INT32_MAX)
		by = by < 0 ? -INT32_MAX : INT32_MAX;
	n = value_length(j, v);
	a = clamp(slice_index(j, from, by > 0 ? 0 : INT64_MAX), n, by > 0 ? 0 : -1,
		  by > 0 ? n : n - 1);
	b = to.kind == V_MISSING || to.kind == V_NONE
		    ? (by > 0 ? n : -1)
		    : clamp(slice_index(j, to, 0), n, by > 0 ? 0 : -1, by > 0 ? n : n - 1);
	if (is_string(v) && by == 1)
		return slice_text(j, v, a, b);
	if (v.kind == V_RANGE)
		return slice_range(j, v.seq, a, b, by);
	items = value_items(j, v);
	out = seq_new(j, 0);
	for (int64_t i = a; by > 0 ? i < b : i > b; i += by)
		seq_add(j, out, items->at[i]);
	if (is_string(v))
		return from_items(j, v, out);
	return v_seq(v.kind, out);
}

/* ---- paths of filters ---- */

static bool all_digits(struct bytes s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
	return s.len > 0;
}

struct value get_path(struct jinja *j, struct value v, struct value path, struct value otherwise)
{
	struct bytes rest;

	if (path.kind == V_MISSING || path.kind == V_NONE)
		return v;
	if (!is_string(path))
		return get_item(j, v, path);
	rest = path.s;
	for (bool more = true; more;) {
		const char *dot = rest.len ? memchr(rest.data, '.', rest.len) : NULL;
		struct bytes name = { rest.data, dot ? (size_t)(dot - rest.data) : rest.len };
		int64_t i = 0;

		if (all_digits(name) && read_int(j, name, 10, &i))
			v = get_item(j, v, v_int(i));
		else
			v = get_item(j, v, v_bytes(name));
		if (v.kind == V_UNDEFINED && otherwise.kind != V_MISSING &&
		    otherwise.kind != V_NONE)
			v = otherwise;
		more = dot != NULL;
		if (dot)
			rest = (struct bytes){ dot + 1, rest.len - name.len - 1 };
	}
	return v;
}
