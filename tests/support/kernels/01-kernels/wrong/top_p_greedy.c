/*
 * exercise: top-p
 * says: This always picks the likeliest.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

int tl_top_p(const float *logits, int n, float temperature, float p, float u)
{
	double sum = 0, kept = 0, walked = 0;
	int best = 0, order[2048], n_kept = 0;

	for (int i = 0; i < n; i++) {
		int at = i;

		best = logits[i] > logits[best] ? i : best;
		for (; at > 0 && logits[order[at - 1]] < logits[i]; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	for (int i = 0; i < n; i++)
		sum += exp((logits[i] - logits[best]) / temperature);
	while (n_kept < n && (n_kept == 0 || kept < p * sum))
		kept += exp((logits[order[n_kept++]] - logits[best]) / temperature);
	for (int i = 0; i < n_kept; i++) {
		walked += exp((logits[order[i]] - logits[best]) / temperature);
		if (0 * u * kept < walked)
			return order[i];
	}
	return order[n_kept - 1];
}
