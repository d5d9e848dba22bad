/*
 * avx2.c -- the AVX2 + FMA + F16C tier: everything but the matrices.
 *
 * Loops take eight lanes at a time and end with a masked step.  A loop that is split over threads
 * is split into blocks of fixed size at multiples of eight, and no sum crosses a block, so the
 * bits do not depend on the number of threads.  The linear layers are in avx2_linear.c, the
 * products of attention in avx2_attention.c.
 */
#include "avx2.h"
#include "fast.h"

#include "torchless/numbers.h"

#include <assert.h>
#include <math.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

/* Elements of an elementwise op that are one piece of work: some microseconds. */
#define BLOCK 16384

/* Rows of a norm or a rotation that are one piece of work. */
#define ROWS 8

void avx2_convert(float *dst, const void *src, enum dtype dtype, int64_t n)
{
	const unsigned char *bytes = src;
	int64_t size = dtype_table[dtype].block_bytes;

	if (dtype_is_block(dtype)) {
		avx2_decode_blocks(dst, src, dtype, 0, n);
		return;
	}
	for (int64_t i = 0; i < n; i += 8)
		store_lanes(dst + i, n - i, load_weights(bytes + i * size, dtype, n - i));
}

struct norm_args {
	float *rms, *normed, *out;
	const float *x;
	const struct tensor *w;
	float eps;
	int64_t T, D;
};

static float mean_square(const float *x, int64_t n)
{
	__m256 sum[4] = { 0 };
	int64_t i = 0;

	for (; i + 32 <= n; i += 32)
		for (int64_t j = 0; j < 4; j++) {
			__m256 v = _mm256_loadu_ps(x + i + 8 * j);

			sum[j] = _mm256_fmadd_ps(v, v, sum[j]);
		}
	for (; i < n; i += 8) {
		__m256 v = load_lanes(x + i, n - i);

		sum[0] = _mm256_fmadd_ps(v, v, sum[0]);
	}
	sum[0] = _mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3]));
	return sum_lanes(sum[0]) / (float)n;
}

static void norm_row(const struct norm_args *a, int64_t t)
{
	const float *x = a->x + t * a->D;
	const unsigned char *w = a->w->data;
	int64_t size = dtype_table[a->w->dtype].block_bytes;
	float rms = sqrtf(mean_square(x, a->D) + a->eps);
	__m256 divisor = _mm256_set1_ps(rms);

	if (a->rms)
		a->rms[t] = rms;
	for (int64_t i = 0; i < a->D; i += 8) {
		int64_t left = a->D - i;
		__m256 v = _mm256_div_ps(load_lanes(x + i, left), divisor);
		__m256 weight = load_weights(w + i * size, a->w->dtype, left);

		if (a->normed)
			store_lanes(a->normed + t * a->D + i, left, v);
		store_lanes(a->out + t * a->D + i, left, _mm256_mul_ps(v, weight));
	}
}

static void norm_rows(void *ctx, int64_t i, int worker)
{
	const struct norm_args *a = ctx;

	(void)worker;
	for (int64_t t = i * ROWS; t < int64_min((i + 1) * ROWS, a->T); t++)
		norm_row(a, t);
}

void avx2_rmsnorm(struct threads *pool, float *rms, float *normed, float *out, const float *x,
		  const struct tensor *w, float eps, int64_t T)
{
	struct norm_args args = { rms, normed, out, x, w, eps, T, w->shape[0] };

	threads_for(pool, (T + ROWS - 1) / ROWS, norm_rows, &args);
}

struct rope_args {
	float *y;
	const float *x, *cos, *sin;
	int64_t T, H, E;
};

