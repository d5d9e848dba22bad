/*
 * gguf_header.h -- what stands before the data of a GGUF file, read strictly.
 *
 * From the ground up: gguf_values.c loads values and finds them by their keys; gguf_header.c reads
 * keys, values and descriptions of tensors; gguf.c makes tensors of the descriptions; gguf_config.c
 * a config.json of the keys, gguf_merges.c merges of scores, gguf_tokenizer.c a tokenizer.json;
 * checkpoint_gguf.c opens all parts of a model.
 */
#ifndef MODEL_GGUF_HEADER_H
#define MODEL_GGUF_HEADER_H

#include "torchless/err.h"
#include "torchless/tensor.h"
#include "torchless/text.h"

/* The numbers that the format has for types of values. */
enum gguf_type {
	GGUF_U8,
	GGUF_I8,
	GGUF_U16,
	GGUF_I16,
	GGUF_U32,
	GGUF_I32,
	GGUF_F32,
	GGUF_BOOL,
	GGUF_STRING,
	GGUF_ARRAY,
	GGUF_U64,
	GGUF_I64,
	GGUF_F64,
	GGUF_N_TYPES
};

/* A key and its value, where they lie in the file; text is UTF-8 without NUL. */
struct gguf_value {
	struct bytes key;
	enum gguf_type type;
	enum gguf_type element; /* of an array */
	uint64_t n;             /* elements of an array */
	struct bytes data;      /* the number, the text, or the elements as they are stored */
};

/* A tensor as it is described: nothing but the syntax is checked. */
struct gguf_tensor {
	struct bytes name;
	int rank;                        /* 1 to TENSOR_MAX_DIMS */
	uint64_t shape[TENSOR_MAX_DIMS]; /* as in the file: the first varies fastest; none is 0 */
	uint32_t type;
	uint64_t offset; /* from the beginning of the data */
};

struct gguf_header {
	const char *path;          /* of the file, borrowed */
	struct gguf_value *values; /* in the order of their keys */
	size_t n_values;
	struct gguf_tensor *tensors; /* in the order of the file */
	size_t n_tensors;
	size_t end; /* of the header: the data begins at the next multiple of the alignment */
};

/*
 * Read the header of the `len` bytes of a file at `data`, which have to stay there.  Every count
 * and length is held against the bytes that are left before it is believed, so that memory follows
 * the size of the file.  ERR_FORMAT naming `path`, the key or tensor and the byte.
 */
int gguf_header_parse(struct gguf_header *h, const char *data, size_t len, const char *path,
		      struct err *err);
void gguf_header_release(struct gguf_header *h);

/* ---- gguf_values.c ------------------------------------------------------------------------- */

/* NULL when there is none. */
const struct gguf_value *gguf_find(const struct gguf_header *h, const char *key);

/*
 * Read a value into *out: 1 when it was there, 0 when there is none (then *out is untouched),
 * ERR_FORMAT with the key when it has another type or is out of range.  Any type of integers is an
 * integer, any number a real, which has to be finite.
 */
int gguf_get_int(const struct gguf_header *h, const char *key, int64_t min, int64_t max,
		 int64_t *out, struct err *err);
int gguf_get_real(const struct gguf_header *h, const char *key, double *out, struct err *err);
int gguf_get_bool(const struct gguf_header *h, const char *key, bool *out, struct err *err);
int gguf_get_text(const struct gguf_header *h, const char *key, struct bytes *out, struct err *err);
/* An array of texts, of f32 or of integers; the elements are read by the functions below. */
int gguf_get_array(const struct gguf_header *h, const char *key, enum gguf_type element,
		   const struct gguf_value **out, struct err *err);

/* The number at `data`, of a type of integers; unsigned ones beyond INT64_MAX are INT64_MAX. */
int64_t gguf_load_int(enum gguf_type type, const char *data);
bool gguf_is_int(enum gguf_type type);
/* Bytes of a number of this type. */
size_t gguf_width(enum gguf_type type);

/* The text at *at, which moves behind it: elements of an array of texts one after the other. */
struct bytes gguf_next_text(const char **at);

uint64_t gguf_u64(const char *p);
uint32_t gguf_u32(const char *p);

#endif
