/*
 * conf.h -- files of `key = "value"` lines: see conf.c.  Private to the room.
 *
 * The room, from the ground up: conf, source, lesson, course; cut, folder and state stand beside
 * each other on the course.
 */
#ifndef TORCHLESS_LESSON_CONF_H
#define TORCHLESS_LESSON_CONF_H

#include "torchless/course.h"

/*
 * The sections of a file; the first, "", holds what stands before any other.  ERR_FORMAT names
 * `path` and the line.  Release them whatever happens.
 */
int conf_parse(const char *path, const char *data, size_t len, struct course_section **sections,
	       int *n, struct err *err);
void conf_release(struct course_section *sections, int n);

/* The line of a key, else of its section. */
int conf_line(const struct course_section *s, const char *key);

/* The words of a value, separated by spaces: the next from *at on, NULL: no more; free() it. */
char *conf_word(const char *value, size_t *at);

/* A count within bounds, or -1. */
int conf_count(const char *value, int max);

#endif
