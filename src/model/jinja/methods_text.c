/*
 * methods_text.c -- what a string can be asked, by Python's names.
 */
#include "impl.h"

#include <string.h>

/* ---- white space and prefixes ---- */

static struct value strip_both(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args)
{
	(void)args;
	return v_bytes(
		text_strip(self.s, arg_optional_text(j, "text_strip()", arg[0]), true, true));
}

static struct value strip_left(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args)
{
	(void)args;
	return v_bytes(text_strip(self.s, arg_optional_text(j, "lstrip()", arg[0]), true, false));
}

static struct value strip_right(struct jinja *j, struct value self, const struct value *arg,
				const struct args *args)
{
	(void)args;
	return v_bytes(text_strip(self.s, arg_optional_text(j, "rstrip()", arg[0]), false, true));
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
	return begins(self.s, prefix) ? v_part(self.s, prefix.len, self.s.len) : v_bytes(self.s);
}

static struct value remove_suffix(struct jinja *j, struct value self, const struct value *arg,
				  const struct args *args)
{
	struct bytes suffix = arg_text(j, "removesuffix()", arg[0]);

	(void)args;
	return ends(self.s, suffix) ? v_part(self.s, 0, self.s.len - suffix.len) : v_bytes(self.s);
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

static int64_t find_in(struct jinja *j, const char *name, struct value self,
		       const struct value *arg, bool last)
{
	struct bytes what = arg_text(j, name, arg[0]);
	size_t from, to, at;

	if (!range_of(j, self.s, arg + 1, &from, &to))
		return -1;
	at = text_search(j, self.s, what, from, to, last);
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
	while ((from = text_search(j, self.s, what, from, to, false)) != SIZE_MAX) {
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
	while (left-- > 0 && (at = text_search(j, s, old, from, s.len, false)) != SIZE_MAX) {
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

static struct value format(struct jinja *j, struct value self, const struct value *arg,
			   const struct args *args)
{
	(void)arg;
	return format_braces(j, self.s, args);
}

/* "{a}".format_map({...}) */
static struct value format_map(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args)
{
	struct args named = { 0 };

	(void)args;
	if (arg[0].kind != V_DICT)
		jinja_fail(j, "'format_map' of a %s is not supported", type_name(arg[0]));
	for (size_t i = 0; i < arg[0].dict->n; i++)
		if (is_string(arg[0].dict->at[i].key))
			args_add_named(j, &named, arg[0].dict->at[i].key.s,
				       arg[0].dict->at[i].value);
	return format_braces(j, self.s, &named);
}

/* Characters by their numbers: None takes one away. */
static struct value translate(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	struct buffer b = { 0 };
	uint32_t cp;

	(void)args;
	if (arg[0].kind != V_DICT)
		jinja_fail(j, "'translate' by a %s is not supported", type_name(arg[0]));
	for (size_t i = 0, n; i < self.s.len; i += n) {
		const struct value *to;

		n = char_at(self.s.data + i, self.s.len - i, &cp);
		to = dict_find(j, arg[0].dict, v_int(cp));
		if (!to)
			buffer_add(j, &b, self.s.data + i, n);
		else if (is_string(*to))
			buffer_add(j, &b, to->s.data, to->s.len);
		else if (is_integer(*to) && integer_of(*to) >= 0 && integer_of(*to) <= 0x10ffff &&
			 (integer_of(*to) < 0xd800 || integer_of(*to) > 0xdfff))
			buffer_add_char(j, &b, (uint32_t)integer_of(*to));
		else if (to->kind != V_NONE)
			jinja_fail(j, "a character must become a string, a number or None");
	}
	return v_buffer(&b);
}

const struct method text_methods[] = {
	{ "capitalize", str_capitalize, "", 0 },
	{ "casefold", str_casefold, "", 0 },
	{ "center", str_center, "/width,/fillchar", 1 },
	{ "count", count, "/sub,/start,/end", 1 },
	{ "encode", NULL, NULL, 0 },
	{ "endswith", ends_with, "/suffix,/start,/end", 1 },
	{ "expandtabs", str_expandtabs, "tabsize", 0 },
	{ "find", find, "/sub,/start,/end", 1 },
	{ "format", format, NULL, 0 },
	{ "format_map", format_map, "/mapping", 1 },
	{ "index", index_of, "/sub,/start,/end", 1 },
	{ "isalnum", str_isalnum, "", 0 },
	{ "isalpha", str_isalpha, "", 0 },
	{ "isascii", str_isascii, "", 0 },
	{ "isdecimal", str_isdecimal, "", 0 },
	{ "isdigit", str_isdigit, "", 0 },
	{ "isidentifier", str_isidentifier, "", 0 },
	{ "islower", str_islower, "", 0 },
	{ "isnumeric", str_isnumeric, "", 0 },
	{ "isprintable", str_isprintable, "", 0 },
	{ "isspace", str_isspace, "", 0 },
	{ "istitle", str_istitle, "", 0 },
	{ "isupper", str_isupper, "", 0 },
	{ "join", str_join, "/iterable", 1 },
	{ "ljust", str_ljust, "/width,/fillchar", 1 },
	{ "lower", str_lower, "", 0 },
	{ "lstrip", strip_left, "/chars", 0 },
	{ "maketrans", NULL, NULL, 0 },
	{ "partition", str_partition, "/sep", 1 },
	{ "removeprefix", remove_prefix, "/prefix", 1 },
	{ "removesuffix", remove_suffix, "/suffix", 1 },
	{ "replace", replace, "/old,/new,/count", 2 },
	{ "rfind", find_last, "/sub,/start,/end", 1 },
	{ "rindex", index_last, "/sub,/start,/end", 1 },
	{ "rjust", str_rjust, "/width,/fillchar", 1 },
	{ "rpartition", str_rpartition, "/sep", 1 },
	{ "rsplit", str_rsplit, "sep,maxsplit", 0 },
	{ "rstrip", strip_right, "/chars", 0 },
	{ "split", str_split, "sep,maxsplit", 0 },
	{ "splitlines", str_splitlines, "keepends", 0 },
	{ "startswith", starts_with, "/prefix,/start,/end", 1 },
	{ "strip", strip_both, "/chars", 0 },
	{ "swapcase", str_swapcase, "", 0 },
	{ "title", str_title, "", 0 },
	{ "translate", translate, "/table", 1 },
	{ "upper", str_upper, "", 0 },
	{ "zfill", str_zfill, "/width", 1 },
	{ NULL, NULL, NULL, 0 },
};
