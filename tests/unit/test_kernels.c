/*
 * test_kernels.c -- every tier against the formula in f64, at sizes that end in the middle of a
 * vector, a tile, a block or a page, and the promises of kernels.h about bits.
 */
#include "kernels_data.h"

#include "torchless/mem.h"
#include "torchless/remembered.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <float.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static const enum dtype weight_types[] = { DTYPE_F32, DTYPE_F16, DTYPE_BF16 };

/* Run `check` for every tier that this CPU has. */
static void each_tier(void (*check)(const struct kernels *k))
{
	for (int i = 0; kernels_all[i]; i++)
		if (kernels_all[i]->supported())
			check(kernels_all[i]);
}

static struct threads *pool_of(int n)
{
	struct err err;
	struct threads *pool = threads_new(n, &err);

	cr_assert_not_null(pool, "%s", err.message);
	return pool;
}

Test(kernels, select_finds_tiers_by_name)
{
	cr_assert_eq(kernels_select("ref"), &kernels_ref);
	cr_assert_null(kernels_select("mmx"));
	cr_assert_not_null(kernels_select(NULL));
	cr_assert(kernels_select(NULL)->supported());
}

/* What another process chooses: this one keeps what it chose. */
static const struct kernels *chosen_anew(void)
{
	pid_t child = fork();
	int status = 0, i = 0;

	if (child == 0) {
		while (kernels_all[i] != kernels_select(NULL))
			i++;
		_exit(i);
	}
	waitpid(child, &status, 0);
	return kernels_all[WEXITSTATUS(status)];
}

/* The name of the one file in `folder`. */
static void find_name(const char *folder, char *name, size_t size)
{
	DIR *d = opendir(folder);

	cr_assert_not_null(d, "nothing was remembered");
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			snprintf(name, size, "%s", e->d_name);
	closedir(d);
}

static void remove_file(const char *folder, const char *name)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
	rmdir(folder);
	*strrchr(path, '/') = '\0';
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

Test(kernels, the_faster_width_is_measured_once)
{
	char folder[] = "/tmp/test_kernels.XXXXXX", below[64], name[256] = "";
	struct text answer = { 0 };

	if (kernels_all[0]->supported() && kernels_all[1]->supported() &&
	    kernels_all[1] != &kernels_ref) {
		cr_assert_not_null(mkdtemp(folder));
		setenv("XDG_CACHE_HOME", folder, 1);
		snprintf(below, sizeof(below), "%s/torchless", folder);
		const struct kernels *first = chosen_anew();
		find_name(below, name, sizeof(name));
		cr_assert(remembered_get(name, &answer));
		cr_assert_str_eq(answer.data, first->isa);
		for (int i = 0; i < 2; i++) {
			remembered_put(name, kernels_all[i]->isa);
			cr_assert_eq(chosen_anew(), kernels_all[i], "not what is remembered");
		}
		remembered_put(name, "ref"); /* of other bits: nobody's answer */
		cr_assert_neq(chosen_anew(), &kernels_ref);
		remembered_put(name, "");
		cr_assert_neq(chosen_anew(), &kernels_ref);
		text_clear(&answer);
		cr_assert(remembered_get(name, &answer) && answer.len, "not remembered again");
		text_release(&answer);
		remove_file(below, name);
	}
}

static void check_convert(const struct kernels *k)
{
	uint16_t *src = data_bytes(65536 * 2);
	float *dst = data_empty(65536);

	for (int i = 0; i < 65536; i++)
		src[i] = (uint16_t)i;
	for (int t = 1; t < 3; t++) {
		k->convert(dst, src, weight_types[t], 65536);
		for (int i = 0; i < 65536; i++) {
			float want = weight_types[t] == DTYPE_F16 ? f16_to_f32((uint16_t)i)
								  : bf16_to_f32((uint16_t)i);

			cr_assert(isnan(want) ? isnan(dst[i]) : data_same_bits(dst + i, &want, 1),
				  "%s: 0x%04x", k->isa, (unsigned)i);
		}
	}
	for (int n = 0; n < 20; n++) { /* ends, unaligned */
		unsigned char *bytes = data_bytes((size_t)n * 4);
		float *in = data_random(n, 7, 1), *out = data_empty(n);

		memcpy(bytes, in, (size_t)n * 4);
		k->convert(out, bytes, DTYPE_F32, n);
		cr_assert(data_same_bits(out, in, n));
	}
}

