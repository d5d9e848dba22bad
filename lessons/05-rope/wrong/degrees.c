/*
 * exercise: rope
 * says: The angle was taken for degrees. sin and cos of <math.h> want radians, and
 *   pos * theta^(-2i/head_dim) is in radians as it is.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	int half = head_dim / 2;

	for (int h = 0; h < n_heads; h++) {
		float *head = x + (size_t)h * (size_t)head_dim;

		for (int i = 0; i < half; i++) {
			double angle =
				pos * pow(theta, -2.0 * i / head_dim) * 3.14159265358979 / 180.0;
			float c = (float)cos(angle), s = (float)sin(angle);
			float a = head[i], b = head[i + half];

			head[i] = a * c - b * s;
			head[i + half] = b * c + a * s;
		}
	}
}
