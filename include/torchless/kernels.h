/*
 * kernels.h -- the arithmetic, once per instruction set.
 *
 * `kernels_ref` is the definition: plain loops, meant to be read, the same bits from every
 * compiler.  The others are the same functions made fast; each is tested against `kernels_ref`
 * and against nothing else.
 *
 * Only files in src/kernels/ may contain intrinsics, and each of them is compiled with exactly
 * the -m flags its name says (see the Makefile), so code for a newer CPU cannot leak into a file
 * that runs everywhere.
 *
 * Bits: within one tier a result depends on the operands and T only, never on the number of
 * threads: every output element is computed by one thread in one fixed order.
 *
 * Activations are contiguous f32.  Weights are f32, f16 or bf16 views into a checkpoint whose
 * data may be unaligned; nothing is converted up front.
 */
#ifndef TORCHLESS_KERNELS_H
#define TORCHLESS_KERNELS_H

#include "torchless/tensor.h"
#include "torchless/threads.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Keys or values of one layer: a ring of `capacity` positions, position p in row p % capacity.
 * Without a ring capacity exceeds every position and row p is position p.
 */
struct kv_view {
	const float *rows; /* [capacity, n_kv_heads, head_dim] */
	int64_t capacity;
	int64_t n_kv_heads, head_dim;
	int64_t first; /* the first position that is still there */
	int64_t n;     /* positions [first, first + n) are there: S of the program */
};

/* One call of attention: which rows of the [H, T, S] relation, and what they see. */
struct attention {
	const float *q; /* [T, n_heads, head_dim], rotated */
	struct kv_view k, v;
	int64_t n_heads;
	int64_t pos0; /* absolute position of query 0 */
	int64_t T;
	int64_t window; /* query i sees keys j with i - window < j <= i; 0: all j <= i */
	float scale;    /* 1 / sqrt(head_dim) */
};

struct kernels {
	const char *isa; /* "ref", "avx2" */
	bool (*supported)(void);

	/* dst[n] = src[n] converted to f32; src is f32, f16 or bf16, maybe unaligned. */
	void (*convert)(float *dst, const void *src, enum dtype dtype, int64_t n);

	/* y[T,N] = x[T,K] W[N,K]^T + nothing: torch.nn.Linear(bias=False).  ERR-free. */
	void (*linear)(struct threads *pool, float *y, const float *x, const struct tensor *w,
		       int64_t T);

	/*
	 * rms[t] = sqrt(mean(x[t]^2) + eps), normed = x / rms, out = normed * w: MistralRMSNorm.
	 * w is [D] of any weight type.  rms and normed may be NULL.
	 */
	void (*rmsnorm)(struct threads *pool, float *rms, float *normed, float *out, const float *x,
			const struct tensor *w, float eps, int64_t T, int64_t D);

	/*
	 * Rotate pairs (i, i + E/2) of every head: modeling_mistral.apply_rotary_pos_emb.
	 * x, y [T,H,E]; cos, sin [T,E].
	 */
	void (*rope)(struct threads *pool, float *y, const float *x, const float *cos,
		     const float *sin, int64_t T, int64_t H, int64_t E);

	/* y[i] = x[i] / (1 + exp(-x[i])) */
	void (*silu)(struct threads *pool, float *y, const float *x, int64_t n);
	void (*mul)(struct threads *pool, float *y, const float *a, const float *b, int64_t n);
	void (*add)(struct threads *pool, float *y, const float *a, const float *b, int64_t n);

	/*
	 * scores[t][s] = q[t, head] . k[first + s, head / (H/G)] * scale for queries
	 * [t0, t0 + n) and all s in [s0, s1) (relative to k.first); row stride `stride` floats,
	 * scores[0][0] is (t0, s0).  Each element depends on its two rows only.
	 */
	void (*scores)(float *scores, int64_t stride, const struct attention *a, int64_t head,
		       int64_t t0, int64_t n, int64_t s0, int64_t s1);

	/*
	 * x[n] -> softmax(x) in place: the maximum and the sum first, then exp(x - max) / sum
	 * (two exact passes; -inf becomes exactly 0; a row of -inf only becomes NaN as in PyTorch).
	 */
	void (*softmax)(float *x, int64_t n);

	/*
	 * z[t - t0][e] += over s in [s0, s1) in order: p[t][s] * v[first + s, head / (H/G)][e].
	 * p as in scores; z rows have stride z_stride floats and start from 0.  A row's result
	 * does not change when [s0, s1) grows by keys whose p is exactly 0.
	 */
	void (*mix)(float *z, int64_t z_stride, const float *p, int64_t stride,
		    const struct attention *a, int64_t head, int64_t t0, int64_t n, int64_t s0,
		    int64_t s1);
};

extern const struct kernels kernels_ref;
extern const struct kernels kernels_avx2;

/* Every set compiled into this binary, fastest first, NULL-terminated. */
extern const struct kernels *const kernels_all[];

/* The fastest set this CPU can run, or the one called `isa`; NULL if there is none. */
const struct kernels *kernels_select(const char *isa);

/*
 * Queries of [t0, t0+n) see keys [*s0, *s1) (relative to k.first) at most; query t alone sees
 * [attention_first(a, t), attention_last(a, t)).
 */
int64_t attention_first(const struct attention *a, int64_t t);
int64_t attention_last(const struct attention *a, int64_t t);

/*
 * z[T,H,E] = softmax(mask(scores)) v, in tiles of queries, parallel over (head, tile); the memory
 * beyond z is one tile a thread.  The same bits as scores, mask, softmax and mix one after the
 * other on whole rows, because it calls the same functions.  0 or ERR_MEMORY as a plain code.
 */
int attention_run(const struct kernels *k, struct threads *pool, float *z,
		  const struct attention *a);

#endif
