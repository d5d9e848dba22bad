/*
 * methods_text.c -- what a string can be asked, by Python's names.
 */
#include "impl.h"

#include <string.h>

#define NO_BYTES ((struct bytes){ NULL, 0 })

static struct value part(struct bytes s, size_t from, size_t to)
{
	return v_bytes((struct bytes){ s.data + from, to - from });
}

static struct bytes optional_text(struct jinja *j, const char *what, struct value v)
{
	return v.kind == V_MISSING || v.kind == V_NONE ? NO_BYTES : arg_text(j, what, v);
}

/* ---- white space and prefixes ---- */

static struct value strip_both(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args)
{
	(void)args;
	return v_bytes(text_strip(self.s, optional_text(j, "text_strip()", arg[0]), true, true));
}

static struct value strip_left(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args)
{
	(void)args;
	return v_bytes(text_strip(self.s, optional_text(j, "lstrip()", arg[0]), true, false));
}

static struct value strip_right(struct jinja *j, struct value self, const struct value *arg,
				const struct args *args)
{
	(void)args;
	return v_bytes(text_strip(self.s, optional_text(j, "rstrip()", arg[0]), false, true));
}

static bool begins(struct bytes s, struct bytes with)
{
	return s.len >= with.len && (!with.len || memcmp(s.data, with.data, with.len) == 0);
}

static bool ends(struct bytes s, struct bytes with)
{
	return s.len >= with.len &&
	       (!with.len || memcmp(s.data + s.len - with.len, with.data, with.len) == 0);
}

static struct value remove_prefix(struct jinja *j, struct value self, const struct value *arg,
				  const struct args *args)
{
	struct bytes prefix = arg_text(j, "removeprefix()", arg[0]);

	(void)args;
	return begins(self.s, prefix) ? part(self.s, prefix.len, self.s.len) : v_bytes(self.s);
}

static struct value remove_suffix(struct jinja *j, struct value self, const struct value *arg,
				  const struct args *args)
{
	struct bytes suffix = arg_text(j, "removesuffix()", arg[0]);

	(void)args;
	return ends(self.s, suffix) ? part(self.s, 0, self.s.len - suffix.len) : v_bytes(self.s);
}

/* ---- searching ---- */

/* A position that counts from the end where it is negative, as a byte offset. */
static size_t position(struct jinja *j, struct bytes s, struct value v, size_t otherwise)
{
	int64_t i, n;

	if (v.kind == V_MISSING || v.kind == V_NONE)
		return otherwise;
	i = arg_int(j, "a position", v, 0);
	n = (int64_t)count_chars(j, s);
	if (i < 0)
		i += n;
	if (i > n)
		return s.len + 1; /* behind the end: nothing is there, not even nothing */
	return char_offset(s, i < 0 ? 0 : (size_t)i);
}

/* s[from:to) of the arguments; false when it begins behind the end of the string. */
static bool range_of(struct jinja *j, struct bytes s, const struct value *arg, size_t *from,
		     size_t *to)
{
	*from = position(j, s, arg[0], 0);
	*to = position(j, s, arg[1], s.len);
	if (*to > s.len)
		*to = s.len;
	return *from <= s.len && *from <= *to;
}

static struct value begins_or_ends(struct jinja *j, const char *what, struct value self,
				   const struct value *arg, bool test(struct bytes, struct bytes))
{
	size_t from, to;
	struct bytes s;

	if (!is_string(arg[0]) && arg[0].kind != V_TUPLE)
		jinja_fail(j, "%s first arg must be str or a tuple of str, not %s", what,
			   type_name(arg[0]));
	if (!range_of(j, self.s, arg + 1, &from, &to))
		return v_bool(false);
	s = (struct bytes){ self.s.data + from, to - from };
	if (is_string(arg[0]))
		return v_bool(test(s, arg[0].s));
	for (size_t i = 0; i < arg[0].seq->n; i++)
		if (test(s, arg_text(j, what, arg[0].seq->at[i])))
			return v_bool(true);
	return v_bool(false);
}

static struct value starts_with(struct jinja *j, struct value self, const struct value *arg,
				const struct args *args)
{
	(void)args;
	return begins_or_ends(j, "startswith()", self, arg, begins);
}

