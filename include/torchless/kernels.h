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
 * Bits: a result depends on the operands and T only, never on the number of threads: every output
 * element is computed by one thread in one fixed order.  All sets but ref give the same bits, so
 * that which of them a CPU has cannot be seen in a recording.
 *
 * Activations are contiguous f32; keys and values may be f16, which are computed with as the f32
 * that they are.  Weights are views into a checkpoint whose data may be unaligned:
 * f32, f16, bf16 or one of GGUF's types of blocks; nothing is converted up front.  A type of
 * blocks is exact: a kernel computes with the f32 values that its blocks decode to, and gives the
 * bits that it gives for a weight of these values in f32.
 */
#ifndef TORCHLESS_KERNELS_H
#define TORCHLESS_KERNELS_H

#include "torchless/stats.h"
#include "torchless/tensor.h"
#include "torchless/threads.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Keys or values of one layer: a ring of `capacity` positions, position p in row p % capacity.
 * Without a ring capacity exceeds every position and row p is position p.
 */
struct kv_view {
	const void *rows; /* [capacity, n_kv_heads, head_dim] */
	int64_t capacity;
	int64_t n_kv_heads, head_dim;
	int64_t first;    /* the first position that is still there */
	int64_t n;        /* positions [first, first + n) are there: S of the program */
	enum dtype dtype; /* f32, or f16 where somebody asked for less memory */
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

/* Queries [t0, t0 + n) of one head and keys [s0, s1) of the view, counted from k.first. */
struct attention_tile {
	int64_t head;
	int64_t t0, n;
	int64_t s0, s1;
};

struct kernels {
	const char *isa; /* "ref", "avx2", "avx512", "neon" */
	const char
		*bits; /* the set that all those of the same bits are named by: "ref" or "avx2" */
	bool (*supported)(void);

	/*
	 * dst[n] = src[n] converted to f32; src is of a type that kernels_read(), maybe unaligned,
	 * and begins with a block.
	 */
	void (*convert)(float *dst, const void *src, enum dtype dtype, int64_t n);

	/*
	 * y[T,N] = x[T,K] W[N,K]^T: torch.nn.Linear(bias=False).  Rows of w may be padded, the
	 * elements of a row are contiguous.  Needs no memory that could be missing.
	 */
	void (*linear)(struct threads *pool, float *y, const float *x, const struct tensor *w,
		       int64_t T);

	/*
	 * The same product with x rounded, which is another result (src/kernels/fast.h says which),
	 * faster: only for whoever asks for it.  `scratch` is aligned to 64 bytes and holds
	 * linear_fast_scratch(w->dtype, T, K) bytes, maybe none; nothing is kept in it.
	 */
	void (*linear_fast)(struct threads *pool, float *y, const float *x, const struct tensor *w,
			    int64_t T, void *scratch);
	size_t (*linear_fast_scratch)(enum dtype w, int64_t T, int64_t K);

	/* What x is rounded to for weights of this type: "int16"; "f32": it is not. */
	const char *(*linear_fast_dtype)(enum dtype w);

	/*
	 * rms[t] = sqrt(mean(x[t]^2) + eps), normed = x / rms, out = normed * w: MistralRMSNorm.
	 * w is [D] of f32, f16 or bf16, x is [T,D].  rms and normed may be NULL.
	 */
	void (*rmsnorm)(struct threads *pool, float *rms, float *normed, float *out, const float *x,
			const struct tensor *w, float eps, int64_t T);

	/*
	 * Rotate pairs (i, i + E/2) of every head: modeling_mistral.apply_rotary_pos_emb.
	 * x, y [T,H,E]; cos, sin [T,E].  y may be x.
	 */
	void (*rope)(struct threads *pool, float *y, const float *x, const float *cos,
		     const float *sin, int64_t T, int64_t H, int64_t E);

	/* y[i] = x[i] / (1 + exp(-x[i])) */
	void (*silu)(struct threads *pool, float *y, const float *x, int64_t n);
	void (*mul)(struct threads *pool, float *y, const float *a, const float *b, int64_t n);
	void (*add)(struct threads *pool, float *y, const float *a, const float *b, int64_t n);

