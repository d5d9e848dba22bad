/*
 * exercise: top-p
 * says: The nucleus ends before the token with which the sum reaches p. That token belongs
 *   to it: the fewest whose sum is AT LEAST p.
 * seen: rasbt/reasoning-from-scratch#164
 */
#include "torchless/lesson_kernels.h"

#include <stdlib.h>

struct token {
	int id;
	double weight; /* its probability, but for a factor that all have */
};

/* For qsort(): by falling weight, the lower id first of equals. */
int compare_tokens(const void *a, const void *b)
{
	const struct token *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

int tl_top_p(const float *logits, int n, float temperature, float p, float u)
{
	struct token *t = malloc(sizeof(*t) * (size_t)n);
	double total = 0, mass = 0, goal;
	int kept, best = 0, pick;

	for (int i = 1; i < n; i++)
		if (logits[i] > logits[best])
			best = i;
	for (int i = 0; i < n; i++) {
		t[i].id = i;
		t[i].weight = exp((logits[i] - logits[best]) / (double)temperature);
		total += t[i].weight;
	}
	qsort(t, (size_t)n, sizeof(*t), compare_tokens);
	for (kept = 0; kept < n && (kept == 0 || mass + t[kept].weight <= p * total); kept++)
		mass += t[kept].weight;
	goal = u * mass;
	for (pick = 0; pick < kept - 1; pick++) {
		goal -= t[pick].weight;
		if (goal < 0)
			break;
	}
	pick = t[pick].id;
	free(t);
	return pick;
}