static struct value ends_with(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	(void)args;
	return begins_or_ends(j, "endswith()", self, arg, ends);
}

/* The first or the last place of `what` in s[from..to); SIZE_MAX: nowhere. */
static size_t search(struct jinja *j, struct bytes s, struct bytes what, size_t from, size_t to,
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

static int64_t find_in(struct jinja *j, const char *name, struct value self,
		       const struct value *arg, bool last)
{
	struct bytes what = arg_text(j, name, arg[0]);
	size_t from, to, at;

	if (!range_of(j, self.s, arg + 1, &from, &to))
		return -1;
	at = search(j, self.s, what, from, to, last);
	return at == SIZE_MAX ? -1 : (int64_t)count_chars(j, (struct bytes){ self.s.data, at });
}

static struct value find(struct jinja *j, struct value self, const struct value *arg,
			 const struct args *args)
{
	(void)args;
	return v_int(find_in(j, "find()", self, arg, false));
}

static struct value find_last(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	(void)args;
	return v_int(find_in(j, "rfind()", self, arg, true));
}

static struct value must_find(struct jinja *j, int64_t at)
{
	if (at < 0)
		jinja_fail(j, "substring not found");
	return v_int(at);
}

static struct value index_of(struct jinja *j, struct value self, const struct value *arg,
			     const struct args *args)
{
	(void)args;
	return must_find(j, find_in(j, "index()", self, arg, false));
}

static struct value index_last(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args)
{
	(void)args;
	return must_find(j, find_in(j, "rindex()", self, arg, true));
}

static struct value count(struct jinja *j, struct value self, const struct value *arg,
			  const struct args *args)
{
	struct bytes what = arg_text(j, "count()", arg[0]);
	size_t from, to;
	int64_t n = 0;

	(void)args;
	if (!range_of(j, self.s, arg + 1, &from, &to))
		return v_int(0);
	if (!what.len)
		return v_int(
			(int64_t)count_chars(j, (struct bytes){ self.s.data + from, to - from }) +
			1);
	while ((from = search(j, self.s, what, from, to, false)) != SIZE_MAX) {
		from += what.len;
		n++;
	}
	return v_int(n);
}

/* ---- replacing ---- */

/* An empty `old` stands before each character and at the end. */
static struct value insert_between(struct jinja *j, struct bytes s, struct bytes new, int64_t left)
{
	struct buffer b = { 0 };
	uint32_t cp;

	for (size_t i = 0; i < s.len;) {
		size_t n = char_at(s.data + i, s.len - i, &cp);

		if (left-- > 0)
			buffer_add(j, &b, new.data, new.len);
		buffer_add(j, &b, s.data + i, n);
		i += n;
	}
	if (left > 0)
		buffer_add(j, &b, new.data, new.len);
	return v_buffer(&b);
}

struct value text_replace(struct jinja *j, struct bytes s, struct bytes old, struct bytes new,
			  int64_t times)
{
	int64_t left = times < 0 ? INT64_MAX : times;
	struct buffer b = { 0 };
	size_t from = 0, at;

	if (!old.len)
		return insert_between(j, s, new, left);
	while (left-- > 0 && (at = search(j, s, old, from, s.len, false)) != SIZE_MAX) {
		buffer_add(j, &b, s.data + from, at - from);
		buffer_add(j, &b, new.data, new.len);
		from = at + old.len;
	}
	buffer_add(j, &b, s.data + from, s.len - from);
	return v_buffer(&b);
}

static struct value replace(struct jinja *j, struct value self, const struct value *arg,
			    const struct args *args)
{
	(void)args;
	return text_replace(j, self.s, arg_text(j, "replace()", arg[0]),
			    arg_text(j, "replace()", arg[1]), arg_int(j, "replace()", arg[2], -1));
}

/* ---- splitting ---- */

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
		seq_add(j, out, part(s, 0, n));
		s = (struct bytes){ s.data + n, s.len - n };
	}
}

static struct value split_at(struct jinja *j, struct bytes s, struct bytes by, int64_t left)
{
	struct seq *out = seq_new(j, 0);
	size_t from = 0, at;

