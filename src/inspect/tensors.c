/*
 * tensors.c -- an SQL argument as a tensor, and the few that are kept for the next call.
 *
 * A query calls t_at('L3.attn.pattern', ...) once a row: what was read is kept while its bytes fit
 * the budget, newest first.  Arguments that are blobs are read where they stand.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"
#include "torchless/point.h"
#include "torchless/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_BYTES  ((int64_t)512 << 20)
#define TENSOR_BYTES ((int64_t)4 << 30) /* as f32; no dump of one point is near it */

/* ---- making and freeing --------------------------------------------------------------------- */

struct sql_tensor *tensor_new(int n_dims, const int64_t *shape, struct err *err)
{
	struct sql_tensor *t;
	int64_t numel = 1, bytes = 0;

	for (int i = 0; i < n_dims; i++)
		if (!mem_mul(numel, shape[i], &numel))
			numel = INT64_MAX;
	if (!mem_mul(numel, (int64_t)sizeof(float), &bytes) || bytes > TENSOR_BYTES) {
		err_set(err, ERR_FORMAT, "a tensor of %lld elements is too large to read here",
			(long long)numel);
		return NULL;
	}
	t = mem_calloc(1, sizeof(*t));
	t->refs = 1;
	t->dtype = DTYPE_F32;
	t->dump_from = -1;
	t->n_dims = n_dims;
	t->numel = numel;
	memcpy(t->shape, shape, (size_t)n_dims * sizeof(*shape));
	t->data = mem_try_aligned((size_t)bytes + sizeof(float));
	if (t->data)
		return t;
	err_set(err, ERR_MEMORY, "no memory for a tensor of %lld bytes", (long long)bytes);
	free(t);
	return NULL;
}

void tensor_release(struct inspect *in, struct sql_tensor *t)
{
	(void)in;
	if (!t || --t->refs > 0)
		return;
	free(t->key);
	free(t->data);
	free(t);
}

static int64_t bytes_of(const struct sql_tensor *t)
{
	return t->numel * (int64_t)sizeof(float);
}

/* Forget the oldest until the rest fits. */
static void trim(struct inspect *in, int64_t budget)
{
	struct sql_tensor **at = &in->cached;
	int64_t kept = 0;

	while (*at) {
		struct sql_tensor *t = *at;

		if (kept + bytes_of(t) <= budget) {
			kept += bytes_of(t);
			at = &t->next;
			continue;
		}
		*at = t->next;
		tensor_release(in, t);
	}
	in->cached_bytes = kept;
}

void tensors_forget(struct inspect *in)
{
	trim(in, -1);
}

/* The cached tensor, moved to the front and referenced once more. */
static struct sql_tensor *cache_find(struct inspect *in, const char *key)
{
	for (struct sql_tensor **at = &in->cached; *at; at = &(*at)->next) {
		struct sql_tensor *t = *at;

		if (strcmp(t->key, key) != 0)
			continue;
		*at = t->next;
		t->next = in->cached;
		in->cached = t;
		t->refs++;
		return t;
	}
	return NULL;
}

static struct sql_tensor *cache_add(struct inspect *in, struct sql_tensor *t, const char *key)
{
	if (bytes_of(t) > CACHE_BYTES)
		return t;
	t->key = mem_strdup(key);
	t->refs++;
	t->next = in->cached;
	in->cached = t;
	trim(in, CACHE_BYTES);
	return t;
}

/* ---- shapes --------------------------------------------------------------------------------- */

int parse_shape(const char *text, int64_t shape[TENSOR_MAX_DIMS], int *n_dims, int64_t *numel,
		struct err *err)
{
	const char *at = text ? text : "?";
	char *end;

	*n_dims = 0;
	*numel = 1;
	while (*at) {
		errno = 0;
		if (*n_dims == TENSOR_MAX_DIMS || *at < '0' || *at > '9')
			goto bad;
		shape[*n_dims] = strtoll(at, &end, 10);
		if (errno || (*end && *end != ',') || !mem_mul(*numel, shape[*n_dims], numel))
			goto bad;
		++*n_dims;
		if (*end == ',' && !end[1])
			goto bad;
		at = *end ? end + 1 : end;
	}
	return 0;
bad:
	return err_set(err, ERR_FORMAT,
		       "the recording is damaged: \"%.60s\" is no shape of a tensor",
		       text ? text : "");
}

/* ---- stored payloads ------------------------------------------------------------------------ */

/* What the recording says of a value's dump. */
struct stored {
	int64_t id, tensor_id, raw_bytes, dump_from;
	struct sql_tensor head; /* dtype and shape */
	char fqn[160];
};

