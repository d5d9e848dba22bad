/*
 * exercise: rope
 * says: The exponent is -2i / head_dim.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	int half = head_dim / 2;

	for (int h = 0; h < n_heads; h++, x += head_dim)
		for (int i = 0; i < half; i++) {
			double angle = pos * pow(theta, -1.0 * i / head_dim);
			float c = (float)cos(angle), s = (float)sin(angle);
			float a = x[i], b = x[i + half];

			x[i] = a * c - b * s;
			x[i + half] = b * c + a * s;
		}
}