Test(kernels, convert_is_exact)
{
	each_tier(check_convert);
}

/* T, N, K: one token, few, many; ends of tiles of 6 x 16, of blocks of k and of pieces. */
static const int64_t linear_shapes[][3] = { { 1, 1, 1 },     { 1, 7, 33 },    { 1, 33, 7 },
					    { 1, 101, 576 }, { 2, 5, 101 },   { 3, 17, 40 },
					    { 4, 16, 64 },   { 5, 16, 256 },  { 5, 1, 3 },
					    { 6, 15, 257 },  { 7, 17, 33 },   { 12, 48, 512 },
					    { 33, 31, 101 }, { 101, 7, 1 },   { 101, 33, 777 },
					    { 200, 150, 9 }, { 31, 50, 300 }, { 64, 13, 129 } };

static void check_linear(const struct kernels *k, const int64_t shape[3], enum dtype dtype)
{
	int64_t T = shape[0], N = shape[1], K = shape[2];
	float *x = data_random(T * K, 1, 1), *first = NULL;
	double *values = calloc((size_t)(N * K), sizeof(*values));
	double *want = calloc((size_t)(T * N), sizeof(*want));
	struct tensor w = data_weights(dtype, N, K, 2, values);

	for (int64_t i = 0; i < T * N; i++)
		for (int64_t j = 0; j < K; j++)
			want[i] += x[i / N * K + j] * values[i % N * K + j];
	for (int threads = 1; threads <= 3; threads++) {
		struct threads *pool = pool_of(threads);
		float *y = data_empty(T * N);

		k->linear(pool, y, x, &w, T);
		cr_assert_leq(data_nmse(want, y, T * N), 1e-12,
			      "%s: linear %s T %ld N %ld K %ld: NMSE %g", k->isa,
			      dtype_table[dtype].name, (long)T, (long)N, (long)K,
			      data_nmse(want, y, T * N));
		cr_assert(!first || data_same_bits(first, y, T * N),
			  "%s: linear differs with %d threads", k->isa, threads);
		first = y;
		threads_free(pool);
	}
	free(values);
	free(want);
}

static void check_linear_shapes(const struct kernels *k)
{
	for (int i = 0; i < COUNT_OF(linear_shapes); i++)
		for (int t = 0; t < COUNT_OF(weight_types); t++)
			check_linear(k, linear_shapes[i], weight_types[t]);
}

Test(kernels, linear)
{
	each_tier(check_linear_shapes);
}

/* Run `check` with every tier but ref beside the first of them. */
static void each_pair(void (*check)(const struct kernels *k, const struct kernels *other))
{
	const struct kernels *first = NULL;

	for (int i = 0; kernels_all[i]; i++) {
		const struct kernels *k = kernels_all[i];

		if (k == &kernels_ref || !k->supported())
			continue;
		if (first)
			check(first, k);
		else
			first = k;
	}
}

static void pair_linear(const struct kernels *k, const struct kernels *other, int64_t T, int64_t N,
			int64_t K, enum dtype dtype)
{
	double *values = calloc((size_t)(N * K), sizeof(*values));
	struct tensor w = data_weights(dtype, N, K, (uint64_t)(T + K), values);
	float *x = data_random(T * K, (uint64_t)N, 3), *y = data_empty(T * N);
	float *z = data_empty(T * N);

	k->linear(NULL, y, x, &w, T);
	other->linear(NULL, z, x, &w, T);
	cr_assert(data_same_bits(y, z, T * N), "%s and %s: linear %s T %ld N %ld K %ld", k->isa,
		  other->isa, dtype_table[dtype].name, (long)T, (long)N, (long)K);
	free(values);
	data_free(x, (size_t)(T * K) * sizeof(float));
	data_free(y, (size_t)(T * N) * sizeof(float));
	data_free(z, (size_t)(T * N) * sizeof(float));
	data_free(w.data, (size_t)((N - 1) * w.stride[0] + K * dtype_table[dtype].block_bytes));
}

