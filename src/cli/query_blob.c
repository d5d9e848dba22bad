/*
 * query_blob.c -- which blobs of a result are tensors, and which tensors they are.
 *
 * A .npy says so itself.  Bytes of a payload are known by the columns beside them: whoever selects
 * dtype and shape with data, as `SELECT * FROM v_payload` does, sees a tensor.
 */
#include "query.h"

#include <stdlib.h>
#include <string.h>

/* ---- .npy ---------------------------------------------------------------------------------- */

static const struct {
	const char *descr;
	enum dtype dtype;
} npy_types[] = {
	{ "'<f4'", DTYPE_F32 }, { "'<f2'", DTYPE_F16 }, { "'<f8'", DTYPE_F64 },
	{ "'<i4'", DTYPE_I32 }, { "'<i8'", DTYPE_I64 }, { "'|u1'", DTYPE_U8 },
};

/* "20, 64" or "20,": dimensions in decimal; false when there are too many or one is no number. */
static bool read_shape(const char *s, struct tensor *t)
{
	t->n_dims = 0;
	while (*(s += strspn(s, " ,"))) {
		char *end;
		long long d = strtoll(s, &end, 10);

		if (end == s || d < 0 || t->n_dims == TENSOR_MAX_DIMS)
			return false;
		t->shape[t->n_dims++] = d;
		s = end;
	}
	return true;
}

/* The value after 'key': in the header, NULL when it has none. */
static const char *npy_value(const char *header, const char *key)
{
	const char *at = strstr(header, key);

	if (!at)
		return NULL;
	at += strlen(key);
	return at + strspn(at, ": ");
}

static bool npy_header(const char *header, struct tensor *t)
{
	const char *descr = npy_value(header, "'descr'"), *shape = npy_value(header, "'shape'");
	const char *fortran = npy_value(header, "'fortran_order'"), *end;
	char dims[128];
	size_t i, n = sizeof(npy_types) / sizeof(npy_types[0]);

	if (!descr || !shape || !fortran || *shape != '(' || strncmp(fortran, "False", 5) != 0)
		return false;
	for (i = 0; i < n; i++)
		if (!strncmp(descr, npy_types[i].descr, strlen(npy_types[i].descr)))
			break;
	end = strchr(shape, ')');
	if (i == n || !end || (size_t)(end - shape) >= sizeof(dims))
		return false;
	t->dtype = npy_types[i].dtype;
	memcpy(dims, shape + 1, (size_t)(end - shape - 1));
	dims[end - shape - 1] = '\0';
	return read_shape(dims, t);
}

static bool npy_tensor(struct bytes b, struct tensor *t)
{
	const unsigned char *s = (const unsigned char *)b.data;
	char header[1024];
	size_t len;

	if (b.len < 10 || memcmp(s, "\x93NUMPY\x01", 7) != 0)
		return false;
	len = s[8] | (size_t)s[9] << 8;
	if (len >= sizeof(header) || 10 + len > b.len)
		return false;
	memcpy(header, s + 10, len);
	header[len] = '\0';
	if (strlen(header) != len || !npy_header(header, t))
		return false;
	*t = tensor_make(t->dtype, t->n_dims, t->shape, (void *)(b.data + 10 + len));
	return tensor_bytes(t) == (int64_t)(b.len - 10 - len);
}

/* ---- payloads ------------------------------------------------------------------------------- */

static const struct cell *beside(const struct rows *rows, const struct cell *cells,
				 const char *name)
{
	for (int i = 0; i < rows->n_columns; i++)
		if (!strcmp(rows->columns[i], name))
			return &cells[i];
	return NULL;
}

static bool cell_string(const struct cell *c, char *buf, size_t size)
{
	if (!c || c->type != CELL_TEXT || c->s.len >= size)
		return false;
	memcpy(buf, c->s.data, c->s.len);
	buf[c->s.len] = '\0';
	return true;
}

/* A chunk holds whole rows of axis 0; the only one holds all of them. */
static bool payload_tensor(const struct rows *rows, const struct cell *cells, struct bytes b,
			   struct query_tensor *q)
{
	char dtype[16], shape[128];
	const struct cell *chunk = beside(rows, cells, "chunk");
	struct tensor *t = &q->tensor;
	int64_t whole, row;
	int d;

	if (!cell_string(beside(rows, cells, "dtype"), dtype, sizeof(dtype)) ||
	    !cell_string(beside(rows, cells, "shape"), shape, sizeof(shape)))
		return false;
	for (d = 0; d < DTYPE_COUNT; d++)
		if (!strcmp(dtype_table[d].name, dtype))
			break;
	if (d == DTYPE_COUNT || !read_shape(shape, t) || t->n_dims == 0 || t->shape[0] == 0)
		return false;
	*t = tensor_make((enum dtype)d, t->n_dims, t->shape, (void *)b.data);
	whole = tensor_bytes(t);
	row = whole / t->shape[0];
	if (whole < 0 || row == 0 || (int64_t)b.len > whole || (int64_t)b.len % row != 0)
		return false;
	q->whole_rows = t->shape[0];
	q->chunk = chunk && chunk->type == CELL_INT && (int64_t)b.len < whole ? chunk->i : -1;
	t->shape[0] = (int64_t)b.len / row;
	return true;
}

/* f32[positions][4], as schema.sql says. */
static bool position_tensor(struct bytes b, struct tensor *t)
{
	if (b.len == 0 || b.len % 16 != 0)
		return false;
	*t = tensor_make(DTYPE_F32, 2, (int64_t[]){ (int64_t)b.len / 16, 4 }, (void *)b.data);
	return true;
}

bool query_tensor_of(const struct rows *rows, const struct cell *cells, int i,
		     struct query_tensor *q)
{
	const struct cell *c = &cells[i];

	*q = (struct query_tensor){ .chunk = -1 };
	if (c->type != CELL_BLOB)
		return false;
	if (npy_tensor(c->s, &q->tensor))
		return true;
	if (!strcmp(rows->columns[i], "data"))
		return payload_tensor(rows, cells, c->s, q);
	return !strcmp(rows->columns[i], "pos_stats") && position_tensor(c->s, &q->tensor);
}
