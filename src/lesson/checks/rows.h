/*
 * rows.h -- whether two queries gave the same rows.
 */
#ifndef LESSON_ROWS_H
#define LESSON_ROWS_H

#include "../recording/sheet.h"

struct rows_like {
	bool ordered;
	double tolerance; /* relative, of numbers with a fraction */
};

/*
 * Whether the rows are the same, as a multiset or in their order.  *odd is a row of `got` that is
 * none of `want`, or in another place; -1 where there is none.
 */
bool rows_are_same(const struct sheet *want, const struct sheet *got, const struct rows_like *how,
		   int64_t *odd);

#endif
