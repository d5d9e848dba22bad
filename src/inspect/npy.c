/*
 * npy.c -- tensors as blobs: numpy's .npy, as numpy.lib.format documents it.
 *
 * The header says the shape, so a result of one function is an argument of another, and
 * numpy.load(io.BytesIO(blob)) reads it in Python.  Blobs are read where they stand when they can.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC_LEN 6

/* ---- writing --------------------------------------------------------------------------------- */

void result_tensor(sqlite3_context *ctx, const float *x, int n_dims, const int64_t *shape)
{
	struct text header = { 0 };
	int64_t numel = 1;
	unsigned char *blob;
	size_t len, bytes;

	if (n_dims == 0) {
		sqlite3_result_double(ctx, (double)*x);
		return;
	}
	text_adds(&header, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
	for (int i = 0; i < n_dims; i++) {
		text_addf(&header, "%lld,%s", (long long)shape[i], i + 1 < n_dims ? " " : "");
		numel *= shape[i];
	}
	text_adds(&header, "), }");
	while ((10 + header.len + 1) % 64)
		text_addc(&header, ' ');
	text_addc(&header, '\n');
	len = header.len;
	bytes = (size_t)numel * sizeof(*x);
	blob = sqlite3_malloc64(10 + len + bytes);
	if (!blob) {
		sqlite3_result_error_nomem(ctx);
	} else {
		for (int i = 0; i < MAGIC_LEN; i++)
			blob[i] = (unsigned char)NPY_MAGIC[i];
		blob[6] = 1;
		blob[7] = 0;
		blob[8] = (unsigned char)(len & 255);
		blob[9] = (unsigned char)(len >> 8);
		memcpy(blob + 10, header.data, len);
		if (bytes)
			memcpy(blob + 10 + len, x, bytes);
		sqlite3_result_blob64(ctx, blob, 10 + len + bytes, sqlite3_free);
	}
	text_release(&header);
}

/* ---- reading ------------------------------------------------------------------------------- */

static const struct {
	const char *descr;
	enum dtype dtype;
} descrs[] = {
	{ "<f4", DTYPE_F32 }, { "<f2", DTYPE_F16 }, { "<f8", DTYPE_F64 },
	{ "<i4", DTYPE_I32 }, { "<i8", DTYPE_I64 }, { "|u1", DTYPE_U8 },
};

struct npy {
	char header[1024];
	char *data;
	size_t bytes;
};

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "the .npy blob %s", what);
}

static int find_parts(char *data, size_t len, struct npy *out, struct err *err)
{
	const unsigned char *blob = (const unsigned char *)data;
	size_t start = MAGIC_LEN + 4, n;

	if (len < start)
		return bad(err, "ends inside its header");
	n = blob[MAGIC_LEN + 2] | (size_t)blob[MAGIC_LEN + 3] << 8;
	if (blob[MAGIC_LEN] != 1) {
		start += 2;
		if (len < start)
			return bad(err, "ends inside its header");
		n |= (size_t)blob[MAGIC_LEN + 4] << 16 | (size_t)blob[MAGIC_LEN + 5] << 24;
	}
	if (n >= sizeof(out->header) || len - start < n)
		return bad(err, "ends inside its header");
	memcpy(out->header, blob + start, n);
	out->header[n] = '\0';
	out->data = data + start + n;
	out->bytes = len - start - n;
	return 0;
}

/* What follows "'key':" in the header; NULL when it is not there. */
static const char *field(const char *header, const char *key)
{
	char quoted[32];
	const char *at;

	snprintf(quoted, sizeof(quoted), "'%s':", key);
	at = strstr(header, quoted);
	if (!at)
		return NULL;
	at += strlen(quoted);
	return at + strspn(at, " ");
}

static int parse_dims(const char *at, struct sql_tensor *out, struct err *err)
{
	char *end;

	for (at++; *at != ')'; at += strspn(at, ", ")) {
		int64_t n = strtoll(at, &end, 10);

		if (end == at || n < 0)
			return bad(err, "has a shape that is none");
		if (out->n_dims == TENSOR_MAX_DIMS)
			return err_set(err, ERR_SHAPE, "the .npy blob has more than %d dimensions",
				       TENSOR_MAX_DIMS);
		out->shape[out->n_dims++] = n;
		at = end;
	}
	return 0;
}

