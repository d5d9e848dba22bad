/*
 * exercise: rope
 * says: This is what pairing (0, 1), (2, 3) gives; this model pairs (i, i + head_dim/2).
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	for (int h = 0; h < n_heads; h++, x += head_dim)
		for (int i = 0; i < head_dim; i += 2) {
			double angle = pos * pow(theta, -1.0 * i / head_dim);
			float c = (float)cos(angle), s = (float)sin(angle);
			float a = x[i], b = x[i + 1];

			x[i] = a * c - b * s;
			x[i + 1] = b * c + a * s;
		}
}
