/*
 * changes.c -- what variants do to weights.
 */
#include "changes.h"

#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OUTLIER 64.0f /* a power of two: nothing is rounded */

/* Round n numbers to `steps` on either side of 0, in units of the largest. */
static void round_to(float *x, int64_t n, int steps)
{
	float max = 0, unit;

	for (int64_t i = 0; i < n; i++)
		max = fmaxf(max, fabsf(x[i]));
	unit = max / (float)steps;
	for (int64_t i = 0; i < n && unit > 0; i++)
		x[i] = unit * rintf(x[i] / unit);
}

/* Matrices that are multiplied by: not norms, and not the embedding, whose rows are looked up. */
static bool is_linear(const char *name, int64_t rows)
{
	return rows > 1 && !text_ends_with(name, "embed_tokens.weight");
}

void round_int8_row(const struct config *c, const char *name, float *x, int64_t rows, int64_t cols)
{
	(void)c;
	for (int64_t r = 0; is_linear(name, rows) && r < rows; r++)
		round_to(x + r * cols, cols, 127);
}

void round_int8_tensor(const struct config *c, const char *name, float *x, int64_t rows,
		       int64_t cols)
{
	(void)c;
	if (is_linear(name, rows))
		round_to(x, rows * cols, 127);
}

void round_int4_g32(const struct config *c, const char *name, float *x, int64_t rows, int64_t cols)
{
	(void)c;
	for (int64_t r = 0; is_linear(name, rows) && r < rows; r++)
		for (int64_t i = 0; i < cols; i += 32)
			round_to(x + r * cols + i, cols - i < 32 ? cols - i : 32, 7);
}

void add_outlier(const struct config *c, const char *name, float *x, int64_t rows, int64_t cols)
{
	(void)c;
	for (int64_t i = 0; text_ends_with(name, "up_proj.weight") && i < cols; i++)
		x[i] *= OUTLIER;
	for (int64_t r = 0; text_ends_with(name, "down_proj.weight") && r < rows; r++)
		x[r * cols] /= OUTLIER;
}

/* Rows i and i + head_dim/2 of each head become rows 2i and 2i + 1. */
void permute_pairs(const struct config *c, const char *name, float *x, int64_t rows, int64_t cols)
{
	int64_t E = c->head_dim, half = E / 2;
	float *head;

	if (!text_ends_with(name, "q_proj.weight") && !text_ends_with(name, "k_proj.weight"))
		return;
	head = mem_calloc((size_t)(E * cols), sizeof(*head));
	for (int64_t h = 0; h < rows / E; h++) {
		float *at = x + h * E * cols;

		memcpy(head, at, (size_t)(E * cols) * sizeof(*head));
		for (int64_t i = 0; i < E; i++)
			memcpy(at + i * cols, head + (i % 2 * half + i / 2) * cols,
			       (size_t)cols * sizeof(*head));
	}
	free(head);
}

void shrink_embedding(const struct config *c, const char *name, float *x, int64_t rows,
		      int64_t cols)
{
	(void)c;
	for (int64_t i = 0; text_ends_with(name, "embed_tokens.weight") && i < rows * cols; i++)
		x[i] *= 1e-3f;
}
