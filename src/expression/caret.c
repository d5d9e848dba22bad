/*
 * caret.c -- the place in a text that a sentence is about.
 */
#include "expression_impl.h"

#include "torchless/utf8.h"

#include <string.h>

/* The columns of what is shown of text[from..to). */
static int columns(const char *text, size_t from, size_t to)
{
	struct text shown = { 0 };
	int width;

	if (to <= from)
		return 0;
	text_add_visible(&shown, text + from, to - from);
	width = utf8_width(shown.data, shown.len);
	text_release(&shown);
	return width;
}

static size_t next(const char *text, size_t at)
{
	int len = utf8_decode(text + at, strlen(text + at), NULL);

	return at + (size_t)(len > 0 ? len : 1);
}

static size_t before(const char *text, size_t at)
{
	do
		at--;
	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80);
	return at;
}

int caret_column(const char *text, size_t at)
{
	return columns(text, 0, at) + 1;
}

#define CUT       "..."
#define CUT_WIDTH 3

/* The part of the text around `at` that takes at most `width` columns with the cuts. */
static void clip(const char *text, size_t at, int width, size_t *from, size_t *to)
{
	size_t len = strlen(text), bytes = (size_t)width * 4;
	int room = width - 2 * CUT_WIDTH, used = 0;

	*from = *to = at;
	*to = at < len ? next(text, at) : at;
	used = columns(text, at, *to);
	while (*from > 0 && at - *from < bytes && used < room * 2 / 3) {
		size_t more = before(text, *from);

		used += columns(text, more, *from);
		*from = more;
	}
	while (*to < len && *to - at < bytes && used < room) {
		size_t more = next(text, *to);

		used += columns(text, *to, more);
		*to = more;
	}
	while (*from > 0 && at - *from < bytes && used < room) {
		size_t more = before(text, *from);

		used += columns(text, more, *from);
		*from = more;
	}
}

static void add_spaces(struct text *out, int n)
{
	for (int i = 0; i < n; i++)
		text_addc(out, ' ');
}

void expression_caret(struct text *out, const char *text, size_t at, int indent, int width)
{
	size_t len = strlen(text), from = 0, to = len;

	at = at > len ? len : at;
	width = width > 0 && width < indent + 20 ? 20 : width > 0 ? width - indent : 0;
	/* A column takes a byte at least and, escaped or wide, seldom more than four of them. */
	if (width > 0 && (len > (size_t)width * 4 || columns(text, 0, len) >= width))
		clip(text, at, width, &from, &to);
	add_spaces(out, indent);
	text_adds(out, from > 0 ? CUT : "");
	text_add_visible(out, text + from, to - from);
	text_adds(out, to < len ? CUT : "");
	text_addc(out, '\n');
	add_spaces(out, indent + (from > 0 ? CUT_WIDTH : 0) + columns(text, from, at));
	text_adds(out, "^\n");
}
