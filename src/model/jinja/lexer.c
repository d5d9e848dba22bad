/*
 * lexer.c -- a template to tokens: text, {{ }}, {% %}, and what stands inside of them.
 *
 * Which white space goes is decided here, as jinja2's regular expressions decide it: a dash takes
 * all of it, trim_blocks the newline behind a block or a comment, lstrip_blocks the blanks before
 * one that begins a line.
 */
#include "impl.h"

#include "torchless/utf8.h"

#include <stdlib.h>
#include <string.h>

struct lexer {
	struct jinja *j;
	const char *s;
	size_t n, i;
	struct token *tokens;
	size_t n_tokens, cap;
	bool line_starting; /* what was read last ended with a newline */
	char brackets[JINJA_MAX_NESTING * 2];
	size_t n_brackets;
};

static struct token *add_token(struct lexer *l, enum token_kind kind, size_t from, size_t to)
{
	l->tokens = jinja_grow(l->j, l->tokens, l->n_tokens, &l->cap, sizeof(*l->tokens));
	l->tokens[l->n_tokens] = (struct token){ .kind = kind,
						 .at = (uint32_t)from,
						 .text = { l->s + from, to - from } };
	return &l->tokens[l->n_tokens++];
}

static bool starts(const struct lexer *l, size_t i, const char *word)
{
	size_t n = strlen(word);

	return i + n <= l->n && memcmp(l->s + i, word, n) == 0;
}

static size_t skip_space(const struct lexer *l, size_t i)
{
	uint32_t cp;

	while (i < l->n) {
		size_t n = char_at(l->s + i, l->n - i, &cp);

		if (!is_space(cp))
			break;
		i += n;
	}
	return i;
}

/* Go on behind a tag that ends at i. */
static void go_on(struct lexer *l, size_t i)
{
	l->line_starting = i > 0 && l->s[i - 1] == '\n';
	l->i = i;
}

/*
 * The end of a tag's closing delimiter: "-%}" takes the white space behind it, "%}" a newline where
 * `trims`; 0: there is none at i.
 */
static size_t closing(const struct lexer *l, size_t i, const char *close, bool trims)
{
	if (l->s[i] == '-' && starts(l, i + 1, close))
		return skip_space(l, i + 1 + strlen(close));
	if (l->s[i] == '+' && trims && starts(l, i + 1, close))
		return i + 1 + strlen(close);
	if (!starts(l, i, close))
		return 0;
	i += strlen(close);
	return i + (trims && i < l->n && l->s[i] == '\n');
}

/* ---- text ---- */

/* The text up to a tag whose sign is '-', '+' or none. */
static void add_data(struct lexer *l, size_t from, size_t to, char sign, bool is_print)
{
	struct bytes text = { l->s + from, to - from };

	if (sign == '-') {
		text = text_strip(text, (struct bytes){ 0 }, false, true);
	} else if (sign != '+' && !is_print) {
		size_t line = text.len;

		while (line > 0 && text.data[line - 1] != '\n')
			line--;
		if ((line > 0 || l->line_starting) && line < text.len &&
		    skip_space(l, from + line) >= to)
			text.len = line;
	}
	if (text.len)
		add_token(l, T_DATA, from, from + text.len);
}

static size_t find_tag(const struct lexer *l, size_t i)
{
	for (; i + 1 < l->n; i++)
		if (l->s[i] == '{' &&
		    (l->s[i + 1] == '{' || l->s[i + 1] == '%' || l->s[i + 1] == '#'))
			return i;
	return l->n;
}

static char sign_at(const struct lexer *l, size_t i)
{
	return i < l->n && (l->s[i] == '-' || l->s[i] == '+') ? l->s[i] : '\0';
}

/* ---- comments and raw ---- */

static void lex_comment(struct lexer *l, size_t open)
{
	for (size_t i = l->i; i < l->n; i++) {
		size_t end = closing(l, i, "#}", true);

		if (end) {
			go_on(l, end);
			return;
		}
	}
	jinja_fail_at(l->j, (uint32_t)open, "this comment has no end");
}

