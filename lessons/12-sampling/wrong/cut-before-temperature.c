/*
 * exercise: top-p
 * says: The nucleus was chosen by the probabilities of temperature 1. Temperature comes
 *   first, then the cut.
 * seen: fishaudio/fish-speech#1150
 */
#include "torchless/lesson_kernels.h"

#include <stdlib.h>

struct token {
	int id;
	double weight; /* its probability, but for a factor that all have */
	double plain;  /* the same at temperature 1 */
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
	double mass = 0, goal;
	double plain = 0, plain_mass = 0;
	int kept, best = 0, pick;

	for (int i = 1; i < n; i++)
		if (logits[i] > logits[best])
			best = i;
	for (int i = 0; i < n; i++) {
		t[i].id = i;
		t[i].weight = exp((logits[i] - logits[best]) / (double)temperature);
		t[i].plain = exp((double)logits[i] - logits[best]);
	}
	qsort(t, (size_t)n, sizeof(*t), compare_tokens);
	for (int i = 0; i < n; i++)
		plain += t[i].plain;
	for (kept = 0; kept < n && (kept == 0 || plain_mass < p * plain); kept++)
		mass += t[kept].weight, plain_mass += t[kept].plain;
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
