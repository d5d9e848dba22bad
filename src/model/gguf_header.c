/*
 * gguf_header.c -- what stands before the data of a GGUF file, read strictly.
 *
 *	"GGUF" | u32 version | u64 tensors | u64 keys | keys and values | tensors | padding | data
 *
 * One pass with a cursor.  Nothing is copied: values stay where they lie, so that a vocabulary
 * costs no memory until somebody asks for it.  Numbers may be unaligned, so loads go through
 * memcpy; the format is little-endian, and so is every machine that this runs on.
 *
 * Source: ggml's docs/gguf.md.
 */
#include "gguf_header.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES  24         /* magic, version and both counts */
#define MAX_ENTRIES   (1u << 20) /* of tensors and keys: no model comes near */
#define MAX_NAME      64
#define MAX_KEY       65535
#define MAX_DEPTH     4  /* of arrays in arrays, which nobody writes */
#define MIN_KEY_BYTES 13 /* length, type and one byte */
#define MIN_TENSOR    24

struct scan {
	const char *data;
	size_t at, len;
	const char *path;
	struct err *err;
};

/* How much of a key or name an error shows. */
#define SHOWN(b) (int)((b).len < 120 ? (b).len : 120), (b).data

/* The next n bytes; NULL and an error when the file ends before. */
static const char *take(struct scan *s, uint64_t n, struct bytes what)
{
	const char *p = s->data + s->at;

	if (n > s->len - s->at) {
		err_set(s->err, ERR_FORMAT,
			"%s: %.*s at byte %zu takes %" PRIu64 " bytes but the file ends after %zu: "
			"truncated or damaged",
			s->path, SHOWN(what), s->at, n, s->len - s->at);
		return NULL;
	}
	s->at += n;
	return p;
}

static struct bytes named(const char *s)
{
	return (struct bytes){ s, strlen(s) };
}

/* ---- text ---------------------------------------------------------------------------------- */

static int check_text(struct scan *s, struct bytes text, struct bytes what)
{
	for (size_t i = 0; i < text.len;) {
		int n = text.data[i] > 0 ? 1 : utf8_decode(text.data + i, text.len - i, NULL);

		if (!n || !text.data[i])
			return err_set(s->err, ERR_FORMAT,
				       "%s: %.*s holds a byte at %zu that is no UTF-8 text",
				       s->path, SHOWN(what), (size_t)(text.data + i - s->data));
		i += (size_t)n;
	}
	return 0;
}

static int scan_bytes(struct scan *s, struct bytes *out, struct bytes what)
{
	const char *p = take(s, 8, what);
	uint64_t len = p ? gguf_u64(p) : 0;

	p = p ? take(s, len, what) : NULL;
	*out = (struct bytes){ p, len };
	return p ? 0 : s->err->code;
}

static int scan_text(struct scan *s, struct bytes *out, struct bytes what)
{
	return scan_bytes(s, out, what) ? s->err->code : check_text(s, *out, what);
}

/* A name of at most `max` bytes, which is not empty. */
static int scan_name(struct scan *s, struct bytes *out, size_t max, const char *what)
{
	if (scan_bytes(s, out, named(what)))
		return s->err->code;
	if (!out->len || out->len > max)
		return err_set(s->err, ERR_FORMAT,
			       "%s: %s before byte %zu has %zu bytes, 1 to %zu are possible",
			       s->path, what, s->at, out->len, max);
	return check_text(s, *out, named(what));
}

/* ---- values -------------------------------------------------------------------------------- */

static int scan_type(struct scan *s, enum gguf_type *type, struct bytes key)
{
	const char *p = take(s, 4, key);

	if (!p)
		return s->err->code;
	if (gguf_u32(p) >= GGUF_N_TYPES)
		return err_set(s->err, ERR_FORMAT,
			       "%s: %.*s has the type %" PRIu32 ", values have the types 0 to %d",
			       s->path, SHOWN(key), gguf_u32(p), GGUF_N_TYPES - 1);
	*type = (enum gguf_type)gguf_u32(p);
	return 0;
}

