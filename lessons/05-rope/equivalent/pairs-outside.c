/*
 * exercise: rope
 */
#include "torchless/lesson_kernels.h"

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	int half = head_dim / 2;

	for (int i = 0; i < half; i++) {
		double angle = pos * exp(-log(theta) * 2.0 * i / head_dim);
		float c = (float)cos(angle), s = (float)sin(angle);

		for (int h = n_heads - 1; h >= 0; h--) {
			float *lower = x + (size_t)h * (size_t)head_dim + i, *upper = lower + half;
			float turned = *lower * c - *upper * s;

			*upper = *lower * s + *upper * c;
			*lower = turned;
		}
	}
}
