/*
 * exercise: rope
 * says: The position is one too low. Positions are counted from 0, and position 0 is
 *   not turned.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	int half = head_dim / 2;

	for (int h = 0; h < n_heads; h++) {
		float *head = x + (size_t)h * (size_t)head_dim;

		for (int i = 0; i < half; i++) {
			double angle = (pos - 1) * pow(theta, -2.0 * i / head_dim);
			float c = (float)cos(angle), s = (float)sin(angle);
			float a = head[i], b = head[i + half];

			head[i] = a * c - b * s;
			head[i + half] = b * c + a * s;
		}
	}
}
