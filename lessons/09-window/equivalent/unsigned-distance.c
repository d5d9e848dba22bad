/*
 * exercise: window
 */
#include "torchless/lesson_kernels.h"

void tl_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = n_keys - 1; s >= 0; s--) {
		unsigned back = (unsigned)pos - (unsigned)s; /* huge behind the query */

		scores[s] = back < (unsigned)window ? scores[s] : -INFINITY;
	}
}
