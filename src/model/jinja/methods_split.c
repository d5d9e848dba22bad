/* methods_split.c -- strings to lists and back: split(), partition(), splitlines(), join(). */
#include "impl.h"

#include <string.h>

/* The first or the last place of `what` in s[from..to); SIZE_MAX: nowhere. */
size_t text_search(struct jinja *j, struct bytes s, struct bytes what, size_t from, size_t to,
		   bool last)
{
	size_t found = SIZE_MAX;

	jinja_work(j, (to - from) * (what.len < 16 ? 1 : 2));
	for (size_t i = from; i + what.len <= to; i++) {
		uint32_t cp;

		if (what.len &&
		    (s.data[i] != *what.data || memcmp(s.data + i, what.data, what.len) != 0))
			continue;
		found = i;
		if (!last)
			break;
		if (!what.len && i < to)
			i += char_at(s.data + i, to - i, &cp) - 1;
	}
	return found;
}

static struct value split_words(struct jinja *j, struct bytes s, int64_t left)
{
	struct seq *out = seq_new(j, 0);
	uint32_t cp;

	for (;;) {
		size_t n = 0;

		s = text_strip(s, NO_BYTES, true, false);
		if (!s.len)
			return v_seq(V_LIST, out);
		if (left-- == 0) {
			seq_add(j, out, v_bytes(s));
			return v_seq(V_LIST, out);
		}
		while (n < s.len) {
			size_t k = char_at(s.data + n, s.len - n, &cp);

			if (is_space(cp))
				break;
			n += k;
		}
		jinja_work(j, n);
		seq_add(j, out, v_part(s, 0, n));
		s = (struct bytes){ s.data + n, s.len - n };
	}
}

static struct value split_at(struct jinja *j, struct bytes s, struct bytes by, int64_t left)
{
	struct seq *out = seq_new(j, 0);
	size_t from = 0, at;

	while (left-- != 0 && (at = text_search(j, s, by, from, s.len, false)) != SIZE_MAX) {
		seq_add(j, out, v_part(s, from, at));
		from = at + by.len;
	}
	seq_add(j, out, v_part(s, from, s.len));
	return v_seq(V_LIST, out);
}

static void turn(struct seq *s)
{
	for (size_t i = 0; i < s->n / 2; i++) {
		struct value v = s->at[i];

		s->at[i] = s->at[s->n - 1 - i];
		s->at[s->n - 1 - i] = v;
	}
}

static struct value split_at_last(struct jinja *j, struct bytes s, struct bytes by, int64_t left)
{
	struct seq *out = seq_new(j, 0);
	size_t to = s.len, at;

	while (left-- != 0 && (at = text_search(j, s, by, 0, to, true)) != SIZE_MAX) {
		seq_add(j, out, v_part(s, at + by.len, to));
		to = at;
	}
	seq_add(j, out, v_part(s, 0, to));
	turn(out);
	return v_seq(V_LIST, out);
}

static struct value split_last_words(struct jinja *j, struct bytes s, int64_t left)
{
	struct seq *out = seq_new(j, 0);

	for (;;) {
		struct bytes word;

		s = text_strip(s, NO_BYTES, false, true);
		if (!s.len)
			break;
		if (left-- == 0) {
			seq_add(j, out, v_bytes(s));
			break;
		}
		word = s;
		for (size_t i = 0; i < s.len;) {
			uint32_t cp;

			i += char_at(s.data + i, s.len - i, &cp);
			if (is_space(cp))
				word = (struct bytes){ s.data + i, s.len - i };
		}
		jinja_work(j, s.len);
		seq_add(j, out, v_bytes(word));
		s.len -= word.len;
	}
	turn(out);
	return v_seq(V_LIST, out);
}

