/*
 * recordings.h -- recordings that lessons speak of, and their healthy twins.
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

/* The model that a recording of a section is made with: its folder. */
int model_of_section(const struct classroom *room, const struct course_section *s,
		     struct text *path, struct err *err);

#endif