static int parse_header(const char *header, struct sql_tensor *out, struct err *err)
{
	const char *descr = field(header, "descr"), *shape = field(header, "shape");
	const char *order = field(header, "fortran_order");
	size_t i, n = sizeof(descrs) / sizeof(descrs[0]);

	if (!descr || !shape || !order || *shape != '(' || !strchr(shape, ')'))
		return bad(err, "has a header that numpy did not write");
	for (i = 0; i < n; i++) {
		if (*descr && !strncmp(descr + 1, descrs[i].descr, 3))
			break;
	}
	if (i == n)
		return bad(err,
			   "is of another type than f2, f4, f8, i4, i8 and u1 in little-endian");
	out->dtype = descrs[i].dtype;
	if (parse_dims(shape, out, err))
		return err->code;
	if (strncmp(order, "False", 5) != 0 && out->n_dims > 1)
		return bad(err, "is in Fortran order: numpy.ascontiguousarray() turns it");
	return 0;
}

/* ---- elements ------------------------------------------------------------------------------ */

/* Little-endian elements of any type and alignment as f32. */
static void convert(float *out, enum dtype dtype, char *data, int64_t n)
{
	struct tensor t = tensor_make(dtype, 1, &n, data);

	for (int64_t i = 0; i < n; i++)
		out[i] = (float)tensor_get(&t, i);
}

/* The elements of a blob as a tensor of that shape; f32s that lie straight are not copied. */
static struct sql_tensor *of_elements(const struct sql_tensor *shape, char *data, struct err *err)
{
	bool straight = shape->dtype == DTYPE_F32 && (uintptr_t)data % sizeof(float) == 0;
	int64_t none = 0;
	struct sql_tensor *t =
		straight ? tensor_new(1, &none, err) : tensor_new(shape->n_dims, shape->shape, err);

	if (!t)
		return NULL;
	t->dtype = shape->dtype;
	snprintf(t->name, sizeof(t->name), "a blob");
	if (!straight) {
		convert(t->data, shape->dtype, data, t->numel);
		return t;
	}
	free(t->data);
	t->data = (float *)(void *)data;
	t->borrowed = true;
	t->n_dims = shape->n_dims;
	memcpy(t->shape, shape->shape, sizeof(t->shape));
	t->numel = shape->numel;
	return t;
}

static struct sql_tensor *of_npy(char *blob, size_t len, struct err *err)
{
	struct sql_tensor shape = { 0 };
	struct tensor t;
	struct npy npy = { 0 };
	int64_t bytes;

	if (find_parts(blob, len, &npy, err) || parse_header(npy.header, &shape, err))
		return NULL;
	if (shape_numel(shape.n_dims, shape.shape, &shape.numel, err)) {
		err_wrap(err, "the .npy blob");
		return NULL;
	}
	t = tensor_make(shape.dtype, shape.n_dims, shape.shape, NULL);
	bytes = tensor_bytes(&t);
	if (bytes < 0 || (size_t)bytes != npy.bytes) {
		bad(err, "has more or fewer bytes than its shape says");
		return NULL;
	}
	return of_elements(&shape, npy.data, err);
}

struct sql_tensor *blob_tensor(sqlite3_value *arg, struct err *err)
{
	struct sql_tensor shape = { .n_dims = 1 };
	char *blob = (char *)sqlite3_value_blob(arg); /* is not written to */
	size_t len = (size_t)sqlite3_value_bytes(arg);

	if (len >= MAGIC_LEN && !memcmp(blob, NPY_MAGIC, MAGIC_LEN))
		return of_npy(blob, len, err);
	if (len % sizeof(float)) {
		err_set(err, ERR_FORMAT, "a blob of %zu bytes is neither .npy nor an array of f32",
			len);
		return NULL;
	}
	shape.shape[0] = shape.numel = (int64_t)(len / sizeof(float));
	return of_elements(&shape, blob, err);
}