	while (left-- != 0 && (at = search(j, s, by, from, s.len, false)) != SIZE_MAX) {
		seq_add(j, out, part(s, from, at));
		from = at + by.len;
	}
	seq_add(j, out, part(s, from, s.len));
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

	while (left-- != 0 && (at = search(j, s, by, 0, to, true)) != SIZE_MAX) {
		seq_add(j, out, part(s, at + by.len, to));
		to = at;
	}
	seq_add(j, out, part(s, 0, to));
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

static struct value split(struct jinja *j, struct value self, const struct value *arg,
			  const struct args *args)
{
	struct bytes by = optional_text(j, "split()", arg[0]);
	int64_t left = arg_int(j, "split()", arg[1], -1);

	(void)args;
	if (!by.data)
		return split_words(j, self.s, left);
	if (!by.len)
		jinja_fail(j, "empty separator");
	return split_at(j, self.s, by, left);
}

static struct value split_last(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args)
{
	struct bytes by = optional_text(j, "rsplit()", arg[0]);
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

	seq_add(j, out, found ? part(s, 0, at) : last ? nothing : whole);
	seq_add(j, out, found ? part(s, at, at + n) : nothing);
	seq_add(j, out, found ? part(s, at + n, s.len) : last ? whole : nothing);
	return v_seq(V_TUPLE, out);
}

static struct value partition(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	struct bytes by = arg_text(j, "partition()", arg[0]);

	(void)args;
	if (!by.len)
		jinja_fail(j, "empty separator");
	return parts(j, self.s, search(j, self.s, by, 0, self.s.len, false), by.len, false);
}

static struct value partition_last(struct jinja *j, struct value self, const struct value *arg,
				   const struct args *args)
{
	struct bytes by = arg_text(j, "rpartition()", arg[0]);

	(void)args;
	if (!by.len)
		jinja_fail(j, "empty separator");
	return parts(j, self.s, search(j, self.s, by, 0, self.s.len, true), by.len, true);
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
		seq_add(j, out, part(s, from, keep ? end : i));
		from = i = end;
	}
	if (from < s.len)
		seq_add(j, out, part(s, from, s.len));
	return v_seq(V_LIST, out);
}

struct value text_split_lines(struct jinja *j, struct bytes s)
{
	return lines_of(j, s, false);
}

static struct value split_lines(struct jinja *j, struct value self, const struct value *arg,
				const struct args *args)
{
	(void)args;
	return lines_of(j, self.s, arg_bool(arg[0], false));
}

