/*
 * filters_list.c -- filters over lists, dicts and what else can be gone through.
 */
#include "impl.h"

#include <string.h>

#define FILTER(name)                                                                               \
	static struct value name(struct jinja *j, struct value v, const struct value *arg,         \
				 const struct args *args)
#define UNUSED  (void)j, (void)arg, (void)args
#define NOTHING ((struct value){ .kind = V_MISSING })

/* A list of its own, which may be sorted. */
static struct seq *copied(struct jinja *j, struct value v)
{
	const struct seq *items = value_items(j, v);
	struct seq *s = seq_new(j, items->n);

	for (size_t i = 0; i < items->n; i++)
		seq_add(j, s, items->at[i]);
	return s;
}

FILTER(length_of)
{
	UNUSED;
	return v_int(value_length(j, v));
}

FILTER(list)
{
	UNUSED;
	return v_seq(V_LIST, copied(j, v));
}

FILTER(first)
{
	const struct seq *items;

	UNUSED;
	if (v.kind == V_STREAM)
		return v.seq->next < v.seq->n
			       ? v.seq->at[v.seq->next++]
			       : v_undefined(j, "No first item, sequence was empty.");
	items = value_items(j, v);
	return items->n ? items->at[0] : v_undefined(j, "No first item, sequence was empty.");
}

static void must_be_reversible(struct jinja *j, struct value v)
{
	if (v.kind == V_STREAM || v.kind == V_UNDEFINED)
		jinja_fail(j, "'%s' object is not reversible", type_name(v));
}

FILTER(last)
{
	const struct seq *items;

	UNUSED;
	must_be_reversible(j, v);
	items = value_items(j, v);
	return items->n ? items->at[items->n - 1]
			: v_undefined(j, "No last item, sequence was empty.");
}

FILTER(reverse)
{
	const struct seq *items = value_items(j, v);
	struct seq *s = seq_new(j, items->n);
	struct buffer b = { 0 };

	UNUSED;
	if (is_string(v) && v.markup)
		jinja_fail(
			j,
			"'reverse' of a string that 'escape' or 'safe' has marked is not supported");
	for (size_t i = items->n; i > 0; i--) {
		if (is_string(v))
			buffer_add(j, &b, items->at[i - 1].s.data, items->at[i - 1].s.len);
		else
			seq_add(j, s, items->at[i - 1]);
	}
	if (is_string(v))
		return v_buffer(&b);
	return v.kind == V_STREAM ? v_seq(V_LIST, s) : v_stream(s, "reversed");
}

FILTER(join)
{
	const struct seq *items = value_items(j, v);
	struct bytes by = arg[0].kind == V_MISSING ? bytes_of("") : to_str(j, arg[0]);
	struct buffer b = { 0 };

	UNUSED;
	for (size_t i = 0; i < items->n; i++) {
		if (i)
			buffer_add(j, &b, by.data, by.len);
		add_str(j, &b, get_path(j, items->at[i], arg[1], NOTHING));
	}
	return v_buffer(&b);
}

FILTER(by_default)
{
	bool falsy = arg_bool(arg[1], false);

	UNUSED;
	if (v.kind != V_UNDEFINED && (!falsy || value_truth(v)))
		return v;
	return arg[0].kind == V_MISSING ? v_text("") : arg[0];
}

FILTER(attr)
{
	struct value found;

	UNUSED;
	if (!is_string(arg[0]))
		jinja_fail(j, "attr wants the name of an attribute");
	if (v.kind == V_DICT || v.kind == V_NAMESPACE || v.kind == V_UNDEFINED)
		jinja_fail(j, "'attr' of a %s is not supported", type_name(v));
	found = method_find(j, v, arg[0].s);
	return found.kind == V_MISSING
		       ? v_undefined(j, "there is no attribute '%s'", short_name(j, arg[0].s))
		       : found;
}

FILTER(items)
{
	struct seq *s = seq_new(j, 0);

	UNUSED;
	if (v.kind == V_UNDEFINED)
		return v_stream(s, "generator");
	if (v.kind != V_DICT)
		jinja_fail(j, "Can only get item pairs from a mapping.");
	for (size_t i = 0; i < v.dict->n; i++)
		seq_add(j, s, v_pair(j, v.dict->at[i].key, v.dict->at[i].value));
	return v_stream(s, "generator");
}

/* ---- order ---- */

/* Strings compare without case. */
static struct value folded(struct jinja *j, struct value v, bool sensitive)
{
	struct buffer b = { 0 };

	if (sensitive || !is_string(v))
		return v;
	add_cased(j, &b, v.s, CASE_LOWER);
	return v_buffer(&b);
}

/* One or several paths, separated by commas. */
static struct value key_of(struct jinja *j, struct value v, struct value paths, bool sensitive)
{
	struct bytes rest = paths.s;
	struct seq *keys = seq_new(j, 1);

