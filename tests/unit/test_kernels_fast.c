/*
 * test_kernels_fast.c -- products with rounded activations: that the definition is close to the
 * product that it stands for, and that every kind of instructions has the definition's bits.
 */
#include "support/blocks_data.h"

#include "kernels/fast.h"

#include <criterion/criterion.h>

typedef void (*fast_fn)(struct threads *pool, float *y, const float *x, const struct tensor *w,
			int64_t T, void *scratch);

static const struct way {
	const char *name;
	fast_fn run;
	const struct kernels *needs;
	bool (*also)(void);
} ways[] = {
	{ "ref", ref_linear_fast, &kernels_ref, NULL },
#ifdef __x86_64__
	{ "avx2", avx2_linear_fast, &kernels_avx2, NULL },
	{ "avxvnni", avxvnni_linear_fast, &kernels_avx2, avxvnni_supported },
	{ "avx512vnni", avx512vnni_linear_fast, &kernels_avx512, avx512vnni_supported },
#endif
};

static struct threads *pool_of(int n)
{
	struct err err;
	struct threads *pool = threads_new(n, &err);

	cr_assert_not_null(pool, "%s", err.message);
	return pool;
}

/* Bits, but which NaN it is is nobody's business. */
static int64_t first_difference(const float *a, const float *b, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		if (memcmp(a + i, b + i, 4) != 0 && !(isnan(a[i]) && isnan(b[i])))
			return i;
	return -1;
}

static float *run(fast_fn fn, struct threads *pool, const struct tensor *w, const float *x,
		  int64_t T)
{
	size_t bytes = fast_scratch(w->dtype, T, w->shape[1]);
	void *scratch = data_bytes((bytes + 63) / 64 * 64);
	float *y = data_empty(T * w->shape[0]);

	fn(pool, y, x, w, T, scratch);
	data_free(scratch, (bytes + 63) / 64 * 64);
	return y;
}

/* Every way that this CPU knows, and the sets, which take the best, against the definition. */
static void check_all(const struct tensor *w, const float *x, int64_t T, const char *what)
{
	int64_t n = T * w->shape[0];
	float *want = run(ref_linear_fast, NULL, w, x, T);

	for (int threads = 1; threads <= 3; threads += 2) {
		struct threads *pool = pool_of(threads);

		for (int i = 0; i < COUNT_OF(ways); i++) {
			float *y;
			int64_t at;

			if (!ways[i].needs->supported() || (ways[i].also && !ways[i].also()))
				continue;
			y = run(ways[i].run, pool, w, x, T);
			at = first_difference(y, want, n);
			cr_assert_lt(at, 0,
				     "%s: %s, %s, T %ld N %ld K %ld, %d threads: [%ld] is %.9g, "
				     "not %.9g",
				     ways[i].name, what, dtype_table[w->dtype].name, (long)T,
				     (long)w->shape[0], (long)w->shape[1], threads, (long)at, y[at],
				     want[at]);
			data_free(y, (size_t)n * 4);
		}
		threads_free(pool);
	}
	for (int i = 0; kernels_all[i]; i++) {
		float *y;

		if (!kernels_all[i]->supported())
			continue;
		y = run(kernels_all[i]->linear_fast, NULL, w, x, T);
		cr_assert_lt(first_difference(y, want, n), 0, "set %s: %s", kernels_all[i]->isa,
			     what);
		data_free(y, (size_t)n * 4);
	}
	data_free(want, (size_t)n * 4);
}

/* ---- the definition ------------------------------------------------------------------------- */

/* Sixteen bits of x cost a part in a thousand million of the power, whatever the weights are. */
Test(kernels_fast, is_close_to_the_product)
{
	enum { T = 3, N = 40, K = 1024 };

	for (int t = 0; t < COUNT_OF(block_types); t++) {
		struct tensor w = block_weights(block_types[t], N, K, 5);
		float *x = data_random(T * K, 3, 4), *y = run(ref_linear_fast, NULL, &w, x, T);
		float *exact = data_empty(T * N);
		double want[T * N];

		kernels_ref.linear(NULL, exact, x, &w, T);
		for (int i = 0; i < T * N; i++)
			want[i] = exact[i];
		cr_expect_leq(data_nmse(want, y, T * N), 1e-8, "%s: %g",
			      dtype_table[block_types[t]].name, data_nmse(want, y, T * N));
		cr_expect_geq(data_nmse(want, y, T * N), 1e-13, "%s: nothing was rounded",
			      dtype_table[block_types[t]].name);
	}
}

