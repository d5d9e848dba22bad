/*
 * exercise: linear-bf16
 * says: This reads the 16 bits of a weight as an f16. They are a bf16, the upper half of
 *   a float: 8 bits of exponent, not 5.
 * seen: commonly believed; bf16 taken for another type: microsoft/onnxruntime-genai#2202
 */
#include "torchless/lesson_kernels.h"

/* The value of an IEEE half. */
static float half(uint16_t h)
{
	int exponent = h >> 10 & 31, fraction = h & 1023;
	float x = exponent ? ldexpf((float)(fraction + 1024), exponent - 25)
			   : ldexpf((float)fraction, -24);

	return h & 0x8000 ? -x : x;
}

void tl_linear_bf16(float *y, const float *x, const tl_bf16 *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++) {
		float sum = 0;

		for (int i = 0; i < n_in; i++)
			sum += half(w[(size_t)o * (size_t)n_in + (size_t)i]) * x[i];
		y[o] = sum;
	}
}