	/*
	 * scores[t][s] = q[t, head] . k[first + s, head / (H/G)] * scale for the tile's queries
	 * and keys, seen or not; rows are `stride` floats apart.  Each element depends on its two
	 * rows only.
	 */
	void (*scores)(float *scores, int64_t stride, const struct attention *a,
		       struct attention_tile tile);

	/*
	 * x[n] -> softmax(x) in place: the maximum and the sum first, then exp(x - max) / sum
	 * (two exact passes; -inf becomes exactly 0; a row of -inf only becomes NaN as in
	 * PyTorch).  A row's bits do not change when it grows by -inf at either end.
	 */
	void (*softmax)(float *x, int64_t n);

	/*
	 * z[t][e] = sum over the tile's keys in order: p[t][s] * v[first + s, head / (H/G)][e],
	 * p laid out as scores, rows of z `z_stride` floats apart.  Keys at either end of a row
	 * whose p is exactly 0 are not read: a row's bits do not change when it grows by keys
	 * that its query does not see, not even if their v is inf or NaN.
	 */
	void (*mix)(float *z, int64_t z_stride, const float *p, int64_t stride,
		    const struct attention *a, struct attention_tile tile);

	/* stats_sum_add(), the same bits in every tier. */
	void (*sum)(struct stats_sum *s, const float *x, int64_t n, int64_t at);
};

extern const struct kernels kernels_ref;
extern const struct kernels kernels_avx2;
extern const struct kernels kernels_avx512;
extern const struct kernels kernels_neon;

/* Every set compiled into this binary, fastest first, NULL-terminated. */
extern const struct kernels *const kernels_all[];

/*
 * The set called `isa`, NULL if this CPU cannot run it; without a name the fastest one.  Of two
 * widths the faster is found by measuring once, and remembered (remembered.h).
 */
const struct kernels *kernels_select(const char *isa);

/* Append the names of the sets that this CPU can run, fastest first: "avx512, avx2, ref". */
struct text;
void kernels_add_names(struct text *t, const char *between);

/*
 * Whether kernels read matrices of this type: f32, f16, bf16, the types of blocks.
 * executor_init() refuses others, and vectors of blocks.
 */
bool kernels_read(enum dtype dtype);

/* For kernels that meet another type all the same: ends the program, which is a bug of ours. */
_Noreturn void kernels_refuse(void);

/* Query t sees keys [attention_first(a, t), attention_last(a, t)), counted from k.first. */
int64_t attention_first(const struct attention *a, int64_t t);
int64_t attention_last(const struct attention *a, int64_t t);

/*
 * z[T,H,E] = softmax(mask(scores)) v, in tiles of queries, parallel over (head, tile); the memory
 * beyond z is one tile a thread.  The same bits as scores, mask, softmax and mix one after the
 * other on whole rows, because it calls the same functions.  0 or ERR_MEMORY as a plain code.
 */
int attention_run(const struct kernels *k, struct threads *pool, float *z,
		  const struct attention *a);

/*
 * The same three steps on whole rows, one head at a time, for whoever wants to look at what lies
 * between or to change it.  Rows are queries, columns absolute positions [0, n_all) with
 * n_all >= pos0 + T.  Without changes the last step gives the bits of attention_run.
 *
 *	attention_scores_head   x[T, n_all] = scores; -inf where causality, the window or an
 *	                        eviction hides the key, so that it serves as masked scores too
 *	attention_softmax_rows  x[T, n_all] = softmax of each row: the pattern
 *	attention_mix_head      z[T, H, E] at [:, head, :] = pattern v; evicted keys add nothing
 */
void attention_scores_head(const struct kernels *k, struct threads *pool, const struct attention *a,
			   int64_t head, float *x, int64_t n_all);
void attention_softmax_rows(const struct kernels *k, struct threads *pool, float *x, int64_t T,
			    int64_t n_all);
void attention_mix_head(const struct kernels *k, struct threads *pool, float *z,
			const struct attention *a, int64_t head, const float *pattern,
			int64_t n_all);

#endif
