/*
 * Lesson 09: the mask of a sliding window.
 *
 * scores[n_keys] are one query's scores with the keys at positions 0, 1, ... n_keys - 1; the query
 * stands at position pos.  Write -INFINITY where it does not see the key: behind pos, or `window`
 * or more positions before it.  Leave the others as they are.
 *
 * The query sees `window` keys at most, and itself is one of them.
 */
#include "torchless/lesson_kernels.h"

void tl_window(float *scores, int pos, int n_keys, int window)
{
	/* BEGIN SOLUTION: set the scores of all keys that the query does not see to -INFINITY */
	/* STARTER: (void)scores, (void)pos, (void)n_keys, (void)window; */
	for (int s = 0; s < n_keys; s++)
		if (s > pos || pos - s >= window)
			scores[s] = -INFINITY;
	/* END SOLUTION */
}
