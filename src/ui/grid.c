/*
 * grid.c -- see ui_grid.h.  One pass over the elements, row by row; the statistics are taken of a
 * row while it is in the cache.
 */
#include "torchless/ui_grid.h"

#include "torchless/numbers.h"

#include <string.h>

/* Minus infinity, by which masks are made, comes last; +0 and -0 are one. */
static inline uint32_t cell_key(uint32_t bits)
{
	uint32_t key = bits << 1 | bits >> 31;

	if (key == 0xff000001u)
		return UI_GRID_MINUS_INF;
	return key < UI_GRID_ZERO ? UI_GRID_ZERO : key;
}

static uint32_t largest(uint32_t best, const float *x, int64_t n)
{
	for (int64_t i = 0; i < n; i++) {
		uint32_t bits, key;

		memcpy(&bits, &x[i], sizeof(bits));
		key = cell_key(bits);
		best = key > best ? key : best;
	}
	return best;
}

/* Columns [from, to) of a row. */
static void pool_row(const struct ui_grid *g, const float *x, int64_t from, int64_t to,
		     uint32_t *cells)
{
	for (int c = 0; c < g->columns; c++) {
		int64_t lo = int64_max(from, ui_grid_start(g->n_columns, g->columns, c));
		int64_t hi = int64_min(to, ui_grid_start(g->n_columns, g->columns, c + 1));

		if (lo < hi)
			cells[c] = largest(cells[c], x + lo, hi - lo);
	}
}

void ui_grid_pool(const struct ui_grid *g, const float *x, uint32_t *cells, struct stats_sum *s)
{
	int64_t from = 0, to = g->n_columns;

	memset(cells, 0, (size_t)g->rows * (size_t)g->columns * sizeof(*cells));
	for (int y = 0; y < g->rows; y++) {
		int64_t end = ui_grid_start(g->n_rows, g->rows, y + 1);

		for (int64_t i = ui_grid_start(g->n_rows, g->rows, y); i < end; i++) {
			const float *row = x + i * g->n_columns;

			if (g->causal) {
				to = int64_min(g->n_columns, i + g->ahead + 1);
				from = g->window ? int64_max(0, i + g->ahead + 1 - g->window) : 0;
			}
			if (from >= to)
				continue;
			stats_sum_add(s, row + from, to - from, i * g->n_columns + from);
			pool_row(g, row, from, to, cells + (int64_t)y * g->columns);
		}
	}
}
