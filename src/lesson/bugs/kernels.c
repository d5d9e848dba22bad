/*
 * kernels.c -- bugs of the arithmetic: a kernel that is wrong in the place of one that is right.
 */
#include "bugs_impl.h"

#include <math.h>
#include <string.h>

/* ---- rotation ------------------------------------------------------------------------------- */

static void rope_pairs(struct threads *pool, float *y, const float *x, const float *cos,
		       const float *sin, int64_t T, int64_t H, int64_t E)
{
	(void)pool;
	for (int64_t row = 0; row < T * H; row++) {
		const float *c = cos + row / H * E, *s = sin + row / H * E;

		for (int64_t i = 0; i < E / 2; i++) {
			float a = x[row * E + 2 * i], b = x[row * E + 2 * i + 1];

			y[row * E + 2 * i] = a * c[i] - b * s[i];
			y[row * E + 2 * i + 1] = b * c[i] + a * s[i];
		}
	}
}

static void rope_backwards(struct threads *pool, float *y, const float *x, const float *cos,
			   const float *sin, int64_t T, int64_t H, int64_t E)
{
	int64_t half = E / 2;

	(void)pool;
	for (int64_t row = 0; row < T * H; row++) {
		const float *c = cos + row / H * E, *s = sin + row / H * E;

		for (int64_t i = 0; i < half; i++) {
			float a = x[row * E + i], b = x[row * E + i + half];

			y[row * E + i] = a * c[i] + b * s[i];
			y[row * E + i + half] = b * c[i] - a * s[i];
		}
	}
}

static void rope_none(struct threads *pool, float *y, const float *x, const float *cos,
		      const float *sin, int64_t T, int64_t H, int64_t E)
{
	(void)pool, (void)cos, (void)sin;
	memmove(y, x, (size_t)(T * H * E) * sizeof(*y));
}

void bug_rope_pairs(struct kernels *k)
{
	k->rope = rope_pairs;
}

void bug_rope_backwards(struct kernels *k)
{
	k->rope = rope_backwards;
}

void bug_rope_none(struct kernels *k)
{
	k->rope = rope_none;
}

/* ---- what a query sees ---------------------------------------------------------------------- */

/* Right scores, and then -inf where `hides` says so of query t and key s, absolute positions. */
static void hide_scores(float *scores, int64_t stride, const struct attention *a,
			struct attention_tile tile,
			bool (*hides)(const struct attention *a, int64_t t, int64_t s))
{
	kernels_ref.scores(scores, stride, a, tile);
	for (int64_t t = 0; t < tile.n; t++)
		for (int64_t s = tile.s0; s < tile.s1; s++)
			if (hides(a, a->pos0 + tile.t0 + t, a->k.first + s))
				scores[t * stride + s - tile.s0] = -INFINITY;
}

static bool hides_itself(const struct attention *a, int64_t t, int64_t s)
{
	(void)a;
	return s == t;
}

/* A square mask of this pass alone: row t - pos0 has that many keys and one, from key 0 on. */
static bool hides_behind_square(const struct attention *a, int64_t t, int64_t s)
{
	return a->pos0 > 0 && s > t - a->pos0;
}

static bool hides_trimmed(const struct attention *a, int64_t t, int64_t s)
{
	(void)t;
	return a->pos0 > 0 && a->window > 0 && s < a->pos0 + a->T - a->window;
}

static void scores_strict(float *scores, int64_t stride, const struct attention *a,
			  struct attention_tile tile)
{
	hide_scores(scores, stride, a, tile, hides_itself);
}

static void scores_square(float *scores, int64_t stride, const struct attention *a,
			  struct attention_tile tile)
{
	hide_scores(scores, stride, a, tile, hides_behind_square);
}

static void scores_trimmed(float *scores, int64_t stride, const struct attention *a,
			   struct attention_tile tile)
{
	hide_scores(scores, stride, a, tile, hides_trimmed);
}

void bug_mask_strict(struct kernels *k)
{
	k->scores = scores_strict;
}

void bug_cache_square(struct kernels *k)
{
	k->scores = scores_square;
}

void bug_cache_early(struct kernels *k)
{
	k->scores = scores_trimmed;
}

/* ---- heads that share keys ------------------------------------------------------------------ */

/*
 * The scores of a head with KV head g: those of the first query head that g belongs to, with the
 * queries of this one.
 */
static void scores_with(float *scores, int64_t stride, const struct attention *a,
			struct attention_tile tile, int64_t g)
{
	int64_t as = g * (a->n_heads / a->k.n_kv_heads);
	struct attention other = *a;

	other.q += (tile.head - as) * a->k.head_dim;
	tile.head = as;
	kernels_ref.scores(scores, stride, &other, tile);
}

static void mix_with(float *z, int64_t z_stride, const float *p, int64_t stride,
		     const struct attention *a, struct attention_tile tile, int64_t g)
{
	tile.head = g * (a->n_heads / a->v.n_kv_heads);
	kernels_ref.mix(z, z_stride, p, stride, a, tile);
}

