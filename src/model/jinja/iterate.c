/*
 * iterate.c -- what a loop goes through: characters of a string, keys of a dict, items.
 */
#include "impl.h"

bool is_iterable(struct value v)
{
	return has_items(v) || is_string(v) || v.kind == V_DICT || v.kind == V_UNDEFINED ||
	       v.kind == V_LOOP;
}

static struct seq *characters(struct jinja *j, struct bytes s)
{
	struct seq *items = seq_new(j, 0);
	uint32_t cp;

	for (size_t i = 0; i < s.len;) {
		size_t n = char_at(s.data + i, s.len - i, &cp);

		seq_add(j, items, v_bytes((struct bytes){ s.data + i, n }));
		i += n;
	}
	return items;
}

static struct seq *keys(struct jinja *j, const struct dict *d)
{
	struct seq *items = seq_new(j, d->n);

	for (size_t i = 0; i < d->n; i++)
		seq_add(j, items, d->at[i].key);
	return items;
}

/* What is left of a stream. */
static struct seq *rest(struct jinja *j, struct seq *s)
{
	struct seq *items = seq_new(j, s->n - s->next);

	while (s->next < s->n)
		seq_add(j, items, s->at[s->next++]);
	return items;
}

struct seq *value_items(struct jinja *j, struct value v)
{
	jinja_work(j, 1);
	if (is_string(v)) {
		jinja_work(j, v.s.len);
		return characters(j, v.s);
	}
	if (v.kind == V_DICT)
		return keys(j, v.dict);
	if (v.kind == V_STREAM)
		return rest(j, v.seq);
	if (has_items(v))
		return v.seq;
	if (v.kind == V_UNDEFINED)
		return seq_new(j, 0);
	if (v.kind == V_LOOP)
		jinja_fail(j, "going through `loop` itself is not supported");
	jinja_fail(j, "'%s' object is not iterable", type_name(v));
}

int64_t value_length(struct jinja *j, struct value v)
{
	if (is_string(v))
		return (int64_t)count_chars(j, v.s);
	if (v.kind == V_DICT)
		return (int64_t)v.dict->n;
	if (has_items(v) && v.kind != V_STREAM)
		return (int64_t)v.seq->n;
	if (v.kind == V_UNDEFINED)
		return 0;
	if (v.kind == V_LOOP)
		return (int64_t)v.loop->items->n;
	jinja_fail(j, "object of type '%s' has no len()", type_name(v));
}