/* The value exists but its numbers were not kept: say what would have kept them. */
static int not_captured(const struct stored *s, struct err *err)
{
	return err_set(err, ERR_USAGE,
		       "the numbers of %s were not recorded, only its statistics: record with "
		       "--capture '%s'",
		       s->fqn, s->fqn);
}

static int read_stored_row(sqlite3_stmt *q, struct stored *s, struct err *err)
{
	int64_t dtype = sqlite3_column_int64(q, 2);
	const char *fqn = (const char *)sqlite3_column_text(q, 5);

	snprintf(s->fqn, sizeof(s->fqn), "%s", fqn ? fqn : "?");
	if (sqlite3_column_type(q, 0) == SQLITE_NULL)
		return not_captured(s, err);
	s->tensor_id = sqlite3_column_int64(q, 0);
	s->raw_bytes = sqlite3_column_int64(q, 1);
	s->dump_from = sqlite3_column_type(q, 4) == SQLITE_NULL ? -1 : sqlite3_column_int64(q, 4);
	if (sqlite3_column_type(q, 3) == SQLITE_NULL || dtype < 0 || dtype > DTYPE_BF16)
		return err_set(err, ERR_FORMAT, "the recording is damaged: the dump of %s %s",
			       s->fqn,
			       sqlite3_column_type(q, 3) == SQLITE_NULL ? "is missing"
									: "has an unknown type");
	s->head.dtype = (enum dtype)dtype;
	if (parse_shape((const char *)sqlite3_column_text(q, 3), s->head.shape, &s->head.n_dims,
			&s->head.numel, err))
		return err->code;
	if (s->head.numel > TENSOR_BYTES ||
	    s->head.numel * dtype_table[dtype].block_bytes != s->raw_bytes)
		return err_set(err, ERR_FORMAT,
			       "the recording is damaged: the dump of %s has %lld bytes, its shape "
			       "%s needs another number",
			       s->fqn, (long long)s->raw_bytes,
			       (const char *)sqlite3_column_text(q, 3));
	return 0;
}

static int find_stored(struct inspect *in, int64_t id, struct stored *s, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int ret;

	*s = (struct stored){ .id = id };
	if (inspect_prepare(in,
			    "SELECT v.tensor_id, t.raw_bytes, t.dtype, t.shape, v.dump_from, p.fqn "
			    "FROM value v JOIN point p ON p.id = v.point_id "
			    "LEFT JOIN tensor t ON t.id = v.tensor_id WHERE v.id = ?1",
			    &q, err))
		return err->code;
	sqlite3_bind_int64(q, 1, id);
	if (sqlite3_step(q) == SQLITE_ROW)
		ret = read_stored_row(q, s, err);
	else
		ret = err_set(err, ERR_USAGE, "the recording has no value %lld", (long long)id);
	sqlite3_finalize(q);
	return ret;
}

/* Convert len bytes of the payload to f32 behind the *done elements that are there. */
static bool append_chunk(struct sql_tensor *t, int64_t *done, const void *bytes, int64_t len,
			 const struct kernels *k)
{
	int64_t size = dtype_table[t->dtype].block_bytes, n = len / size;

	if (len % size || n > t->numel - *done)
		return false;
	k->convert(t->data + *done, bytes, t->dtype, n);
	*done += n;
	return true;
}

static int read_chunks(struct inspect *in, const struct stored *s, struct sql_tensor *t,
		       struct err *err)
{
	sqlite3_stmt *q = NULL;
	int64_t done = 0, expected = 0;
	bool ok = true;

	if (inspect_prepare(in,
			    "SELECT chunk, data FROM tensor_chunk WHERE tensor_id = ?1 "
			    "ORDER BY chunk",
			    &q, err))
		return err->code;
	sqlite3_bind_int64(q, 1, s->tensor_id);
	while (ok && sqlite3_step(q) == SQLITE_ROW)
		ok = sqlite3_column_int64(q, 0) == expected++ &&
		     append_chunk(t, &done, sqlite3_column_blob(q, 1), sqlite3_column_bytes(q, 1),
				  in->opt.kernels);
	sqlite3_finalize(q);
	if (ok && done == t->numel)
		return 0;
	return err_set(err, ERR_FORMAT,
		       "the recording is damaged: the chunks of %s do not make %lld "
		       "elements",
		       s->fqn, (long long)t->numel);
}

struct sql_tensor *inspect_value(struct inspect *in, int64_t id, struct err *err)
{
	struct stored s;
	struct sql_tensor *t;
	char key[40];

	snprintf(key, sizeof(key), "value %lld", (long long)id);
	t = cache_find(in, key);
	if (t)
		return t;
	if (find_stored(in, id, &s, err))
		return NULL;
	t = tensor_new(s.head.n_dims, s.head.shape, err);
	if (!t)
		return NULL;
	t->dtype = s.head.dtype;
	t->dump_from = s.dump_from;
	if (read_chunks(in, &s, t, err)) {
		tensor_release(in, t);
		return NULL;
	}
	return cache_add(in, t, key);
}

