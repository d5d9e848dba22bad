/*
 * tensor.h -- a typed, strided view of somebody else's memory.
 *
 * A tensor never owns its data.  Weights point into the mmap'd checkpoint, activations into the
 * executor's arena, rows of a trace into a SQLite blob.  Freeing a tensor is therefore not a
 * thing; copying one is a struct copy.
 *
 * Dimensions are in PyTorch order: shape[0] varies slowest; a linear layer's weight is
 * [out, in].  Strides count BYTES, as numpy's do, so that rows may be padded and a type may pack
 * several elements into a block (stride of the last dimension = bytes of one block).
 */
#ifndef TORCHLESS_TENSOR_H
#define TORCHLESS_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TENSOR_MAX_DIMS 4

/* The first seven have the ids of the recording's table `dtype`. */
enum dtype {
	DTYPE_F32,
	DTYPE_F16,
	DTYPE_BF16,
	DTYPE_F64,
	DTYPE_I32,
	DTYPE_U8,
	DTYPE_I64,
	DTYPE_COUNT
};

/* Plain types are blocks of one element; packed formats have more. */
struct dtype_info {
	const char *name;        /* "bf16" */
	const char *safetensors; /* "BF16" */
	int block_elements;
	int block_bytes;
};
extern const struct dtype_info dtype_table[DTYPE_COUNT];

struct tensor {
	enum dtype dtype;
	int n_dims;
	int64_t shape[TENSOR_MAX_DIMS];
	int64_t stride[TENSOR_MAX_DIMS]; /* bytes */
	void *data;                      /* NULL until it is bound to memory */
};

/* A contiguous view of `data` with the given shape; n_dims 0 is a scalar of one element. */
struct tensor tensor_make(enum dtype dtype, int n_dims, const int64_t *shape, void *data);

int64_t tensor_numel(const struct tensor *t);

/* Bytes of a contiguous tensor of this dtype and shape; -1 on overflow or a partial block. */
int64_t tensor_bytes(const struct tensor *t);

bool tensor_is_contiguous(const struct tensor *t);

/* Address of row i of axis 0. */
void *tensor_row(const struct tensor *t, int64_t i);

/* Element i (C order) of a contiguous f32, f16, bf16 or f64 tensor; loads go through memcpy. */
double tensor_get(const struct tensor *t, int64_t i);

/*
 * Half-precision conversions, exact from 16 to 32 bits, round to nearest even back; NaN stays NaN.
 */
float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f);
float bf16_to_f32(uint16_t h);
uint16_t f32_to_bf16(float f);

/* Write "f32[3, 4096]" into `buf`; return `buf`. */
const char *tensor_format(const struct tensor *t, char *buf, size_t size);

#endif
