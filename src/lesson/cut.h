/*
 * cut.h -- what a learner's file begins as, cut from the solution: see cut.c.  Private to the room.
 */
#ifndef TORCHLESS_LESSON_CUT_H
#define TORCHLESS_LESSON_CUT_H

#include "torchless/course.h"

/*
 * Append what the file of an exercise begins as: its solution without what the learner writes, or,
 * of a query, comments that say what is asked.  ERR_FORMAT: markers that do not fit, by file and
 * line.  Only of an exercise that has a file.
 */
int exercise_starter(const struct course *c, const struct exercise *e, struct text *out,
		     struct err *err);

/* Append the solution as it is shown, without the markers; of a query without a file its answer. */
int exercise_shown_solution(const struct course *c, const struct exercise *e, struct text *out,
			    struct err *err);

#endif