/* ---- weights -------------------------------------------------------------------------------- */

struct sql_tensor *inspect_weight(struct inspect *in, const char *name, struct err *err)
{
	const struct safetensor *w;
	struct sql_tensor *t;
	char key[200];

	snprintf(key, sizeof(key), "weight %s", name);
	t = cache_find(in, key);
	if (t)
		return t;
	w = find_weight(in, name, err);
	if (!w)
		return NULL;
	t = tensor_new(w->t.n_dims, w->t.shape, err);
	if (!t)
		return NULL;
	t->dtype = w->t.dtype;
	in->opt.kernels->convert(t->data, w->t.data, w->t.dtype, t->numel);
	return cache_add(in, t, key);
}

/* ---- selections ------------------------------------------------------------------------------ */

/* Copy [start, stop) of t, every axis kept. */
static void copy_box(float *dst, const struct sql_tensor *t, const int64_t *start,
		     const int64_t *stop, int axis, const float *src)
{
	int64_t stride = 1;

	if (axis == t->n_dims) {
		*dst = *src;
		return;
	}
	for (int i = axis + 1; i < t->n_dims; i++)
		stride *= t->shape[i];
	if (axis == t->n_dims - 1) {
		memcpy(dst, src + start[axis], (size_t)(stop[axis] - start[axis]) * sizeof(*dst));
		return;
	}
	for (int64_t i = start[axis]; i < stop[axis]; i++) {
		int64_t n = 1;

		for (int k = axis + 1; k < t->n_dims; k++)
			n *= stop[k] - start[k];
		copy_box(dst + (i - start[axis]) * n, t, start, stop, axis + 1, src + i * stride);
	}
}

/* The first position of the value's pass, or of its dump. */
static int64_t first_position(struct inspect *in, int64_t id, const struct sql_tensor *t)
{
	struct err ignored = { 0 };
	sqlite3_stmt *q = NULL;
	int64_t pos0 = 0;

	if (t->dump_from >= 0)
		return t->dump_from;
	if (inspect_prepare(in,
			    "SELECT pos0 FROM pass WHERE id = (SELECT pass_id FROM value "
			    "WHERE id = ?1)",
			    &q, &ignored))
		return 0;
	sqlite3_bind_int64(q, 1, id);
	if (sqlite3_step(q) == SQLITE_ROW)
		pos0 = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return pos0;
}

/* [SEL] as in --zero: axes by name, positions absolute; an axis with one index stays, of size 1. */
static struct sql_tensor *select_part(struct inspect *in, struct sql_tensor *t, int64_t id,
				      const char *text, const char *axes, struct err *err)
{
	int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS], shape[TENSOR_MAX_DIMS];
	struct sql_tensor *part = NULL;
	struct selection sel;

	if (!selection_parse(&sel, text, axes, err)) {
		if (!selection_resolve(&sel, axes, t->shape, t->n_dims, first_position(in, id, t),
				       start, stop)) {
			err_set(err, ERR_USAGE, "%s selects nothing of what is recorded", text);
		} else {
			for (int i = 0; i < t->n_dims; i++)
				shape[i] = stop[i] - start[i];
			part = tensor_new(t->n_dims, shape, err);
		}
	}
	if (part)
		copy_box(part->data, t, start, stop, 0, t->data);
	tensor_release(in, t);
	return part;
}

/* A point by name, maybe with [SEL]. */
static struct sql_tensor *named(struct inspect *in, const char *text, struct err *err)
{
	const struct point_name *point;
	struct sql_tensor *t;
	const char *rest;
	char name[160];
	int64_t id;

	if (selection_split(text, name, sizeof(name), &rest, err) ||
	    inspect_value_id(in, name, 0, 0, &id, err))
		return NULL;
	t = inspect_value(in, id, err);
	if (!t || !*rest)
		return t;
	point = inspect_point(in, name, err);
	return point ? select_part(in, t, id, rest, point->axes, err) : NULL;
}

/* ---- blobs ----------------------------------------------------------------------------------- */

/* The value of a key of a .npy header: 'shape': (2, 3), */
static const char *npy_field(const char *header, const char *key)
{
	const char *at = strstr(header, key);

	return at ? at + strlen(key) + strspn(at + strlen(key), " :'") : NULL;
}

static bool npy_shape(const char *text, int64_t shape[TENSOR_MAX_DIMS], int *n_dims)
{
	char *end;

	*n_dims = 0;
	for (text += *text == '('; *text >= '0' && *text <= '9'; text += strspn(text, ", ")) {
		if (*n_dims == TENSOR_MAX_DIMS)
			return false;
		shape[(*n_dims)++] = strtoll(text, &end, 10);
		text = end;
	}
	return *text == ')';
}

