/*
 * comment.h -- what the first comment of a file says: see comment.c.  Private to the room.
 */
#ifndef LESSON_COMMENT_H
#define LESSON_COMMENT_H

#include "torchless/course.h"

/* The value of `key: ` in the comment that the file begins with, its lines joined; NULL: it has
 * none.  free() it. */
char *comment_value(const struct course_file *f, const char *key);

#endif
