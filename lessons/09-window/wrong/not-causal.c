/*
 * exercise: window
 * says: The old keys are hidden, and those behind the query are not: it reads the future.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = 0; s < n_keys; s++)
		if (pos - s >= window)
			scores[s] = -INFINITY;
}
