/*
 * reading.h -- a lesson as its files have it: see reading.c and checks_conf.c.  Private to the
 * room.
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

/* ---- checks_conf.c -------------------------------------------------------------------------- */

/* A lesson under way. */
struct reader {
	const struct reading *from;
	struct lesson *l;
	const struct course_file *file; /* that is read */
	int line;
	struct err *err;
};

/* ERR_FORMAT with the file that is read, the line, and `fmt`, which has one %s for `what`. */
int reader_fail(const struct reader *r, int line, const char *fmt, const char *what);

/* A file of the lesson's folder; NULL: there is none. */
const struct course_file *reader_file(const struct reader *r, const char *name);

/* Small letters, digits and '-'. */
bool reader_is_id(const char *s);

/* Read checks.conf; exercises stand in its order, without what lesson.md says of them. */
int reader_checks(struct reader *r);

/* Of all that decides the check of an exercise. */
uint64_t reader_hash(const struct reader *r, const struct exercise *e);

#endif
