/*
 * exercise: rope
 * says: This takes all heads as one long vector: its pairs are half of everything
 *   apart, and its exponent is divided by the width of all. Each head is a vector
 *   of its own, and its pairs lie inside it.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	int width = n_heads * head_dim, half = width / 2;

	for (int i = 0; i < half; i++) {
		double angle = pos * pow(theta, -2.0 * i / width);
		float c = (float)cos(angle), s = (float)sin(angle);
		float a = x[i], b = x[i + half];

		x[i] = a * c - b * s;
		x[i + half] = b * c + a * s;
	}
}