/* Rotate one head: lo' = lo cos - hi sin, hi' = hi cos + lo sin. */
static void rope_head(float *y, const float *x, const float *cos, const float *sin, int64_t half)
{
	for (int64_t i = 0; i < half; i += 8) {
		int64_t left = half - i;
		__m256 lo = load_lanes(x + i, left), hi = load_lanes(x + half + i, left);
		__m256 a = _mm256_mul_ps(hi, load_lanes(sin + i, left));
		__m256 b = _mm256_mul_ps(lo, load_lanes(sin + half + i, left));

		a = _mm256_fmsub_ps(lo, load_lanes(cos + i, left), a);
		b = _mm256_fmadd_ps(hi, load_lanes(cos + half + i, left), b);
		store_lanes(y + i, left, a);
		store_lanes(y + half + i, left, b);
	}
}

static void rope_rows(void *ctx, int64_t i, int worker)
{
	const struct rope_args *a = ctx;

	(void)worker;
	for (int64_t t = i * ROWS; t < int64_min((i + 1) * ROWS, a->T); t++)
		for (int64_t h = 0; h < a->H; h++)
			rope_head(a->y + (t * a->H + h) * a->E, a->x + (t * a->H + h) * a->E,
				  a->cos + t * a->E, a->sin + t * a->E, a->E / 2);
}

void avx2_rope(struct threads *pool, float *y, const float *x, const float *cos, const float *sin,
	       int64_t T, int64_t H, int64_t E)
{
	struct rope_args args = { y, x, cos, sin, T, H, E };

	threads_for(pool, (T + ROWS - 1) / ROWS, rope_rows, &args);
}

/*
 * silu(x) = x / (1 + exp(-x)).  With e = exp(-|x|) <= 1 nothing overflows: x / (1 + e) for x >= 0
 * and x e / (1 + e) below.  The power of two in e is multiplied in last, so that the far tail
 * keeps its digits until the result itself is subnormal.  silu(-inf) is NaN, as in PyTorch.
 */
ALWAYS_INLINE __m256 silu8(__m256 x)
{
	const __m256 sign = _mm256_set1_ps(-0.0f);
	__m256 tail = _mm256_max_ps(_mm256_set1_ps(-174), _mm256_or_ps(x, sign));
	__m256i n;
	__m256 p = exp_split(tail, &n);
	__m256 divisor = _mm256_add_ps(_mm256_set1_ps(1), scale_by_power(p, n));
	__m256 negative = _mm256_mul_ps(_mm256_max_ps(_mm256_set1_ps(-174), x), p);
	__m256 y = _mm256_blendv_ps(_mm256_div_ps(x, divisor),
				    scale_by_power(_mm256_div_ps(negative, divisor), n), x);

	return _mm256_or_ps(y, _mm256_cmp_ps(x, _mm256_set1_ps(-INFINITY), _CMP_EQ_OQ));
}

struct map_args {
	float *y;
	const float *a, *b;
	int64_t n;
};

/* One block of y = f(a, b): whole vectors, then a masked one. */
#define MAP_BLOCK(name, expression)                                                                \
	static void name(void *ctx, int64_t block, int worker)                                     \
	{                                                                                          \
		const struct map_args *m = ctx;                                                    \
		int64_t end = int64_min((block + 1) * BLOCK, m->n);                                \
                                                                                                   \
		(void)worker;                                                                      \
		for (int64_t i = block * BLOCK; i < end; i += 8) {                                 \
			__m256 a = load_lanes(m->a + i, end - i);                                  \
			__m256 b = load_lanes(m->b + i, end - i);                                  \
                                                                                                   \
			store_lanes(m->y + i, end - i, (expression));                              \
		}                                                                                  \
	}

MAP_BLOCK(silu_block, ((void)b, silu8(a)))
MAP_BLOCK(mul_block, _mm256_mul_ps(a, b))
MAP_BLOCK(add_block, _mm256_add_ps(a, b))

static void map(struct threads *pool, void (*block)(void *, int64_t, int), float *y, const float *a,
		const float *b, int64_t n)
{
	struct map_args args = { y, a, b, n };

	threads_for(pool, (n + BLOCK - 1) / BLOCK, block, &args);
}

void avx2_silu(struct threads *pool, float *y, const float *x, int64_t n)
{
	map(pool, silu_block, y, x, x, n);
}

