/*
 * array.c -- making, describing and freeing arrays.
 */
#include "torchless/array.h"

#include "torchless/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_BYTES ((int64_t)4 << 30) /* as f32; nothing that one looks at whole is near it */

/* ---- sizes --------------------------------------------------------------------------------- */

int array_numel(int n_dims, const int64_t *shape, int64_t *numel, struct err *err)
{
	int64_t extent = 1;

	*numel = 1;
	for (int i = 0; i < n_dims; i++) {
		/* Products of some of the sizes stay small, too, where another is 0. */
		if (!mem_mul(extent, shape[i] ? shape[i] : 1, &extent) ||
		    extent > ARRAY_BYTES / (int64_t)sizeof(float))
			return err_set(err, ERR_FORMAT, "a shape of %lld and more is too large",
				       (long long)extent);
		*numel *= shape[i];
	}
	return 0;
}

bool array_parse_shape(const char *text, int64_t shape[TENSOR_MAX_DIMS], int *n_dims,
		       int64_t *numel)
{
	const char *at = text;
	char *end;

	*n_dims = 0;
	*numel = 1;
	while (*at) {
		errno = 0;
		if (*n_dims == TENSOR_MAX_DIMS || *at < '0' || *at > '9')
			return false;
		shape[*n_dims] = strtoll(at, &end, 10);
		if (errno || (*end && *end != ',') || !mem_mul(*numel, shape[*n_dims], numel))
			return false;
		++*n_dims;
		if (*end == ',' && !end[1])
			return false;
		at = *end ? end + 1 : end;
	}
	return true;
}

float *array_numbers(int64_t n, struct err *err)
{
	float *numbers = mem_try_aligned(((size_t)n + 1) * sizeof(*numbers));

	if (!numbers)
		err_set(err, ERR_MEMORY, "out of memory: %lld numbers take more", (long long)n);
	return numbers;
}

/* ---- making and freeing -------------------------------------------------------------------- */

struct array *array_new(int n_dims, const int64_t *shape, struct err *err)
{
	struct array *a;
	int64_t numel;
	float *data;

	if (array_numel(n_dims, shape, &numel, err))
		return NULL;
	data = array_numbers(numel, err);
	if (!data)
		return NULL;
	a = mem_calloc(1, sizeof(*a));
	a->refs = 1;
	a->dtype = DTYPE_F32;
	a->n_dims = n_dims;
	a->numel = numel;
	for (int i = 0; i < n_dims; i++)
		a->shape[i] = shape[i]; /* of a number alone there may be none */
	a->data = data;
	return a;
}

struct array *array_borrow(const struct array *head, float *data)
{
	struct array *a = mem_calloc(1, sizeof(*a));

	*a = *head;
	a->refs = 1;
	a->data = data;
	a->whole = NULL;
	a->borrowed = true;
	return a;
}

struct array *array_ref(struct array *a)
{
	a->refs++;
	return a;
}

void array_release(struct array *a)
{
	if (!a || --a->refs > 0)
		return;
	if (!a->whole && !a->borrowed)
		free(a->data);
	array_release(a->whole);
	free(a);
}

/* ---- axes ---------------------------------------------------------------------------------- */

const char *array_axes(const struct array *a)
{
	static const char *const numbered[] = { "", "i0", "i0,i1", "i0,i1,i2", "i0,i1,i2,i3" };

	return a->axes[0] ? a->axes : numbered[a->n_dims];
}

const char *array_index(const struct array *a, int64_t at, char *buf, size_t size)
{
	int64_t rest = a->numel, index;
	size_t len = 0;

	buf[0] = '\0';
	for (int i = 0; i < a->n_dims && at >= 0 && len < size; i++) {
		rest /= a->shape[i];
		index = a->base[i] + at / rest;
		len += (size_t)snprintf(buf + len, size - len, "%s%lld", i ? "," : "",
					(long long)index);
		at %= rest;
	}
	return buf;
}

const char *array_place(const struct array *a, int64_t at, char *buf, size_t size)
{
	const char *axis = array_axes(a);
	int64_t rest = a->numel, index;
	size_t len = 0;

	buf[0] = '\0';
	for (int i = 0; i < a->n_dims && at >= 0 && len < size; i++) {
		int name = (int)strcspn(axis, ",");

		rest /= a->shape[i];
		index = a->base[i] + at / rest;
		len += (size_t)snprintf(buf + len, size - len, "%s%.*s=%lld", i ? ", " : "", name,
					axis, (long long)index);
		at %= rest;
		axis += name + (axis[name] == ',');
	}
	return buf;
}

bool array_row(const struct array *a, int i, int64_t index, int64_t *row)
{
	*row = index < 0 ? index + a->shape[i] : index - a->base[i];
	return *row >= 0 && *row < a->shape[i];
}
