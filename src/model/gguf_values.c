/*
 * gguf_values.c -- values of a GGUF file by their keys.
 */
#include "gguf_header.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const type_names[GGUF_N_TYPES] = {
	"uint8", "int8",   "uint16", "int16",  "uint32", "int32",   "float32",
	"bool",  "string", "array",  "uint64", "int64",  "float64",
};

uint64_t gguf_u64(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

uint32_t gguf_u32(const char *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static const uint8_t widths[GGUF_N_TYPES] = {
	[GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_U16] = 2, [GGUF_I16] = 2,
	[GGUF_U32] = 4, [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1,
	[GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

size_t gguf_width(enum gguf_type type)
{
	return widths[type];
}

const struct gguf_value *gguf_find(const struct gguf_header *h, const char *key)
{
	size_t lo = 0, hi = h->n_values, len = strlen(key);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		struct bytes k = h->values[mid].key;
		int order = memcmp(key, k.data, len < k.len ? len : k.len);

		if (!order)
			order = (len > k.len) - (len < k.len);
		if (!order)
			return &h->values[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

bool gguf_is_int(enum gguf_type type)
{
	return type != GGUF_F32 && type != GGUF_F64 && type != GGUF_BOOL && type != GGUF_STRING &&
	       type != GGUF_ARRAY;
}

int64_t gguf_load_int(enum gguf_type type, const char *data)
{
	union {
		uint8_t u8;
		int8_t i8;
		uint16_t u16;
		int16_t i16;
		uint32_t u32;
		int32_t i32;
		uint64_t u64;
		int64_t i64;
	} x = { 0 };

	memcpy(&x, data, gguf_width(type));
	switch (type) {
	case GGUF_U8:
		return x.u8;
	case GGUF_I8:
		return x.i8;
	case GGUF_U16:
		return x.u16;
	case GGUF_I16:
		return x.i16;
	case GGUF_U32:
		return x.u32;
	case GGUF_I32:
		return x.i32;
	case GGUF_U64:
		return x.u64 > INT64_MAX ? INT64_MAX : (int64_t)x.u64;
	case GGUF_I64:
		return x.i64;
	case GGUF_F32: /* no integers: the caller has asked gguf_is_int() */
	case GGUF_F64:
	case GGUF_BOOL:
	case GGUF_STRING:
	case GGUF_ARRAY:
	case GGUF_N_TYPES:
		break;
	}
	return 0;
}

struct bytes gguf_next_text(const char **at)
{
	struct bytes text = { *at + 8, gguf_u64(*at) };

	*at = text.data + text.len;
	return text;
}

static int is_other(const struct gguf_header *h, const struct gguf_value *v, const char *expected,
		    struct err *err)
{
	bool is_array = v->type == GGUF_ARRAY;

	return err_set(err, ERR_FORMAT, "%s: %.*s is %s%s, but %s is expected", h->path,
		       (int)v->key.len, v->key.data,
		       is_array ? "an array of " : "a value of the type ",
		       type_names[is_array ? v->element : v->type], expected);
}

int gguf_get_int(const struct gguf_header *h, const char *key, int64_t min, int64_t max,
		 int64_t *out, struct err *err)
{
	const struct gguf_value *v = gguf_find(h, key);
	int64_t x;

	if (!v)
		return 0;
	if (!gguf_is_int(v->type))
		return is_other(h, v, "an integer", err);
	x = gguf_load_int(v->type, v->data.data);
	if (x < min || x > max)
		return err_set(err, ERR_FORMAT,
			       "%s: %s is %" PRId64 ", but a number from %" PRId64 " to %" PRId64
			       " is expected",
			       h->path, key, x, min, max);
	*out = x;
	return 1;
}

int gguf_get_real(const struct gguf_header *h, const char *key, double *out, struct err *err)
{
	const struct gguf_value *v = gguf_find(h, key);
	double x;
	float f;

	if (!v)
		return 0;
	if (v->type == GGUF_F32) {
		memcpy(&f, v->data.data, sizeof(f));
		x = f;
	} else if (v->type == GGUF_F64) {
		memcpy(&x, v->data.data, sizeof(x));
	} else if (gguf_is_int(v->type)) {
		x = (double)gguf_load_int(v->type, v->data.data);
	} else {
		return is_other(h, v, "a number", err);
	}
	if (!isfinite(x))
		return err_set(err, ERR_FORMAT, "%s: %s is not finite", h->path, key);
	*out = x;
	return 1;
}

int gguf_get_bool(const struct gguf_header *h, const char *key, bool *out, struct err *err)
{
	const struct gguf_value *v = gguf_find(h, key);

	if (!v)
		return 0;
	if (v->type != GGUF_BOOL)
		return is_other(h, v, "true or false", err);
	*out = *v->data.data;
	return 1;
}

int gguf_get_text(const struct gguf_header *h, const char *key, struct bytes *out, struct err *err)
{
	const struct gguf_value *v = gguf_find(h, key);

	if (!v)
		return 0;
	if (v->type != GGUF_STRING)
		return is_other(h, v, "a text", err);
	*out = v->data;
	return 1;
}

int gguf_get_array(const struct gguf_header *h, const char *key, enum gguf_type element,
		   const struct gguf_value **out, struct err *err)
{
	const struct gguf_value *v = gguf_find(h, key);
	char expected[40];

	if (!v)
		return 0;
	if (v->type != GGUF_ARRAY ||
	    (v->element != element && !(gguf_is_int(element) && gguf_is_int(v->element)))) {
		snprintf(expected, sizeof(expected), "an array of %s",
			 gguf_is_int(element) ? "integers" : type_names[element]);
		return is_other(h, v, expected, err);
	}
	*out = v;
	return 1;
}
