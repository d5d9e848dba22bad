/*
 * words.h -- what checks of answers in words share; private to the checks.
 */
#ifndef LESSON_WORDS_H
#define LESSON_WORDS_H

#include "expected.h"

/*
 * Check an answer of the exercise's form against what is right and what is known to be wrong.
 * `what` is the line's beginning, "your prediction".
 */
int words_check(const struct check *c, const char *what, struct verdict *v, struct err *err);

/* Whether `word` is one of a list of words separated by spaces. */
bool words_have(const char *list, const char *word);

/* The next key "wrong.NAME" from *at on that has no further point; NULL: no more. */
const struct course_entry *words_next_wrong(const struct course_section *s, int *at);

/* Set v->key and what that means: wrong.NAME.says. */
void words_diagnose(struct verdict *v, const struct course_section *s, const char *name);

#endif
