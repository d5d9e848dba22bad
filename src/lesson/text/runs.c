/*
 * runs.c -- what stands within a block: words, emphasis, code spans, links and pictures.
 *
 * A sign that opens and is never closed is text.  What stands between signs is read by the same
 * function again, with its style added.
 */
#include "text_impl.h"

#include "torchless/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 8    /* of styles in styles */
#define MAX_SPAN  4000 /* bytes from a sign to the one that closes it */

/* Text of one style under way. */
struct reader {
	struct lesson_text *t;
	struct text words;
	int line, depth, from; /* the first run of the block */
};

/* Where reading stands: a style, and the target of the link that it is in. */
struct style {
	unsigned bits;
	const char *target;
};

static void add_run(struct reader *r, const struct style *style, const char *s, size_t len)
{
	struct lesson_text *t = r->t;

	t->runs = mem_grow(t->runs, (size_t)t->n_runs, &t->cap_runs, sizeof(*t->runs));
	t->runs[t->n_runs++] = (struct lesson_run){
		.text = mem_memdup(s, len),
		.target = style->target ? mem_strdup(style->target) : NULL,
		.style = style->bits,
		.line = r->line,
	};
}

static void flush(struct reader *r, const struct style *style)
{
	if (r->words.len)
		add_run(r, style, r->words.data, r->words.len);
	text_clear(&r->words);
}

/* A mark stands behind what was added last. */
static void end_marked(struct reader *r, const struct style *style)
{
	flush(r, style);
	if (r->t->n_runs > r->from)
		r->t->runs[r->t->n_runs - 1].style |= RUN_MARKED;
}

/* Spaces and line ends in a row are one space. */
static void add_char(struct reader *r, const struct style *style, char c)
{
	bool space = c == ' ' || c == '\n' || c == '\t';

	if (c == '\n' || c == TEXT_BLANK_LINE) {
		flush(r, style);
		r->line++;
	}
	if (c == TEXT_MARK)
		end_marked(r, style);
	if (text_is_blank(c))
		return;
	if (!space)
		text_addc(&r->words, c);
	else if (!r->words.len || r->words.data[r->words.len - 1] != ' ')
		text_addc(&r->words, ' ');
}

/* &amp; and the few that Markdown needs; the bytes of it, 0: it is none. */
static size_t add_entity(struct reader *r, const char *s, size_t len)
{
	static const struct {
		const char *name, *text;
	} known[] = { { "&amp;", "&" },   { "&lt;", "<" },          { "&gt;", ">" },
		      { "&quot;", "\"" }, { "&nbsp;", "\xc2\xa0" }, { "&#124;", "|" } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t n = strlen(known[i].name);

		if (n <= len && !memcmp(s, known[i].name, n)) {
			text_adds(&r->words, known[i].text);
			return n;
		}
	}
	return 0;
}

/* A code span; the bytes of it, 0: it is none. */
static size_t add_code(struct reader *r, const struct style *style, const char *s, size_t len)
{
	size_t ticks, all = text_code_span(s, len, &ticks), n = all - 2 * ticks;
	struct style code = { style->bits | RUN_CODE, style->target };
	struct text words = { 0 };
	const char *from = s + ticks;
	int lines = 0;

	if (!all)
		return 0;
	flush(r, style);
	for (size_t i = 0; i < n; i++) {
		lines += from[i] == '\n';
		text_addc(&words, from[i] == '\n' ? ' ' : from[i]);
	}
	from = words.data;
	if (n > 2 && from[0] == ' ' && from[n - 1] == ' ') {
		from++;
		n -= 2;
	}
	add_run(r, &code, from, n);
	r->line += lines;
	text_release(&words);
	return all;
}

/* The index of the bracket that closes s[0], 0: none does. */
static size_t closing(const char *s, size_t len, char open, char close)
{
	int depth = 0;
	size_t ticks, n;

	for (size_t i = 0; i < len; i += n) {
		n = 1;
		if (s[i] == '\\' && i + 1 < len)
			n = 2;
		else if (s[i] == '`' && open == '[')
			n = text_code_span(s + i, len - i, &ticks);
		else if (s[i] == open)
			depth++;
		else if (s[i] == close && --depth == 0)
			return i;
		n = n ? n : ticks;
	}
	return 0;
}

static void read_runs(struct reader *r, const struct style *style, const char *s, size_t len);

/* The target of `(target "title")`, copied; NULL: something else stands there. */
static char *target_of(const char *s, size_t len)
{
	size_t n = 0, title;

	while (len && isspace((unsigned char)*s))
		s++, len--;
	while (len && isspace((unsigned char)s[len - 1]))
		len--;
	while (n < len && !isspace((unsigned char)s[n]))
		n++;
	for (title = n; title < len && isspace((unsigned char)s[title]);)
		title++;
	if (title < len && (s[title] != '"' || s[len - 1] != '"' || len - title < 2))
		return NULL;
	return mem_memdup(s, n);
}

