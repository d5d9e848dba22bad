/*
 * exercise: scores
 */
#include "torchless/lesson_kernels.h"

void tl_attn_scores(float *scores, const float *q, const float *k, int n_heads, int n_kv_heads,
		    int head_dim, int pos, int n_keys)
{
	for (int i = 0; i < n_heads * n_keys; i++)
		scores[i] = -INFINITY;
	for (int g = 0, h = 0; g < n_kv_heads; g++)
		for (int end = h + n_heads / n_kv_heads; h < end; h++)
			for (int s = 0; s < n_keys && s <= pos; s++) {
				float sum = 0;

				for (int i = head_dim - 1; i >= 0; i--)
					sum += q[h * head_dim + i] / sqrtf((float)head_dim) *
					       k[(s * n_kv_heads + g) * head_dim + i];
				scores[h * n_keys + s] = sum;
			}
}
