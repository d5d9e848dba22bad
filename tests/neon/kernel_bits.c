/*
 * kernel_bits.c -- kernel_bits SET: a line for each kind of call of a set of kernels, with a hash
 * of all its results for operands drawn by a seed.
 *
 * A program, so that tests/neon/check can hold what one machine prints against another's.  Each NaN
 * counts as the same one: machines make different ones.
 */
#include "support/blocks_data.h"

#include <stdio.h>

static uint64_t hash;
static int64_t calls;

static void begin(void)
{
	hash = 0xcbf29ce484222325u;
	calls = 0;
}

static void take(const float *x, int64_t n)
{
	for (int64_t i = 0; i < n; i++) {
		uint32_t bits = 0x7fc00000;

		if (!isnan(x[i]))
			memcpy(&bits, x + i, 4);
		for (int b = 0; b < 4; b++)
			hash = (hash ^ (bits >> (8 * b) & 255)) * 0x100000001b3u;
	}
	calls++;
}

static void say(const char *what, enum dtype dtype, int64_t T)
{
	printf("%-8s %-6s T %-3ld %5ld calls %016llx\n", what, dtype_table[dtype].name, (long)T,
	       (long)calls, (unsigned long long)hash);
}

/* ---- products ------------------------------------------------------------------------------- */

static void multiply(const struct kernels *k, const struct tensor *w, int64_t T)
{
	int64_t N = w->shape[0], K = w->shape[1];
	float *x = data_random(T * K, (uint64_t)(N + T), 3), *y = data_empty(T * N);

	k->linear(NULL, y, x, w, T);
	take(y, T * N);
	data_free(x, (size_t)(T * K) * sizeof(float));
	data_free(y, (size_t)(T * N) * sizeof(float));
}

static void free_weights(const struct tensor *w)
{
	data_free(w->data, (size_t)((w->shape[0] - 1) * w->stride[0] +
				    dtype_row_bytes(w->dtype, w->shape[1])));
}

static const int64_t outputs[] = { 1, 7, 16, 33, 64, 101 };

static void plain_products(const struct kernels *k, enum dtype dtype, int64_t T)
{
	static const int64_t inputs[] = { 1, 8, 15, 31, 33, 48, 101, 128, 129, 257, 576 };
	static double values[101 * 576];

	begin();
	for (int n = 0; n < COUNT_OF(outputs); n++)
		for (int i = 0; i < COUNT_OF(inputs); i++) {
			struct tensor w = data_weights(dtype, outputs[n], inputs[i],
						       (uint64_t)(T + inputs[i]), values);

			multiply(k, &w, T);
			free_weights(&w);
		}
	say("linear", dtype, T);
}

static void block_products(const struct kernels *k, enum dtype dtype, int64_t T)
{
	int64_t size = dtype_table[dtype].block_elements;

	begin();
	for (int n = 0; n < COUNT_OF(outputs); n++)
		for (int64_t blocks = 1; blocks <= 18; blocks += 1 + blocks / 4) {
			struct tensor w = block_weights(dtype, outputs[n], blocks * size,
							(uint64_t)(T + blocks));

			multiply(k, &w, T);
			free_weights(&w);
		}
	say("linear", dtype, T);
}

static const enum dtype plain_types[] = { DTYPE_F32, DTYPE_F16, DTYPE_BF16 };

static void products(const struct kernels *k)
{
	static const int64_t tokens[] = { 1, 2, 3, 4, 5, 7, 17, 40, 101 };
	const int64_t last = k == &kernels_ref ? 2 : 101; /* it does not ask how many there are */

	for (int t = 0; t < COUNT_OF(plain_types); t++)
		for (int64_t T = 1; T <= last; T += T < 36 ? 1 : 13)
			plain_products(k, plain_types[t], T);
	for (int t = 0; t < COUNT_OF(block_types); t++)
		for (int i = 0; i < COUNT_OF(tokens) && tokens[i] <= last; i++)
			block_products(k, block_types[t], tokens[i]);
}

