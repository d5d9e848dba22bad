/*
 * conf.h -- files of `key = "value"` lines: see conf.c.  Private to the room.
 *
 * The room, from the ground up:
 *
 *	conf.c, keys.c, source.c	files of a course, and what may stand in them
 *	checks_conf.c, reading.c	a lesson
 *	course.c			all of them
 *	comment.c, cut.c		of a kernel's file its first comment, its starter
 *	given.c				the header that kernels include
 *	cache/				what may be deleted at any time
 *	variants/			copies of the model, in the cache
 *	bugs/				bugs that are planted in the engine
 *	recording/			recordings of either, in the cache, and queries
 *	sandbox/			a learner's C: compiled, and run in a child
 *	kernels/			a learner's functions, alone and in the model
 *	checks/				whether an answer is right, what a wrong one means
 *	places.c, log.c, state.c	a learner: where, what was done, what follows
 *	folder.c			the learner's files, recordings among them
 *	text/				a lesson's text: whether it is true and whole
 *	skeleton/			the files that a new lesson begins with
 *
 * sandbox and kernels know neither recordings nor variants nor bugs; a learner is known to nobody
 * but folder.c and text/scratch.c.
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
