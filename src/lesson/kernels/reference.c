/*
 * reference.c -- what each kernel is to compute, in plain loops.
 *
 * Sums and functions are f64 and rounded once, so that what a learner's answer is off by is its own
 * error and not ours.
 */
#include "reference.h"

#include "torchless/mem.h"
#include "torchless/tensor.h"

#include <stdlib.h>
#include <string.h>

void reference_embed(float *out, const tl_bf16 *table, const int *ids, int n, int d)
{
	for (int t = 0; t < n; t++)
		for (int i = 0; i < d; i++)
			out[(int64_t)t * d + i] = bf16_to_f32(table[(int64_t)ids[t] * d + i]);
}

void reference_rmsnorm(float *out, const float *x, const float *w, int n, float eps)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += (double)x[i] * x[i];
	for (int i = 0; i < n; i++)
		out[i] = (float)(x[i] / sqrt(sum / n + (double)eps) * w[i]);
}

void reference_linear_bf16(float *y, const float *x, const tl_bf16 *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++) {
		double sum = 0;

		for (int i = 0; i < n_in; i++)
			sum += (double)x[i] * bf16_to_f32(w[(int64_t)o * n_in + i]);
		y[o] = (float)sum;
	}
}

void reference_linear_q8(float *y, const float *x, const int8_t *w, const float *scale, int n_in,
			 int n_out)
{
	for (int o = 0; o < n_out; o++) {
		double sum = 0;

		for (int i = 0; i < n_in; i++)
			sum += (double)x[i] * w[(int64_t)o * n_in + i];
		y[o] = (float)(sum * scale[o]);
	}
}

void reference_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	int half = head_dim / 2;

	for (int h = 0; h < n_heads; h++) {
		float *head = x + (int64_t)h * head_dim;

		for (int i = 0; i < half; i++) {
			double angle = pos * pow((double)theta, -2.0 * i / head_dim);
			double a = head[i], b = head[i + half];

			head[i] = (float)(a * cos(angle) - b * sin(angle));
			head[i + half] = (float)(b * cos(angle) + a * sin(angle));
		}
	}
}

void reference_attn_scores(float *scores, const float *q, const float *k, int n_heads,
			   int n_kv_heads, int head_dim, int pos, int n_keys)
{
	for (int h = 0; h < n_heads; h++) {
		int g = h / (n_heads / n_kv_heads);

		for (int s = 0; s < n_keys; s++) {
			const float *query = q + (int64_t)h * head_dim;
			const float *key = k + ((int64_t)s * n_kv_heads + g) * head_dim;
			double dot = 0;

			for (int e = 0; e < head_dim; e++)
				dot += (double)query[e] * key[e];
			scores[(int64_t)h * n_keys + s] =
				s <= pos ? (float)(dot / sqrt(head_dim)) : -INFINITY;
		}
	}
}

void reference_softmax(float *x, int n)
{
	double max = -INFINITY, sum = 0;

	for (int i = 0; i < n; i++)
		max = x[i] > max ? x[i] : max;
	for (int i = 0; i < n; i++)
		sum += exp(x[i] - max);
	for (int i = 0; i < n; i++)
		x[i] = (float)(exp(x[i] - max) / sum);
}

void reference_window(float *scores, int pos, int n_keys, int window)
{
	for (int s = 0; s < n_keys; s++)
		if (s > pos || pos - s >= window)
			scores[s] = -INFINITY;
}

void reference_swiglu(float *out, const float *gate, const float *up, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (float)(gate[i] / (1 + exp(-(double)gate[i])) * up[i]);
}

struct token {
	int id;
	double logit, p;
};

static int compare_tokens(const void *a, const void *b)
{
	const struct token *x = a, *y = b;

	if (x->logit != y->logit)
		return x->logit > y->logit ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

int reference_top_p(const float *logits, int n, float temperature, float p, float u)
{
	struct token *tokens = mem_calloc((size_t)n, sizeof(*tokens));
	double sum = 0, kept = 0, walked = 0;
	int n_kept = 0, i = 0;

	for (i = 0; i < n; i++)
		tokens[i] = (struct token){ i, logits[i], 0 };
	qsort(tokens, (size_t)n, sizeof(*tokens), compare_tokens);
	for (i = 0; i < n; i++)
		sum += tokens[i].p = exp((tokens[i].logit - tokens[0].logit) / (double)temperature);
	while (n_kept < n && (n_kept == 0 || kept / sum < (double)p))
		kept += tokens[n_kept++].p;
	for (i = 0; i < n_kept - 1; i++) {
		walked += tokens[i].p;
		if ((double)u * kept < walked)
			break;
	}
	i = tokens[i].id;
	free(tokens);
	return i;
}

bool reference_top_p_is_clear(const float *logits, int n, float temperature, float p, float u)
{
	const float shift = 2e-5f;
	int picked = reference_top_p(logits, n, temperature, p, u);

	for (int i = -1; i <= 1; i++)
		for (int j = -1; j <= 1; j++) {
			float p1 = p < 1 ? p + (float)i * shift : p, u1 = u + (float)j * shift;

			if (u1 < 0 || u1 >= 1)
				u1 = u;
			if (reference_top_p(logits, n, temperature, p1, u1) != picked)
				return false;
		}
	return true;
}

void reference_linear_fast(float *y, const float *x, const float *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++) {
		double sum = 0;

		for (int i = 0; i < n_in; i++)
			sum += (double)x[i] * w[(int64_t)o * n_in + i];
		y[o] = (float)sum;
	}
}
