/*
 * exercise: linear-bf16
 * says: These are columns; the matrix has its rows one behind the other.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_linear_bf16(float *y, const float *x, const tl_bf16 *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++) {
		float sum = 0;

		for (int i = 0; i < n_in; i++) {
			uint32_t bits = (uint32_t)w[(i * n_out + o) % (n_in * n_out)] << 16;
			float f;

			memcpy(&f, &bits, sizeof(f));
			sum += f * x[i];
		}
		y[o] = sum;
	}
}
