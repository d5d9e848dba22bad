/*
 * look.h -- whether a learner's file can be an answer at all; private to the checks.
 */
#ifndef LESSON_LOOK_H
#define LESSON_LOOK_H

#include "torchless/lesson.h"

/*
 * *what is NULL for a file that was edited; else what it lacks, "is edited", and a sentence of it
 * is appended to `why`.  text NULL: there is no file.
 */
int look_at_file(const struct classroom *room, const struct exercise *e, const char *text,
		 size_t len, const char **what, struct text *why, struct err *err);

#endif
