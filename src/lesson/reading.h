/*
 * reading.h -- a lesson as its files have it: see reading.c.  Private to the room.
 */
#ifndef TORCHLESS_LESSON_READING_H
#define TORCHLESS_LESSON_READING_H

#include "torchless/course.h"

/* Where a lesson is read from: names of files in sentences begin with `where`, "" or "lessons/". */
struct reading {
	const struct course *course;
	const char *where;
};

/*
 * Read the lesson of a folder of the course into *l, which others may point to.  ERR_FORMAT.
 * Release it whatever happens.
 */
int lesson_read(const struct reading *from, const char *dir, struct lesson *l, struct err *err);
void lesson_release(struct lesson *l);

#endif
