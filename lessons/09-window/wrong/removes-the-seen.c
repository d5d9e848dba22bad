/*
 * exercise: window
 * says: This hides what the query sees and keeps the rest: the condition is the wrong way
 *   round.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = 0; s < n_keys; s++)
		if (s <= pos && pos - s < window)
			scores[s] = -INFINITY;
}
