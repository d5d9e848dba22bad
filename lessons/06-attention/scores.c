/*
 * Lesson 06, exercise `scores`: how well the queries of one position fit the keys.
 *
 * q holds the n_heads queries of the position, head_dim elements each.  k holds n_keys positions,
 * from 0 on, and of each position n_kv_heads keys.  scores[h][s], for each head h and each key s,
 * is the product of query and key over the root of head_dim; -INFINITY where s is after pos.
 *
 * n_heads / n_kv_heads query heads in a row share a key head.
 */
#include "torchless/lesson_kernels.h"

void tl_attn_scores(float *scores, const float *q, const float *k, int n_heads, int n_kv_heads,
		    int head_dim, int pos, int n_keys)
{
	/* BEGIN SOLUTION: the score of each head with each key, -INFINITY after pos. */
	/* STARTER: (void)scores, (void)q, (void)k, (void)n_heads; */
	/* STARTER: (void)n_kv_heads, (void)head_dim, (void)pos, (void)n_keys; */
	int group = n_heads / n_kv_heads;
	float scale = 1.0f / sqrtf((float)head_dim);

	for (int h = 0; h < n_heads; h++) {
		const float *query = q + h * head_dim;

		for (int s = 0; s < n_keys; s++) {
			const float *key = k + (s * n_kv_heads + h / group) * head_dim;
			float sum = 0;

			for (int i = 0; i < head_dim; i++)
				sum += query[i] * key[i];
			scores[h * n_keys + s] = s <= pos ? sum * scale : -INFINITY;
		}
	}
	/* END SOLUTION */
}