static void pair_linears(const struct kernels *k, const struct kernels *other)
{
	static const int64_t outputs[] = { 1, 7, 16, 33, 64, 101 };
	static const int64_t inputs[] = { 1, 8, 15, 31, 33, 48, 101, 128, 129, 257, 576 };

	for (int64_t T = 1; T <= 101; T += T < 36 ? 1 : 13)
		for (int n = 0; n < COUNT_OF(outputs); n++)
			for (int i = 0; i < COUNT_OF(inputs); i++)
				for (int t = 0; t < COUNT_OF(weight_types); t++)
					pair_linear(k, other, T, outputs[n], inputs[i],
						    weight_types[t]);
}

/* A recording does not show which of them a CPU has. */
Test(kernels, linear_has_the_same_bits_in_every_tier_but_ref)
{
	each_pair(pair_linears);
}

static void check_linear_nan(const struct kernels *k)
{
	for (int64_t T = 1; T <= 7; T += 3) {
		double values[5 * 33];
		float *x = data_random(T * 33, 3, 1), *y = data_empty(T * 5);
		struct tensor w = data_weights(DTYPE_F32, 5, 33, 4, values);
		float bad[2] = { NAN, INFINITY };

		memcpy((char *)w.data + 2 * w.stride[0] + 32 * 4, &bad[0], 4);
		memcpy((char *)w.data + 3 * w.stride[0] + 5 * 4, &bad[1], 4);
		k->linear(NULL, y, x, &w, T);
		for (int64_t t = 0; t < T; t++) {
			cr_assert(isfinite(y[t * 5]) && isfinite(y[t * 5 + 1]) &&
				  isfinite(y[t * 5 + 4]));
			cr_assert(isnan(y[t * 5 + 2]) && isinf(y[t * 5 + 3]), "%s T %ld", k->isa,
				  (long)T);
		}
	}
}

Test(kernels, linear_keeps_nan_and_inf_in_their_rows)
{
	each_tier(check_linear_nan);
}

static void check_rmsnorm(const struct kernels *k, int64_t T, int64_t D, enum dtype dtype,
			  double scale)
{
	const float eps = 1e-5f;
	float *x = data_random(T * D, 5, scale), *rms = data_empty(T);
	float *normed = data_empty(T * D), *out = data_empty(T * D), *alone = data_empty(T * D);
	double *values = calloc((size_t)D, sizeof(*values));
	double *want = calloc((size_t)(T * D), sizeof(*want));
	struct tensor w = data_weights(dtype, 1, D, 6, values);
	struct threads *pool = pool_of(3);

	w.n_dims = 1;
	w.shape[0] = D;
	w.stride[0] = dtype_table[dtype].block_bytes;
	k->rmsnorm(NULL, rms, normed, out, x, &w, eps, T);
	k->rmsnorm(pool, NULL, NULL, alone, x, &w, eps, T);
	cr_assert(data_same_bits(out, alone, T * D));
	for (int64_t t = 0; t < T; t++) {
		double sum = 0;

		for (int64_t d = 0; d < D; d++)
			sum += (double)x[t * D + d] * x[t * D + d];
		sum = sqrt(sum / (double)D + eps);
		cr_assert_leq(fabs(rms[t] - sum), 2e-6 * sum, "%s: rms %.9g, not %.9g", k->isa,
			      (double)rms[t], sum);
		for (int64_t d = 0; d < D; d++)
			want[t * D + d] = x[t * D + d] / sum;
		cr_assert_leq(data_nmse(want + t * D, normed + t * D, D), 1e-12);
		for (int64_t d = 0; d < D; d++)
			want[t * D + d] *= values[d];
		cr_assert_leq(data_nmse(want + t * D, out + t * D, D), 1e-12);
	}
	threads_free(pool);
	free(values);
	free(want);
}

