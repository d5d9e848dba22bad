/*
 * safetensors.h -- one .safetensors file, mapped and checked.
 *
 *	[u64 n, little-endian][n bytes of JSON][data ...]
 *
 * Held to what the `safetensors` library accepts: header at most 100 MB, every offset inside the
 * data, tensors without gaps or overlaps, sizes that follow from dtype and shape.  Data may be
 * unaligned, so loads go through memcpy.  The mapping is read-only and never copied.
 */
#ifndef TORCHLESS_SAFETENSORS_H
#define TORCHLESS_SAFETENSORS_H

#include "torchless/json.h"
#include "torchless/tensor.h"

struct safetensor {
	char *name;
	struct tensor t; /* data inside the mapping; t.n_dims <= TENSOR_MAX_DIMS */
	int64_t offset;  /* of the data in the file */
	int64_t bytes;
	const char *dtype; /* as spelled in the file; t is unusable when `unsupported` */
	bool unsupported;  /* a dtype or rank that is valid but that no kernel reads */
};

struct safetensors {
	char *path;
	void *map;
	size_t map_bytes;
	struct safetensor *tensors; /* in the order of their data */
	int n_tensors;
	cJSON *metadata; /* __metadata__ (string values), or NULL */
};

/* Map and check the file.  ERR_IO, or ERR_FORMAT with path, tensor, found and expected. */
int safetensors_open(struct safetensors *st, const char *path, struct err *err);
void safetensors_close(struct safetensors *st);

/* The tensor called `name`, NULL if there is none. */
const struct safetensor *safetensors_find(const struct safetensors *st, const char *name);

#endif