/* Integers up to 32512 with a 32512 in each group are not rounded at all. */
Test(kernels_fast, integers_are_exact)
{
	enum { N = 33, K = 512 };

	for (int t = 0; t < COUNT_OF(block_types); t++) {
		struct tensor w = block_weights(block_types[t], N, K, 9), values = block_values(&w);
		float *x = data_random(K, 3, 32512), *y;
		const float *v = values.data;

		for (int i = 0; i < K; i++)
			x[i] = i % 32 == 7 ? -32512 : rintf(x[i]);
		y = run(ref_linear_fast, NULL, &w, x, 1);
		for (int n = 0; n < N; n++) {
			double want = 0, size = 0;

			for (int k = 0; k < K; k++) {
				want += (double)x[k] * v[n * K + k];
				size += fabs((double)x[k] * v[n * K + k]);
			}
			cr_assert_leq(fabs(want - y[n]), 1e-6 * size, "%s: %g, not %g",
				      dtype_table[w.dtype].name, y[n], want);
		}
	}
}

/* A token has the bits that it has by itself. */
Test(kernels_fast, tokens_are_alone)
{
	enum { T = 7, N = 21, K = 256 };

	for (int t = 0; t < COUNT_OF(block_types); t++) {
		struct tensor w = block_weights(block_types[t], N, K, 2);
		float *x = data_random(T * K, 1, 1), *all = run(ref_linear_fast, NULL, &w, x, T);

		for (int i = 0; i < T; i++) {
			float *y = run(ref_linear_fast, NULL, &w, x + (ptrdiff_t)i * K, 1);

			cr_assert(data_same_bits(y, all + (ptrdiff_t)i * N, N));
		}
	}
}

/* ---- the kinds of instructions -------------------------------------------------------------- */

Test(kernels_fast, every_way_has_the_bits_of_ref, .timeout = 300)
{
	static const int64_t tokens[] = { 1, 2, 3, 4, 5, 6, 7, 8, 13, 24, 31, 70 };
	static const int64_t rows[] = { 1, 7, 8, 16, 31, 32, 33, 70 };
	static const int64_t blocks[] = { 1, 2, 3, 5, 16, 17, 18, 33 };

	for (int t = 0; t < COUNT_OF(block_types); t++)
		for (int i = 0; i < COUNT_OF(tokens); i++)
			for (int n = 0; n < COUNT_OF(rows); n++) {
				int64_t size = dtype_table[block_types[t]].block_elements;
				int64_t some = blocks[(i + n) % COUNT_OF(blocks)];
				int64_t K = size == 32 ? 32 * some : 256 * (1 + some % 5);
				struct tensor w = block_weights(block_types[t], rows[n], K,
								(uint64_t)(i + n));
				float *x = data_random(tokens[i] * K, (uint64_t)i, 3);
				size_t bytes = (size_t)(rows[n] * w.stride[0] - 1);

				check_all(&w, x, tokens[i], "random");
				data_free(x, (size_t)(tokens[i] * K) * 4);
				data_free(w.data, bytes);
			}
}

/* Bytes of one value only: -128 in q8_0, the ends of every field, the largest sums that exist. */
Test(kernels_fast, the_largest_integers_fit)
{
	static const unsigned char fills[] = { 0x80, 0x7f, 0x00, 0xff, 0x88, 0x0f };
	enum { T = 3, N = 17, K = 768 };

	for (int t = 0; t < COUNT_OF(block_types); t++)
		for (int f = 0; f < COUNT_OF(fills); f++)
			for (int sign = -1; sign <= 1; sign += 2) {
				struct tensor w = block_weights(block_types[t], N, K, 1);
				int bytes = dtype_table[w.dtype].block_bytes, at[2];
				float *x = data_empty(T * K);

				block_scales_at(w.dtype, at);
				for (int64_t i = 0; i < N * w.stride[0] - 1; i++) {
					int in = (int)(i % w.stride[0] % bytes);

					if ((in & ~1) != at[0] && (in & ~1) != at[1])
						((unsigned char *)w.data)[i] = fills[f];
				}
				for (int i = 0; i < T * K; i++)
					x[i] = (float)(i % 3 ? 1 : sign) * 2.5f;
				check_all(&w, x, 1, "extreme");
				check_all(&w, x, T, "extreme");
			}
}

