/*
 * lesson_kernels.h -- the functions that learners write: the public face of the lessons' kernels.
 *
 * Plain C and plain types, no other header of torchless: a copy of this file lies beside what is
 * edited.  Arrays are contiguous, in C order, and of exactly the size that is told; inputs may not
 * be written, every element of an output must be.  Nothing may be allocated that is not freed, and
 * nothing may be remembered from one call to the next.
 *
 * A change of a declaration is a change of TL_ABI: who compiled against another is told so.
 */
#ifndef TORCHLESS_LESSON_KERNELS_H
#define TORCHLESS_LESSON_KERNELS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define TL_ABI 1

/* A bf16 is the upper half of a float: 1 sign, 8 exponent and 7 fraction bits. */
typedef uint16_t tl_bf16;

/* Lesson 02.  out[n][d]: row ids[i] of table[n_vocab][d], widened to float.
 * MistralModel.embed_tokens */
void tl_embed(float *out, const tl_bf16 *table, const int *ids, int n, int d);

/* Lesson 03.  out[n] = x / sqrt(mean(x^2) + eps) * w.  MistralRMSNorm.forward */
void tl_rmsnorm(float *out, const float *x, const float *w, int n, float eps);

/* Lesson 04.  y[n_out] = w x for w[n_out][n_in] in bf16.  torch.nn.Linear without bias */
void tl_linear_bf16(float *y, const float *x, const tl_bf16 *w, int n_in, int n_out);

/* Lesson 04.  The same for int8 weights: row o of the matrix is scale[o] * w[o][.]. */
void tl_linear_q8(float *y, const float *x, const int8_t *w, const float *scale, int n_in,
		  int n_out);

/*
 * Lesson 05.  Rotates x[n_heads][head_dim], the queries or keys of the token at position pos, in
 * place: pair (i, i + head_dim/2) by the angle pos * theta^(-2i/head_dim).  apply_rotary_pos_emb
 */
void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta);

/*
 * Lesson 06.  scores[n_heads][n_keys] of the query at position pos: q[n_heads][head_dim] with
 * k[n_keys][n_kv_heads][head_dim], keys 0, 1, ... n_keys - 1, over sqrt(head_dim); -INFINITY for
 * keys behind pos.  n_heads / n_kv_heads query heads in a row share a key head.
 * eager_attention_forward
 */
void tl_attn_scores(float *scores, const float *q, const float *k, int n_heads, int n_kv_heads,
		    int head_dim, int pos, int n_keys);

/* Lesson 07.  x[n] becomes exp(x) / sum(exp(x)), whatever its size.  torch.softmax */
void tl_softmax(float *x, int n);

/*
 * Lesson 09.  scores[n_keys] of the query at position pos: -INFINITY where it does not see key s,
 * that is behind pos, or window or more before it; else as they were.
 * create_sliding_window_causal_mask
 */
void tl_window(float *scores, int pos, int n_keys, int window);

/* Lesson 10.  out[n] = silu(gate) * up, silu(x) = x / (1 + exp(-x)).  MistralMLP.forward */
void tl_swiglu(float *out, const float *gate, const float *up, int n);

/*
 * Lesson 12.  The token that u in [0, 1) picks: softmax(logits[n] / temperature), tokens by falling
 * probability (the lower id first of equals), the fewest whose sum is at least p and never none, u
 * through their cumulative sum.  TopPLogitsWarper
 */
int tl_top_p(const float *logits, int n, float temperature, float p, float u);

/* Lesson 16.  y[n_out] = w x for w[n_out][n_in]: as tl_linear_bf16 for floats, and fast. */
void tl_linear_fast(float *y, const float *x, const float *w, int n_in, int n_out);

#endif
