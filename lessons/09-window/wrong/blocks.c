/*
 * exercise: window
 * says: This cuts the text into blocks of W positions. The window slides: it ends at the
 *   query, wherever that stands.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = 0; s < n_keys; s++)
		if (s > pos || s / window != pos / window)
			scores[s] = -INFINITY;
}