void avx2_mul(struct threads *pool, float *y, const float *a, const float *b, int64_t n)
{
	map(pool, mul_block, y, a, b, n);
}

void avx2_add(struct threads *pool, float *y, const float *a, const float *b, int64_t n)
{
	map(pool, add_block, y, a, b, n);
}

static float row_max(const float *x, int64_t n)
{
	__m256 max = _mm256_set1_ps(-INFINITY);
	float lanes[8], result = -INFINITY;
	int64_t i = 0;

	for (; i + 8 <= n; i += 8)
		max = _mm256_max_ps(_mm256_loadu_ps(x + i), max);
	_mm256_storeu_ps(lanes, max);
	for (int j = 0; j < 8; j++)
		result = lanes[j] > result ? lanes[j] : result;
	for (; i < n; i++)
		result = x[i] > result ? x[i] : result;
	return result;
}

/* x = exp(x - max); the sum of it. */
static float row_exp(float *x, int64_t n, float max)
{
	__m256 top = _mm256_set1_ps(max), sum = _mm256_setzero_ps();

	for (int64_t i = 0; i < n; i += 8) {
		__m256i valid = first_lanes(int64_min(n - i, 8));
		__m256 v = exp8(_mm256_sub_ps(load_lanes(x + i, n - i), top));

		store_lanes(x + i, n - i, v);
		sum = _mm256_add_ps(sum, _mm256_and_ps(v, _mm256_castsi256_ps(valid)));
	}
	return sum_lanes(sum);
}

/*
 * Lanes are counted from the first key that is not hidden: a row that begins later in the buffer,
 * as that of a narrower tile does, is summed in the same order.
 */
void avx2_softmax(float *x, int64_t n)
{
	int64_t begin = 0, end = n;
	float sum = NAN;

	while (begin < end && x[begin] == -INFINITY)
		x[begin++] = 0;
	while (end > begin && x[end - 1] == -INFINITY)
		x[--end] = 0;
	if (begin < end)
		sum = row_exp(x + begin, end - begin, row_max(x + begin, end - begin));
	if (isnan(sum)) { /* a NaN reaches every key, hidden ones too */
		begin = 0;
		end = n;
	}
	for (int64_t i = begin; i < end; i += 8)
		store_lanes(x + i, end - i,
			    _mm256_div_ps(load_lanes(x + i, end - i), _mm256_set1_ps(sum)));
}

#ifdef __x86_64__

/* clang 14 cannot name f16c; that the system saves the registers is in the answer for avx2. */
static bool avx2_supported(void)
{
	unsigned eax, ebx, ecx, edx;

	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
	       __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

/* To ask the CPU takes long where it is a virtual one. */
static bool has_avxvnni(void)
{
	static _Atomic signed char known;

	if (!known)
		known = avxvnni_supported() ? 1 : -1;
	return known > 0;
}

void avx2_best_fast(struct threads *pool, float *y, const float *x, const struct tensor *w,
		    int64_t T, void *scratch)
{
	if (!dtype_is_block(w->dtype))
		avx2_linear(pool, y, x, w, T);
	else if (has_avxvnni())
		avxvnni_linear_fast(pool, y, x, w, T, scratch);
	else
		avx2_linear_fast(pool, y, x, w, T, scratch);
}

const struct kernels kernels_avx2 = {
	.isa = "avx2",
	.bits = "avx2",
	.supported = avx2_supported,
	.convert = avx2_convert,
	.linear = avx2_linear,
	.linear_fast = avx2_best_fast,
	.linear_fast_scratch = fast_scratch,
	.linear_fast_dtype = fast_dtype,
	.rmsnorm = avx2_rmsnorm,
	.rope = avx2_rope,
	.silu = avx2_silu,
	.mul = avx2_mul,
	.add = avx2_add,
	.scores = avx2_scores,
	.softmax = avx2_softmax,
	.mix = avx2_mix,
	.sum = avx2_sum,
};

#endif
