/*
 * exercise: scores
 * says: Masked scores are a large negative number here. It mostly works, and is what
 *   some programs do; the task asks for -INFINITY, which no score
 *   can reach.
 * seen: torch.finfo(dtype).min as the mask of many implementations
 */
#include "torchless/lesson_kernels.h"

void tl_attn_scores(float *scores, const float *q, const float *k, int n_heads, int n_kv_heads,
		    int head_dim, int pos, int n_keys)
{
	int group = n_heads / n_kv_heads;
	float scale = 1.0f / sqrtf((float)head_dim);

	for (int h = 0; h < n_heads; h++) {
		const float *query = q + h * head_dim;

		for (int s = 0; s < n_keys; s++) {
			const float *key = k + (s * n_kv_heads + h / group) * head_dim;
			float sum = 0;

			for (int i = 0; i < head_dim; i++)
				sum += query[i] * key[i];
			scores[h * n_keys + s] = s <= pos ? sum * scale : -1e9f;
		}
	}
}
