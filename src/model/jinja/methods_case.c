/* methods_case.c -- cases and padding of strings, and what they are made of: upper(), center(),
 * isdigit(). */
#include "impl.h"

#include <string.h>

/* ---- cases ---- */

static struct value in_case(struct jinja *j, struct bytes s, enum char_case to)
{
	struct buffer b = { 0 };

	add_cased(j, &b, s, to);
	return v_buffer(&b);
}

struct value str_upper(struct jinja *j, struct value self, const struct value *arg,
		       const struct args *args)
{
	(void)arg, (void)args;
	return in_case(j, self.s, CASE_UPPER);
}

struct value str_lower(struct jinja *j, struct value self, const struct value *arg,
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

struct value str_capitalize(struct jinja *j, struct value self, const struct value *arg,
			    const struct args *args)
{
	(void)arg, (void)args;
	return text_capitalize(j, self.s);
}

struct value str_title(struct jinja *j, struct value self, const struct value *arg,
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

struct value str_center(struct jinja *j, struct value self, const struct value *arg,
			const struct args *args)
{
	(void)args;
	return text_center(j, self.s, arg_int(j, "center()", arg[0], 0), fill_of(j, arg[1]));
}

struct value str_ljust(struct jinja *j, struct value self, const struct value *arg,
		       const struct args *args)
{
	int64_t room = arg_int(j, "ljust()", arg[0], 0) - (int64_t)count_chars(j, self.s);

	(void)args;
	return padded(j, self.s, 0, room, fill_of(j, arg[1]));
}

struct value str_rjust(struct jinja *j, struct value self, const struct value *arg,
		       const struct args *args)
{
	int64_t room = arg_int(j, "rjust()", arg[0], 0) - (int64_t)count_chars(j, self.s);

	(void)args;
	return padded(j, self.s, room, 0, fill_of(j, arg[1]));
}

struct value str_zfill(struct jinja *j, struct value self, const struct value *arg,
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

struct value str_isalpha(struct jinja *j, struct value self, const struct value *arg,
			 const struct args *args)
{
	(void)arg, (void)args;
	return all(j, self.s, is_letter);
}

struct value str_isdigit(struct jinja *j, struct value self, const struct value *arg,
			 const struct args *args)
{
	(void)arg, (void)args;
	return all(j, self.s, is_digit);
}

struct value str_isdecimal(struct jinja *j, struct value self, const struct value *arg,
			   const struct args *args)
{
	(void)arg, (void)args;
	return all(j, self.s, is_decimal);
}

struct value str_isalnum(struct jinja *j, struct value self, const struct value *arg,
			 const struct args *args)
{
	(void)arg, (void)args;
	return all(j, self.s, is_letter_or_number);
}

struct value str_isspace(struct jinja *j, struct value self, const struct value *arg,
			 const struct args *args)
{
	(void)arg, (void)args;
	return all(j, self.s, is_blank);
}

struct value str_isascii(struct jinja *j, struct value self, const struct value *arg,
			 const struct args *args)
{
	(void)arg, (void)args;
	jinja_work(j, self.s.len);
	for (size_t i = 0; i < self.s.len; i++)
		if ((unsigned char)self.s.data[i] >= 0x80)
			return v_bool(false);
	return v_bool(true);
}

struct value str_isupper(struct jinja *j, struct value self, const struct value *arg,
			 const struct args *args)
{
	(void)arg, (void)args;
	return v_bool(text_has_case(j, self.s, CASE_UPPER));
}

struct value str_islower(struct jinja *j, struct value self, const struct value *arg,
			 const struct args *args)
{
	(void)arg, (void)args;
	return v_bool(text_has_case(j, self.s, CASE_LOWER));
}