static int scan_numbers(struct scan *s, enum gguf_type type, uint64_t n, struct bytes key)
{
	uint64_t bytes;
	const char *p;

	if (__builtin_mul_overflow(n, (uint64_t)gguf_width(type), &bytes))
		bytes = UINT64_MAX;
	p = take(s, bytes, key);
	if (!p)
		return s->err->code;
	for (uint64_t i = 0; type == GGUF_BOOL && i < n; i++)
		if ((uint8_t)p[i] > 1)
			return err_set(s->err, ERR_FORMAT,
				       "%s: %.*s holds %d where true (1) or false (0) is expected",
				       s->path, SHOWN(key), (uint8_t)p[i]);
	return 0;
}

static int scan_array(struct scan *s, enum gguf_type *element, uint64_t *n, int depth,
		      struct bytes key)
{
	const char *p = scan_type(s, element, key) ? NULL : take(s, 8, key);
	enum gguf_type inner;
	struct bytes text;
	uint64_t inner_n;

	if (!p)
		return s->err->code;
	*n = gguf_u64(p);
	if (*element != GGUF_STRING && *element != GGUF_ARRAY)
		return scan_numbers(s, *element, *n, key);
	if (depth == MAX_DEPTH)
		return err_set(s->err, ERR_FORMAT, "%s: %.*s is an array more than %d deep",
			       s->path, SHOWN(key), MAX_DEPTH);
	/* Each element takes 8 bytes at least: a count that cannot be true stops here. */
	if (*n > (s->len - s->at) / 8)
		return err_set(s->err, ERR_FORMAT,
			       "%s: %.*s is an array of %" PRIu64
			       " elements but the file ends after "
			       "%zu bytes: truncated or damaged",
			       s->path, SHOWN(key), *n, s->len - s->at);
	for (uint64_t i = 0; i < *n; i++)
		if (*element == GGUF_STRING ? scan_text(s, &text, key)
					    : scan_array(s, &inner, &inner_n, depth + 1, key))
			return s->err->code;
	return 0;
}

static int scan_value(struct scan *s, struct gguf_value *v)
{
	size_t begin;
	int rc;

	if (scan_name(s, &v->key, MAX_KEY, "a key") || scan_type(s, &v->type, v->key))
		return s->err->code;
	if (v->type == GGUF_STRING)
		return scan_text(s, &v->data, v->key);
	begin = s->at;
	rc = v->type == GGUF_ARRAY ? scan_array(s, &v->element, &v->n, 1, v->key)
				   : scan_numbers(s, v->type, 1, v->key);
	if (v->type == GGUF_ARRAY)
		begin += 12; /* type and count of the elements */
	if (!rc)
		v->data = (struct bytes){ s->data + begin, s->at - begin };
	return rc;
}