/* [text](target) or ![text](target); the bytes of it, 0: it is none. */
static size_t add_link(struct reader *r, const struct style *style, const char *s, size_t len)
{
	size_t image = s[0] == '!', text_end, end;
	struct style link = { style->bits | (image ? RUN_IMAGE : RUN_LINK), NULL };
	char *target;

	if (image == len || s[image] != '[')
		return 0;
	text_end = closing(s + image, len - image, '[', ']');
	if (!text_end || image + text_end + 1 >= len || s[image + text_end + 1] != '(')
		return 0;
	text_end += image;
	end = closing(s + text_end + 1, len - text_end - 1, '(', ')');
	if (!end)
		return 0;
	target = target_of(s + text_end + 2, end - 1);
	if (!target)
		return 0;
	flush(r, style);
	link.target = target;
	/* One without words is told by where it leads. */
	if (image || text_end == 1)
		add_run(r, &link, s + image + 1, text_end - image - 1);
	else
		read_runs(r, &link, s + image + 1, text_end - image - 1);
	free(target);
	return text_end + 1 + end + 1;
}

/* <https://...>; the bytes of it, 0: it is none. */
static size_t add_address(struct reader *r, const struct style *style, const char *s, size_t len)
{
	const char *end = memchr(s, '>', len);
	size_t n = end ? (size_t)(end - s) : 0;
	struct style link = { style->bits | RUN_LINK, NULL };
	char *target;

	if (n < 9 || (memcmp(s, "<https://", 9) != 0 && memcmp(s, "<http://", 8) != 0) ||
	    memchr(s, ' ', n) || memchr(s, '\n', n))
		return 0;
	flush(r, style);
	target = mem_memdup(s + 1, n - 1);
	link.target = target;
	add_run(r, &link, target, n - 1);
	free(target);
	return n + 1;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static size_t sign_run(const char *s, size_t len)
{
	size_t n = 1;

	while (n < len && s[n] == s[0])
		n++;
	return n;
}

/* Where a run of exactly `n` signs closes what s[0..n) opens, 0: nowhere. */
static size_t emphasis_end(const char *s, size_t len, size_t n)
{
	size_t run, ticks = 1;

	for (size_t i = n; i < len; i += run) {
		run = 1;
		if (s[i] == '\\' && i + 1 < len)
			run = 2;
		else if (s[i] == '`')
			run = text_code_span(s + i, len - i, &ticks);
		else if (s[i] == s[0])
			run = sign_run(s + i, len - i);
		run = run ? run : ticks;
		if (s[i] != s[0] || run != n || isspace((unsigned char)s[i - 1]))
			continue;
		if (s[0] != '_' || i + n == len || !is_word(s[i + n]))
			return i;
	}
	return 0;
}

/* *emphasis*, **strong** or ***both***; the bytes of it, 0: it is none. */
static size_t add_emphasis(struct reader *r, const struct style *style, const char *s, size_t len,
			   char before)
{
	size_t n = sign_run(s, len), end = 0;
	struct style inner = { style->bits, style->target };

	if (n <= 3 && n < len && !isspace((unsigned char)s[n]) && !(s[0] == '_' && is_word(before)))
		end = emphasis_end(s, len, n);
	if (!end)
		return 0;
	flush(r, style);
	inner.bits |= (n & 1 ? RUN_EMPHASIS : 0u) | (n & 2 ? RUN_STRONG : 0u);
	read_runs(r, &inner, s + n, end - n);
	return end + n;
}

/* The line ends here: two spaces or a backslash before its end. */
static size_t add_break(struct reader *r, const struct style *style, const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] == ' ')
		n++;
	if (n == 0 && len > 1 && s[0] == '\\')
		n = 1;
	else if (n < 2)
		return 0;
	if (n >= len || s[n] != '\n')
		return 0;
	flush(r, style);
	add_run(r, &(struct style){ style->bits | RUN_BREAK, style->target }, "", 0);
	r->line++;
	return n + 1;
}

/* What a sign begins at s; the bytes of it, 0: it is text. */
static size_t add_special(struct reader *r, const struct style *style, const char *s, size_t len,
			  char before)
{
	size_t n;

	len = len < MAX_SPAN ? len : MAX_SPAN;
	switch (*s) {
	case '`':
		return add_code(r, style, s, len);
	case '[':
	case '!':
		return add_link(r, style, s, len);
	case '<':
		return add_address(r, style, s, len);
	case '*':
	case '_':
		return add_emphasis(r, style, s, len, before);
	case '&':
		return add_entity(r, s, len);
	case ' ':
		return add_break(r, style, s, len);
	case '\\':
		n = add_break(r, style, s, len);
		if (n || len < 2 || !ispunct((unsigned char)s[1]))
			return n;
		text_addc(&r->words, s[1]);
		return 2;
	default:
		return 0;
	}
}

static void read_runs(struct reader *r, const struct style *style, const char *s, size_t len)
{
	size_t n, plain;

	r->depth++;
	for (size_t i = 0; i < len; i += n) {
		n = r->depth > MAX_DEPTH
			    ? 0
			    : add_special(r, style, s + i, len - i, i ? s[i - 1] : ' ');
		if (n)
			continue;
		/* Signs in a row are text together. */
		plain = strchr("`*_", s[i]) && s[i] ? sign_run(s + i, len - i) : 1;
		for (n = 0; n < plain; n++)
			add_char(r, style, s[i + n]);
	}
	flush(r, style);
	r->depth--;
}

struct lesson_runs text_read_runs(struct lesson_text *t, const char *s, size_t len, int line)
{
	struct reader r = { .t = t, .line = line, .from = t->n_runs };
	struct style plain = { 0, NULL };
	struct lesson_runs runs = { .from = t->n_runs };

	read_runs(&r, &plain, s, len);
	text_release(&r.words);
	runs.n = t->n_runs - runs.from;
	return runs;
}
