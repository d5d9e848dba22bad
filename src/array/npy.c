/*
 * npy.c -- arrays as blobs: numpy's .npy, as numpy.lib.format documents it.
 *
 * The header says the shape, so a result of one function is an argument of another, and
 * numpy.load(io.BytesIO(blob)) reads it in Python.  Blobs are read where they stand when they can.
 */
#include "torchless/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC     "\x93NUMPY"
#define MAGIC_LEN 6

#define MAX_NPY_BYTES ((size_t)1 << 30)

/* ---- writing --------------------------------------------------------------------------------- */

void npy_header(struct text *out, int n_dims, const int64_t *shape)
{
	struct text header = { 0 };

	text_adds(&header, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
	for (int i = 0; i < n_dims; i++)
		text_addf(&header, "%lld,%s", (long long)shape[i], i + 1 < n_dims ? " " : "");
	text_adds(&header, "), }");
	while ((MAGIC_LEN + 4 + header.len + 1) % 64)
		text_addc(&header, ' ');
	text_addc(&header, '\n');
	text_add(out, MAGIC, MAGIC_LEN);
	text_add(out, "\x01\x00", 2); /* the version of the format */
	text_addc(out, (char)(header.len & 255));
	text_addc(out, (char)(header.len >> 8));
	text_add(out, header.data, header.len);
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
	const char *data;
	size_t bytes;
};

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "the .npy blob %s", what);
}

static int find_parts(const char *data, size_t len, struct npy *out, struct err *err)
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

static int parse_dims(const char *at, struct tensor *out, struct err *err)
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

static int parse_header(const char *header, struct tensor *out, struct err *err)
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

bool npy_is(const void *blob, size_t len)
{
	return len >= MAGIC_LEN && !memcmp(blob, MAGIC, MAGIC_LEN);
}

int npy_view(const void *blob, size_t len, struct tensor *t, struct err *err)
{
	struct npy npy = { 0 };
	int64_t numel, bytes;

	*t = (struct tensor){ 0 };
	if (!npy_is(blob, len))
		return bad(err, "is none");
	if (find_parts(blob, len, &npy, err) || parse_header(npy.header, t, err))
		return err->code;
	if (array_numel(t->n_dims, t->shape, &numel, err))
		return err_wrap(err, "the .npy blob");
	*t = tensor_make(t->dtype, t->n_dims, t->shape, (void *)npy.data);
	bytes = tensor_bytes(t);
	if (bytes < 0 || (size_t)bytes != npy.bytes)
		return bad(err, "has more or fewer bytes than its shape says");
	return 0;
}

/* ---- elements ------------------------------------------------------------------------------ */

/* The elements of a tensor as an array; f32s that lie straight are not copied. */
static struct array *of_tensor(const struct tensor *t, struct err *err)
{
	struct array head = { .dtype = t->dtype, .n_dims = t->n_dims, .name = "a blob" }, *a;

	memcpy(head.shape, t->shape, sizeof(head.shape));
	if (array_numel(t->n_dims, t->shape, &head.numel, err))
		return NULL;
	if (t->dtype == DTYPE_F32 && (uintptr_t)t->data % sizeof(float) == 0)
		return array_borrow(&head, t->data);
	a = array_new(t->n_dims, t->shape, err);
	for (int64_t i = 0; a && i < a->numel; i++)
		a->data[i] = (float)tensor_get(t, i);
	if (a) {
		a->dtype = t->dtype;
		memcpy(a->name, head.name, sizeof(a->name));
	}
	return a;
}

struct array *array_of_blob(const void *blob, size_t len, struct err *err)
{
	int64_t n = (int64_t)(len / sizeof(float));
	struct tensor t;

	if (npy_is(blob, len))
		return npy_view(blob, len, &t, err) ? NULL : of_tensor(&t, err);
	if (len % sizeof(float)) {
		err_set(err, ERR_FORMAT, "a blob of %zu bytes is neither .npy nor an array of f32",
			len);
		return NULL;
	}
	t = tensor_make(DTYPE_F32, 1, &n, (void *)blob);
	return of_tensor(&t, err);
}

/* As `a` is, with elements of its own. */
static struct array *copy_of(const struct array *a, const char *path, struct err *err)
{
	struct array *own = array_like(a, err);

	if (!own)
		return NULL;
	memcpy(own->data, a->data, (size_t)a->numel * sizeof(*a->data));
	own->dtype = a->dtype;
	snprintf(own->name, sizeof(own->name), "%.180s", path);
	return own;
}

struct array *array_of_npy(const char *path, struct err *err)
{
	struct text bytes = { 0 };
	struct array *a = NULL, *own = NULL;

	if (!text_read_file(&bytes, path, MAX_NPY_BYTES, err)) {
		if (!npy_is(bytes.data, bytes.len))
			err_set(err, ERR_FORMAT, "%s is no .npy", path);
		else if (!(a = array_of_blob(bytes.data, bytes.len, err)))
			err_wrap(err, "%s", path);
	}
	/* The elements may lie in the bytes, which end here. */
	if (a)
		own = copy_of(a, path, err);
	array_release(a);
	text_release(&bytes);
	return own;
}
