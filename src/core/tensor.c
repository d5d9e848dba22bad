/*
 * tensor.c -- views: shapes, strides, and the conversions of 16-bit floats.
 *
 * Data may be unaligned (safetensors promises nothing), so every load is a memcpy, which compiles
 * to one move.
 */
#include "torchless/tensor.h"
#include "torchless/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct dtype_info dtype_table[DTYPE_COUNT] = {
	[DTYPE_F32] = { "f32", "F32", 1, 4 },      [DTYPE_F16] = { "f16", "F16", 1, 2 },
	[DTYPE_BF16] = { "bf16", "BF16", 1, 2 },   [DTYPE_F64] = { "f64", "F64", 1, 8 },
	[DTYPE_I32] = { "i32", "I32", 1, 4 },      [DTYPE_U8] = { "u8", "U8", 1, 1 },
	[DTYPE_I64] = { "i64", "I64", 1, 8 },      [DTYPE_Q8_0] = { "q8_0", NULL, 32, 34 },
	[DTYPE_Q4_0] = { "q4_0", NULL, 32, 18 },   [DTYPE_Q4_1] = { "q4_1", NULL, 32, 20 },
	[DTYPE_Q5_0] = { "q5_0", NULL, 32, 22 },   [DTYPE_Q5_1] = { "q5_1", NULL, 32, 24 },
	[DTYPE_Q2_K] = { "q2_k", NULL, 256, 84 },  [DTYPE_Q3_K] = { "q3_k", NULL, 256, 110 },
	[DTYPE_Q4_K] = { "q4_k", NULL, 256, 144 }, [DTYPE_Q5_K] = { "q5_k", NULL, 256, 176 },
	[DTYPE_Q6_K] = { "q6_k", NULL, 256, 210 }, [DTYPE_IQ4_NL] = { "iq4_nl", NULL, 32, 18 },
};

struct tensor tensor_make(enum dtype dtype, int n_dims, const int64_t *shape, void *data)
{
	const struct dtype_info *info = &dtype_table[dtype];
	struct tensor t = { .dtype = dtype, .n_dims = n_dims, .data = data };
	int64_t stride = info->block_bytes;

	assert(n_dims >= 0 && n_dims <= TENSOR_MAX_DIMS);
	for (int i = n_dims - 1; i >= 0; i--) {
		int64_t n = i == n_dims - 1 ? shape[i] / info->block_elements : shape[i];

		t.shape[i] = shape[i];
		t.stride[i] = stride;
		/* Overflow is left only to shapes without elements, which have no rows to reach. */
		if (!mem_mul(stride, n, &stride))
			stride = 0;
	}
	return t;
}

int64_t tensor_numel(const struct tensor *t)
{
	int64_t n = 1;

	for (int i = 0; i < t->n_dims; i++)
		n *= t->shape[i];
	return n;
}

int64_t tensor_bytes(const struct tensor *t)
{
	const struct dtype_info *info = &dtype_table[t->dtype];
	int64_t bytes = info->block_bytes;

	for (int i = 0; i < t->n_dims; i++) {
		bool is_last = i == t->n_dims - 1;
		int64_t n = is_last ? t->shape[i] / info->block_elements : t->shape[i];

		if (is_last && t->shape[i] % info->block_elements != 0)
			return -1;
		if (!mem_mul(bytes, n, &bytes))
			return -1;
	}
	/* A scalar of a packed format would be a part of a block. */
	return t->n_dims == 0 && info->block_elements > 1 ? -1 : bytes;
}

bool tensor_is_contiguous(const struct tensor *t)
{
	struct tensor packed = tensor_make(t->dtype, t->n_dims, t->shape, NULL);

	for (int i = 0; i < t->n_dims; i++) {
		if (t->shape[i] == 0)
			return true;
	}
	for (int i = 0; i < t->n_dims; i++) {
		if (t->shape[i] > 1 && t->stride[i] != packed.stride[i])
			return false;
	}
	return true;
}

void *tensor_row(const struct tensor *t, int64_t i)
{
	return (char *)t->data + i * t->stride[0];
}

double tensor_get(const struct tensor *t, int64_t i)
{
	const char *at = (const char *)t->data + i * dtype_table[t->dtype].block_bytes;
	union {
		float f32;
		double f64;
		uint16_t bits16;
		int32_t i32;
		int64_t i64;
		uint8_t u8;
	} x = { .i64 = 0 };

	if (!dtype_is_block(t->dtype))
		memcpy(&x, at, (size_t)dtype_table[t->dtype].block_bytes);
	switch (t->dtype) {
	case DTYPE_F32:
		return (double)x.f32;
	case DTYPE_F16:
		return (double)f16_to_f32(x.bits16);
	case DTYPE_BF16:
		return (double)bf16_to_f32(x.bits16);
	case DTYPE_F64:
		return x.f64;
	case DTYPE_I32:
		return (double)x.i32;
	case DTYPE_U8:
		return (double)x.u8;
	case DTYPE_I64:
		return (double)x.i64;
	DTYPE_BLOCK_CASES: /* kernels decode them */
	case DTYPE_COUNT:
		break;
	}
	assert(!"a dtype without elements");
	return (double)NAN;
}

static float from_bits(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

static uint32_t to_bits(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

float f16_to_f32(uint16_t h)
{
	/* Move the fields into place, then correct the exponent's bias (127 - 15) by a product,
	 * which normalises subnormals on the way. */
	uint32_t magnitude = to_bits(from_bits((h & 0x7fffu) << 13) * 0x1p112f);

	if ((h & 0x7c00u) == 0x7c00u)
		magnitude |= 0x7f800000u;
	return from_bits(magnitude | (h & 0x8000u) << 16);
}

uint16_t f32_to_f16(float f)
{
	uint32_t bits = to_bits(f), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;

	if (magnitude > 0x7f800000u)
		return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x1ffu));
	if (magnitude >= to_bits(65520.0f)) /* half way from the largest to 2^16, which is even */
		return (uint16_t)(sign | 0x7c00u);
	if (magnitude < to_bits(0x1p-14f)) {
		/* Floats in [0.5, 1) are 2^-24 apart, as f16 subnormals are: the sum rounds for us.
		 */
		uint32_t rounded = to_bits(from_bits(magnitude) + 0.5f);
		return (uint16_t)(sign | (rounded - to_bits(0.5f)));
	}
	magnitude += 0xfffu + (magnitude >> 13 & 1u);
	return (uint16_t)(sign | (magnitude - (112u << 23)) >> 13);
}

float bf16_to_f32(uint16_t h)
{
	return from_bits((uint32_t)h << 16);
}

uint16_t f32_to_bf16(float f)
{
	uint32_t bits = to_bits(f);

	if ((bits & 0x7fffffffu) > 0x7f800000u)
		return (uint16_t)(bits >> 16 | 0x40u); /* a NaN whose payload is cut stays one */
	return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

const char *tensor_format(const struct tensor *t, char *buf, size_t size)
{
	int at = snprintf(buf, size, "%s[", dtype_table[t->dtype].name);

	for (int i = 0; i < t->n_dims && (size_t)at < size; i++)
		at += snprintf(buf + at, size - (size_t)at, "%s%" PRId64, i ? ", " : "",
			       t->shape[i]);
	if ((size_t)at < size)
		snprintf(buf + at, size - (size_t)at, "]");
	return buf;
}
