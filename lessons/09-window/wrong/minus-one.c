/*
 * exercise: window
 * says: This is a window of W - 1 keys. The key W - 1 positions back belongs to the window,
 *   and here it is hidden.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = 0; s < n_keys; s++)
		if (s > pos || pos - s >= window - 1)
			scores[s] = -INFINITY;
}
