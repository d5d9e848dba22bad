/*
 * check.h -- what the kinds of exercises have in common; private to the lessons.
 *
 * Files, from the ground up: verdict.c, form.c (an answer in words, and what it is held against),
 * rows.c (two result sets), place.c (names of places), expected.c (what is right, by a recording or
 * a command), then a file a kind: value.c, predict.c, sql.c, locate.c, bench.c, kernel.c,
 * milestone.c; check.c has the table of them.
 */
#ifndef LESSON_CHECK_H
#define LESSON_CHECK_H

#include "torchless/lesson.h"

struct check {
	const struct classroom *room;
	const struct exercise *exercise;
	const struct answer *answer;
};

/* One a kind: as exercise_check(). */
int check_predict(const struct check *c, struct verdict *v, struct err *err);
int check_value(const struct check *c, struct verdict *v, struct err *err);
int check_sql(const struct check *c, struct verdict *v, struct err *err);
int check_kernel(const struct check *c, struct verdict *v, struct err *err);
int check_locate(const struct check *c, struct verdict *v, struct err *err);
int check_bench(const struct check *c, struct verdict *v, struct err *err);
int check_milestone(const struct check *c, struct verdict *v, struct err *err);

/* The same for exercise_solution(), of kinds that have no file of a solution. */
int solution_sql(const struct check *c, struct text *out, struct err *err);
int solution_words(const struct check *c, struct text *out, struct err *err);
int solution_locate(const struct check *c, struct text *out, struct err *err);
int solution_bench(const struct check *c, struct text *out, struct err *err);
int solution_milestone(const struct check *c, struct text *out, struct err *err);

/* One a kind that asks recordings: as exercise_prepare(). */
int prepare_words(const struct check *c, struct err *err);
int prepare_sql(const struct check *c, struct err *err);
int prepare_locate(const struct check *c, struct err *err);

#endif
