/*
 * sheet.h -- the rows of a query, kept.
 */
#ifndef LESSON_SHEET_H
#define LESSON_SHEET_H

#include "torchless/lesson.h"
#include "torchless/trace.h"

#define SHEET_ROWS   100000     /* more is no answer to any question of a lesson */
#define SHEET_MAX_NS 5000000000 /* of one query */

struct sheet_cell {
	enum cell_type type;
	int64_t i;
	double d; /* of INT as well */
	char *s;  /* of TEXT and BLOB, len bytes and a NUL */
	size_t len;
};

struct sheet {
	int n_columns;
	char **columns;
	struct sheet_cell *cells; /* [n_rows][n_columns] */
	int64_t n_rows;
	bool more;        /* than SHEET_ROWS */
	int n_statements; /* that gave columns; the rows are those of the last */
	int64_t cap_rows;
};
void sheet_release(struct sheet *s);

static inline const struct sheet_cell *sheet_cell(const struct sheet *s, int64_t row, int column)
{
	return &s->cells[row * s->n_columns + column];
}

/*
 * Open a recording with all functions of torchless, to be asked for max_ns at most (0:
 * any time).  `model` (NULL:
 * where the recording says) must outlive it.
 */
struct recording *recording_to_ask(const struct classroom *room, const char *path,
				   const char *model, int64_t max_ns, struct err *err);

/* Ask it: errors as recording_query().  Release the sheet whatever happens. */
int sheet_ask(struct recording *rec, const char *sql, struct sheet *s, struct err *err);

/* Append a value as a person writes it; NULL is "NULL". */
void sheet_add_cell(struct text *t, const struct sheet_cell *cell);

#endif
