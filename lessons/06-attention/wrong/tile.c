/*
 * exercise: scores
 * says: Query head h reads key head h % n_kv_heads here, like tiles: 0 1 0 1.
 *   Neighbours share a key head: h / (n_heads / n_kv_heads), 0 0 1 1.
 * seen: onnx/onnx#7274, jax-js#180
 */
#include "torchless/lesson_kernels.h"

void tl_attn_scores(float *scores, const float *q, const float *k, int n_heads, int n_kv_heads,
		    int head_dim, int pos, int n_keys)
{
	float scale = 1.0f / sqrtf((float)head_dim);

	for (int h = 0; h < n_heads; h++) {
		const float *query = q + h * head_dim;

		for (int s = 0; s < n_keys; s++) {
			const float *key = k + (s * n_kv_heads + h % n_kv_heads) * head_dim;
			float sum = 0;

			for (int i = 0; i < head_dim; i++)
				sum += query[i] * key[i];
			scores[h * n_keys + s] = s <= pos ? sum * scale : -INFINITY;
		}
	}
}
