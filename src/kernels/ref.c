/*
 * ref.c -- what every kernel computes, in plain loops.
 *
 * This is the definition, and the file to read first.  Values are f32; a sum runs from left to
 * right in f64 and is rounded once, and so is exp(), because their own error is not part of the
 * definition: a sum of 1,536 f32 products one by one in f32 is forty times further from the truth
 * than Hugging Face's.  Nothing is contracted or reordered, so the same bits come from every
 * compiler.  The other kernels may sum in another fixed order; tests hold them against this file.
 */
#include "blocks.h"
#include "fast.h"
#include "kv.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Weights are converted a piece of a row at a time, whole blocks. */
#define PIECE 256

static bool always(void)
{
	return true;
}

static void ref_convert(float *dst, const void *src, enum dtype dtype, int64_t n)
{
	const unsigned char *bytes = src;
	uint16_t h;

	switch (dtype) {
	case DTYPE_F32:
		memcpy(dst, src, (size_t)n * sizeof(float));
		return;
	case DTYPE_F16:
	case DTYPE_BF16:
		for (int64_t i = 0; i < n; i++) {
			memcpy(&h, bytes + 2 * i, 2);
			dst[i] = dtype == DTYPE_F16 ? f16_to_f32(h) : bf16_to_f32(h);
		}
		return;
	DTYPE_BLOCK_CASES:
		blocks_decode(dst, src, dtype, 0, n);
		return;
	case DTYPE_F64:
	case DTYPE_I32:
	case DTYPE_U8:
	case DTYPE_I64:
	case DTYPE_COUNT:
		kernels_refuse();
	}
}

struct linear_args {
	float *y;
	const float *x;
	const struct tensor *w;
	int64_t T, K, N;
};

/* y[:, n] = x W[n]^T */
static void linear_output(void *ctx, int64_t n, int worker)
{
	const struct linear_args *a = ctx;
	const unsigned char *row = tensor_row(a->w, n);
	float w[PIECE];

	(void)worker;
	for (int64_t t = 0; t < a->T; t++) {
		double sum = 0;

		for (int64_t k0 = 0; k0 < a->K; k0 += PIECE) {
			int64_t size = a->K - k0 < PIECE ? a->K - k0 : PIECE;

			ref_convert(w, row + dtype_row_bytes(a->w->dtype, k0), a->w->dtype, size);
			for (int64_t k = 0; k < size; k++)
				sum += (double)a->x[t * a->K + k0 + k] * w[k];
		}
		a->y[t * a->N + n] = (float)sum;
	}
}

static void ref_linear(struct threads *pool, float *y, const float *x, const struct tensor *w,
		       int64_t T)
{
	struct linear_args args = { y, x, w, T, w->shape[1], w->shape[0] };

	threads_for(pool, args.N, linear_output, &args);
}

static void linear_fast(struct threads *pool, float *y, const float *x, const struct tensor *w,
			int64_t T, void *scratch)
{
	if (dtype_is_block(w->dtype))
		ref_linear_fast(pool, y, x, w, T, scratch);
	else
		ref_linear(pool, y, x, w, T);
}

static void ref_rmsnorm(struct threads *pool, float *rms, float *normed, float *out, const float *x,
			const struct tensor *w, float eps, int64_t T)
{
	int64_t D = w->shape[0];

	(void)pool;
	for (int64_t t = 0; t < T; t++) {
		double sum = 0;
		float root;

		for (int64_t d = 0; d < D; d++)
			sum += (double)x[t * D + d] * x[t * D + d];
		root = sqrtf((float)(sum / (double)D) + eps);
		if (rms)
			rms[t] = root;
		for (int64_t d = 0; d < D; d++) {
			float n = x[t * D + d] / root;

			if (normed)
				normed[t * D + d] = n;
			out[t * D + d] = n * (float)tensor_get(w, d);
		}
	}
}

