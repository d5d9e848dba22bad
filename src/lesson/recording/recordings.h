/*
 * recordings.h -- recordings that lessons speak of, and their healthy twins.
 *
 * From the ground up: sheet.c asks a recording; wanted.c reads what a section of checks.conf asks
 * for, kept.c keeps what recordings answered, making.c makes them, recordings.c finds and keeps
 * them in the cache; named.c knows recordings by their names in a lesson; diverge.c compares two;
 * matrix.c compares what all bugs do.
 */
#ifndef LESSON_RECORDINGS_H
#define LESSON_RECORDINGS_H

#include "../bugs/bugs.h"
#include "torchless/lesson.h"

/*
 * lesson_recording() of a section, which need not be of a course.  `healthy`: without bug, variant
 * and other configuration.  ERR_FORMAT for what a section may not say.
 */
int recording_of_section(const struct classroom *room, const struct course_section *s, bool healthy,
			 struct text *path, struct err *err);

/* The healthy twin of a recording of a lesson. */
int lesson_twin(const struct classroom *room, const struct lesson *l, const char *name,
		struct text *path, struct err *err);

/*
 * Append `from` with the path of a recording of the lesson in the place of its {NAME}, quoted: by
 * text_add_sql_string() or text_add_shell_word().  Other braces stay.
 */
int lesson_put_paths(const struct classroom *room, const struct lesson *l, const char *from,
		     void (*add_quoted)(struct text *t, const char *path), struct text *out,
		     struct err *err);

/* The model that a recording of a section is made with: its folder. */
int model_of_section(const struct classroom *room, const struct course_section *s,
		     struct text *path, struct err *err);

#endif
