/*
 * exercise: scores
 */
#include "torchless/lesson_kernels.h"

void tl_attn_scores(float *scores, const float *q, const float *k, int n_heads, int n_kv_heads,
		    int head_dim, int pos, int n_keys)
{
	float root = sqrtf((float)head_dim);

	/* Divides the product and not the query, multiplies before it divides to find the key head.
	 */
	for (int s = 0; s < n_keys; s++)
		for (int h = n_heads - 1; h >= 0; h--) {
			int g = h * n_kv_heads / n_heads;
			double sum = 0;

			for (int i = 0; i < head_dim; i++)
				sum += (double)q[h * head_dim + i] *
				       k[(s * n_kv_heads + g) * head_dim + i];
			scores[h * n_keys + s] = s > pos ? -INFINITY : (float)(sum / root);
		}
}