/* Behind `{%` and a sign: the end of "raw %}", 0 when it is something else. */
static size_t raw_begin(const struct lexer *l, size_t i)
{
	i = skip_space(l, i);
	if (!starts(l, i, "raw"))
		return 0;
	i = skip_space(l, i + 3);
	return i < l->n ? closing(l, i, "%}", false) : 0;
}

static size_t raw_end(const struct lexer *l, size_t i)
{
	i = skip_space(l, i);
	if (!starts(l, i, "endraw"))
		return 0;
	i = skip_space(l, i + 6);
	return i < l->n ? closing(l, i, "%}", true) : 0;
}

static void lex_raw(struct lexer *l, size_t open)
{
	for (size_t i = l->i; i + 1 < l->n; i++) {
		char sign;
		size_t end;

		if (!starts(l, i, "{%"))
			continue;
		sign = sign_at(l, i + 2);
		end = raw_end(l, i + 2 + (sign != '\0'));
		if (end) {
			add_data(l, l->i, i, sign, false);
			go_on(l, end);
			return;
		}
	}
	jinja_fail_at(l->j, (uint32_t)open, "this raw block has no end");
}

/* ---- inside of tags ---- */

/* The length of the character of a name at i, 0 when it is none. */
static size_t name_char(const struct lexer *l, size_t i)
{
	uint32_t cp;
	size_t n = char_at(l->s + i, l->n - i, &cp);

	return char_is(l->j, CHAR_WORD, cp) ? n : 0;
}

/* Any letters and digits make a name, of which Python then wants more. */
static void lex_name(struct lexer *l)
{
	size_t from = l->i, n;
	uint32_t cp;

	while (l->i < l->n && (n = name_char(l, l->i)) > 0) {
		char_at(l->s + l->i, n, &cp);
		if (!char_is(l->j, l->i == from ? CHAR_NAME_START : CHAR_NAME, cp))
			jinja_fail_at(l->j, (uint32_t)l->i, "invalid character in a name");
		l->i += n;
	}
	add_token(l, T_NAME, from, l->i);
}

static bool is_digit(const struct lexer *l, size_t i)
{
	return i < l->n && l->s[i] >= '0' && l->s[i] <= '9';
}

/* Digits with single underscores between them; i where there are none. */
static size_t digits_end(const struct lexer *l, size_t i)
{
	while (is_digit(l, i) ||
	       (l->s[i] == '_' && i > 0 && is_digit(l, i - 1) && is_digit(l, i + 1)))
		i++;
	return i;
}

static size_t exponent_end(const struct lexer *l, size_t i)
{
	size_t digits = i + 1;

	if (i >= l->n || (l->s[i] != 'e' && l->s[i] != 'E'))
		return i;
	if (digits < l->n && (l->s[digits] == '+' || l->s[digits] == '-'))
		digits++;
	return is_digit(l, digits) ? digits_end(l, digits) : i;
}

/* Where the float at i ends, i when there is none. */
static size_t float_end(const struct lexer *l, size_t i)
{
	size_t whole = digits_end(l, i), end = whole;

	if (i > 0 && l->s[i - 1] == '.')
		return i;
	if (end < l->n && l->s[end] == '.' && is_digit(l, end + 1))
		end = digits_end(l, end + 1);
	end = exponent_end(l, end);
	return end > whole ? end : i;
}

static size_t integer_end(const struct lexer *l, size_t i)
{
	static const struct {
		const char *prefix, *digits;
	} bases[] = { { "xX", "0123456789abcdefABCDEF" }, { "oO", "01234567" }, { "bB", "01" } };
	size_t end;

	if (l->s[i] != '0')
		return digits_end(l, i);
	for (size_t k = 0; k < 3 && i + 2 < l->n; k++) {
		if (!strchr(bases[k].prefix, l->s[i + 1]) || !l->s[i + 1])
			continue;
		for (end = i + 2; end < l->n && l->s[end];) {
			size_t digit = end + (l->s[end] == '_');

			if (digit >= l->n || !l->s[digit] || !strchr(bases[k].digits, l->s[digit]))
				break;
			end = digit + 1;
		}
		if (end > i + 2)
			return end;
	}
	for (end = i + 1;
	     end < l->n && (l->s[end] == '0' || (l->s[end] == '_' && l->s[end + 1] == '0'));)
		end++;
	return end;
}

