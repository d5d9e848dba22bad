/*
 * exercise: rope
 */
#include "torchless/lesson_kernels.h"

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	int half = head_dim / 2;

	for (int h = 0; h < n_heads; h++) {
		for (int i = 0; i < half; i++) {
			float inv_freq = 1.0f / powf(theta, (float)(2 * i) / (float)head_dim);
			float angle = (float)pos * inv_freq;
			float a = x[h * head_dim + i], b = x[h * head_dim + i + half];

			x[h * head_dim + i] = a * cosf(angle) - b * sinf(angle);
			x[h * head_dim + i + half] = b * cosf(angle) + a * sinf(angle);
		}
	}
}
