/*
 * exercise: rope
 * says: The second line used the x[i] that the first one had just overwritten. Read
 *   both elements before you write one.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	int half = head_dim / 2;

	for (int h = 0; h < n_heads; h++) {
		float *head = x + (size_t)h * (size_t)head_dim;

		for (int i = 0; i < half; i++) {
			double angle = pos * pow(theta, -2.0 * i / head_dim);
			float c = (float)cos(angle), s = (float)sin(angle);

			head[i] = head[i] * c - head[i + half] * s;
			head[i + half] = head[i + half] * c + head[i] * s;
		}
	}
}
