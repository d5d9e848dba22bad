#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_window(float *scores, int pos, int n_keys, int window)
{
	/* BEGIN SOLUTION: what tl_window is to do */
	/* STARTER: (void)scores, (void)pos, (void)n_keys, (void)window; */
	for (int s = 0; s < n_keys; s++)
		if (s > pos || pos - s >= window)
			scores[s] = -INFINITY;
	/* END SOLUTION */
}