static void scores_tile(float *scores, int64_t stride, const struct attention *a,
			struct attention_tile tile)
{
	scores_with(scores, stride, a, tile, tile.head % a->k.n_kv_heads);
}

static void mix_tile(float *z, int64_t z_stride, const float *p, int64_t stride,
		     const struct attention *a, struct attention_tile tile)
{
	mix_with(z, z_stride, p, stride, a, tile, tile.head % a->v.n_kv_heads);
}

static void scores_first(float *scores, int64_t stride, const struct attention *a,
			 struct attention_tile tile)
{
	scores_with(scores, stride, a, tile, 0);
}

static void mix_first(float *z, int64_t z_stride, const float *p, int64_t stride,
		      const struct attention *a, struct attention_tile tile)
{
	mix_with(z, z_stride, p, stride, a, tile, 0);
}

void bug_gqa_tile(struct kernels *k)
{
	k->scores = scores_tile;
	k->mix = mix_tile;
}

void bug_gqa_first(struct kernels *k)
{
	k->scores = scores_first;
	k->mix = mix_first;
}

/* ---- softmax -------------------------------------------------------------------------------- */

static void softmax_no_max(float *x, int64_t n)
{
	float sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += x[i] = expf(x[i]);
	for (int64_t i = 0; i < n; i++)
		x[i] /= sum;
}

void bug_softmax_no_max(struct kernels *k)
{
	k->softmax = softmax_no_max;
}

/* ---- norms ---------------------------------------------------------------------------------- */

/* RMSNorm with what may be wrong with it. */
struct norm {
	bool subtracts_mean, sums, eps_outside;
	bool one_plus_w, no_w;
};

static float mean_of(const float *x, int64_t n)
{
	float sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += x[i];
	return sum / (float)n;
}

static float root_of(const struct norm *b, const float *x, int64_t n, float mean, float eps)
{
	float sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += (x[i] - mean) * (x[i] - mean);
	if (!b->sums)
		sum /= (float)n;
	return b->eps_outside ? sqrtf(sum) + eps : sqrtf(sum + eps);
}

static float factor_of(const struct norm *b, const struct tensor *w, int64_t i)
{
	if (b->no_w)
		return 1;
	return (float)tensor_get(w, i) + (b->one_plus_w ? 1.0f : 0.0f);
}

static void norm_rows(const struct norm *b, float *rms, float *normed, float *out, const float *x,
		      const struct tensor *w, float eps, int64_t T)
{
	int64_t D = w->shape[0];

	for (int64_t t = 0; t < T; t++) {
		const float *row = x + t * D;
		float mean = b->subtracts_mean ? mean_of(row, D) : 0;
		float root = root_of(b, row, D, mean, eps);

		if (rms)
			rms[t] = root;
		for (int64_t i = 0; i < D; i++) {
			float y = (row[i] - mean) / root;

			if (normed)
				normed[t * D + i] = y;
			out[t * D + i] = y * factor_of(b, w, i);
		}
	}
}

#define NORM(bug, ...)                                                                             \
	static void rmsnorm_##bug(struct threads *pool, float *rms, float *normed, float *out,     \
				  const float *x, const struct tensor *w, float eps, int64_t T)    \
	{                                                                                          \
		const struct norm b = { __VA_ARGS__ };                                             \
                                                                                                   \
		(void)pool;                                                                        \
		norm_rows(&b, rms, normed, out, x, w, eps, T);                                     \
	}                                                                                          \
	void bug_##bug(struct kernels *k)                                                          \
	{                                                                                          \
		k->rmsnorm = rmsnorm_##bug;                                                        \
	}

NORM(norm_mean, .subtracts_mean = true)
NORM(norm_sum, .sums = true)
NORM(norm_one_plus_w, .one_plus_w = true)
NORM(norm_no_w, .no_w = true)
NORM(eps_outside, .eps_outside = true)

/* ---- the MLP -------------------------------------------------------------------------------- */

static float sigmoid(float x)
{
	return 1 / (1 + expf(-x));
}

static float gelu(float x)
{
	return 0.5f * x * (1 + erff(x * 0.70710678f));
}

static float relu(float x)
{
	return x > 0 ? x : 0;
}

#define ACTIVATION(bug, f)                                                                         \
	static void silu_##bug(struct threads *pool, float *y, const float *x, int64_t n)          \
	{                                                                                          \
		(void)pool;                                                                        \
		for (int64_t i = 0; i < n; i++)                                                    \
			y[i] = f(x[i]);                                                            \
	}                                                                                          \
	void bug_##bug(struct kernels *k)                                                          \
	{                                                                                          \
		k->silu = silu_##bug;                                                              \
	}

ACTIVATION(mlp_gelu, gelu)
ACTIVATION(mlp_relu, relu)
ACTIVATION(mlp_sigmoid, sigmoid)

static void mul_first(struct threads *pool, float *y, const float *a, const float *b, int64_t n)
{
	(void)pool, (void)b;
	memmove(y, a, (size_t)n * sizeof(*y));
}

void bug_mlp_no_gate(struct kernels *k)
{
	k->mul = mul_first;
}
