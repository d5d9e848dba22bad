/*
 * source.h -- the files of a course from a folder: see source.c.  Private to the room.
 */
#ifndef TORCHLESS_LESSON_SOURCE_H
#define TORCHLESS_LESSON_SOURCE_H

#include "torchless/course.h"

/* The files of a folder in the order of their paths, as the program carries them; with their
 * memory. */
struct source {
	struct course_file *files;
	size_t n, cap;
};

/* ERR_USAGE: no such folder; ERR_IO; ERR_FORMAT: a file that no course has.  Release it whatever
 * happens. */
int source_read(struct source *s, const char *dir, struct err *err);
void source_release(struct source *s);

#endif
