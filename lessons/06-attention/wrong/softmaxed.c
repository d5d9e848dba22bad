/*
 * exercise: scores
 * says: These are shares already: softmax ran over the scores. It is the next lesson's
 *   function; here the scores are asked for.
 * seen: commonly believed
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
			scores[h * n_keys + s] = s <= pos ? sum * scale : -INFINITY;
		}
	}
	for (int h = 0; h < n_heads; h++) {
		float *row = scores + h * n_keys, sum = 0, max = -INFINITY;

		for (int s = 0; s < n_keys; s++)
			max = row[s] > max ? row[s] : max;
		for (int s = 0; s < n_keys; s++)
			sum += row[s] = expf(row[s] - max);
		for (int s = 0; s < n_keys; s++)
			row[s] /= sum;
	}
}