/* ---- conversions ---------------------------------------------------------------------------- */

/* Every f16 and bf16; random blocks, those with scales that are no numbers among them. */
static void conversions(const struct kernels *k)
{
	static float x[1 << 16];
	static uint16_t all[1 << 16];
	static unsigned char blocks[64 * 256];
	uint64_t seed = 5;

	for (int i = 0; i < 1 << 16; i++)
		all[i] = (uint16_t)i;
	for (int i = 0; i < COUNT_OF(blocks); i++)
		blocks[i] = block_byte(&seed);
	for (int t = 1; t < COUNT_OF(plain_types); t++) {
		begin();
		k->convert(x, all, plain_types[t], 1 << 16);
		take(x, 1 << 16);
		say("convert", plain_types[t], 0);
	}
	for (int t = 0; t < COUNT_OF(block_types); t++) {
		int64_t n = 64 * dtype_table[block_types[t]].block_elements;

		begin();
		k->convert(x, blocks, block_types[t], n);
		take(x, n);
		say("convert", block_types[t], 0);
	}
}

/* ---- elements and rows ---------------------------------------------------------------------- */

enum { N = 20011 };

static void elements(const struct kernels *k)
{
	static const float odd[] = { 0,     -0.0f,  -87.3f,   -104.5f,   -173.9f, -175,
				     -1e4f, -3e38f, 3.4e38f,  1e-40f,    -1e-40f, 88.7f,
				     100,   1e4f,   INFINITY, -INFINITY, NAN };
	float *a = data_random(N, 11, 8), *b = data_random(N, 12, 8), *y = data_empty(N);

	for (int i = 0; i < COUNT_OF(odd); i++)
		a[i * 3] = b[i * 7] = odd[i];
	begin();
	k->mul(NULL, y, a, b, N);
	take(y, N);
	say("mul", DTYPE_F32, 1);
	begin();
	k->add(NULL, y, a, b, N);
	take(y, N);
	say("add", DTYPE_F32, 1);
	for (int64_t i = N / 2; i < N; i++)
		a[i] = (float)(i - 3 * N / 4) * 0.0425f;
	begin();
	k->silu(NULL, y, a, N);
	take(y, N);
	say("silu", DTYPE_F32, 1);
}

static void norms(const struct kernels *k, enum dtype dtype)
{
	static const double scales[] = { 1, 1e-3, 0, 1e4 };
	static double values[576];
	float rms[5], normed[5 * 576], out[5 * 576];

	begin();
	for (int64_t D = 1; D <= 576; D += D < 70 ? 1 : 101)
		for (int s = 0; s < COUNT_OF(scales); s++) {
			struct tensor w = data_weights(dtype, 1, D, 4, values);
			struct tensor row = tensor_make(dtype, 1, &D, w.data);

			k->rmsnorm(NULL, rms, normed, out,
				   data_random(5 * D, (uint64_t)D, scales[s]), &row, 1e-5f, 5);
			take(rms, 5);
			take(normed, 5 * D);
			take(out, 5 * D);
		}
	say("rmsnorm", dtype, 5);
}

static void rotations(const struct kernels *k)
{
	begin();
	for (int64_t E = 2; E <= 130; E += 2) {
		int64_t n = (int64_t)11 * 3 * E;
		float *y = data_empty(n);

		k->rope(NULL, y, data_random(n, 8, 2), data_random(11 * E, 9, 1),
			data_random(11 * E, 10, 1), 11, 3, E);
		take(y, n);
	}
	say("rope", DTYPE_F32, 11);
}

static void softmaxes(const struct kernels *k)
{
	begin();
	for (int64_t n = 1; n < 300; n++)
		for (int odd = 0; odd < 4; odd++) {
			float *x = data_random(n, (uint64_t)n, odd ? 100 : 3);

			if (odd > 1)
				x[n / 2] = x[0] = -INFINITY;
			if (odd > 2)
				x[n - 1] = NAN;
			k->softmax(x, n);
			take(x, n);
			data_free(x, (size_t)n * sizeof(*x));
		}
	say("softmax", DTYPE_F32, 1);
}

