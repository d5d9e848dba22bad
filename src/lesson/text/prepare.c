/*
 * prepare.c -- comments are blanked out before anything else is read, and marks are found in them.
 *
 * Every byte of a comment becomes one blank, so that places in the copy are places in the file.
 */
#include "text_impl.h"

#include "../fence.h"
#include "torchless/mem.h"

#include <ctype.h>
#include <string.h>

/* The number of the line at data[at]. */
static int line_of(const char *data, size_t at)
{
	int line = 1;

	for (size_t i = 0; i < at; i++)
		line += data[i] == '\n';
	return line;
}

size_t text_code_span(const char *s, size_t len, size_t *ticks)
{
	size_t n = 0, run;

	while (n < len && s[n] == '`')
		n++;
	*ticks = n;
	for (size_t i = n; n > 0 && i < len; i += run) {
		for (run = 0; i + run < len && s[i + run] == '`';)
			run++;
		if (run == n)
			return i + n;
		/* It does not reach beyond its block. */
		if (s[i] == '\n' && i + 1 < len && s[i + 1] == '\n')
			return 0;
		run += !run;
	}
	return 0;
}

/* The bytes of what has a line of its own and stands behind signs of quotes and items. */
static size_t prefix_len(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && (s[n] == ' ' || s[n] == '>' ||
			   (strchr("-*+", s[n]) && n + 1 < len && s[n + 1] == ' ')))
		n++;
	return n;
}

static size_t line_len(const char *s, size_t len)
{
	const char *end = memchr(s, '\n', len);

	return end ? (size_t)(end - s) : len;
}

/* The bytes of a fenced block at the beginning of a line, with its last line end; 0: none. */
static size_t fenced_len(const char *s, size_t len)
{
	size_t n = line_len(s, len), prefix = prefix_len(s, n);
	int indent, fence = fence_begins(s + prefix, n - prefix, &indent);
	char sign = fence ? s[prefix + (size_t)indent] : 0;

	if (!fence)
		return 0;
	for (n += n < len; n < len;) {
		size_t m = line_len(s + n, len - n), p = prefix_len(s + n, m);
		bool ends = fence_ends(s + n + p, m - p, sign, fence);

		n += m + (n + m < len);
		if (ends)
			break;
	}
	return n;
}

/* What stands directly before the comment at data[at]: a code span, or a word. */
static void find_marked(struct lesson_mark *m, const char *data, size_t at)
{
	size_t from = at, end = at;

	if (at > 0 && data[at - 1] == '`') {
		for (end = at - 1, from = end;
		     from > 0 && data[from - 1] != '`' && data[from - 1] != '\n';)
			from--;
	} else {
		while (from > 0 && !strchr(" \t\n([{|\x01", data[from - 1]))
			from--;
		while (from < end && strchr("*_\"'~", data[from]))
			from++;
		while (end > from && strchr("*_\"'", data[end - 1]))
			end--;
	}
	m->at = from;
	m->len = end - from;
}

/* "NAME: SQL" is asked of NAME, "SQL" of main. */
static const char *trace_name(const char *s, size_t len, size_t *n)
{
	size_t i = 0;

	while (i < len && (isalnum((unsigned char)s[i]) || s[i] == '_' || s[i] == '-'))
		i++;
	*n = i > 0 && i < len && s[i] == ':' ? i : 0;
	return *n ? s : "main";
}

/* In a table a bar is written \|. */
static char *unescape_bars(const char *s, size_t len)
{
	char *copy = mem_memdup(s, len), *to = copy;

	for (size_t i = 0; i < len; i++)
		if (s[i] != '\\' || i + 1 == len || s[i + 1] != '|')
			*to++ = s[i];
	*to = '\0';
	return copy;
}

static void trim(const char **s, size_t *len)
{
	while (*len && isspace((unsigned char)**s))
		++*s, --*len;
	while (*len && isspace((unsigned char)(*s)[*len - 1]))
		--*len;
}

/* Whether the comment data[at .. at+len) is a mark, which then is added. */
static bool add_mark(struct lesson_text *t, const char *data, size_t at, size_t len)
{
	const char *s = data + at + 5, *name;
	size_t n = len >= 8 ? len - 8 : 0, name_len;
	struct lesson_mark *m;

	if (len < 8 || (data[at + 4] != '=' && data[at + 4] != '$'))
		return false;
	t->marks = mem_grow(t->marks, (size_t)t->n_marks, &t->cap_marks, sizeof(*t->marks));
	m = &t->marks[t->n_marks++];
	*m = (struct lesson_mark){ .line = line_of(data, at), .is_command = data[at + 4] == '$' };
	find_marked(m, data, at);
	trim(&s, &n);
	name = m->is_command ? "" : trace_name(s, n, &name_len);
	if (name == s) {
		m->trace = mem_memdup(s, name_len);
		s += name_len + 1;
		n -= name_len + 1;
		trim(&s, &n);
	} else {
		m->trace = mem_strdup(name);
	}
	m->what = unescape_bars(s, n);
	return true;
}

char *text_prepare(struct lesson_text *t, const char *data, size_t len)
{
	char *copy = mem_memdup(data, len);
	size_t n, ticks = 1;
	bool is_open = false; /* a comment that nothing closes: no later one is either */

	for (size_t i = 0; i < len; i += n) {
		const char *end;

		n = i == 0 || data[i - 1] == '\n' ? fenced_len(data + i, len - i) : 0;
		if (n)
			continue;
		n = 1;
		if (text_is_blank(data[i]))
			copy[i] = '?';
		else if (data[i] == '\\' && i + 1 < len && data[i + 1] != '\n')
			n = 2;
		else if (data[i] == '`')
			n = text_code_span(data + i, len - i, &ticks);
		n = n ? n : ticks;
		if (is_open || len - i < 4 || memcmp(data + i, "<!--", 4) != 0)
			continue;
		end = i + 4 < len ? strstr(data + i + 4, "-->") : NULL;
		is_open = !end;
		if (!end)
			continue;
		n = (size_t)(end - (data + i)) + 3;
		for (size_t k = i; k < i + n; k++)
			copy[k] = data[k] == '\n' ? TEXT_BLANK_LINE : TEXT_BLANK;
		if (add_mark(t, data, i, n))
			copy[i] = TEXT_MARK;
	}
	return copy;
}
