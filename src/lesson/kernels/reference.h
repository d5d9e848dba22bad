/*
 * reference.h -- our own functions, declared as the learners' are: private to this room.
 */
#ifndef LESSON_REFERENCE_H
#define LESSON_REFERENCE_H

#include "torchless/lesson_kernels.h"

#include <stdbool.h>

void reference_embed(float *out, const tl_bf16 *table, const int *ids, int n, int d);
void reference_rmsnorm(float *out, const float *x, const float *w, int n, float eps);
void reference_linear_bf16(float *y, const float *x, const tl_bf16 *w, int n_in, int n_out);
void reference_linear_q8(float *y, const float *x, const int8_t *w, const float *scale, int n_in,
			 int n_out);
void reference_rope(float *x, int n_heads, int head_dim, int pos, float theta);
void reference_attn_scores(float *scores, const float *q, const float *k, int n_heads,
			   int n_kv_heads, int head_dim, int pos, int n_keys);
void reference_softmax(float *x, int n);
void reference_window(float *scores, int pos, int n_keys, int window);
void reference_swiglu(float *out, const float *gate, const float *up, int n);
int reference_top_p(const float *logits, int n, float temperature, float p, float u);
/* Whether the answer hangs on more than the last bits of a sum in floats, which may differ. */
bool reference_top_p_is_clear(const float *logits, int n, float temperature, float p, float u);
void reference_linear_fast(float *y, const float *x, const float *w, int n_in, int n_out);

#endif
