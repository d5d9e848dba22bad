/*
 * wanted.h -- what a section of checks.conf asks for; private to this folder.
 */
#ifndef LESSON_WANTED_H
#define LESSON_WANTED_H

#include "recordings.h"

struct wanted {
	const struct classroom *room;
	const struct course_section *conf;
	const struct bug *bug; /* NULL: none */
	struct text model;     /* its folder */
	struct text key;       /* what makes it */
	char name[17];         /* that, hashed */
};

/* Find bug, model, key and name of room and conf; `healthy` as of recording_of_section(), and so
 * are errors.  Release it whatever happens. */
int wanted_find(struct wanted *w, bool healthy, struct err *err);
void wanted_release(struct wanted *w);

/* What a key says, and whether that is yes. */
const char *wanted_value(const struct wanted *w, const char *key, const char *otherwise);
bool wanted_says_yes(const struct wanted *w, const char *key);

/* The patterns to capture: what is held against another recording keeps everything. */
const char *wanted_capture(const struct wanted *w);

/* Append what tells this very program from another to a key. */
void wanted_add_program(const struct classroom *room, struct text *key);

/* making.c: record it into the file `path`, which is not there. */
int wanted_record(const struct wanted *w, const char *path, struct err *err);

#endif
