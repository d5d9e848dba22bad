/*
 * safetensors.h -- one .safetensors file, mapped and checked.
 *
 *	[u64 n, little-endian][n bytes of JSON][data ...]
 *
 * Held to what the `safetensors` library accepts: header at most 100 MB, every offset inside the
 * data, tensors without gaps or overlaps, sizes that follow from dtype and shape, of a name that
 * stands twice the last.  A file may hold dtypes and ranks that no kernel reads; they are refused
 * when they are needed.  Data may be unaligned, so loads go through memcpy.  The mapping is
 * read-only and never copied.
 */
#ifndef TORCHLESS_SAFETENSORS_H
#define TORCHLESS_SAFETENSORS_H

#include "torchless/json.h"
#include "torchless/tensor.h"

struct safetensor {
	char *name;      /* NUL characters in it became U+FFFD */
	struct tensor t; /* data inside the mapping; t.n_dims <= TENSOR_MAX_DIMS */
	int64_t offset;  /* of the data in the file */
	int64_t bytes;
	int64_t numel;
	const char *dtype; /* as spelled in the file */
	int rank;          /* as in the file; t holds the first TENSOR_MAX_DIMS dimensions */
	bool unsupported;  /* valid, but no kernel reads this dtype or rank: t is not to be used */
};

/* What tells one state of a file from another: the key of everything remembered about it. */
struct file_id {
	uint64_t device, inode, bytes;
	int64_t mtime_s, mtime_ns;
};

struct safetensors {
	char *path;
	struct file_id id;
	void *map;
	size_t map_bytes;
	struct safetensor *tensors; /* in the order of their data */
	int *by_name;               /* indices of tensors, in the order of their names */
	int n_tensors;
	cJSON *metadata; /* __metadata__ (string values), or NULL */
};

/*
 * Map and check the file.  ERR_IO when it cannot be read, ERR_USAGE when it is none, ERR_FORMAT
 * with path, tensor, found and expected.  On failure nothing is left to close.
 */
int safetensors_open(struct safetensors *st, const char *path, struct err *err);
void safetensors_close(struct safetensors *st);

/* The tensor called `name`, NULL if there is none. */
const struct safetensor *safetensors_find(const struct safetensors *st, const char *name);

/*
 * For who knows the tensors under other names than the file: call tensor `i` `name`, or add a
 * tensor `name` with the data of tensor `of`.  safetensors_index() has to follow before any is
 * looked up.
 */
void safetensors_rename(struct safetensors *st, int i, const char *name);
void safetensors_add_alias(struct safetensors *st, const char *name, int of);
void safetensors_index(struct safetensors *st);

/* Whether kernels can read the tensor; ERR_FORMAT with its name and what it is otherwise. */
int safetensors_usable(const struct safetensors *st, const struct safetensor *t, struct err *err);

/*
 * A mapped file that another program makes shorter kills the reader with SIGBUS.  After this call
 * the program ends with a sentence that names the file and exit status 3 instead.  For main() only:
 * a signal handler belongs to the program, not to a library inside another one.
 */
void safetensors_report_truncation(void);

#endif
