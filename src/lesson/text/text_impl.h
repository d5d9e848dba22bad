/*
 * text_impl.h -- reading a lesson's text, shared by the files of this folder.
 *
 * From the ground up: prepare.c blanks comments out and finds marks; runs.c reads what stands
 * within a block; blocks.c the lines of a file; said.c compares and writes numbers;
 * run_step.c runs the commands of a lesson; compute.c gives what marks and transcripts are;
 * rule.c collects what is wrong; the rules_*.c each know one kind of it; lint.c calls them.
 */
#ifndef LESSON_TEXT_IMPL_H
#define LESSON_TEXT_IMPL_H

#include "torchless/lesson_text.h"

/* Stand for every byte of a comment, and for a line end in it, so that places stay the same. */
#define TEXT_BLANK      '\x01'
#define TEXT_BLANK_LINE '\x02'
/* The first byte of a comment that is a mark. */
#define TEXT_MARK '\x03'

/*
 * A copy of the file in which comments outside of code are TEXT_BLANK, and its marks.  A line end
 * inside of a comment is TEXT_BLANK_LINE.
 */
char *text_prepare(struct lesson_text *t, const char *data, size_t len);

static inline bool text_is_blank(char c)
{
	return c == TEXT_BLANK || c == TEXT_BLANK_LINE || c == TEXT_MARK;
}

/* The number of the line at data[at]. */
int text_line_of(const char *data, size_t at);

/* The bytes of a code span at s[0..len), its backquotes included; 0: there is none. */
size_t text_code_span(const char *s, size_t len, size_t *ticks);

/* The length of a fence that begins a line, and the columns before it; 0: there is none. */
int text_fence(const char *s, size_t len, int *indent);

/* Read s[0..len), what stands in a block, into runs. */
struct lesson_runs text_read_runs(struct lesson_text *t, const char *s, size_t len, int line);

#endif
