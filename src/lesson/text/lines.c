/*
 * lines.c -- what a line of Markdown begins, goes on with or ends.
 */
#include "lines.h"

#include "../fence.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool line_is_blank(const struct line *l)
{
	for (size_t i = 0; i < l->len; i++)
		if (!isspace((unsigned char)l->s[i]) && !text_is_blank(l->s[i]))
			return false;
	return true;
}

size_t line_indent(const struct line *l)
{
	size_t n = 0;

	while (n < l->len && l->s[n] == ' ')
		n++;
	return n;
}

int line_heading_level(const struct line *l)
{
	size_t i = line_indent(l), n = 0;

	while (i + n < l->len && l->s[i + n] == '#')
		n++;
	return i < 4 && n > 0 && n < 7 && (i + n == l->len || l->s[i + n] == ' ') ? (int)n : 0;
}

bool line_is_rule(const struct line *l)
{
	size_t from = line_indent(l);
	int n = 0;

	if (from > 3 || from == l->len || !strchr("-*_", l->s[from]))
		return false;
	for (size_t i = from; i < l->len; i++) {
		if (l->s[i] != l->s[from] && !isspace((unsigned char)l->s[i]))
			return false;
		n += l->s[i] == l->s[from];
	}
	return n >= 3;
}

bool line_is_quote(const struct line *l)
{
	size_t i = line_indent(l);

	return i < 4 && i < l->len && l->s[i] == '>';
}

size_t line_item_len(const struct line *l, int *number)
{
	size_t i = line_indent(l), n = i, spaces = 0;

	*number = -1;
	if (i > 3 || i == l->len || line_is_rule(l))
		return 0;
	if (strchr("-*+", l->s[i])) {
		n = i + 1;
	} else {
		while (n < l->len && n < i + 9 && isdigit((unsigned char)l->s[n]))
			n++;
		if (n == i || n == l->len || (l->s[n] != '.' && l->s[n] != ')'))
			return 0;
		*number = atoi(l->s + i);
		n++;
	}
	while (n + spaces < l->len && l->s[n + spaces] == ' ')
		spaces++;
	if (spaces == 0)
		return n == l->len ? n + 1 : 0;
	return n + (spaces > 4 || n + spaces == l->len ? 1 : spaces);
}

int line_cells(const struct line *l, bool rule)
{
	size_t from = line_indent(l), end = l->len;
	int n = 1;

	while (end > from && isspace((unsigned char)l->s[end - 1]))
		end--;
	if (from == end || !memchr(l->s + from, '|', end - from))
		return -1;
	from += l->s[from] == '|';
	if (end > from && l->s[end - 1] == '|' && (end < 2 || l->s[end - 2] != '\\'))
		end--;
	for (size_t i = from; i < end; i++) {
		if (rule && !strchr("|-: ", l->s[i]))
			return -1;
		if (l->s[i] == '\\')
			i++;
		else
			n += l->s[i] == '|';
	}
	return n;
}

bool line_is_table(const struct line *l, int left)
{
	int n = line_cells(l, false);

	return left > 1 && n > 0 && memchr(l[1].s, '-', l[1].len) && line_cells(l + 1, true) == n;
}

bool line_interrupts(const struct line *l)
{
	int number, indent;
	size_t n = line_item_len(l, &number);

	return line_is_blank(l) || line_heading_level(l) || line_is_quote(l) || line_is_rule(l) ||
	       (fence_begins(l->s, l->len, &indent) && indent < 4) ||
	       (n && n < l->len && (number == -1 || number == 1));
}
