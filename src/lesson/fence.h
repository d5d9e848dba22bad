/*
 * fence.h -- the lines that begin and end a fenced block of Markdown.
 *
 * Who looks for exercises and steps in a lesson and who shows its text have to agree on what is
 * code.
 */
#ifndef LESSON_FENCE_H
#define LESSON_FENCE_H

#include <stdbool.h>
#include <stddef.h>

/* How many signs, of ` or ~, the fence has that the line s[0..len) begins, behind *indent spaces;
 * 0: it begins none. */
int fence_begins(const char *s, size_t len, int *indent);

/* Whether the line ends a block that `fence` signs began. */
bool fence_ends(const char *s, size_t len, char sign, int fence);

#endif
