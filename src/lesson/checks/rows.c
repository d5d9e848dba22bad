/*
 * rows.c -- comparing result sets, so that what counts is what a query gives and not how it is
 * written.
 */
#include "rows.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FEW 3000 /* rows that are compared each with each */

static bool is_number(const struct sheet_cell *c)
{
	return c->type == CELL_INT || c->type == CELL_REAL;
}

static bool cells_are_same(const struct sheet_cell *a, const struct sheet_cell *b, double tolerance)
{
	if (is_number(a) && is_number(b)) {
		if (a->type == CELL_INT && b->type == CELL_INT)
			return a->i == b->i;
		return a->d == b->d || fabs(a->d - b->d) <= tolerance * fabs(a->d) + 1e-9;
	}
	if (a->type != b->type)
		return false;
	return a->type == CELL_NULL || (a->len == b->len && !memcmp(a->s, b->s, a->len));
}

static bool rows_match(const struct sheet *a, int64_t i, const struct sheet *b, int64_t k,
		       double tolerance)
{
	for (int c = 0; c < a->n_columns; c++)
		if (!cells_are_same(sheet_cell(a, i, c), sheet_cell(b, k, c), tolerance))
			return false;
	return true;
}

/* ---- rows in an order of their own ---------------------------------------------------------- */

static int rank(const struct sheet_cell *c)
{
	return is_number(c) ? CELL_INT : (int)c->type;
}

static int compare_cells(const struct sheet_cell *a, const struct sheet_cell *b)
{
	int order;

	if (rank(a) != rank(b))
		return rank(a) < rank(b) ? -1 : 1;
	if (is_number(a))
		return (a->d > b->d) - (a->d < b->d);
	if (a->type == CELL_NULL)
		return 0;
	order = memcmp(a->s, b->s, a->len < b->len ? a->len : b->len);
	return order ? order : (a->len > b->len) - (a->len < b->len);
}

struct row {
	const struct sheet *sheet;
	int64_t at;
};

static int compare_rows(const void *x, const void *y)
{
	const struct row *a = x, *b = y;

	for (int c = 0; c < a->sheet->n_columns; c++) {
		int order = compare_cells(sheet_cell(a->sheet, a->at, c),
					  sheet_cell(b->sheet, b->at, c));

		if (order)
			return order;
	}
	return (a->at > b->at) - (a->at < b->at);
}

static struct row *sorted(const struct sheet *s, bool ordered)
{
	struct row *rows = mem_calloc((size_t)s->n_rows + 1, sizeof(*rows));

	for (int64_t i = 0; i < s->n_rows; i++)
		rows[i] = (struct row){ s, i };
	if (!ordered)
		qsort(rows, (size_t)s->n_rows, sizeof(*rows), compare_rows);
	return rows;
}

/* Each row of `got` takes the first of `want` that no other has. */
static int64_t first_unmatched(const struct sheet *want, const struct sheet *got, double tolerance)
{
	bool *taken = mem_calloc((size_t)want->n_rows + 1, sizeof(*taken));
	int64_t odd = -1;

	for (int64_t i = 0; i < got->n_rows && odd < 0; i++) {
		int64_t k = 0;

		while (k < want->n_rows && (taken[k] || !rows_match(want, k, got, i, tolerance)))
			k++;
		if (k == want->n_rows)
			odd = i;
		else
			taken[k] = true;
	}
	free(taken);
	return odd;
}

bool rows_are_same(const struct sheet *want, const struct sheet *got, const struct rows_like *how,
		   int64_t *odd)
{
	struct row *a, *b;
	int64_t n = want->n_rows < got->n_rows ? want->n_rows : got->n_rows;

	*odd = -1;
	if (want->n_columns != got->n_columns)
		return false;
	if (!how->ordered && want->n_rows <= FEW && got->n_rows <= FEW) {
		*odd = first_unmatched(want, got, how->tolerance);
		return *odd < 0 && want->n_rows == got->n_rows;
	}
	a = sorted(want, how->ordered);
	b = sorted(got, how->ordered);
	for (int64_t i = 0; i < n && *odd < 0; i++)
		if (!rows_match(want, a[i].at, got, b[i].at, how->tolerance))
			*odd = b[i].at;
	if (*odd < 0 && got->n_rows > n)
		*odd = b[n].at;
	free(a);
	free(b);
	return *odd < 0 && want->n_rows == got->n_rows;
}