static void lex_number(struct lexer *l)
{
	size_t end = float_end(l, l->i);
	struct token *t;
	bool ok;

	l->j->at = (uint32_t)l->i;
	if (end > l->i) {
		t = add_token(l, T_FLOAT, l->i, end);
		ok = read_float(l->j, t->text, &t->d);
	} else {
		end = integer_end(l, l->i);
		t = add_token(l, T_INT, l->i, end);
		ok = read_int(l->j, t->text, 0, &t->i);
	}
	if (!ok)
		jinja_fail(l->j, "'%s' is no number", short_name(l->j, t->text));
	l->i = end;
}

/* ---- strings ---- */

static uint32_t read_code(struct lexer *l, const char *s, size_t n, int base, size_t at)
{
	uint32_t cp = 0;

	for (size_t i = 0; i < n; i++) {
		const char *digits = "0123456789abcdef";
		char c = s[i] >= 'A' && s[i] <= 'F' ? (char)(s[i] + 32) : s[i];
		const char *found = c ? strchr(digits, c) : NULL;

		if (!found || found - digits >= base)
			jinja_fail_at(l->j, (uint32_t)at, "this string has a damaged escape");
		cp = cp * (uint32_t)base + (uint32_t)(found - digits);
	}
	if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		jinja_fail_at(l->j, (uint32_t)at, "this string has an escape that is no character");
	return cp;
}

/* A backslash before a character beyond ASCII: Python leaves it, and spells the character. */
static void add_spelled(struct lexer *l, struct buffer *b, uint32_t cp)
{
	static const char hex[] = "0123456789abcdef";
	int digits = cp < 0x100 ? 2 : cp < 0x10000 ? 4 : 8;

	buffer_addc(l->j, b, '\\');
	buffer_addc(l->j, b, digits == 2 ? 'x' : digits == 4 ? 'u' : 'U');
	while (digits-- > 0)
		buffer_addc(l->j, b, hex[(cp >> (4 * digits)) & 15]);
}

/* The escape behind the backslash at s[0]; how long it is. */
static size_t add_escape(struct lexer *l, struct buffer *b, const char *s, size_t n)
{
	static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
	const char *simple = n && *s ? strchr(from, *s) : NULL;
	size_t at = (size_t)(s - l->s) - 1, digits;
	uint32_t cp;

	if (simple) {
		buffer_addc(l->j, b, to[simple - from]);
		return 1;
	}
	if (*s == '\n')
		return 1;
	if (*s >= '0' && *s <= '7') {
		for (digits = 1; digits < 3 && digits < n && s[digits] >= '0' && s[digits] <= '7';)
			digits++;
		buffer_add_char(l->j, b, read_code(l, s, digits, 8, at));
		return digits;
	}
	if (*s == 'x' || *s == 'u' || *s == 'U') {
		digits = *s == 'x' ? 2 : *s == 'u' ? 4 : 8;
		if (n < digits + 1)
			jinja_fail_at(l->j, (uint32_t)at, "this string has a damaged escape");
		buffer_add_char(l->j, b, read_code(l, s + 1, digits, 16, at));
		return digits + 1;
	}
	if (*s == 'N')
		jinja_fail_at(l->j, (uint32_t)at, "the escape \\N{...} is not supported");
	digits = char_at(s, n, &cp);
	if (cp >= 0x80) {
		add_spelled(l, b, cp);
	} else {
		buffer_addc(l->j, b, '\\');
		buffer_addc(l->j, b, *s);
	}
	return digits;
}

static struct bytes unescape(struct lexer *l, struct bytes s)
{
	struct buffer b = { 0 };

	if (!s.len || !memchr(s.data, '\\', s.len))
		return s;
	for (size_t i = 0; i < s.len;) {
		if (s.data[i] != '\\')
			buffer_addc(l->j, &b, s.data[i++]);
		else
			i += 1 + add_escape(l, &b, s.data + i + 1, s.len - i - 1);
	}
	return v_buffer(&b).s;
}

