/*
 * expected.h -- what is right: by a query on a recording, or by what a command of torchless prints.
 */
#ifndef LESSON_EXPECTED_H
#define LESSON_EXPECTED_H

#include "check.h"
#include "form.h"

/* A recording of the exercise's lesson that is asked. */
struct desk {
	const struct check *check;
	struct recording *rec;
	struct text path;
	struct text model; /* that it was made with */
};

/* Open the recording of that name, made when it is not there.  Close it whatever happens. */
int desk_open(struct desk *d, const struct check *c, const char *trace, struct err *err);
void desk_close(struct desk *d);

/*
 * Ask a query of the course's, in which {NAME} is the path of another recording of the lesson, in
 * quotes: ERR_FORMAT names the exercise and the key that it is from.  Release the sheet whatever
 * happens.
 */
int desk_ask(struct desk *d, const char *key, const char *sql, struct sheet *s, struct err *err);

/*
 * What a key says: `key` holds a query, or `key`.run the arguments of torchless, whose output is
 * the answer.  ERR_FORMAT when there is neither.  `d` may be closed yet, and is opened where it is
 * needed.
 */
int expected_read(const struct check *c, struct desk *d, const char *key, const struct form_of *f,
		  struct said *s, struct err *err);

/* The table that a key stands for, as text; nothing where there is no such key. */
int expected_table(const struct check *c, struct desk *d, const char *key, struct text *out,
		   struct err *err);

/* Form, unit and tolerance of the exercise.  ERR_FORMAT. */
int expected_form(const struct check *c, struct form_of *f, struct err *err);

#endif
