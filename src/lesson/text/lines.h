/*
 * lines.h -- what a line of Markdown begins; private to this folder.
 */
#ifndef LESSON_TEXT_LINES_H
#define LESSON_TEXT_LINES_H

#include "text_impl.h"

struct line {
	const char *s;
	size_t len;
	int number;
};

/* The spaces that it begins with. */
size_t line_indent(const struct line *l);

/* Whether there is nothing in it but spaces and what stands for a comment. */
bool line_is_blank(const struct line *l);

/* The level of a heading, 0: it is none. */
int line_heading_level(const struct line *l);

bool line_is_rule(const struct line *l);
bool line_is_quote(const struct line *l);

/* The bytes before what an item holds, and its number (-1: none); 0: the line begins no item. */
size_t line_item_len(const struct line *l, int *number);

/* The cells between bars; those of a row of dashes only when `rule`. -1: none. */
int line_cells(const struct line *l, bool rule);

/* Whether l[0] is the heading of a table; of `left` lines. */
bool line_is_table(const struct line *l, int left);

/* Whether the line ends a paragraph that stands before it. */
bool line_interrupts(const struct line *l);

#endif