static void sums(const struct kernels *k)
{
	static const float odd[] = { NAN, INFINITY, -INFINITY, 0, -0.0f, 1e-40f, -1e-45f };
	float *x = data_random(9001, 3, 5);

	begin();
	for (int64_t n = 0; n < 9001; n += 1 + n / 7)
		for (int i = 0; i < COUNT_OF(odd); i++) {
			struct stats_sum s;
			float seen[8];

			x[n / 2] = odd[i];
			stats_sum_init(&s);
			k->sum(&s, x, n, 3);
			memcpy(seen, (double[]){ s.sum, s.sum_sq, s.min, s.max }, sizeof(seen));
			take(seen, 8);
			take((float[]){ (float)s.n_nan, (float)s.n_zero, (float)s.absmax_at }, 3);
		}
	say("sum", DTYPE_F32, 1);
}

/* ---- attention ------------------------------------------------------------------------------ */

/* Keys or values for `S` positions of two heads. */
static struct kv_view view_of(enum dtype dtype, int64_t S, int64_t E, uint64_t seed, double scale)
{
	int64_t n = S * 2 * E;
	float *x = data_random(n, seed, scale);
	uint16_t *halves = data_bytes((size_t)n * sizeof(*halves));
	struct kv_view view = { .capacity = S,
				.dtype = dtype,
				.n_kv_heads = 2,
				.head_dim = E,
				.n = S,
				.rows = dtype == DTYPE_F16 ? (void *)halves : (void *)x };

	for (int64_t i = 0; i < n; i++)
		halves[i] = f32_to_f16(x[i]);
	return view;
}

static void attend(const struct kernels *k, enum dtype dtype, int64_t T, int64_t S, int64_t E,
		   int64_t window)
{
	enum { HEADS = 6 };
	int64_t n = T * HEADS * E;
	struct attention a = { .q = data_random(n, 21, 3),
			       .k = view_of(dtype, S, E, 22, 3),
			       .v = view_of(dtype, S, E, 23, 1),
			       .n_heads = HEADS,
			       .pos0 = S - T,
			       .T = T,
			       .window = window,
			       .scale = 0.125f };
	float *z = data_empty(n), *scores = data_empty(S);

	if (attention_run(k, NULL, z, &a))
		abort();
	take(z, n);
	for (int64_t t = 0; t < T; t++) {
		k->scores(scores, S, &a, (struct attention_tile){ 3, t, 1, 0, S });
		take(scores, S);
	}
}

static void attentions(const struct kernels *k, enum dtype dtype)
{
	static const int64_t tokens[] = { 1, 2, 7, 33, 80 },
			     sizes[] = { 2, 7, 16, 34, 64, 72, 128 };

	for (int i = 0; i < COUNT_OF(tokens); i++) {
		begin();
		for (int e = 0; e < COUNT_OF(sizes); e++)
			for (int64_t before = 0; before < 700; before = 3 * before + 5)
				attend(k, dtype, tokens[i], before + tokens[i], sizes[e],
				       before % 2 ? 0 : 20);
		say("attend", dtype, tokens[i]);
	}
}

int main(int argc, char **argv)
{
	const struct kernels *k = argc == 2 ? kernels_select(argv[1]) : NULL;

	if (!k) {
		fprintf(stderr, "usage: kernel_bits SET, one that this machine has\n");
		return 2;
	}
	conversions(k);
	elements(k);
	for (int t = 0; t < COUNT_OF(plain_types); t++)
		norms(k, plain_types[t]);
	rotations(k);
	softmaxes(k);
	sums(k);
	attentions(k, DTYPE_F32);
	attentions(k, DTYPE_F16);
	products(k);
	return 0;
}