/* Version 1.0, little-endian f32 in C order: what result_tensor() writes and numpy.save does. */
static struct sql_tensor *read_npy(const unsigned char *b, int64_t len, struct err *err)
{
	int64_t shape[TENSOR_MAX_DIMS], at, size;
	const char *descr, *order, *dims;
	struct sql_tensor *t;
	char header[512];
	int n_dims = 0;

	at = len >= 10 ? 10 + b[8] + 256 * b[9] : 0;
	size = at - 10;
	if (!at || b[6] != 1 || at > len || size >= (int64_t)sizeof(header))
		goto bad;
	memcpy(header, b + 10, (size_t)size);
	header[size] = '\0';
	descr = npy_field(header, "'descr'");
	order = npy_field(header, "'fortran_order'");
	dims = npy_field(header, "'shape'");
	if (!descr || strncmp(descr, "<f4", 3) != 0 || !order || *order != 'F' || !dims ||
	    !npy_shape(dims, shape, &n_dims))
		goto bad;
	t = tensor_new(n_dims, shape, err);
	if (!t)
		return NULL;
	if (t->numel * (int64_t)sizeof(float) == len - at) {
		memcpy(t->data, b + at, (size_t)(len - at));
		return t;
	}
	tensor_release(NULL, t);
bad:
	err_set(err, ERR_USAGE, "the blob is no .npy of f32 in C order with at most %d dimensions",
		TENSOR_MAX_DIMS);
	return NULL;
}

static struct sql_tensor *read_blob(sqlite3_value *arg, struct err *err)
{
	const unsigned char *b = sqlite3_value_blob(arg);
	int64_t len = sqlite3_value_bytes(arg), n = len / (int64_t)sizeof(float);
	struct sql_tensor *t;

	if (len >= 6 && !memcmp(b, NPY_MAGIC, 6))
		return read_npy(b, len, err);
	if (len % (int64_t)sizeof(float)) {
		err_set(err, ERR_USAGE, "a blob of %lld bytes is no array of f32", (long long)len);
		return NULL;
	}
	t = tensor_new(1, &n, err);
	if (t && len)
		memcpy(t->data, b, (size_t)len);
	return t;
}

/* ---- arguments --------------------------------------------------------------------------------
 */

static const char *weight_name(const char *text)
{
	size_t len = sizeof(WEIGHT_PREFIX) - 1;

	return strncmp(text, WEIGHT_PREFIX, len) ? NULL : text + len;
}

struct sql_tensor *inspect_tensor(struct inspect *in, sqlite3_value *arg, struct err *err)
{
	const char *text;

	switch (sqlite3_value_type(arg)) {
	case SQLITE_INTEGER:
		return inspect_value(in, sqlite3_value_int64(arg), err);
	case SQLITE_TEXT:
		text = (const char *)sqlite3_value_text(arg);
		return weight_name(text) ? inspect_weight(in, weight_name(text), err)
					 : named(in, text, err);
	case SQLITE_BLOB:
		return read_blob(arg, err);
	default:
		err_set(err, ERR_USAGE,
			"expected a tensor: an id of v_value, the name of a point, or a blob");
		return NULL;
	}
}

int inspect_shape(struct inspect *in, sqlite3_value *arg, struct sql_tensor *out, struct err *err)
{
	const char *text = sqlite3_value_type(arg) == SQLITE_TEXT
				   ? (const char *)sqlite3_value_text(arg)
				   : NULL;
	const struct safetensor *w;
	struct sql_tensor *t;

	*out = (struct sql_tensor){ .dump_from = -1 };
	if (text && weight_name(text)) {
		w = find_weight(in, weight_name(text), err);
		if (!w)
			return err->code;
		out->dtype = w->t.dtype;
		out->n_dims = w->t.n_dims;
		memcpy(out->shape, w->t.shape, sizeof(out->shape));
		return 0;
	}
	t = inspect_tensor(in, arg, err);
	if (!t)
		return err->code;
	out->dtype = t->dtype;
	out->n_dims = t->n_dims;
	memcpy(out->shape, t->shape, sizeof(out->shape));
	tensor_release(in, t);
	return 0;
}

/* ---- results ----------------------------------------------------------------------------------
 */

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
		memcpy(blob, NPY_MAGIC "\x01\x00", 8);
		blob[8] = (unsigned char)(len & 255);
		blob[9] = (unsigned char)(len >> 8);
		memcpy(blob + 10, header.data, len);
		memcpy(blob + 10 + len, x, bytes);
		sqlite3_result_blob64(ctx, blob, 10 + len + bytes, sqlite3_free);
	}
	text_release(&header);
}
