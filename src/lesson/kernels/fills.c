/*
 * fills.c -- the inputs that each kernel is tried with, drawn by a seed.
 *
 * None is constant or symmetric, several scales occur, and each known way of being almost right has
 * a group of calls that shows it: eps only with tiny inputs, a missing maximum only with large
 * logits, mapping of heads only where 1 < key heads < heads.
 */
#include "kernel.h"
#include "reference.h"

#include "../draw.h"

#include "torchless/tensor.h"

#include <math.h>
#include <string.h>

/* ---- numbers and arrays ---------------------------------------------------------------------- */

/* About normal: the sum of twelve. */
static float normal(uint64_t *random)
{
	float sum = -6;

	for (int i = 0; i < 12; i++)
		sum += draw_unit(random);
	return sum;
}

static void fill_normal(float *x, int64_t n, float mean, float scale, uint64_t *random)
{
	for (int64_t i = 0; i < n; i++)
		x[i] = mean + scale * normal(random);
}

static void fill_bf16(tl_bf16 *x, int64_t n, float scale, uint64_t *random)
{
	for (int64_t i = 0; i < n; i++)
		x[i] = f32_to_bf16(scale * normal(random));
}

#define DIMS(...)                                                                                  \
	(const int64_t[])                                                                          \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define WORDS(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

static void *vector(struct kernel_call *c, const char *name, enum sandbox_access access, int64_t n)
{
	return call_array(c, name, sizeof(float), access, 1, DIMS(n), WORDS("element"));
}

/* ---- 02 -------------------------------------------------------------------------------------- */

static void embed(struct battery *b, const char *group, int n_vocab, int n, int d, float scale,
		  uint64_t *random)
{
	struct kernel_call *c = battery_add(b, group);
	tl_bf16 *table;
	int *ids;

	c->i[0] = n;
	c->i[1] = d;
	call_array(c, "out", 4, SANDBOX_OUT, 2, DIMS(n, d), WORDS("token", "element"));
	table = call_array(c, "table", 2, SANDBOX_IN, 2, DIMS(n_vocab, d), WORDS("row", "element"));
	ids = call_array(c, "ids", sizeof(int), SANDBOX_IN, 1, DIMS(n), WORDS("token"));
	fill_bf16(table, (int64_t)n_vocab * d, scale, random);
	for (int t = 0; t < n; t++)
		ids[t] = draw_below(random, n_vocab);
	/* The first and the last row, and one that comes twice. */
	if (n >= 4) {
		ids[1] = 0;
		ids[n - 1] = n_vocab - 1;
		ids[n - 2] = ids[0] = n_vocab / 2;
	}
}

void fill_embed(struct battery *b, uint64_t *random)
{
	embed(b, "one token", 7, 1, 5, 1, random);
	embed(b, "several tokens", 31, 9, 24, 1, random);
	embed(b, "several tokens", 64, 17, 128, 0.02f, random);
	embed(b, "large and tiny numbers", 40, 6, 33, 1e30f, random);
	embed(b, "large and tiny numbers", 40, 6, 33, 1e-30f, random);
}

/* ---- 03 -------------------------------------------------------------------------------------- */

static float *rmsnorm(struct battery *b, const char *group, int n, float scale, float eps,
		      uint64_t *random)
{
	struct kernel_call *c = battery_add(b, group);
	float *x, *w;

	c->i[0] = n;
	c->f[0] = eps;
	vector(c, "out", SANDBOX_OUT, n);
	x = vector(c, "x", SANDBOX_IN, n);
	w = vector(c, "w", SANDBOX_IN, n);
	fill_normal(x, n, 0.3f * scale, scale, random);
	fill_normal(w, n, 0.8f, 0.4f, random);
	return x;
}

void fill_rmsnorm(struct battery *b, uint64_t *random)
{
	float *x;

	rmsnorm(b, "random inputs", 128, 1, 1e-5f, random);
	rmsnorm(b, "random inputs", 320, 4, 1e-6f, random);
	rmsnorm(b, "sizes that no power of two divides", 7, 1, 1e-5f, random);
	rmsnorm(b, "sizes that no power of two divides", 101, 0.1f, 1e-5f, random);
	rmsnorm(b, "sizes that no power of two divides", 1, 1, 1e-5f, random);
	rmsnorm(b, "tiny inputs", 128, 1e-3f, 1e-5f, random);
	rmsnorm(b, "tiny inputs", 64, 1e-4f, 1e-5f, random);
	x = rmsnorm(b, "zeros", 64, 1, 1e-5f, random);
	memset(x, 0, 64 * sizeof(*x));
	x = rmsnorm(b, "one spike", 96, 1e-3f, 1e-5f, random);
	x[37] = 50;
}

/* ---- 04, 16 ---------------------------------------------------------------------------------- */

struct linear {
	const char *group;
	int n_in, n_out;
	float scale;
};

static const struct linear linears[] = {
	{ "a few numbers", 3, 5, 1 },
	{ "a few numbers", 1, 4, 1 },
	{ "more rows than columns", 24, 77, 1 },
	{ "more columns than rows", 130, 9, 1 },
	{ "the sizes of the model", 128, 320, 1 },
	{ "the sizes of the model", 320, 128, 30 },
	{ "small numbers", 65, 33, 1e-4f },
	{ "large numbers", 65, 33, 1e4f },
};
enum { N_LINEARS = sizeof(linears) / sizeof(linears[0]) };

static struct kernel_call *linear(struct battery *b, const struct linear *l, uint64_t *random)
{
	struct kernel_call *c = battery_add(b, l->group);

	c->i[0] = l->n_in;
	c->i[1] = l->n_out;
	call_array(c, "y", 4, SANDBOX_OUT, 1, DIMS(l->n_out), WORDS("row"));
	fill_normal(vector(c, "x", SANDBOX_IN, l->n_in), l->n_in, 0.2f * l->scale, l->scale,
		    random);
	return c;
}

static void *weights(struct kernel_call *c, size_t size)
{
	return call_array(c, "w", size, SANDBOX_IN, 2, DIMS(c->i[1], c->i[0]),
			  WORDS("row", "column"));
}

void fill_linear_bf16(struct battery *b, uint64_t *random)
{
	for (int l = 0; l < N_LINEARS; l++) {
		struct kernel_call *c = linear(b, &linears[l], random);

		fill_bf16(weights(c, 2), (int64_t)c->i[0] * c->i[1], 0.1f, random);
	}
}

void fill_linear_fast(struct battery *b, uint64_t *random)
{
	for (int l = 0; l < N_LINEARS; l++) {
		struct kernel_call *c = linear(b, &linears[l], random);

		fill_normal(weights(c, 4), (int64_t)c->i[0] * c->i[1], 0, 0.1f, random);
	}
}

/* Rows of very different size, so that one scale for all would be another matrix. */
static void q8(struct kernel_call *c, float outlier, uint64_t *random)
{
	int8_t *w = weights(c, 1);
	float *scale = call_array(c, "scale", 4, SANDBOX_IN, 1, DIMS(c->i[1]), WORDS("row"));

	for (int64_t i = 0; i < (int64_t)c->i[0] * c->i[1]; i++)
		w[i] = (int8_t)(draw_below(random, 255) - 127);
	for (int o = 0; o < c->i[1]; o++)
		scale[o] = 1e-3f * (0.2f + draw_unit(random));
	if (c->i[1] > 2)
		scale[2] *= outlier;
}

void fill_linear_q8(struct battery *b, uint64_t *random)
{
	static const struct linear uneven = { "one row forty times as large", 64, 12, 1 };

	for (int l = 0; l < N_LINEARS; l++)
		q8(linear(b, &linears[l], random), 1, random);
	q8(linear(b, &uneven, random), 40, random);
}

/* ---- 05 -------------------------------------------------------------------------------------- */

void fill_rope(struct battery *b, uint64_t *random)
{
	static const struct {
		const char *group;
		int heads, dim, pos;
		float theta;
	} calls[] = {
		{ "position 0", 4, 32, 0, 10000 },       { "position 1", 4, 32, 1, 10000 },
		{ "position 1", 3, 6, 1, 10000 },        { "position 7", 2, 32, 7, 10000 },
		{ "position 7", 5, 16, 7, 10000 },       { "another theta", 3, 32, 7, 1000000 },
		{ "another theta", 2, 64, 150, 500000 }, { "position 4095", 4, 32, 4095, 10000 },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct kernel_call *c = battery_add(b, calls[i].group);
		float *x = call_array(c, "x", 4, SANDBOX_INOUT, 2,
				      DIMS(calls[i].heads, calls[i].dim), WORDS("head", "element"));

		c->i[0] = calls[i].heads;
		c->i[1] = calls[i].dim;
		c->i[2] = c->position = calls[i].pos;
		c->f[0] = calls[i].theta;
		/* An angle of thousands has its last bit at 1e-4 where it is a float. */
		c->loose = calls[i].pos > 500 ? 20 : 1;
		fill_normal(x, (int64_t)c->i[0] * c->i[1], 0.3f, 1.5f, random);
	}
}

/* ---- 06 -------------------------------------------------------------------------------------- */

void fill_attn_scores(struct battery *b, uint64_t *random)
{
	static const struct {
		const char *group;
		int heads, kv, dim, pos, keys;
		float scale;
	} calls[] = {
		{ "one key", 1, 1, 8, 0, 1, 1 },
		{ "a key head for each head", 3, 3, 16, 5, 6, 1 },
		{ "heads that share keys", 6, 3, 16, 7, 8, 1 },
		{ "heads that share keys", 8, 2, 32, 20, 21, 1 },
		{ "heads that share keys", 4, 1, 12, 9, 10, 1 },
		{ "keys behind the query", 4, 2, 32, 3, 11, 1 },
		{ "keys behind the query", 6, 2, 8, 0, 5, 1 },
		{ "large queries", 4, 2, 64, 6, 9, 20 },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct kernel_call *c = battery_add(b, calls[i].group);
		int numbers[] = { calls[i].heads, calls[i].kv, calls[i].dim, calls[i].pos,
				  calls[i].keys };
		int H = calls[i].heads, G = calls[i].kv, E = calls[i].dim, S = calls[i].keys;
		float *q, *k;

		memcpy(c->i, numbers, sizeof(numbers));
		c->position = calls[i].pos;
		call_array(c, "scores", 4, SANDBOX_OUT, 2, DIMS(H, S), WORDS("head", "key"));
		q = call_array(c, "q", 4, SANDBOX_IN, 2, DIMS(H, E), WORDS("head", "element"));
		k = call_array(c, "k", 4, SANDBOX_IN, 3, DIMS(S, G, E),
			       WORDS("key", "head", "element"));
		fill_normal(q, (int64_t)H * E, 0.1f, calls[i].scale, random);
		fill_normal(k, (int64_t)S * G * E, 0.1f, 1, random);
		/* A score that stands alone must not be what is left of terms that cancel. */
		for (int e = 0; S == 1 && e < E; e++) {
			q[e] = fabsf(q[e]);
			k[e] = fabsf(k[e]);
		}
	}
}

/* ---- 07 -------------------------------------------------------------------------------------- */

static float *softmax(struct battery *b, const char *group, int n, float mean, float scale,
		      uint64_t *random)
{
	struct kernel_call *c = battery_add(b, group);
	float *x = vector(c, "x", SANDBOX_INOUT, n);

	c->i[0] = n;
	fill_normal(x, n, mean, scale, random);
	return x;
}

void fill_softmax(struct battery *b, uint64_t *random)
{
	float *x;

	softmax(b, "random numbers", 17, 0, 1, random);
	softmax(b, "random numbers", 300, -2, 3, random);
	softmax(b, "one element", 1, 3, 1, random);
	x = softmax(b, "all equal", 5, 0, 0, random);
	for (int i = 0; i < 5; i++)
		x[i] = 2.5f;
	softmax(b, "numbers near 100", 40, 100, 5, random);
	softmax(b, "numbers near -100", 40, -120, 5, random);
	x = softmax(b, "one far above the rest", 30, -3, 2, random);
	x[11] = 150;
	x = softmax(b, "some are -inf", 24, 0, 2, random);
	for (int i = 0; i < 24; i += 3)
		x[i] = -INFINITY;
	x = softmax(b, "some are -inf", 12, 90, 2, random);
	for (int i = 1; i < 12; i++)
		x[i] = -INFINITY;
}

/* ---- 09 -------------------------------------------------------------------------------------- */

void fill_window(struct battery *b, uint64_t *random)
{
	static const struct {
		const char *group;
		int pos, keys, window;
	} calls[] = {
		{ "fewer keys than the window", 3, 4, 8 },
		{ "as many keys as the window", 7, 8, 8 },
		{ "one key more than the window", 8, 9, 8 },
		{ "more than twice the window", 40, 41, 16 },
		{ "keys behind the query", 12, 20, 5 },
		{ "keys behind the query", 2, 9, 16 },
		{ "a window of one", 6, 9, 1 },
		{ "a large window", 90, 100, 64 },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct kernel_call *c = battery_add(b, calls[i].group);
		float *x = call_array(c, "scores", 4, SANDBOX_INOUT, 1, DIMS(calls[i].keys),
				      WORDS("key"));

		c->i[0] = c->position = calls[i].pos;
		c->i[1] = calls[i].keys;
		c->i[2] = calls[i].window;
		fill_normal(x, calls[i].keys, -0.5f, 3, random);
	}
}

/* ---- 10 -------------------------------------------------------------------------------------- */

static float *swiglu(struct battery *b, const char *group, int n, float scale, uint64_t *random)
{
	struct kernel_call *c = battery_add(b, group);
	float *gate, *up;

	c->i[0] = n;
	vector(c, "out", SANDBOX_OUT, n);
	gate = vector(c, "gate", SANDBOX_IN, n);
	up = vector(c, "up", SANDBOX_IN, n);
	fill_normal(gate, n, 0.1f * scale, scale, random);
	fill_normal(up, n, -0.2f, 1.5f, random);
	return gate;
}

void fill_swiglu(struct battery *b, uint64_t *random)
{
	float *gate;

	swiglu(b, "random numbers", 320, 1, random);
	swiglu(b, "random numbers", 13, 3, random);
	swiglu(b, "small numbers", 50, 1e-3f, random);
	gate = swiglu(b, "gates of 100 and -100", 30, 1, random);
	for (int i = 0; i < 30; i++)
		gate[i] = (i % 2 ? -1.0f : 1.0f) * (95 + 10 * draw_unit(random));
	swiglu(b, "one element", 1, 1, random);
}

/* ---- 12 -------------------------------------------------------------------------------------- */

static void top_p(struct battery *b, const char *group, int n, float temperature, float p, float u,
		  float scale, uint64_t *random)
{
	struct kernel_call *c = battery_add(b, group);
	float *x = vector(c, "logits", SANDBOX_IN, n);

	c->i[0] = n;
	c->f[0] = temperature;
	c->f[1] = p;
	do {
		fill_normal(x, n, scale, scale, random);
		/* Ties: every third is as the one before. */
		for (int i = 2; i < n && strcmp(group, "ties") == 0; i += 3)
			x[i] = x[i - 1];
		c->f[2] = u >= 0 ? u : draw_unit(random);
	} while (!reference_top_p_is_clear(x, n, temperature, p, c->f[2]));
}

void fill_top_p(struct battery *b, uint64_t *random)
{
	for (int i = 0; i < 24; i++)
		top_p(b, "random logits", 8 + 7 * i, 1, 0.9f, -1, 2, random);
	for (int i = 0; i < 12; i++)
		top_p(b, "p = 0.5", 30, 1, 0.5f, -1, 1.5f, random);
	for (int i = 0; i < 8; i++)
		top_p(b, "temperature 0.5 and 2", 40, i % 2 ? 0.5f : 2, 0.8f, -1, 2, random);
	for (int i = 0; i < 12; i++)
		top_p(b, "ties", 24, 1, 0.95f, -1, 1, random);
	for (int i = 0; i < 6; i++)
		top_p(b, "p = 1", 20, 1, 1, -1, 1, random);
	for (int i = 0; i < 4; i++)
		top_p(b, "p tiny: one token at least", 20, 1, 1e-4f, -1, 1, random);
	for (int i = 0; i < 4; i++)
		top_p(b, "u = 0", 20, 1, 0.9f, 0, 1, random);
	for (int i = 0; i < 6; i++)
		top_p(b, "u near 1", 20, 1, 0.7f, 0x1.fffffep-1f, 1, random);
	for (int i = 0; i < 4; i++)
		top_p(b, "logits near 100", 20, 1, 0.9f, -1, 100, random);
	top_p(b, "one token", 1, 1, 0.9f, 0.5f, 1, random);
}