static struct value join(struct jinja *j, struct value self, const struct value *arg,
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

/* ---- cases ---- */

static struct value in_case(struct jinja *j, struct bytes s, enum char_case to)
{
	struct buffer b = { 0 };

	add_cased(j, &b, s, to);
	return v_buffer(&b);
}

static struct value upper(struct jinja *j, struct value self, const struct value *arg,
			  const struct args *args)
{
	(void)arg, (void)args;
	return in_case(j, self.s, CASE_UPPER);
}

static struct value lower(struct jinja *j, struct value self, const struct value *arg,
			  const struct args *args)
{
	(void)arg, (void)args;
	return in_case(j, self.s, CASE_LOWER);
}

struct value text_capitalize(struct jinja *j, struct bytes s)
{
	struct buffer b = { 0 };
	size_t first = char_offset(s, 1);

	add_part_cased(j, &b, s, 0, first, CASE_TITLE);
	add_part_cased(j, &b, s, first, s.len, CASE_LOWER);
	return v_buffer(&b);
}

static struct value capitalize(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args)
{
	(void)arg, (void)args;
	return text_capitalize(j, self.s);
}

static struct value title(struct jinja *j, struct value self, const struct value *arg,
			  const struct args *args)
{
	struct bytes s = self.s;
	struct buffer b = { 0 };
	bool inside = false;
	uint32_t cp;

	(void)arg, (void)args;
	for (size_t i = 0; i < s.len;) {
		size_t n = char_at(s.data + i, s.len - i, &cp);

		add_part_cased(j, &b, s, i, i + n, inside ? CASE_LOWER : CASE_TITLE);
		inside = char_is(j, CHAR_CASED, cp);
		i += n;
	}
	return v_buffer(&b);
}

/* ---- padding ---- */

static struct value padded(struct jinja *j, struct bytes s, int64_t left, int64_t right,
			   struct bytes fill)
{
	struct buffer b = { 0 };

	for (int64_t i = 0; i < left; i++)
		buffer_add(j, &b, fill.data, fill.len);
	buffer_add(j, &b, s.data, s.len);
	for (int64_t i = 0; i < right; i++)
		buffer_add(j, &b, fill.data, fill.len);
	return v_buffer(&b);
}

static struct bytes fill_of(struct jinja *j, struct value v)
{
	if (v.kind == V_MISSING)
		return bytes_of(" ");
	if (!is_string(v) || count_chars(j, v.s) != 1)
		jinja_fail(j, "The fill character must be exactly one character long");
	return v.s;
}

struct value text_center(struct jinja *j, struct bytes s, int64_t width, struct bytes fill)
{
	int64_t room = width - (int64_t)count_chars(j, s), left;

	if (room <= 0)
		return v_bytes(s);
	left = room / 2 + (room & width & 1);
	return padded(j, s, left, room - left, fill);
}

static struct value center(struct jinja *j, struct value self, const struct value *arg,
			   const struct args *args)
{
	(void)args;
	return text_center(j, self.s, arg_int(j, "center()", arg[0], 0), fill_of(j, arg[1]));
}

static struct value pad_right(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	int64_t room = arg_int(j, "ljust()", arg[0], 0) - (int64_t)count_chars(j, self.s);

	(void)args;
	return padded(j, self.s, 0, room, fill_of(j, arg[1]));
}

static struct value pad_left(struct jinja *j, struct value self, const struct value *arg,
			     const struct args *args)
{
	int64_t room = arg_int(j, "rjust()", arg[0], 0) - (int64_t)count_chars(j, self.s);

	(void)args;
	return padded(j, self.s, room, 0, fill_of(j, arg[1]));
}

static struct value fill_zeros(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args)
{
	int64_t room = arg_int(j, "zfill()", arg[0], 0) - (int64_t)count_chars(j, self.s);
	bool sign = self.s.len && (*self.s.data == '-' || *self.s.data == '+');
	struct buffer b = { 0 };

	(void)args;
	if (sign)
		buffer_addc(j, &b, *self.s.data);
	while (room-- > 0)
		buffer_addc(j, &b, '0');
	buffer_add(j, &b, self.s.data + sign, self.s.len - sign);
	return v_buffer(&b);
}

/* ---- what it is made of ---- */

/* Whether there are characters, and all pass. */
static struct value all(struct jinja *j, struct bytes s, bool test(struct jinja *, uint32_t))
{
	uint32_t cp;

	jinja_work(j, s.len);
	for (size_t i = 0; i < s.len;) {
		i += char_at(s.data + i, s.len - i, &cp);
		if (!test(j, cp))
			return v_bool(false);
	}
	return v_bool(s.len > 0);
}

static bool is_letter(struct jinja *j, uint32_t cp)
{
	return char_is(j, CHAR_LETTER, cp);
}

static bool is_decimal(struct jinja *j, uint32_t cp)
{
	return char_is(j, CHAR_DIGIT, cp);
}

static bool is_letter_or_number(struct jinja *j, uint32_t cp)
{
	return cp != '_' && char_is(j, CHAR_WORD, cp);
}

static bool is_blank(struct jinja *j, uint32_t cp)
{
	(void)j;
	return is_space(cp);
}

/* Superscripts and the like are digits to Python, too. */
static bool is_digit(struct jinja *j, uint32_t cp)
{
	if (cp >= 0x80 && !is_decimal(j, cp) && char_is(j, CHAR_WORD, cp) && !is_letter(j, cp))
		jinja_fail(j, "isdigit() of U+%04X is not supported", cp);
	return is_decimal(j, cp);
}

static struct value all_letters(struct jinja *j, struct value self, const struct value *arg,
				const struct args *args)
{
	(void)arg, (void)args;
	return all(j, self.s, is_letter);
}

static struct value all_digits(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args)
{
	(void)arg, (void)args;
	return all(j, self.s, is_digit);
}

static struct value all_decimals(struct jinja *j, struct value self, const struct value *arg,
				 const struct args *args)
{
	(void)arg, (void)args;
	return all(j, self.s, is_decimal);
}

static struct value all_letters_or_numbers(struct jinja *j, struct value self,
					   const struct value *arg, const struct args *args)
{
	(void)arg, (void)args;
	return all(j, self.s, is_letter_or_number);
}

static struct value all_blank(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	(void)arg, (void)args;
	return all(j, self.s, is_blank);
}

static struct value all_ascii(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	(void)arg, (void)args;
	jinja_work(j, self.s.len);
	for (size_t i = 0; i < self.s.len; i++)
		if ((unsigned char)self.s.data[i] >= 0x80)
			return v_bool(false);
	return v_bool(true);
}

static struct value all_upper(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	(void)arg, (void)args;
	return v_bool(text_has_case(j, self.s, CASE_UPPER));
}

static struct value all_lower(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	(void)arg, (void)args;
	return v_bool(text_has_case(j, self.s, CASE_LOWER));
}

static struct value format(struct jinja *j, struct value self, const struct value *arg,
			   const struct args *args)
{
	(void)arg;
	return format_braces(j, self.s, args);
}

const struct method text_methods[] = {
	{ "capitalize", capitalize, "", 0 },
	{ "casefold", NULL, NULL, 0 },
	{ "center", center, "/width,/fillchar", 1 },
	{ "count", count, "/sub,/start,/end", 1 },
	{ "encode", NULL, NULL, 0 },
	{ "endswith", ends_with, "/suffix,/start,/end", 1 },
	{ "expandtabs", NULL, NULL, 0 },
	{ "find", find, "/sub,/start,/end", 1 },
	{ "format", format, NULL, 0 },
	{ "format_map", NULL, NULL, 0 },
	{ "index", index_of, "/sub,/start,/end", 1 },
	{ "isalnum", all_letters_or_numbers, "", 0 },
	{ "isalpha", all_letters, "", 0 },
	{ "isascii", all_ascii, "", 0 },
	{ "isdecimal", all_decimals, "", 0 },
	{ "isdigit", all_digits, "", 0 },
	{ "isidentifier", NULL, NULL, 0 },
	{ "islower", all_lower, "", 0 },
	{ "isnumeric", NULL, NULL, 0 },
	{ "isprintable", NULL, NULL, 0 },
	{ "isspace", all_blank, "", 0 },
	{ "istitle", NULL, NULL, 0 },
	{ "isupper", all_upper, "", 0 },
	{ "join", join, "/iterable", 1 },
	{ "ljust", pad_right, "/width,/fillchar", 1 },
	{ "lower", lower, "", 0 },
	{ "lstrip", strip_left, "/chars", 0 },
	{ "maketrans", NULL, NULL, 0 },
	{ "partition", partition, "/sep", 1 },
	{ "removeprefix", remove_prefix, "/prefix", 1 },
	{ "removesuffix", remove_suffix, "/suffix", 1 },
	{ "replace", replace, "/old,/new,/count", 2 },
	{ "rfind", find_last, "/sub,/start,/end", 1 },
	{ "rindex", index_last, "/sub,/start,/end", 1 },
	{ "rjust", pad_left, "/width,/fillchar", 1 },
	{ "rpartition", partition_last, "/sep", 1 },
	{ "rsplit", split_last, "sep,maxsplit", 0 },
	{ "rstrip", strip_right, "/chars", 0 },
	{ "split", split, "sep,maxsplit", 0 },
	{ "splitlines", split_lines, "keepends", 0 },
	{ "startswith", starts_with, "/prefix,/start,/end", 1 },
	{ "strip", strip_both, "/chars", 0 },
	{ "swapcase", NULL, NULL, 0 },
	{ "title", title, "", 0 },
	{ "translate", NULL, NULL, 0 },
	{ "upper", upper, "", 0 },
	{ "zfill", fill_zeros, "/width", 1 },
	{ NULL, NULL, NULL, 0 },
};
