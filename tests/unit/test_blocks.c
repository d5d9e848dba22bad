/*
 * test_blocks.c -- GGUF's packed weights: what they decode to, and that every tier computes with
 * exactly these values.
 */
#include "support/blocks_data.h"

#include <criterion/criterion.h>

/* Run `check` for every tier that this CPU has. */
static void each_tier(void (*check)(const struct kernels *k))
{
	for (int i = 0; kernels_all[i]; i++)
		if (kernels_all[i]->supported())
			check(kernels_all[i]);
}

/* ---- what bytes mean ------------------------------------------------------------------------ */

/* Of 64 blocks of random bytes, FNV-1a of what gguf.quants.dequantize() of the Python package makes
 * of them, each NaN as 0x7fc00000; tests/py/test_blocks.py computes these numbers.
 */
static const struct {
	enum dtype dtype;
	uint64_t hash;
} decoded[] = {
	{ DTYPE_Q8_0, 0x3509779697af6134 },   { DTYPE_Q4_0, 0x9c8d08e8a1f91c49 },
	{ DTYPE_Q4_1, 0xb0a156f9092f4355 },   { DTYPE_Q5_0, 0xdff4c619569db12a },
	{ DTYPE_Q5_1, 0xcc8ae42166e806d },    { DTYPE_Q2_K, 0xad359dcfcc033b6b },
	{ DTYPE_Q3_K, 0x1f887e933d9e4dac },   { DTYPE_Q4_K, 0x2ee51ce34ce1a2a5 },
	{ DTYPE_Q5_K, 0x47147ca9c4d345f2 },   { DTYPE_Q6_K, 0x468ce0217617ebeb },
	{ DTYPE_IQ4_NL, 0x48a0591fa0e17032 },
};

static uint64_t hash_of(const float *x, int64_t n)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (int64_t i = 0; i < n; i++) {
		uint32_t bits = 0x7fc00000;

		if (!isnan(x[i]))
			memcpy(&bits, x + i, 4);
		for (int b = 0; b < 4; b++)
			hash = (hash ^ (bits >> (8 * b) & 255)) * 0x100000001b3u;
	}
	return hash;
}

static void check_decoded(const struct kernels *k)
{
	for (int t = 0; t < COUNT_OF(decoded); t++) {
		const struct dtype_info *info = &dtype_table[decoded[t].dtype];
		int64_t bytes = 64 * info->block_bytes, n = 64 * info->block_elements;
		unsigned char *blocks = data_bytes((size_t)bytes);
		float *x = data_empty(n);
		uint64_t seed = (uint64_t)decoded[t].dtype;

		for (int64_t i = 0; i < bytes; i++)
			blocks[i] = block_byte(&seed);
		k->convert(x, blocks, decoded[t].dtype, n);
		cr_expect_eq(hash_of(x, n), decoded[t].hash, "%s: %s: 0x%llx", k->isa, info->name,
			     (unsigned long long)hash_of(x, n));
	}
}

Test(blocks, decode_to_what_gguf_says)
{
	each_tier(check_decoded);
}

/* Any number of elements from the first of a block on, and nothing behind them. */
static void check_ends(const struct kernels *k)
{
	for (int t = 0; t < COUNT_OF(block_types); t++) {
		struct tensor w = block_weights(block_types[t], 2, 512, 3);
		float *all = data_empty(512);

		k->convert(all, tensor_row(&w, 1), w.dtype, 512);
		for (int64_t n = 0; n <= 512; n = n * 2 + 1) {
			float *x = data_empty(n);

			k->convert(x, tensor_row(&w, 1), w.dtype, n);
			cr_assert(data_same_bits(x, all, n), "%s: %s: %ld", k->isa,
				  dtype_table[w.dtype].name, (long)n);
		}
	}
}

Test(blocks, decode_as_many_as_are_asked_for)
{
	each_tier(check_ends);
}

/* ---- linear --------------------------------------------------------------------------------- */

static struct threads *pool_of(int n)
{
	struct err err;
	struct threads *pool = threads_new(n, &err);

	cr_assert_not_null(pool, "%s", err.message);
	return pool;
}