static void check_rmsnorms(const struct kernels *k)
{
	static const int64_t sizes[] = { 1, 2, 7, 8, 33, 101, 576 };
	static const double scales[] = { 1, 1e-3, 0, 1e4 };

	for (int s = 0; s < COUNT_OF(sizes); s++)
		for (int t = 0; t < COUNT_OF(weight_types); t++)
			for (int c = 0; c < COUNT_OF(scales); c++)
				check_rmsnorm(k, 1 + 9 * (s % 2), sizes[s], weight_types[t],
					      scales[c]);
}

Test(kernels, rmsnorm)
{
	each_tier(check_rmsnorms);
}

static void check_rope(const struct kernels *k)
{
	static const int64_t heads[] = { 2, 6, 16, 34, 64 };

	for (int h = 0; h < COUNT_OF(heads); h++) {
		int64_t T = 11, H = 3, E = heads[h], n = T * H * E;
		float *x = data_random(n, 8, 2), *y = data_empty(n);
		float *cosines = data_random(T * E, 9, 1), *sines = data_random(T * E, 10, 1);
		double *want = calloc((size_t)n, sizeof(*want));
		struct threads *pool = pool_of(2);

		for (int64_t i = 0; i < n; i++) {
			int64_t t = i / (H * E), e = i % E;
			double pair = e < E / 2 ? -x[i + E / 2] : x[i - E / 2];

			want[i] = (double)x[i] * cosines[t * E + e] + pair * sines[t * E + e];
		}
		k->rope(pool, y, x, cosines, sines, T, H, E);
		cr_assert_leq(data_nmse(want, y, n), 1e-13, "%s: rope E %ld", k->isa, (long)E);
		k->rope(NULL, x, x, cosines, sines, T, H, E);
		cr_assert(data_same_bits(x, y, n), "%s: in place, or with threads", k->isa);
		threads_free(pool);
		free(want);
	}
}

Test(kernels, rope)
{
	each_tier(check_rope);
}

/* Within 3e-7 of the value, or one step of the subnormals where they are coarser. */
static bool close_to(double want, float got)
{
	if (isnan(want) || isnan(got))
		return isnan(want) && isnan(got);
	if (isinf(want) || isinf(got))
		return (float)want == got;
	return fabs(want - got) <= 3e-7 * fabs(want) + 0x1p-149;
}

static void check_silu(const struct kernels *k)
{
	static const float special[] = { 0,    -0.0f, -87.3f,  -88.7f, -100,    -103.9f,  -104.5f,
					 -110, -150,  -173.9f, -175,   -1e4f,   -3e38f,   88.7f,
					 100,  1e4f,  3.4e38f, 1e-40f, -1e-40f, INFINITY, NAN };
	int64_t n = 40001 + COUNT_OF(special);
	float *x = data_empty(n), *y = data_empty(n);

	memcpy(x, special, sizeof(special));
	for (int64_t i = COUNT_OF(special); i < n; i++)
		x[i] = (float)(i - n / 2) * 0.00725f;
	k->silu(NULL, y, x, n);
	for (int64_t i = 0; i < n; i++)
		cr_assert(close_to(x[i] / (1 + exp(-(double)x[i])), y[i]),
			  "%s: silu(%.9g) = %.9g, not %.9g", k->isa, (double)x[i], (double)y[i],
			  x[i] / (1 + exp(-(double)x[i])));
	x[0] = -INFINITY;
	k->silu(NULL, y, x, 1);
	cr_assert(isnan(y[0]), "%s: silu(-inf) = %g", k->isa, (double)y[0]);
}

Test(kernels, silu_in_the_tails)
{
	each_tier(check_silu);
}