static int order_of(struct bytes a, struct bytes b)
{
	int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_key(const void *a, const void *b)
{
	return order_of(((const struct gguf_value *)a)->key, ((const struct gguf_value *)b)->key);
}

static int scan_values(struct scan *s, struct gguf_header *h)
{
	for (size_t i = 0; i < h->n_values; i++)
		if (scan_value(s, &h->values[i]))
			return s->err->code;
	if (h->n_values > 1)
		qsort(h->values, h->n_values, sizeof(*h->values), by_key);
	for (size_t i = 1; i < h->n_values; i++)
		if (!order_of(h->values[i - 1].key, h->values[i].key))
			return err_set(s->err, ERR_FORMAT, "%s: the key %.*s is there twice",
				       s->path, SHOWN(h->values[i].key));
	return 0;
}

/* ---- tensors ------------------------------------------------------------------------------- */

static int scan_tensor(struct scan *s, struct gguf_tensor *t)
{
	const char *p;
	uint32_t rank;

	if (scan_name(s, &t->name, MAX_NAME, "the name of a tensor") || !(p = take(s, 4, t->name)))
		return s->err->code;
	rank = gguf_u32(p);
	if (rank < 1 || rank > TENSOR_MAX_DIMS)
		return err_set(s->err, ERR_FORMAT,
			       "%s: the tensor %.*s has %" PRIu32
			       " dimensions, 1 to %d are possible",
			       s->path, SHOWN(t->name), rank, TENSOR_MAX_DIMS);
	t->rank = (int)rank;
	p = take(s, 8 * (uint64_t)rank + 12, t->name);
	if (!p)
		return s->err->code;
	for (uint32_t i = 0; i < rank; i++) {
		t->shape[i] = gguf_u64(p + 8 * (size_t)i);
		if (!t->shape[i] || t->shape[i] > INT64_MAX)
			return err_set(s->err, ERR_FORMAT,
				       "%s: the tensor %.*s has a dimension of %" PRIu64, s->path,
				       SHOWN(t->name), t->shape[i]);
	}
	t->type = gguf_u32(p + 8 * (size_t)rank);
	t->offset = gguf_u64(p + 8 * (size_t)rank + 4);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct gguf_tensor *const *x = a, *const *y = b;

	return order_of((*x)->name, (*y)->name);
}

static int check_no_name_twice(struct scan *s, const struct gguf_header *h)
{
	const struct gguf_tensor **all = mem_calloc(h->n_tensors + 1, sizeof(struct gguf_tensor *));
	int rc = 0;

	for (size_t i = 0; i < h->n_tensors; i++)
		all[i] = &h->tensors[i];
	if (h->n_tensors > 1)
		qsort(all, h->n_tensors, sizeof(struct gguf_tensor *), by_name);
	for (size_t i = 1; i < h->n_tensors && !rc; i++)
		if (!order_of(all[i - 1]->name, all[i]->name))
			rc = err_set(s->err, ERR_FORMAT, "%s: the tensor %.*s is there twice",
				     s->path, SHOWN(all[i]->name));
	free(all);
	return rc;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int check_version(struct scan *s, uint32_t version)
{
	if (version == 2 || version == 3)
		return 0;
	if (version && !(version & 0xffff))
		return err_set(
			s->err, ERR_FORMAT,
			"%s is a GGUF file for big-endian machines, which are not supported: use "
			"one for little-endian machines",
			s->path);
	return err_set(
		s->err, ERR_FORMAT,
		"%s is GGUF of version %" PRIu32 "; versions 2 and 3 are read%s", s->path, version,
		version == 1 ? ": it is from before October 2023, convert the model again" : "");
}

static int scan_counts(struct scan *s, struct gguf_header *h)
{
	const char *p = s->data;
	uint64_t tensors, keys, left;

	if (s->len < HEADER_BYTES)
		return err_set(s->err, ERR_FORMAT,
			       "%s is a GGUF file of %zu bytes, too short for a header: truncated",
			       s->path, s->len);
	s->at = HEADER_BYTES;
	if (memcmp(p, "GGUF", 4) != 0)
		return err_set(s->err, ERR_FORMAT,
			       "%s is no GGUF file: it does not begin with GGUF", s->path);
	if (check_version(s, gguf_u32(p + 4)))
		return s->err->code;
	tensors = gguf_u64(p + 8);
	keys = gguf_u64(p + 16);
	left = s->len - s->at;
	if (tensors > left / MIN_TENSOR || keys > left / MIN_KEY_BYTES)
		return err_set(s->err, ERR_FORMAT,
			       "%s promises %" PRIu64 " tensors and %" PRIu64 " keys in %" PRIu64
			       " bytes: truncated or damaged",
			       s->path, tensors, keys, left);
	if (tensors > MAX_ENTRIES || keys > MAX_ENTRIES)
		return err_set(s->err, ERR_FORMAT,
			       "%s has %" PRIu64 " tensors and %" PRIu64 " keys, %u of each are "
			       "supported",
			       s->path, tensors, keys, MAX_ENTRIES);
	h->n_tensors = tensors;
	h->n_values = keys;
	h->values = mem_calloc(keys + 1, sizeof(*h->values));
	h->tensors = mem_calloc(tensors + 1, sizeof(*h->tensors));
	return 0;
}

static int scan_header(struct scan *s, struct gguf_header *h)
{
	if (scan_counts(s, h) || scan_values(s, h))
		return s->err->code;
	for (size_t i = 0; i < h->n_tensors; i++)
		if (scan_tensor(s, &h->tensors[i]))
			return s->err->code;
	h->end = s->at;
	return check_no_name_twice(s, h);
}

int gguf_header_parse(struct gguf_header *h, const char *data, size_t len, const char *path,
		      struct err *err)
{
	struct scan s = { .data = data, .len = len, .path = path, .err = err };

	*h = (struct gguf_header){ .path = path };
	if (!scan_header(&s, h))
		return 0;
	gguf_header_release(h);
	return err->code;
}

void gguf_header_release(struct gguf_header *h)
{
	free(h->values);
	free(h->tensors);
	*h = (struct gguf_header){ 0 };
}
