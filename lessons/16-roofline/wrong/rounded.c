/*
 * exercise: fast-linear
 * key: rounded
 * says: This rounds inputs and weights to bf16 to move fewer bytes. It is fast and it
 *   is another function: the differences are far above what another order of sums
 *   makes.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

static float rounded(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	u = (u + 0x7fff + ((u >> 16) & 1)) & 0xffff0000u;
	memcpy(&f, &u, sizeof(f));
	return f;
}

void tl_linear_fast(float *y, const float *x, const float *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++) {
		const float *row = w + (size_t)o * (size_t)n_in;
		float even = 0, odd = 0;
		int i = 0;

		for (; i + 2 <= n_in; i += 2) {
			even += rounded(row[i]) * rounded(x[i]);
			odd += rounded(row[i + 1]) * rounded(x[i + 1]);
		}
		if (i < n_in)
			even += rounded(row[i]) * rounded(x[i]);
		y[o] = even + odd;
	}
}
