/*
 * exercise: window
 * says: This sees a key more than the window has.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = 0; s < n_keys; s++)
		if (s > pos || pos - s > window)
			scores[s] = -INFINITY;
}
