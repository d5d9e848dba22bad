/*
 * ui_grid.h -- a matrix pooled to the cells of a picture.
 *
 * Each cell keeps one element of those it stands for, of which it knows the whole: the largest
 * magnitude with its sign.  Elements are compared as unsigned integers, their bits turned left by
 * one: first the magnitude, then the sign, infinity above all numbers and NaN above infinity.
 */
#ifndef TORCHLESS_UI_GRID_H
#define TORCHLESS_UI_GRID_H

#include "torchless/array.h"
#include "torchless/stats.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A cell: absent, when it stands for no element that is there; else the key of one. */
enum { UI_GRID_ABSENT, UI_GRID_MINUS_INF, UI_GRID_ZERO };

static inline float ui_grid_value(uint32_t cell)
{
	uint32_t bits = cell == UI_GRID_MINUS_INF ? 0xff800000u
			: cell == UI_GRID_ZERO    ? 0
						  : cell >> 1 | cell << 31;
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

struct ui_grid {
	int64_t n_rows, n_columns; /* of the matrix */
	int rows, columns;         /* of the picture: as many, or fewer */
	/* Whether rows are queries, and which of the keys each sees. */
	bool causal;
	int64_t ahead;  /* row i is at the position of column i + ahead */
	int64_t window; /* 0: no end */
};

/* The first row or column of cell i of `cells` over n. */
static inline int64_t ui_grid_start(int64_t n, int cells, int64_t i)
{
	return n / cells * i + n % cells * i / cells;
}

/* Pool the matrix at x into cells[rows * columns], adding its elements to `s`. */
void ui_grid_pool(const struct ui_grid *g, const float *x, uint32_t *cells, struct stats_sum *s);

#endif
