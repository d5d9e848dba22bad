/*
 * exercise: window
 * says: This is a window to both sides. A causal model sees back only.
 * seen: huggingface/transformers#39408
 */
#include "torchless/lesson_kernels.h"

void tl_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = 0; s < n_keys; s++)
		if (s - pos >= window || pos - s >= window)
			scores[s] = -INFINITY;
}
