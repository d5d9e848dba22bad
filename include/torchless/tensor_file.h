/*
 * tensor_file.h -- a mapped file with named tensors, whatever its format.
 *
 * safetensors_open() and gguf_open() end here: everything above (names, hash, statistics, the
 * program) knows tensors by their names and finds their data at an address.  Data may be unaligned,
 * so loads go through memcpy.  The mapping is read-only and never copied; a tensor whose rows a
 * format keeps in another order has a copy of its own (gguf.h).  A file may hold types and ranks
 * that no kernel reads; they are refused when they are needed.
 */
#ifndef TORCHLESS_TENSOR_FILE_H
#define TORCHLESS_TENSOR_FILE_H

#include "torchless/json.h"
#include "torchless/tensor.h"

struct file_tensor {
	char *name;      /* NUL characters in it became U+FFFD */
	struct tensor t; /* t.n_dims <= TENSOR_MAX_DIMS */
	int64_t offset;  /* of the data in the file */
	int64_t bytes;
	int64_t numel;
	const char *dtype; /* as spelled in the file */
	int rank;          /* as in the file; t holds the first TENSOR_MAX_DIMS dimensions */
	bool unsupported;  /* valid, but no kernel reads this dtype or rank: t is not to be used */
	bool derived;      /* follows from the config: no weight, whatever it is called */
};

/* What tells one state of a file from another: the key of everything remembered about it. */
struct file_id {
	uint64_t device, inode, bytes;
	int64_t mtime_s, mtime_ns;
};

struct gguf_header;

struct tensor_file {
	char *path;
	struct file_id id;
	void *map;
	size_t map_bytes;
	struct file_tensor *tensors; /* in the order of their data */
	int *by_name;                /* indices of tensors, in the order of their names */
	int n_tensors;
	cJSON *metadata;          /* __metadata__ of a safetensors file (string values), or NULL */
	struct gguf_header *gguf; /* the keys of a GGUF file, or NULL */
	char *rows;               /* rows that were put in another order (gguf.h), or NULL */
	int64_t rows_bytes;
};

void tensor_file_close(struct tensor_file *st);

/* The tensor called `name`, NULL if there is none. */
const struct file_tensor *tensor_file_find(const struct tensor_file *st, const char *name);

/*
 * For who knows the tensors under other names than the file: call tensor `i` `name`, or add a
 * tensor `name` with the data of tensor `of`.  tensor_file_index() has to follow before any is
 * looked up.
 */
void tensor_file_rename(struct tensor_file *st, int i, const char *name);
void tensor_file_add_alias(struct tensor_file *st, const char *name, int of);
void tensor_file_index(struct tensor_file *st);

/* Whether kernels can read the tensor; ERR_FORMAT with its name and what it is otherwise. */
int tensor_file_usable(const struct tensor_file *st, const struct file_tensor *t, struct err *err);

/*
 * A mapped file that another program makes shorter kills the reader with SIGBUS.  After this call
 * the program ends with a sentence that names the file and exit status 3 instead.  For main() only:
 * a signal handler belongs to the program, not to a library inside another one.
 */
void tensor_file_report_truncation(void);

#endif
