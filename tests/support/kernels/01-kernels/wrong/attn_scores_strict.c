/*
 * exercise: scores
 * says: A query sees itself.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

#include <string.h>

void tl_attn_scores(float *scores, const float *q, const float *k, int n_heads, int n_kv_heads,
		    int head_dim, int pos, int n_keys)
{
	for (int h = 0; h < n_heads; h++)
		for (int s = 0; s < n_keys; s++) {
			int g = h / (n_heads / n_kv_heads);
			float sum = 0;

			for (int e = 0; e < head_dim; e++)
				sum += q[h * head_dim + e] * k[(s * n_kv_heads + g) * head_dim + e];
			scores[h * n_keys + s] = s < pos ? sum / sqrtf(head_dim) : -INFINITY;
		}
}
