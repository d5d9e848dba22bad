/*
 * exercise: linear-q8
 * says: This divides by the scale. The weights were divided by it when they were made
 *   small; to have them back one multiplies.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_linear_q8(float *y, const float *x, const int8_t *w, const float *scale, int n_in,
		  int n_out)
{
	for (int o = 0; o < n_out; o++) {
		float sum = 0;

		for (int i = 0; i < n_in; i++)
			sum += (float)w[(size_t)o * (size_t)n_in + (size_t)i] * x[i];
		y[o] = sum / scale[o];
	}
}