static void ref_rope(struct threads *pool, float *y, const float *x, const float *cos,
		     const float *sin, int64_t T, int64_t H, int64_t E)
{
	int64_t half = E / 2;

	(void)pool;
	for (int64_t t = 0; t < T; t++) {
		const float *c = cos + t * E, *s = sin + t * E;

		for (int64_t h = 0; h < H; h++) {
			int64_t at = (t * H + h) * E;

			for (int64_t i = 0; i < half; i++) {
				float a = x[at + i], b = x[at + half + i];

				y[at + i] = a * c[i] - b * s[i];
				y[at + half + i] = b * c[half + i] + a * s[half + i];
			}
		}
	}
}

static void ref_silu(struct threads *pool, float *y, const float *x, int64_t n)
{
	(void)pool;
	for (int64_t i = 0; i < n; i++)
		y[i] = (float)(x[i] / (1 + exp(-(double)x[i])));
}

static void ref_mul(struct threads *pool, float *y, const float *a, const float *b, int64_t n)
{
	(void)pool;
	for (int64_t i = 0; i < n; i++)
		y[i] = a[i] * b[i];
}

static void ref_add(struct threads *pool, float *y, const float *a, const float *b, int64_t n)
{
	(void)pool;
	for (int64_t i = 0; i < n; i++)
		y[i] = a[i] + b[i];
}

/* Element e of a key or value. */
static float kv_element(const struct kv_view *kv, int64_t s, int64_t g, int64_t e)
{
	const void *row = kv_row(kv, s, g);

	return kv->dtype == DTYPE_F16 ? f16_to_f32(((const uint16_t *)row)[e])
				      : ((const float *)row)[e];
}

static void ref_scores(float *scores, int64_t stride, const struct attention *a,
		       struct attention_tile tile)
{
	int64_t E = a->k.head_dim, g = kv_head(a, tile.head);

	for (int64_t t = 0; t < tile.n; t++) {
		const float *q = a->q + ((tile.t0 + t) * a->n_heads + tile.head) * E;

		for (int64_t s = tile.s0; s < tile.s1; s++) {
			double dot = 0;

			for (int64_t e = 0; e < E; e++)
				dot += (double)q[e] * kv_element(&a->k, s, g, e);
			scores[t * stride + s - tile.s0] = (float)dot * a->scale;
		}
	}
}

static void ref_softmax(float *x, int64_t n)
{
	float max = -INFINITY;
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		if (x[i] > max)
			max = x[i];
	for (int64_t i = 0; i < n; i++) {
		x[i] = (float)exp((double)(x[i] - max));
		sum += x[i];
	}
	for (int64_t i = 0; i < n; i++)
		x[i] /= (float)sum;
}

static void ref_mix(float *z, int64_t z_stride, const float *p, int64_t stride,
		    const struct attention *a, struct attention_tile tile)
{
	int64_t E = a->v.head_dim, g = kv_head(a, tile.head);
	int64_t n_keys = tile.s1 - tile.s0;

	for (int64_t t = 0; t < tile.n; t++, z += z_stride, p += stride) {
		int64_t begin = 0, end = n_keys;

		while (begin < end && p[begin] == 0)
			begin++;
		while (end > begin && p[end - 1] == 0)
			end--;
		for (int64_t e = 0; e < E; e++) {
			double sum = 0;

			for (int64_t s = begin; s < end; s++)
				sum += (double)p[s] * kv_element(&a->v, tile.s0 + s, g, e);
			z[e] = (float)sum;
		}
	}
}

const struct kernels kernels_ref = {
	.isa = "ref",
	.bits = "ref",
	.supported = always,
	.convert = ref_convert,
	.linear = ref_linear,
	.linear_fast = linear_fast,
	.linear_fast_scratch = fast_scratch,
	.linear_fast_dtype = fast_dtype,
	.rmsnorm = ref_rmsnorm,
	.rope = ref_rope,
	.silu = ref_silu,
	.mul = ref_mul,
	.add = ref_add,
	.scores = ref_scores,
	.softmax = ref_softmax,
	.mix = ref_mix,
	.sum = stats_sum_add,
};