/* One x that is no number is seen in every output of its token, and in no other token. */
Test(kernels_fast, nan_and_infinity_stay_visible)
{
	static const float odd[] = { NAN, INFINITY, -INFINITY };
	enum { N = 19, K = 512 };

	for (int t = 0; t < COUNT_OF(block_types); t++)
		for (int i = 0; i < COUNT_OF(odd); i++)
			for (int T = 1; T <= 7; T += 6) {
				struct tensor w = block_weights(block_types[t], N, K, 4);
				float *x = data_random(T * K, 1, 1), *y;

				x[(T - 1) * K + 77] = odd[i];
				check_all(&w, x, T, "not finite");
				y = run(ref_linear_fast, NULL, &w, x, T);
				for (int j = 0; j < T * N; j++)
					cr_assert_eq(!isnan(y[j]), j < (T - 1) * N);
			}
}

/* Zeros, numbers near the ends of f32, and scales that are no numbers. */
Test(kernels_fast, odd_scales)
{
	static const float sizes[] = {
		0, -0.0f, 1e-45f, 1e-38f, 3.7e-34f, 3.9e-34f, 1e-30f, 3.4e38f
	};
	enum { T = 2, N = 18, K = 256 };

	for (int t = 0; t < COUNT_OF(block_types); t++)
		for (int i = 0; i < COUNT_OF(sizes); i++)
			for (int s = 0; s < 3; s++) {
				static const uint16_t halves[] = { 0x1234, 0x7c00, 0x7e01 };
				struct tensor w = block_weights(block_types[t], N, K, 4);
				float *x = data_random(T * K, 1, 1);
				int at[2];

				block_scales_at(w.dtype, at);
				memcpy((unsigned char *)tensor_row(&w, 3) +
					       at[s == 1 && at[1] >= 0],
				       &halves[s], 2);
				for (int j = 0; j < T * K; j++)
					x[j] *= sizes[i];
				check_all(&w, x, 1, "odd scale");
				check_all(&w, x, T, "odd scale");
			}
}

/* Sums as large as they become: every integer of x and of the weights at an end of its range. */
Test(kernels_fast, the_ends_of_the_ranges)
{
	static const unsigned char bytes[] = { 0x00, 0x7f, 0x80, 0xff, 0x88, 0xf0 };
	enum { T = 3, N = 18, K = 512 };

	for (int t = 0; t < COUNT_OF(block_types); t++)
		for (int i = 0; i < COUNT_OF(bytes); i++) {
			struct tensor w = block_weights(block_types[t], N, K, 4);
			size_t row = (size_t)dtype_row_bytes(w.dtype, K);
			size_t block = (size_t)dtype_table[w.dtype].block_bytes;
			float *x = data_empty(T * K);
			int at[2];

			block_scales_at(w.dtype, at);
			for (int n = 0; n < N; n++) {
				unsigned char *data = tensor_row(&w, n);

				memset(data, bytes[i], row);
				for (size_t b = 0; b < row; b += block)
					for (int s = 0; s < 2 && at[s] >= 0; s++)
						memcpy(data + b + at[s], "\x66\x2e", 2);
			}
			for (int k = 0; k < K; k++) {
				x[k] = 5;
				x[K + k] = -5;
				x[2 * K + k] = k % 3 ? 5 : -5;
			}
			check_all(&w, x, 1, "the ends of the ranges");
			check_all(&w, x, T, "the ends of the ranges");
		}
}

/* Types that are no blocks: the product itself. */
Test(kernels_fast, other_types_are_not_rounded)
{
	static const enum dtype types[] = { DTYPE_F32, DTYPE_F16, DTYPE_BF16 };
	enum { T = 5, N = 9, K = 40 };

	for (int i = 0; kernels_all[i]; i++)
		for (int t = 0; kernels_all[i]->supported() && t < COUNT_OF(types); t++) {
			double values[N * K];
			struct tensor w = data_weights(types[t], N, K, 1, values);
			float *x = data_random(T * K, 2, 1), *y = data_empty(T * N);
			float *fast = data_empty(T * N);

			cr_assert_eq(kernels_all[i]->linear_fast_scratch(types[t], T, K), 0);
			cr_assert_str_eq(kernels_all[i]->linear_fast_dtype(types[t]), "f32");
			kernels_all[i]->linear(NULL, y, x, &w, T);
			kernels_all[i]->linear_fast(NULL, fast, x, &w, T, NULL);
			cr_assert(data_same_bits(y, fast, T * N));
		}
}