static void lex_string(struct lexer *l)
{
	size_t end = l->i + 1;
	struct token *t;

	while (end < l->n && l->s[end] != l->s[l->i])
		end += 1 + (l->s[end] == '\\');
	if (end >= l->n)
		jinja_fail_at(l->j, (uint32_t)l->i, "this string has no end");
	t = add_token(l, T_STRING, l->i, end + 1);
	t->text = unescape(l, (struct bytes){ l->s + l->i + 1, end - l->i - 1 });
	l->i = end + 1;
}

/* ---- operators ---- */

static void balance(struct lexer *l, char c)
{
	static const char open[] = "([{", close[] = ")]}";
	const char *o = strchr(open, c), *e = strchr(close, c);

	if (o) {
		if (l->n_brackets == sizeof(l->brackets))
			jinja_fail_at(l->j, (uint32_t)l->i, "brackets are nested too deeply");
		l->brackets[l->n_brackets++] = close[o - open];
	} else if (e) {
		if (!l->n_brackets)
			jinja_fail_at(l->j, (uint32_t)l->i, "unexpected '%c'", c);
		if (l->brackets[--l->n_brackets] != c)
			jinja_fail_at(l->j, (uint32_t)l->i, "unexpected '%c', expected '%c'", c,
				      l->brackets[l->n_brackets]);
	}
}

static void lex_operator(struct lexer *l)
{
	static const char *const operators[] = { "//", "**", "==", "!=", ">=", "<=" };
	static const char singles[] = "+-/*%~[](){}><=.:|,;";
	char c = l->s[l->i];

	for (size_t k = 0; k < sizeof(operators) / sizeof(*operators); k++) {
		if (starts(l, l->i, operators[k])) {
			add_token(l, T_OPERATOR, l->i, l->i + 2);
			l->i += 2;
			return;
		}
	}
	if (!c || !strchr(singles, c))
		jinja_fail_at(l->j, (uint32_t)l->i, "unexpected character");
	balance(l, c);
	add_token(l, T_OPERATOR, l->i, l->i + 1);
	l->i++;
}

/* The tokens of a tag up to its end, which brackets may hide. */
static void lex_tag(struct lexer *l, bool is_print, size_t open)
{
	const char *close = is_print ? "}}" : "%}";

	l->n_brackets = 0;
	while (l->i < l->n) {
		size_t end = l->n_brackets ? 0 : closing(l, l->i, close, !is_print);
		char c = l->s[l->i];

		jinja_work(l->j, 1);
		if (end) {
			add_token(l, is_print ? T_PRINT_END : T_BLOCK_END, l->i, l->i);
			go_on(l, end);
			return;
		}
		if (skip_space(l, l->i) > l->i) {
			l->i = skip_space(l, l->i);
		} else if (c >= '0' && c <= '9') {
			lex_number(l);
		} else if (name_char(l, l->i)) {
			lex_name(l);
		} else if (c == '\'' || c == '"') {
			lex_string(l);
		} else {
			lex_operator(l);
		}
	}
	jinja_fail_at(l->j, (uint32_t)open, "this '%s' has no end", is_print ? "{{" : "{%");
}

static void lex_next(struct lexer *l, size_t open)
{
	char kind = l->s[open + 1], sign = sign_at(l, open + 2);
	size_t inside = open + 2 + (sign != '\0');
	size_t raw = kind == '%' ? raw_begin(l, inside) : 0;

	add_data(l, l->i, open, sign, kind == '{');
	if (raw) {
		go_on(l, raw);
		lex_raw(l, open);
	} else if (kind == '#') {
		l->i = inside;
		lex_comment(l, open);
	} else {
		add_token(l, kind == '{' ? T_PRINT_BEGIN : T_BLOCK_BEGIN, open, open);
		l->i = inside;
		lex_tag(l, kind == '{', open);
	}
}

struct token *lex_template(struct jinja *j, size_t *n)
{
	struct lexer l = { .j = j, .s = j->source, .n = j->source_len, .line_starting = true };

	while (l.i < l.n) {
		size_t open = find_tag(&l, l.i);

		jinja_work(j, open - l.i);
		if (open == l.n) {
			add_token(&l, T_DATA, l.i, l.n);
			break;
		}
		lex_next(&l, open);
	}
	add_token(&l, T_END, l.n, l.n);
	*n = l.n_tokens;
	return l.tokens;
}
