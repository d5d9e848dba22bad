/*
 * form.h -- answers in words: what a learner may write, and whether it is what a query says.
 */
#ifndef LESSON_FORM_H
#define LESSON_FORM_H

#include "../recording/sheet.h"
#include "torchless/err.h"
#include "torchless/text.h"

enum form { FORM_NUMBER, FORM_TEXT, FORM_IDS, FORM_SET, FORM_ORDER };

/* What an answer has to look like. */
struct form_of {
	enum form form;
	const char *unit;  /* "bytes"; NULL: none */
	double tolerance;  /* relative, of numbers with a fraction; negative: the usual one */
	const char *items; /* of an order: what is ordered, words with spaces between */
};

/* The form called so, NULL: number.  ERR_FORMAT. */
int form_find(const char *name, enum form *form, struct err *err);

/* An answer that was read. */
struct said {
	double value, other; /* of a number; `other` is what a unit may mean as well, else NaN */
	struct text words;   /* of all else: words in lower case with '\n' behind each */
};
void said_release(struct said *s);

/* Read what was typed: ERR_USAGE with what the form asks for.  Release it whatever happens. */
int form_read(const struct form_of *f, const char *text, struct said *s, struct err *err);

/* The same of what a query or a command gave; ERR_FORMAT when it gave nothing. */
int form_read_sheet(const struct form_of *f, const struct sheet *sheet, struct said *s,
		    struct err *err);

/* Whether an answer is `want`. */
bool form_is(const struct form_of *f, const struct said *want, const struct said *got);

/* 0 unless a set of numbers is answered with words that are none: ERR_USAGE. */
int form_fits(const struct form_of *f, const struct said *want, const struct said *got,
	      const char *text, struct err *err);

/* Append an answer as one writes it. */
void form_add(const struct form_of *f, const struct said *s, struct text *out);

#endif
