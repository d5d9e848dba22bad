/*
 * exercise: rope
 * says: Only head 0 is turned. x holds n_heads of them, head_dim elements each.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	int half = head_dim / 2;

	(void)n_heads;
	for (int i = 0; i < half; i++) {
		double angle = pos * pow(theta, -2.0 * i / head_dim);
		float c = (float)cos(angle), s = (float)sin(angle);
		float a = x[i], b = x[i + half];

		x[i] = a * c - b * s;
		x[i + half] = b * c + a * s;
	}
}
