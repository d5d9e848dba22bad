/*
 * exercise: window
 * says: This is a window of W - 1 keys: the key W - 1 positions back is still seen.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = 0; s < n_keys; s++)
		if (s > pos || pos - s >= window - 1)
			scores[s] = -INFINITY;
}
