/*
 * value.c -- arguments and results of functions over arrays.
 */
#include "functions.h"

#include <stdio.h>
#include <string.h>

void array_value_release(struct array_value *v)
{
	array_release(v->array);
	text_release(&v->text);
	*v = (struct array_value){ 0 };
}

const char *array_value_text(const struct array_value *v)
{
	return v->text.data ? v->text.data : "";
}

/* The axis of that name, -1 when there is none. */
static int named_axis(const struct array *a, const char *name)
{
	const char *at = array_axes(a);

	for (int i = 0; i < a->n_dims; i++) {
		size_t len = strcspn(at, ",");

		if (strlen(name) == len && !memcmp(at, name, len))
			return i;
		at += len + (at[len] == ',');
	}
	return -1;
}

int array_axis(const struct array *a, const struct array_value *arg, int *axis, struct err *err)
{
	int64_t n = arg->whole;
	char number[32];
	const char *text = array_value_text(arg);

	if (arg->kind == ARRAY_WHOLE) {
		snprintf(number, sizeof(number), "%lld", (long long)n);
		text = number;
		*axis = n >= -a->n_dims && n < a->n_dims ? (int)(n < 0 ? n + a->n_dims : n) : -1;
	} else {
		*axis = named_axis(a, text);
	}
	if (*axis >= 0)
		return 0;
	return err_set(err, ERR_USAGE, "'%.40s' is no axis of %s, which has [%s]", text, a->name,
		       array_axes(a));
}

int result_array(struct array_value *result, struct array *a)
{
	*result = (struct array_value){ .kind = ARRAY_TENSOR, .array = a };
	return 0;
}

int result_real(struct array_value *result, double x)
{
	*result = (struct array_value){ .kind = ARRAY_REAL, .real = x };
	return 0;
}

#define MAX_TEXT ((size_t)512 << 20)

int array_go_on(const struct array_value *result, const struct text *out, struct err *err)
{
	const struct array_watch *w = result->watch;

	if (out->len > MAX_TEXT)
		return err_set(err, ERR_USAGE, "the text has more than the %zu MB allowed",
			       MAX_TEXT >> 20);
	if (w && w->is_over(w->ctx))
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	return 0;
}

int result_text(struct array_value *result, struct text *t)
{
	*result = (struct array_value){ .kind = ARRAY_TEXT, .text = *t };
	*t = (struct text){ 0 };
	return 0;
}
