/*
 * exercise: top-p
 */
#include "torchless/lesson_kernels.h"

#include <stdlib.h>

int tl_top_p(const float *logits, int n, float temperature, float p, float u)
{
	double *prob = malloc(sizeof(*prob) * (size_t)n), sum = 0, kept = 0, walked = 0;
	int *order = calloc((size_t)n, sizeof(*order)), n_kept = 0, pick = 0;
	float max = logits[0];

	for (int i = 0; i < n; i++)
		max = fmaxf(max, logits[i]);
	for (int i = 0; i < n; i++)
		sum += prob[i] = exp((logits[i] - (double)max) / temperature);
	for (int i = 0; i < n; i++) {
		prob[i] /= sum;
		order[i] = i;
	}
	while (n_kept < n && (n_kept == 0 || kept < p)) {
		int best = n_kept, swap;

		for (int i = n_kept + 1; i < n; i++)
			if (prob[order[i]] > prob[order[best]] ||
			    (prob[order[i]] == prob[order[best]] && order[i] < order[best]))
				best = i;
		swap = order[n_kept];
		order[n_kept] = order[best];
		order[best] = swap;
		kept += prob[order[n_kept++]];
	}
	while (pick < n_kept - 1 && (walked += prob[order[pick]]) <= u * kept)
		pick++;
	pick = order[pick];
	free(prob);
	free(order);
	return pick;
}