struct value str_split(struct jinja *j, struct value self, const struct value *arg,
		       const struct args *args)
{
	struct bytes by = arg_optional_text(j, "split()", arg[0]);
	int64_t left = arg_int(j, "split()", arg[1], -1);

	(void)args;
	if (!by.data)
		return split_words(j, self.s, left);
	if (!by.len)
		jinja_fail(j, "empty separator");
	return split_at(j, self.s, by, left);
}

struct value str_rsplit(struct jinja *j, struct value self, const struct value *arg,
			const struct args *args)
{
	struct bytes by = arg_optional_text(j, "rsplit()", arg[0]);
	int64_t left = arg_int(j, "rsplit()", arg[1], -1);

	(void)args;
	if (!by.data)
		return split_last_words(j, self.s, left);
	if (!by.len)
		jinja_fail(j, "empty separator");
	return split_at_last(j, self.s, by, left);
}

static struct value parts(struct jinja *j, struct bytes s, size_t at, size_t n, bool last)
{
	struct seq *out = seq_new(j, 3);
	bool found = at != SIZE_MAX;
	struct value whole = v_bytes(s), nothing = v_text("");

	seq_add(j, out, found ? v_part(s, 0, at) : last ? nothing : whole);
	seq_add(j, out, found ? v_part(s, at, at + n) : nothing);
	seq_add(j, out, found ? v_part(s, at + n, s.len) : last ? whole : nothing);
	return v_seq(V_TUPLE, out);
}

struct value str_partition(struct jinja *j, struct value self, const struct value *arg,
			   const struct args *args)
{
	struct bytes by = arg_text(j, "partition()", arg[0]);

	(void)args;
	if (!by.len)
		jinja_fail(j, "empty separator");
	return parts(j, self.s, text_search(j, self.s, by, 0, self.s.len, false), by.len, false);
}

struct value str_rpartition(struct jinja *j, struct value self, const struct value *arg,
			    const struct args *args)
{
	struct bytes by = arg_text(j, "rpartition()", arg[0]);

	(void)args;
	if (!by.len)
		jinja_fail(j, "empty separator");
	return parts(j, self.s, text_search(j, self.s, by, 0, self.s.len, true), by.len, true);
}

static bool ends_line(uint32_t cp)
{
	return (cp >= 0x0a && cp <= 0x0d) || (cp >= 0x1c && cp <= 0x1e) || cp == 0x85 ||
	       cp == 0x2028 || cp == 0x2029;
}

static struct value lines_of(struct jinja *j, struct bytes s, bool keep)
{
	struct seq *out = seq_new(j, 0);
	size_t from = 0;
	uint32_t cp;

	jinja_work(j, s.len);
	for (size_t i = 0; i < s.len;) {
		size_t n = char_at(s.data + i, s.len - i, &cp), end = i + n;

		if (!ends_line(cp)) {
			i = end;
			continue;
		}
		if (cp == '\r' && end < s.len && s.data[end] == '\n')
			end++;
		seq_add(j, out, v_part(s, from, keep ? end : i));
		from = i = end;
	}
	if (from < s.len)
		seq_add(j, out, v_part(s, from, s.len));
	return v_seq(V_LIST, out);
}

struct value text_split_lines(struct jinja *j, struct bytes s)
{
	return lines_of(j, s, false);
}

struct value str_splitlines(struct jinja *j, struct value self, const struct value *arg,
			    const struct args *args)
{
	(void)args;
	return lines_of(j, self.s, arg_bool(arg[0], false));
}

struct value str_join(struct jinja *j, struct value self, const struct value *arg,
		      const struct args *args)
{
	struct seq *items = value_items(j, arg[0]);
	struct buffer b = { 0 };

	(void)args;
	for (size_t i = 0; i < items->n; i++) {
		if (!is_string(items->at[i]))
			jinja_fail(j, "sequence item %zu: expected str instance, %s found", i,
				   type_name(items->at[i]));
		if (i)
			buffer_add(j, &b, self.s.data, self.s.len);
		buffer_add(j, &b, items->at[i].s.data, items->at[i].s.len);
	}
	return v_buffer(&b);
}
