/*
 * exercise: rope
 * says: The exponent is -i/head_dim here. It is -2i/head_dim: there are half as many
 *   pairs as elements, and they share the whole range from 1 down to 1/theta.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	int half = head_dim / 2;

	for (int h = 0; h < n_heads; h++) {
		float *head = x + (size_t)h * (size_t)head_dim;

		for (int i = 0; i < half; i++) {
			double angle = pos * pow(theta, -1.0 * i / head_dim);
			float c = (float)cos(angle), s = (float)sin(angle);
			float a = head[i], b = head[i + half];

			head[i] = a * c - b * s;
			head[i + half] = b * c + a * s;
		}
	}
}