static void check_elementwise(const struct kernels *k)
{
	static const int64_t sizes[] = { 1, 7, 8, 33, 101, 16383, 16384, 16385, 50001 };

	for (int s = 0; s < COUNT_OF(sizes); s++) {
		int64_t n = sizes[s];
		float *a = data_random(n, 11, 8), *b = data_random(n, 12, 8), *y = data_empty(n);
		float *z = data_empty(n);
		struct threads *pool = pool_of(2);

		a[n / 2] = NAN;
		b[n / 3] = -INFINITY;
		k->mul(pool, y, a, b, n);
		kernels_ref.mul(NULL, z, a, b, n);
		cr_assert(data_same_bits(y, z, n), "%s: mul of %ld", k->isa, (long)n);
		k->add(pool, y, a, b, n);
		kernels_ref.add(NULL, z, a, b, n);
		cr_assert(data_same_bits(y, z, n), "%s: add of %ld", k->isa, (long)n);
		k->silu(pool, y, a, n);
		k->silu(NULL, z, a, n);
		cr_assert(data_same_bits(y, z, n), "%s: silu of %ld", k->isa, (long)n);
		kernels_ref.add(NULL, z, a, b, n);
		k->add(pool, a, a, b, n); /* in place */
		cr_assert(data_same_bits(a, z, n));
		threads_free(pool);
	}
}

Test(kernels, elementwise_ops_are_those_of_ref)
{
	each_tier(check_elementwise);
}

static void check_softmax_row(const struct kernels *k, const float *row, int64_t n)
{
	float *x = data_empty(n), *wide = data_empty(n + 24);
	double max = -INFINITY, sum = 0;

	memcpy(x, row, (size_t)n * sizeof(*x));
	for (int64_t i = 0; i < n; i++)
		max = row[i] > max ? row[i] : max;
	for (int64_t i = 0; i < n; i++)
		sum += exp(row[i] - max);
	k->softmax(x, n);
	for (int64_t i = 0; i < n; i++) {
		double want = exp(row[i] - max) / sum;

		/* x - max is rounded to f32 before exp, which costs |x - max| half-steps. */
		cr_assert(isnan(want) ? isnan(x[i]) : fabs(want - x[i]) <= 8e-6 * want + 0x1p-149,
			  "%s: softmax of %ld at %ld: %.9g, not %.9g", k->isa, (long)n, (long)i,
			  (double)x[i], want);
		cr_assert(row[i] != -INFINITY || isnan(sum) || x[i] == 0);
	}
	if (isnan(sum))
		return;
	for (int64_t lead = 0; lead <= 13; lead++) { /* hidden keys at both ends */
		for (int64_t i = 0; i < n + 24; i++)
			wide[i] = i < lead || i >= lead + n ? -INFINITY : row[i - lead];
		k->softmax(wide, n + 24);
		cr_assert(data_same_bits(wide + lead, x, n), "%s: softmax of %ld behind %ld hidden",
			  k->isa, (long)n, (long)lead);
		cr_assert(lead == 0 || wide[lead - 1] == 0);
		cr_assert_eq(wide[lead + n], 0);
	}
}

static void check_softmax(const struct kernels *k)
{
	for (int64_t n = 1; n <= 101; n += n < 35 ? 1 : 33) {
		float *row = data_random(n, (uint64_t)n, 100);

		check_softmax_row(k, row, n);
		row[n / 2] = -INFINITY;
		check_softmax_row(k, row, n); /* n = 1: nothing but -inf */
		row[0] = row[n - 1] = -INFINITY;
		check_softmax_row(k, row, n);
		row[n / 2] = NAN;
		check_softmax_row(k, row, n);
		for (int64_t i = 0; i < n; i++)
			row[i] = 100.0f - (float)(i % 2) * 200;
		check_softmax_row(k, row, n);
		row[n - 1] = INFINITY;
		check_softmax_row(k, row, n);
	}
}

Test(kernels, softmax)
{
	each_tier(check_softmax);
}

/* exp within 1 ulp-ish over its whole range, seen through softmax of (0, x). */
static void check_exp(const struct kernels *k)
{
	for (double d = 0; d < 106; d += 0.00317) {
		float x[2] = { 0, (float)-d };
		double e = exp(x[1]);

		k->softmax(x, 2);
		cr_assert(close_to(e / (1 + e), x[1]), "%s: at %g: %.9g, not %.9g", k->isa, -d,
			  (double)x[1], e / (1 + e));
	}
}

Test(kernels, softmax_keeps_its_digits_down_to_the_subnormals)
{
	each_tier(check_exp);
}

