/*
 * exercise: window
 * says: This writes 0 where -INFINITY belongs. A score of 0 is not "no": softmax gives it
 *   exp(0) = 1.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = 0; s < n_keys; s++)
		if (s > pos || pos - s >= window)
			scores[s] = 0;
}
