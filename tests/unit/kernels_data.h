/*
 * kernels_data.h -- operands for the tests of kernels.
 *
 * Every array ends at a page that must not be touched, so a kernel that reads or writes one
 * element too many dies, with and without sanitizers (which do not see masked loads).
 */
#ifndef KERNELS_DATA_H
#define KERNELS_DATA_H

#define _DEFAULT_SOURCE /* MAP_ANONYMOUS: include this file first */
#include "torchless/kernels.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COUNT_OF(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* `bytes` bytes up to a guard page, all 0xff: NaN in every floating type.  */
static inline void *data_bytes(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (bytes + page - 1) / page * page;
	unsigned char *map =
		mmap(NULL, used + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + used, page, PROT_NONE))
		abort();
	memset(map, 0xff, used);
	return map + used - bytes;
}

/* Not needed, but for tests that make many. */
static inline void data_free(void *data, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (bytes + page - 1) / page * page;

	munmap((unsigned char *)data + bytes - used, used + page);
}

static inline float *data_empty(int64_t n)
{
	return data_bytes((size_t)n * sizeof(float));
}

/* Uniform in [-1, 1), the same for the same seed everywhere. */
static inline double data_uniform(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(int64_t)(*state >> 11) / (double)(1ll << 52) - 1;
}

static inline float *data_random(int64_t n, uint64_t seed, double scale)
{
	float *x = data_empty(n);

	for (int64_t i = 0; i < n; i++)
		x[i] = (float)(scale * data_uniform(&seed));
	return x;
}

/*
 * Weights [N, K] whose rows lie one odd byte further apart than they need, so that nearly every
 * row is unaligned; values[N * K] are what the weights really are after rounding.
 */
static inline struct tensor data_weights(enum dtype dtype, int64_t N, int64_t K, uint64_t seed,
					 double *values)
{
	int64_t size = dtype_table[dtype].block_bytes, stride = K * size + 1;
	int64_t shape[2] = { N, K };
	unsigned char *bytes = data_bytes((size_t)(N * stride - 1));
	struct tensor w = tensor_make(dtype, 2, shape, bytes);

	w.stride[0] = stride;
	for (int64_t i = 0; i < N * K; i++) {
		unsigned char *at = bytes + i / K * stride + i % K * size;
		float f = (float)data_uniform(&seed);
		uint16_t h = dtype == DTYPE_F16 ? f32_to_f16(f) : f32_to_bf16(f);

		values[i] = dtype == DTYPE_F32   ? f
			    : dtype == DTYPE_F16 ? f16_to_f32(h)
						 : bf16_to_f32(h);
		if (dtype == DTYPE_F32)
			memcpy(at, &f, 4);
		else
			memcpy(at, &h, 2);
	}
	return w;
}

/* Sum of squared differences over sum of squares; NaN where exactly one of the two is NaN. */
static inline double data_nmse(const double *want, const float *got, int64_t n)
{
	double error = 0, power = 0;

	for (int64_t i = 0; i < n; i++) {
		error += (want[i] - got[i]) * (want[i] - got[i]);
		power += want[i] * want[i];
	}
	return error == 0 ? 0 : error / power;
}

static inline bool data_same_bits(const float *a, const float *b, int64_t n)
{
	return memcmp(a, b, (size_t)n * sizeof(float)) == 0;
}

#endif
