/*
 * exercise: linear-q8
 * says: This reads the bytes without a sign, so that -1 is 255. int8_t has one; a plain
 *   char has one on some machines only.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_linear_q8(float *y, const float *x, const int8_t *w, const float *scale, int n_in,
		  int n_out)
{
	for (int o = 0; o < n_out; o++) {
		float sum = 0;

		for (int i = 0; i < n_in; i++)
			sum += (float)(uint8_t)w[(size_t)o * (size_t)n_in + (size_t)i] * x[i];
		y[o] = scale[o] * sum;
	}
}