/* In every build: what a kernel made of bytes of another type would look like numbers. */
static void convert_other(const struct kernels *k)
{
	float dst[8];
	int32_t src[8] = { 1, 2, 3 };

	k->convert(dst, src, DTYPE_I32, 8);
}

static void multiply_other(const struct kernels *k, int64_t T)
{
	int64_t shape[2] = { 16, 16 };
	int64_t *w = mem_calloc(256, sizeof(*w));
	float *x = mem_calloc(16 * 16, sizeof(*x)), *y = mem_calloc(16 * 16, sizeof(*y));
	struct tensor t = tensor_make(DTYPE_I64, 2, shape, w);

	k->linear(NULL, y, x, &t, T);
}

/* ---- statistics ---------------------------------------------------------------------------- */

static void check_sums(const struct kernels *k, const float *x, int64_t n, int64_t at)
{
	struct stats_sum a, b;

	stats_sum_init(&a);
	stats_sum_init(&b);
	for (int twice = 0; twice < 2; twice++) { /* into an empty one, then on top of it */
		stats_sum_add(&a, x, n, at + twice * n);
		k->sum(&b, x, n, at + twice * n);
		cr_assert(memcmp(&a, &b, sizeof(a)) == 0,
			  "%s: %lld numbers: sum %a for %a, absmax %g at %lld for %g at %lld",
			  k->isa, (long long)n, b.sum, a.sum, b.absmax, (long long)b.absmax_at,
			  a.absmax, (long long)a.absmax_at);
	}
}

static void check_sum(const struct kernels *k)
{
	static const float odd[] = { NAN,    -NAN,    INFINITY, -INFINITY, 0.0f,    -0.0f,
				     1e-40f, -1e-45f, FLT_MIN,  FLT_MAX,   -FLT_MAX };
	enum { N_ODD = COUNT_OF(odd), LONGEST = 9001 };
	float *x = data_random(LONGEST + 1, 3, 5);

	for (int64_t n = 0; n < 70; n++)
		check_sums(k, x + n % 3, n, 7);
	for (int64_t n = 4090; n < 4106; n++)
		check_sums(k, x, n, 0);
	check_sums(k, x, LONGEST, 1);
	for (int i = 0; i < N_ODD; i++) {
		float *y = memcpy(data_empty(LONGEST), x, LONGEST * sizeof(*x));

		for (int64_t n = 1; n < 40; n++) { /* one, at every place; all */
			y[n] = odd[i];
			check_sums(k, y + 1, n, 0);
			check_sums(k, y + n, 17, 0);
			for (int64_t j = 0; j < n; j++)
				y[j] = odd[(i + j) % N_ODD];
			check_sums(k, y, n, 0);
		}
		for (int64_t j = 0; j < LONGEST; j += 1 + j % 97)
			y[j] = odd[i];
		check_sums(k, y, LONGEST, 0);
		for (int64_t j = 0; j < LONGEST; j++)
			y[j] = odd[i];
		check_sums(k, y, LONGEST, 0);
	}
}

Test(kernels, sums_are_those_of_stats)
{
	each_tier(check_sum);
}

Test(kernels, ref_stops_at_a_type_it_does_not_know, .signal = SIGABRT)
{
	convert_other(&kernels_ref);
}

Test(kernels, fast_stops_at_a_type_it_does_not_know, .signal = SIGABRT)
{
	convert_other(kernels_select(NULL));
}

Test(kernels, one_row_stops_at_a_type_it_does_not_know, .signal = SIGABRT)
{
	multiply_other(kernels_select(NULL), 1);
}

Test(kernels, many_rows_stop_at_a_type_they_do_not_know, .signal = SIGABRT)
{
	multiply_other(kernels_select(NULL), 16);
}

Test(kernels, say_which_types_they_read)
{
	for (int i = 0; i < DTYPE_COUNT; i++)
		cr_expect_eq(kernels_read((enum dtype)i),
			     i == DTYPE_F32 || i == DTYPE_F16 || i == DTYPE_BF16 ||
				     dtype_is_block((enum dtype)i),
			     "%s", dtype_table[i].name);
}
