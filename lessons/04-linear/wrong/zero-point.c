/*
 * exercise: linear-q8
 * says: This subtracts 128 from every byte. Some formats store bytes from 0 to 255 around
 *   a zero point; here they have a sign and 0 is 0.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_linear_q8(float *y, const float *x, const int8_t *w, const float *scale, int n_in,
		  int n_out)
{
	for (int o = 0; o < n_out; o++) {
		float sum = 0;

		for (int i = 0; i < n_in; i++)
			sum += ((float)w[(size_t)o * (size_t)n_in + (size_t)i] - 128) * x[i];
		y[o] = scale[o] * sum;
	}
}
