/*
 * exercise: rope
 * says: This has theta = 10000 in the code. It is so for this model, and 100000 for
 *   SmolLM2 and 1000000 for later Mistrals: take the argument.
 * seen: ports of models whose config.json says another rope_theta
 */
#include "torchless/lesson_kernels.h"

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	int half = head_dim / 2;

	for (int h = 0; h < n_heads; h++) {
		float *head = x + (size_t)h * (size_t)head_dim;

		for (int i = 0; i < half; i++) {
			double angle = pos * pow(10000.0, -2.0 * i / head_dim) + 0.0 * theta;
			float c = (float)cos(angle), s = (float)sin(angle);
			float a = head[i], b = head[i + half];

			head[i] = a * c - b * s;
			head[i + half] = b * c + a * s;
		}
	}
}
