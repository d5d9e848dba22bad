/*
 * exercise: top-p
 */
#include "torchless/lesson_kernels.h"

/* The token that comes behind `last` by falling logit, the lower id first of equals. */
static int next_token(const float *logits, int n, int last)
{
	int best = -1;

	for (int i = 0; i < n; i++) {
		if (last >= 0 &&
		    (logits[i] > logits[last] || (logits[i] == logits[last] && i <= last)))
			continue;
		if (best < 0 || logits[i] > logits[best])
			best = i;
	}
	return best;
}

int tl_top_p(const float *logits, int n, float temperature, float p, float u)
{
	int first = next_token(logits, n, -1), token = first, last = first;
	double total = 0, mass = 0, goal;

	for (int i = 0; i < n; i++)
		total += exp((logits[i] - (double)logits[first]) / temperature);
	do {
		mass += exp((logits[token] - (double)logits[first]) / temperature);
		last = token;
		token = next_token(logits, n, token);
	} while (token >= 0 && mass < p * total);
	goal = u * mass;
	for (token = first; token != last; token = next_token(logits, n, token)) {
		goal -= exp((logits[token] - (double)logits[first]) / temperature);
		if (goal < 0)
			break;
	}
	return token;
}
