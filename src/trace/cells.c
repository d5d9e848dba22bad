/*
 * cells.c -- which blobs of a result are tensors, and which tensors they are.
 *
 * A .npy says so itself.  Bytes of a payload are known by the columns beside them: whoever selects
 * dtype and shape with data, as `SELECT * FROM v_payload` does, sees a tensor.
 */
#include "torchless/cells.h"

#include "torchless/array.h"
#include "torchless/utf8.h"

#include <string.h>

#define MAX_TEXT_BLOB 4096 /* a blob longer than this is never shown as text */

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
			   struct cell_tensor *q)
{
	char dtype[16], shape[128];
	const struct cell *chunk = beside(rows, cells, "chunk");
	struct tensor *t = &q->tensor;
	int64_t whole, row, numel;
	int d;

	if (!cell_string(beside(rows, cells, "dtype"), dtype, sizeof(dtype)) ||
	    !cell_string(beside(rows, cells, "shape"), shape, sizeof(shape)))
		return false;
	for (d = 0; d < DTYPE_COUNT; d++)
		if (!strcmp(dtype_table[d].name, dtype))
			break;
	if (d == DTYPE_COUNT || !array_parse_shape(shape, t->shape, &t->n_dims, &numel) ||
	    t->n_dims == 0 || t->shape[0] == 0)
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

bool cell_tensor(const struct rows *rows, const struct cell *cells, int i, struct cell_tensor *q)
{
	const struct cell *c = &cells[i];
	struct err ignored = { 0 };

	*q = (struct cell_tensor){ .chunk = -1 };
	if (c->type != CELL_BLOB)
		return false;
	if (npy_view(c->s.data, c->s.len, &q->tensor, &ignored) == 0)
		return true;
	if (!strcmp(rows->columns[i], "data"))
		return payload_tensor(rows, cells, c->s, q);
	return !strcmp(rows->columns[i], "pos_stats") && position_tensor(c->s, &q->tensor);
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Pieces of tokens are blobs because they may be no UTF-8; most are plain text all the same. */
static bool blob_is_text(struct bytes b)
{
	if (b.len > MAX_TEXT_BLOB)
		return false;
	for (size_t i = 0; i < b.len;) {
		int n = utf8_decode(b.data + i, b.len - i, NULL);
		unsigned char c = (unsigned char)b.data[i];

		if (n == 0 || (c < 0x20 && !strchr("\n\t\r", c)) || c == 0 || c == 0x7f)
			return false;
		i += (size_t)n;
	}
	return true;
}

bool cell_is_text(const struct cell *c)
{
	return c->type == CELL_TEXT || (c->type == CELL_BLOB && blob_is_text(c->s));
}
