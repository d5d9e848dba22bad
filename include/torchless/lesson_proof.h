/*
 * lesson_proof.h -- whether an exercise keeps what it promises: for who writes lessons.
 */
#ifndef TORCHLESS_LESSON_PROOF_H
#define TORCHLESS_LESSON_PROOF_H

#include "torchless/lesson.h"

struct kernel;

struct proof {
	const struct classroom *room;
	const struct exercise *exercise;
	const struct kernel *kernel; /* NULL: of an exercise in words */
	struct text flaws;           /* a line each: what is not as it has to be */
	int n_flaws;
	int n_checks, n_trials, n_wrong, n_equivalent;
	/* As a share of what is allowed: the worst of what is right, the least of what is wrong. */
	double noise, weakest;
	char weakest_name[64];
};

/*
 * The starter compiles and fails, the solution passes with every compiler there is, at -O0, -O2 and
 * under sanitizers, for many seeds; wrong answers fail as what they are, equivalents pass, answers
 * that do nothing fail, and what is allowed lies far from both sides.  0 and the flaws; or the
 * environment.  Release it whatever happens.
 */
int proof_run(struct proof *p, const struct classroom *room, const struct exercise *e,
	      struct err *err);
void proof_release(struct proof *p);

/*
 * The same of an exercise that is answered in words or by a query: the solution passes, for some
 * seeds where one draws; every other choice and every known wrong answer fails and is told by its
 * own name; equivalent queries pass; the starter of a query and its right rows written down fail.
 */
int proof_run_words(struct proof *p, const struct classroom *room, const struct exercise *e,
		    struct err *err);

/* Whether that is for this exercise. */
bool proof_is_of_words(const struct exercise *e);

#endif
