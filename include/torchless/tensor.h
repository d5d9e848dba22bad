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

/*
 * The ids of the recording's table `dtype`: a new one goes to the end.  From Q8_0 on they are
 * GGUF's types of blocks, which only weights have: 32 or 256 elements of a row share scales
 * (kernels.h says what is in them).
 */
enum dtype {
	DTYPE_F32,
	DTYPE_F16,
	DTYPE_BF16,
	DTYPE_F64,
	DTYPE_I32,
	DTYPE_U8,
	DTYPE_I64,
	DTYPE_Q8_0,
	DTYPE_Q4_0,
	DTYPE_Q4_1,
	DTYPE_Q5_0,
	DTYPE_Q5_1,
	DTYPE_Q2_K,
	DTYPE_Q3_K,
	DTYPE_Q4_K,
	DTYPE_Q5_K,
	DTYPE_Q6_K,
	DTYPE_IQ4_NL,
	DTYPE_COUNT
};

/* For a switch over types in which those of blocks are one case. */
#define DTYPE_BLOCK_CASES                                                                          \
	case DTYPE_Q8_0:                                                                           \
	case DTYPE_Q4_0:                                                                           \
	case DTYPE_Q4_1:                                                                           \
	case DTYPE_Q5_0:                                                                           \
	case DTYPE_Q5_1:                                                                           \
	case DTYPE_Q2_K:                                                                           \
	case DTYPE_Q3_K:                                                                           \
	case DTYPE_Q4_K:                                                                           \
	case DTYPE_Q5_K:                                                                           \
	case DTYPE_Q6_K:                                                                           \
	case DTYPE_IQ4_NL

/* Plain types are blocks of one element; packed formats have more. */
struct dtype_info {
	const char *name;        /* "bf16" */
	const char *safetensors; /* "BF16"; NULL for types that only GGUF has */
	int block_elements;
	int block_bytes;
};
extern const struct dtype_info dtype_table[DTYPE_COUNT];

/* Whether elements of the type have no address of their own: GGUF's blocks. */
static inline bool dtype_is_block(enum dtype dtype)
{
	return dtype_table[dtype].block_elements > 1;
}

/* Bytes of n elements of a row, n a multiple of the type's block. */
static inline int64_t dtype_row_bytes(enum dtype dtype, int64_t n)
{
	return n / dtype_table[dtype].block_elements * dtype_table[dtype].block_bytes;
}

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

/* Element i (C order) of a contiguous tensor of a plain type; loads go through memcpy. */
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
