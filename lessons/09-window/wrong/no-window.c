/*
 * exercise: window
 * says: This is causal attention without a window: old keys are all still seen.
 * seen: unslothai/unsloth#8253
 */
#include "torchless/lesson_kernels.h"

void tl_window(float *scores, int pos, int n_keys, int window)
{
	(void)window;
	for (int s = 0; s < n_keys; s++)
		if (s > pos)
			scores[s] = -INFINITY;
}
