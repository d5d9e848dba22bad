/*
 * exercise: window
 * says: Keys behind the query are seen.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = 0; s < n_keys; s++)
		if (pos - s >= window)
			scores[s] = -INFINITY;
}
