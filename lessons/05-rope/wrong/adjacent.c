/*
 * exercise: rope
 * says: This is what the pairs (0, 1), (2, 3), … give; this model pairs (i, i +
 *   head_dim/2).
 * seen: karpathy/llama2.c#286
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
			float a = head[2 * i], b = head[2 * i + 1];

			head[2 * i] = a * c - b * s;
			head[2 * i + 1] = b * c + a * s;
		}
	}
}