	if (!is_string(paths)) {
		seq_add(j, keys, folded(j, get_path(j, v, paths, NOTHING), sensitive));
		return v_seq(V_LIST, keys);
	}
	for (bool more = true; more;) {
		const char *comma = rest.len ? memchr(rest.data, ',', rest.len) : NULL;
		struct bytes path = { rest.data, comma ? (size_t)(comma - rest.data) : rest.len };

		seq_add(j, keys, folded(j, get_path(j, v, v_bytes(path), NOTHING), sensitive));
		more = comma != NULL;
		if (comma)
			rest = (struct bytes){ comma + 1, rest.len - path.len - 1 };
	}
	return v_seq(V_LIST, keys);
}

/* Merge sort, which keeps the order of what is equal; `keys` move with the items. */
static void merge(struct jinja *j, struct seq *s, struct seq *keys, size_t from, size_t middle,
		  size_t to, bool reverse)
{
	size_t n = to - from, a = from, b = middle;
	struct value *items = jinja_alloc(j, n, sizeof(*items));
	struct value *moved = jinja_alloc(j, n, sizeof(*moved));

	for (size_t i = 0; i < n; i++) {
		bool second =
			a == middle ||
			(b < to && (reverse ? values_ordered(j, "<", keys->at[a], keys->at[b])
					    : values_ordered(j, "<", keys->at[b], keys->at[a])));
		size_t take = second ? b++ : a++;

		items[i] = s->at[take];
		moved[i] = keys->at[take];
	}
	memcpy(s->at + from, items, n * sizeof(*items));
	memcpy(keys->at + from, moved, n * sizeof(*moved));
}

static void sort_by(struct jinja *j, struct seq *s, struct seq *keys, bool reverse)
{
	for (size_t width = 1; width < s->n; width *= 2)
		for (size_t from = 0; from + width < s->n; from += 2 * width)
			merge(j, s, keys, from, from + width,
			      from + 2 * width < s->n ? from + 2 * width : s->n, reverse);
}

FILTER(sort)
{
	struct seq *s = copied(j, v), *keys = seq_new(j, s->n);

	UNUSED;
	for (size_t i = 0; i < s->n; i++)
		seq_add(j, keys, key_of(j, s->at[i], arg[2], arg_bool(arg[1], false)));
	sort_by(j, s, keys, arg_bool(arg[0], false));
	return v_seq(V_LIST, s);
}

FILTER(dictsort)
{
	bool by_value = false;
	struct seq *s = seq_new(j, 0), *keys = seq_new(j, 0);

	UNUSED;
	if (v.kind != V_DICT)
		jinja_fail(j, "'dictsort' of a %s is not possible", type_name(v));
	if (arg[1].kind != V_MISSING) {
		by_value = is_string(arg[1]) && bytes_are(arg[1].s, "value");
		if (!by_value && !(is_string(arg[1]) && bytes_are(arg[1].s, "key")))
			jinja_fail(j, "You can only sort by either \"key\" or \"value\"");
	}
	for (size_t i = 0; i < v.dict->n; i++) {
		const struct pair *p = &v.dict->at[i];

		seq_add(j, s, v_pair(j, p->key, p->value));
		seq_add(j, keys, folded(j, by_value ? p->value : p->key, value_truth(arg[0])));
	}
	sort_by(j, s, keys, arg_bool(arg[2], false));
	return v_seq(V_LIST, s);
}

FILTER(unique)
{
	const struct seq *items = value_items(j, v);
	struct seq *s = seq_new(j, 0), *seen = seq_new(j, 0);

	UNUSED;
	for (size_t i = 0; i < items->n; i++) {
		struct value key = folded(j, get_path(j, items->at[i], arg[1], NOTHING),
					  arg_bool(arg[0], false));

		if (!is_hashable(key))
			jinja_fail(j, "unhashable type: '%s'", type_name(key));
		if (value_contains(j, v_seq(V_LIST, seen), key))
			continue;
		seq_add(j, seen, key);
		seq_add(j, s, items->at[i]);
	}
	return v_stream(s, "generator");
}

static struct value extreme(struct jinja *j, struct value v, const struct value *arg,
			    const char *op)
{
	const struct seq *items = value_items(j, v);
	bool sensitive = arg_bool(arg[0], false);
	struct value best, best_key;

	if (!items->n)
		return v_undefined(j, "No aggregated item, sequence was empty.");
	best = items->at[0];
	best_key = folded(j, get_path(j, best, arg[1], NOTHING), sensitive);
	for (size_t i = 1; i < items->n; i++) {
		struct value key = folded(j, get_path(j, items->at[i], arg[1], NOTHING), sensitive);

		if (values_ordered(j, op, key, best_key)) {
			best = items->at[i];
			best_key = key;
		}
	}
	return best;
}

FILTER(least)
{
	UNUSED;
	return extreme(j, v, arg, "<");
}

