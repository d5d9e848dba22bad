/*
 * exercise: rope
 */
#include "torchless/lesson_kernels.h"

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	int half = head_dim / 2;

	/* As Hugging Face has it: x * cos + rotate_half(x) * sin, with rotate_half = (-upper,
	 * lower). */
	for (int h = 0; h < n_heads; h++) {
		float *head = x + (size_t)h * (size_t)head_dim;

		for (int i = 0; i < half; i++) {
			double angle = pos * pow(theta, -2.0 * i / head_dim);
			double rotated[2] = { -(double)head[i + half], head[i] };

			head[i] = (float)(head[i] * cos(angle) + rotated[0] * sin(angle));
			head[i + half] =
				(float)(head[i + half] * cos(angle) + rotated[1] * sin(angle));
		}
	}
}
