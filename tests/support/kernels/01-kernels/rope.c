#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	/* BEGIN SOLUTION: what tl_rope is to do */
	/* STARTER: (void)x, (void)n_heads, (void)head_dim, (void)pos, (void)theta; */
	int half = head_dim / 2;

	for (int h = 0; h < n_heads; h++, x += head_dim)
		for (int i = 0; i < half; i++) {
			double angle = pos * pow(theta, -2.0 * i / head_dim);
			float c = (float)cos(angle), s = (float)sin(angle);
			float a = x[i], b = x[i + half];

			x[i] = a * c - b * s;
			x[i + half] = b * c + a * s;
		}
	/* END SOLUTION */
}
