/*
 * safetensors.c -- from a header that parses to tensors that may be read.
 *
 * The header only claims where tensors lie.  Sorted by their data they must follow one another
 * from the first byte to the last: one pass then proves that nothing overlaps, nothing is hidden
 * between tensors, and every byte a tensor claims is in the file.
 */
#include "torchless/safetensors.h"
#include "mapping.h"
#include "safetensors_header.h"
#include "torchless/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER_BYTES 100000000u

static void sort_tensors(struct header *h, int (*order)(const void *, const void *))
{
	if (h->n_tensors > 1)
		qsort(h->tensors, h->n_tensors, sizeof(*h->tensors), order);
}

static int by_name_then_place(const void *a, const void *b)
{
	const struct header_tensor *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Of entries with the same name only the last counts, as in the library. */
static void drop_repeated_names(struct header *h)
{
	size_t kept = 0;

	sort_tensors(h, by_name_then_place);
	for (size_t i = 0; i < h->n_tensors; i++) {
		if (i + 1 < h->n_tensors && !strcmp(h->tensors[i].name, h->tensors[i + 1].name))
			free(h->tensors[i].name);
		else
			h->tensors[kept++] = h->tensors[i];
	}
	h->n_tensors = kept;
}

static int by_data_then_name(const void *a, const void *b)
{
	const struct header_tensor *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* The bytes that dtype and shape ask for; false when that is no whole, representable number. */
static bool wanted_bytes(const struct header_tensor *t, uint64_t *bytes)
{
	uint64_t bits;

	if (t->overflows || __builtin_mul_overflow(t->numel, (uint64_t)t->dtype->bits, &bits) ||
	    bits % 8)
		return false;
	*bytes = bits / 8;
	return true;
}

static int check_tensor(const struct header_tensor *t, uint64_t expected_begin, const char *path,
			struct err *err)
{
	uint64_t bytes;

	if (t->end < t->begin)
		return err_set(err, ERR_FORMAT,
			       "%s: %.200s ends at byte %" PRIu64 ", before it begins at %" PRIu64,
			       path, t->name, t->end, t->begin);
	if (t->begin != expected_begin)
		return err_set(err, ERR_FORMAT,
			       "%s: %.200s begins at byte %" PRIu64 " of the data but the tensor "
			       "before it ends at %" PRIu64 " (%s)",
			       path, t->name, t->begin, expected_begin,
			       t->begin < expected_begin ? "they overlap" : "there is a hole");
	if (!wanted_bytes(t, &bytes))
		return err_set(
			err, ERR_FORMAT,
			"%s: the shape of %.200s (%s) is no whole number of bytes that fits 64 bits",
			path, t->name, t->dtype->name);
	if (t->end - t->begin != bytes)
		return err_set(err, ERR_FORMAT,
			       "%s: %.200s has %" PRIu64 " bytes of data but its dtype %s and "
			       "shape ask for %" PRIu64,
			       path, t->name, t->end - t->begin, t->dtype->name, bytes);
	return 0;
}

/* Check that the tensors fill the data_bytes bytes of data exactly. */
static int check_layout(struct header *h, uint64_t data_bytes, const char *path, struct err *err)
{
	uint64_t at = 0;

	sort_tensors(h, by_data_then_name);
	for (size_t i = 0; i < h->n_tensors; i++) {
		if (check_tensor(&h->tensors[i], at, path, err))
			return err->code;
		at = h->tensors[i].end;
	}
	if (at != data_bytes)
		return err_set(err, ERR_FORMAT,
			       "%s holds %" PRIu64 " bytes of data but its tensors end at %" PRIu64
			       " (%s)",
			       path, data_bytes, at,
			       at > data_bytes ? "truncated?" : "trailing bytes");
	return 0;
}

/* Move one checked tensor into its final form; the name changes owner. */
static void bind_tensor(struct file_tensor *to, struct header_tensor *from, char *map,
			uint64_t data_offset)
{
	int n_dims = from->rank < TENSOR_MAX_DIMS ? from->rank : TENSOR_MAX_DIMS;
	enum dtype dtype = from->dtype->dtype == DTYPE_COUNT ? DTYPE_U8 : from->dtype->dtype;
	int64_t shape[TENSOR_MAX_DIMS] = { 0 };

	*to = (struct file_tensor){ .name = from->name,
				    .offset = (int64_t)(data_offset + from->begin),
				    .bytes = (int64_t)(from->end - from->begin),
				    .numel = (int64_t)from->numel,
				    .dtype = from->dtype->name,
				    .rank = from->rank,
				    .unsupported = !from->dtype->is_weight_type ||
						   from->rank > TENSOR_MAX_DIMS };
	for (int i = 0; i < n_dims; i++) {
		/* Possible only beside a dimension of 0. */
		if (from->shape[i] > INT64_MAX)
			to->unsupported = true;
		shape[i] = from->shape[i] > INT64_MAX ? INT64_MAX : (int64_t)from->shape[i];
	}
	to->t = tensor_make(dtype, n_dims, shape, map + to->offset);
	from->name = NULL;
}

static uint64_t load_u64_le(const unsigned char *p)
{
	uint64_t x = 0;

	for (int i = 7; i >= 0; i--)
		x = x << 8 | p[i];
	return x;
}

static int read_tensors(struct tensor_file *st, struct err *err)
{
	uint64_t rest = st->map_bytes - 8, header_bytes = load_u64_le(st->map);
	struct header h;

	if (header_bytes > MAX_HEADER_BYTES)
		return err_set(err, ERR_FORMAT,
			       "%s is no safetensors file: its header would be %" PRIu64
			       " bytes long, at most %u are allowed",
			       st->path, header_bytes, MAX_HEADER_BYTES);
	if (header_bytes > rest)
		return err_set(err, ERR_FORMAT,
			       "%s is truncated: its header is %" PRIu64 " bytes long but only "
			       "%" PRIu64 " follow",
			       st->path, header_bytes, rest);
	if (header_parse(&h, (char *)st->map + 8, header_bytes, st->path, err))
		return err->code;
	drop_repeated_names(&h);
	if (check_layout(&h, rest - header_bytes, st->path, err)) {
		header_release(&h);
		return err->code;
	}
	st->n_tensors = (int)h.n_tensors;
	st->tensors = mem_calloc(h.n_tensors, sizeof(*st->tensors));
	for (size_t i = 0; i < h.n_tensors; i++)
		bind_tensor(&st->tensors[i], &h.tensors[i], st->map, 8 + header_bytes);
	st->metadata = h.metadata;
	h.metadata = NULL;
	header_release(&h);
	tensor_file_index(st);
	return 0;
}

int safetensors_open(struct tensor_file *st, const char *path, struct err *err)
{
	*st = (struct tensor_file){ 0 };
	if (mapping_open(st, path, "safetensors file", err))
		return err->code;
	if (read_tensors(st, err)) {
		tensor_file_close(st);
		return err->code;
	}
	return 0;
}