FILTER(greatest)
{
	UNUSED;
	return extreme(j, v, arg, ">");
}

FILTER(sum)
{
	const struct seq *items = value_items(j, v);
	struct value total = arg[1].kind == V_MISSING ? v_int(0) : arg[1];

	UNUSED;
	if (is_string(total))
		jinja_fail(j, "sum() can't sum strings [use ''.join(seq) instead]");
	for (size_t i = 0; i < items->n; i++) {
		struct value x = get_path(j, items->at[i], arg[0], NOTHING);

		if (x.kind == V_UNDEFINED)
			jinja_fail(j, "%s", short_name(j, x.s));
		total = add_values(j, total, x);
	}
	return total;
}

/* ---- parts ---- */

FILTER(batch)
{
	const struct seq *items = value_items(j, v);
	int64_t n = arg_int(j, "batch", arg[0], 0);
	struct seq *out = seq_new(j, 0), *row = NULL;

	UNUSED;
	/* Python's row is there before the first item. */
	if (items->n && n == 0)
		row = seq_new(j, 0);
	for (size_t i = 0; i < items->n; i++) {
		if (!row || (int64_t)row->n == n) {
			if (row)
				seq_add(j, out, v_seq(V_LIST, row));
			row = seq_new(j, 0);
		}
		seq_add(j, row, items->at[i]);
	}
	if (row) {
		while (arg[1].kind != V_MISSING && arg[1].kind != V_NONE && (int64_t)row->n < n)
			seq_add(j, row, arg[1]);
		seq_add(j, out, v_seq(V_LIST, row));
	}
	return v_stream(out, "generator");
}

FILTER(slice)
{
	const struct seq *all = value_items(j, v);
	int64_t n = arg_int(j, "slice", arg[0], 0), at = 0;
	struct seq *out = seq_new(j, 0);

	UNUSED;
	if (n == 0)
		jinja_fail(j, "integer division or modulo by zero");
	for (int64_t i = 0; i < n; i++) {
		struct seq *row = seq_new(j, 0);
		bool longer = i < (int64_t)all->n % n;

		for (int64_t k = 0; k < (int64_t)all->n / n + longer; k++)
			seq_add(j, row, all->at[at++]);
		if (!longer && arg[1].kind != V_MISSING && arg[1].kind != V_NONE)
			seq_add(j, row, arg[1]);
		seq_add(j, out, v_seq(V_LIST, row));
	}
	return v_stream(out, "generator");
}

/* (grouper, list) of each key, sorted by it. */
FILTER(groupby)
{
	static struct bytes names[] = { { "grouper", 7 }, { "list", 4 } };
	struct seq *s = copied(j, v), *keys = seq_new(j, 0), *out = seq_new(j, 0);
	bool sensitive = arg_bool(arg[2], false);

	UNUSED;
	for (size_t i = 0; i < s->n; i++)
		seq_add(j, keys, folded(j, get_path(j, s->at[i], arg[0], arg[1]), sensitive));
	sort_by(j, s, keys, false);
	for (size_t i = 0; i < s->n;) {
		struct seq *group = seq_new(j, 0);
		size_t begin = i;
		struct value pair;

		while (i < s->n && values_equal(j, keys->at[i], keys->at[begin]))
			seq_add(j, group, s->at[i++]);
		pair = v_pair(j, get_path(j, s->at[begin], arg[0], arg[1]), v_seq(V_LIST, group));
		pair.seq->names = names;
		seq_add(j, out, pair);
		if (i == begin) /* NaN equals nothing */
			jinja_fail(j, "'groupby' of nan is not supported");
	}
	return v_seq(V_LIST, out);
}

const struct filter list_filters[] = {
	{ "attr", attr, "name", 1 },
	{ "batch", batch, "linecount,fill_with", 1 },
	{ "count", length_of, "", 0 },
	{ "d", by_default, "default_value,boolean", 0 },
	{ "default", by_default, "default_value,boolean", 0 },
	{ "dictsort", dictsort, "case_sensitive,by,reverse", 0 },
	{ "first", first, "", 0 },
	{ "groupby", groupby, "attribute,default,case_sensitive", 1 },
	{ "items", items, "", 0 },
	{ "join", join, "d,attribute", 0 },
	{ "last", last, "", 0 },
	{ "length", length_of, "", 0 },
	{ "list", list, "", 0 },
	{ "max", greatest, "case_sensitive,attribute", 0 },
	{ "min", least, "case_sensitive,attribute", 0 },
	{ "reverse", reverse, "", 0 },
	{ "slice", slice, "slices,fill_with", 1 },
	{ "sort", sort, "reverse,case_sensitive,attribute", 0 },
	{ "sum", sum, "attribute,start", 0 },
	{ "unique", unique, "case_sensitive,attribute", 0 },
	{ NULL, NULL, NULL, 0 },
};
