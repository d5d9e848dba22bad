/*
 * Lesson 05, exercise `rope`: the rotation of queries and keys by their position.
 *
 * x holds the queries or keys of one token: n_heads vectors of head_dim elements, one after
 * the other.  In each of them element i and element i + head_dim/2 are a pair, and the pair is
 * turned, in place, by
 *
 *	angle = pos * theta^(-2i / head_dim)
 *
 * <math.h> is there: pow, cos, sin.
 */
#include "torchless/lesson_kernels.h"

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	/* BEGIN SOLUTION: turn each pair (i, i + head_dim/2) of each head by its angle. */
	/* STARTER: (void)x, (void)n_heads, (void)head_dim, (void)pos, (void)theta; */
	int half = head_dim / 2;

	for (int h = 0; h < n_heads; h++) {
		float *head = x + (size_t)h * (size_t)head_dim;

		for (int i = 0; i < half; i++) {
			double angle = pos * pow(theta, -2.0 * i / head_dim);
			float c = (float)cos(angle), s = (float)sin(angle);
			float a = head[i], b = head[i + half];

			head[i] = a * c - b * s;
			head[i + half] = b * c + a * s;
		}
	}
	/* END SOLUTION */
}
