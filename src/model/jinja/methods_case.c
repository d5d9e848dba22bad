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

struct value str_casefold(struct jinja *j, struct value self, const struct value *arg,
			  const struct args *args)
{
	(void)arg, (void)args;
	return in_case(j, self.s, CASE_FOLD);
}

struct value str_swapcase(struct jinja *j, struct value self, const struct value *arg,
			  const struct args *args)
{
	struct bytes s = self.s;
	struct buffer b = { 0 };
	uint32_t cp;

	(void)arg, (void)args;
	for (size_t i = 0, n; i < s.len; i += n) {
		n = char_at(s.data + i, s.len - i, &cp);
		if (char_is(j, CHAR_UPPER, cp))
			add_part_cased(j, &b, s, i, i + n, CASE_LOWER);
		else if (char_is(j, CHAR_LOWER, cp))
			add_part_cased(j, &b, s, i, i + n, CASE_UPPER);
		else
			buffer_add(j, &b, s.data + i, n);
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

/* Blanks up to the next column that `size` divides. */
struct value str_expandtabs(struct jinja *j, struct value self, const struct value *arg,
			    const struct args *args)
{
	int64_t size = arg_int(j, "expandtabs()", arg[0], 8), column = 0;
	struct buffer b = { 0 };
	uint32_t cp;

	(void)args;
	for (size_t i = 0, n; i < self.s.len; i += n) {
		n = char_at(self.s.data + i, self.s.len - i, &cp);
		if (cp != '\t') {
			buffer_add(j, &b, self.s.data + i, n);
			column = cp == '\n' || cp == '\r' ? 0 : column + 1;
			continue;
		}
		for (int64_t left = size > 0 ? size - column % size : 0; left > 0; left--) {
			buffer_addc(j, &b, ' ');
			column++;
		}
	}
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

/* Superscripts and the like, which are digits to Python and no decimals. */
static bool is_digit(struct jinja *j, uint32_t cp)
{
	static const uint32_t ranges[][2] = {
		{ 0x00b2, 0x00b3 },   { 0x00b9, 0x00b9 },   { 0x1369, 0x1371 },
		{ 0x19da, 0x19da },   { 0x2070, 0x2070 },   { 0x2074, 0x2079 },
		{ 0x2080, 0x2089 },   { 0x2460, 0x2468 },   { 0x2474, 0x247c },
		{ 0x2488, 0x2490 },   { 0x24ea, 0x24ea },   { 0x24f5, 0x24fd },
		{ 0x24ff, 0x24ff },   { 0x2776, 0x277e },   { 0x2780, 0x2788 },
		{ 0x278a, 0x2792 },   { 0x10a40, 0x10a43 }, { 0x10e60, 0x10e68 },
		{ 0x11052, 0x1105a }, { 0x1f100, 0x1f10a },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (cp >= ranges[i][0] && cp <= ranges[i][1])
			return true;
	return is_decimal(j, cp);
}

/* Letters that count: ideographs. */
static bool is_numeric(struct jinja *j, uint32_t cp)
{
	static const uint32_t letters[] = {
		0x3405,  0x3483,  0x382a,  0x3b4d,  0x4e00,  0x4e03,  0x4e07,  0x4e09,  0x4e5d,
		0x4e8c,  0x4e94,  0x4e96,  0x4ebf,  0x4ec0,  0x4edf,  0x4ee8,  0x4f0d,  0x4f70,
		0x5104,  0x5146,  0x5169,  0x516b,  0x516d,  0x5341,  0x5343,  0x5344,  0x5345,
		0x534c,  0x53c1,  0x53c2,  0x53c3,  0x53c4,  0x56db,  0x58f1,  0x58f9,  0x5e7a,
		0x5efe,  0x5eff,  0x5f0c,  0x5f0d,  0x5f0e,  0x5f10,  0x62fe,  0x634c,  0x67d2,
		0x6f06,  0x7396,  0x767e,  0x8086,  0x842c,  0x8cae,  0x8cb3,  0x8d30,  0x9621,
		0x9646,  0x964c,  0x9678,  0x96f6,  0xf96b,  0xf973,  0xf978,  0xf9b2,  0xf9d1,
		0xf9d3,  0xf9fd,  0x20001, 0x20064, 0x200e2, 0x20121, 0x2092a, 0x20983, 0x2098c,
		0x2099c, 0x20aea, 0x20afd, 0x20b19, 0x22390, 0x22998, 0x23b1b, 0x2626d, 0x2f890
	};

	for (size_t i = 0; i < sizeof(letters) / sizeof(*letters); i++)
		if (letters[i] == cp)
			return true;
	return char_is(j, CHAR_NUMBER, cp);
}

static bool is_printable(struct jinja *j, uint32_t cp)
{
	return cp == ' ' || char_is(j, CHAR_PRINTABLE, cp);
}

static bool is_in_name(struct jinja *j, uint32_t cp)
{
	return char_is(j, CHAR_NAME, cp);
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

struct value str_isnumeric(struct jinja *j, struct value self, const struct value *arg,
			   const struct args *args)
{
	(void)arg, (void)args;
	return all(j, self.s, is_numeric);
}

/* Nothing at all is printable, too. */
struct value str_isprintable(struct jinja *j, struct value self, const struct value *arg,
			     const struct args *args)
{
	(void)arg, (void)args;
	return self.s.len ? all(j, self.s, is_printable) : v_bool(true);
}

struct value str_isidentifier(struct jinja *j, struct value self, const struct value *arg,
			      const struct args *args)
{
	uint32_t cp;

	(void)arg, (void)args;
	if (!self.s.len)
		return v_bool(false);
	char_at(self.s.data, self.s.len, &cp);
	return char_is(j, CHAR_NAME_START, cp) ? all(j, self.s, is_in_name) : v_bool(false);
}

/* Capitals begin words and only those. */
struct value str_istitle(struct jinja *j, struct value self, const struct value *arg,
			 const struct args *args)
{
	bool inside = false, any = false;
	uint32_t cp;

	(void)arg, (void)args;
	for (size_t i = 0; i < self.s.len;) {
		bool begins, goes_on;

		i += char_at(self.s.data + i, self.s.len - i, &cp);
		begins = char_is(j, CHAR_UPPER, cp) || char_is(j, CHAR_TITLE, cp);
		goes_on = !begins && char_is(j, CHAR_LOWER, cp);
		if ((begins && inside) || (goes_on && !inside))
			return v_bool(false);
		inside = begins || goes_on;
		any = any || inside;
	}
	return v_bool(any);
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
