/*
 * safetensors_header.h -- the JSON header of a safetensors file, read strictly.
 */
#ifndef MODEL_SAFETENSORS_HEADER_H
#define MODEL_SAFETENSORS_HEADER_H

#include "torchless/json.h"
#include "torchless/tensor.h"

/* A dtype of the format; the sizes of some are no whole bytes. */
struct safetensors_dtype {
	const char *name;
	int bits;
	enum dtype dtype;    /* DTYPE_COUNT: the program has no such type */
	bool is_weight_type; /* kernels read it */
};

/* One tensor as the header describes it: nothing but the syntax is checked. */
struct header_tensor {
	char *name;
	size_t at; /* where in the header, to tell later entries from earlier ones */
	const struct safetensors_dtype *dtype;
	int rank;
	uint64_t shape[TENSOR_MAX_DIMS]; /* the first dimensions */
	uint64_t numel;
	bool overflows; /* numel does not fit */
	uint64_t begin, end;
};

struct header {
	struct header_tensor *tensors; /* in the order of the header, repeated names included */
	size_t n_tensors, cap;
	cJSON *metadata; /* NULL when absent or null */
};

/*
 * Read the len bytes of JSON at `data`.  What is accepted is what serde_json makes of the library's
 * types: integers are exact up to 2^64, unknown fields are skipped, repeated fields are refused.
 * `path` names the file.  ERR_FORMAT with the byte offset in the header.
 */
int header_parse(struct header *h, const char *data, size_t len, const char *path, struct err *err);
void header_release(struct header *h);

#endif
