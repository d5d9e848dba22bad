/*
 * exercise: linear-bf16
 */
#include "torchless/lesson_kernels.h"

/* Two sums a row, from both ends, in double. */
void tl_linear_bf16(float *y, const float *x, const tl_bf16 *w, int n_in, int n_out)
{
	for (int o = n_out - 1; o >= 0; o--) {
		double even = 0, odd = 0;

		for (int i = n_in - 1; i >= 0; i--) {
			union {
				uint32_t bits;
				float x;
			} u = { (uint32_t)w[(size_t)o * (size_t)n_in + (size_t)i] << 16 };

			if (i % 2)
				odd += (double)u.x * (double)x[i];
			else
				even += (double)u.x * (double)x[i];
		}
		y[o] = (float)(even + odd);
	}
}
