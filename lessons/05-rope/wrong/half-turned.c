/*
 * exercise: rope
 * says: Only the lower half of each head is written: the first line of the rotation is
 *   there, the second is not.
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

			head[i] = head[i] * (float)cos(angle) - head[i + half] * (float)sin(angle);
		}
	}
}