static void check_linear(const struct kernels *k, enum dtype dtype, int64_t T, int64_t N, int64_t K)
{
	struct tensor w = block_weights(dtype, N, K, (uint64_t)(T + N + K));
	struct tensor values = block_values(&w);
	float *x = data_random(T * K, 1, 1), *y = data_empty(T * N), *same = data_empty(T * N);
	float *ref = data_empty(T * N);
	double *want = calloc((size_t)(T * N), sizeof(*want));
	struct threads *pool = pool_of(3);

	kernels_ref.linear(NULL, ref, x, &values, T);
	for (int64_t i = 0; i < T * N; i++)
		want[i] = (double)ref[i];
	k->linear(NULL, y, x, &w, T);
	cr_assert_leq(data_nmse(want, y, T * N), 1e-12, "%s: %s T %ld N %ld K %ld: NMSE %g", k->isa,
		      dtype_table[dtype].name, (long)T, (long)N, (long)K,
		      data_nmse(want, y, T * N));
	k->linear(NULL, same, x, &values, T);
	cr_assert(data_same_bits(y, same, T * N), "%s: %s T %ld N %ld K %ld: not as in f32", k->isa,
		  dtype_table[dtype].name, (long)T, (long)N, (long)K);
	k->linear(pool, same, x, &w, T);
	cr_assert(data_same_bits(y, same, T * N), "%s: %s T %ld N %ld K %ld: threads", k->isa,
		  dtype_table[dtype].name, (long)T, (long)N, (long)K);
	threads_free(pool);
	free(want);
}

static void check_linear_shapes(const struct kernels *k)
{
	static const int64_t tokens[] = { 1, 2, 3, 4, 5, 17, 40 }, rows[] = { 1, 7, 16, 37 };
	static const int64_t blocks[] = { 1, 2, 3, 5, 9, 18 };

	for (int t = 0; t < COUNT_OF(block_types); t++)
		for (int i = 0; i < COUNT_OF(tokens); i++)
			for (int n = 0; n < COUNT_OF(rows); n++) {
				int64_t size = dtype_table[block_types[t]].block_elements;

				check_linear(k, block_types[t], tokens[i], rows[n],
					     size * blocks[(i + n) % COUNT_OF(blocks)]);
			}
}

/* And the bits that the same weights give in f32, with any number of threads. */
Test(blocks, linear)
{
	each_tier(check_linear_shapes);
}

/* A recording does not show which of them a CPU has. */
Test(blocks, have_the_same_bits_in_every_tier_but_ref)
{
	const struct kernels *first = NULL;

	for (int i = 0; kernels_all[i]; i++) {
		const struct kernels *k = kernels_all[i];

		if (k == &kernels_ref || !k->supported())
			continue;
		for (int t = 0; first && t < COUNT_OF(block_types); t++)
			for (int64_t T = 1; T <= 13; T += T < 5 ? 1 : 8) {
				struct tensor w = block_weights(block_types[t], 35, 768, 5);
				float *x = data_random(T * 768, 2, 1), *a = data_empty(T * 35);
				float *b = data_empty(T * 35);

				first->linear(NULL, a, x, &w, T);
				k->linear(NULL, b, x, &w, T);
				cr_assert(data_same_bits(a, b, T * 35), "%s and %s: %s T %ld",
					  first->isa, k->isa, dtype_table[w.dtype].name, (long)T);
			}
		first = first ? first : k;
	}
}

/* One scale that is no number: its outputs are none, and no others. */
static void check_linear_nan(const struct kernels *k)
{
	for (int t = 0; t < COUNT_OF(block_types); t++)
		for (int64_t T = 1; T <= 9; T += 4) {
			struct tensor w = block_weights(block_types[t], 9, 512, 6);
			float *x = data_random(T * 512, 3, 1), *y = data_empty(T * 9);
			unsigned char *row = tensor_row(&w, 4);
			uint16_t bad = T == 5 ? 0x7c00 : 0x7e00;
			int at[2];

			block_scales_at(w.dtype, at);
			memcpy(row + at[0], &bad, 2);
			k->linear(NULL, y, x, &w, T);
			for (int64_t i = 0; i < T * 9; i++)
				cr_assert_eq((bool)isfinite(y[i]), i % 9 != 4, "%s: %s %ld", k->isa,
					     dtype_table[w.dtype].name, (long)i);
		}
}

Test(blocks, show_a_scale_that_is_no_number)
{
	each_tier(check_linear_nan);
}
