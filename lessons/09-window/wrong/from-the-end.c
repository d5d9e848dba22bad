/*
 * exercise: window
 * says: This keeps the last W keys of the cache. They are the right ones for the last
 *   query only: one that comes earlier in its chunk needs older keys.
 * seen: rasbt/LLMs-from-scratch#1013
 */
#include "torchless/lesson_kernels.h"

void tl_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = 0; s < n_keys; s++)
		if (s > pos || s < n_keys - window)
			scores[s] = -INFINITY;
}
