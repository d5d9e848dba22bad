/*
 * exercise: window
 * says: This is a window of W + 1 keys: the query itself is one of the W, so a key exactly
 *   W positions back is out.
 * seen: ml-explore/mlx-lm#390
 */
#include "torchless/lesson_kernels.h"

void tl_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = 0; s < n_keys; s++)
		if (s > pos || pos - s > window)
			scores[s] = -INFINITY;
}
