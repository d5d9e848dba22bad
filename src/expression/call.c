/*
 * call.c -- functions: values become what the letters of a table promise (array.h).
 */
#include "expression_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A number as a tensor of no dimensions. */
static int make_tensor(struct array_value *v, struct err *err)
{
	struct array *a = array_new(0, (const int64_t[]){ 0 }, err);

	if (!a)
		return err->code;
	a->data[0] = (float)value_number(v);
	snprintf(a->name, sizeof(a->name), "a number");
	*v = (struct array_value){ .kind = ARRAY_TENSOR, .array = a };
	return 0;
}

static int want_tensor(struct array_value *v, bool number_too, struct err *err)
{
	if (v->kind == ARRAY_TENSOR)
		return 0;
	if (v->kind == ARRAY_TEXT)
		return err_set(err, ERR_USAGE, "a tensor is expected here, not a text");
	if (!number_too)
		return make_tensor(v, err);
	*v = (struct array_value){ .kind = ARRAY_REAL, .real = value_number(v) };
	return 0;
}

static int want_whole(struct array_value *v, const char *what, struct err *err)
{
	int64_t n = 0;

	if (value_whole(v, what, &n, err))
		return err->code;
	*v = (struct array_value){ .kind = ARRAY_WHOLE, .whole = n };
	return 0;
}

static int want_number(struct array_value *v, struct err *err)
{
	if (!value_is_number(v))
		return err_set(err, ERR_USAGE, "a number is expected here, not %s", value_kind(v));
	*v = (struct array_value){ .kind = ARRAY_REAL, .real = value_number(v) };
	return 0;
}

/* Cut, as SQL does. */
static int want_cut(struct array_value *v, struct err *err)
{
	if (v->kind == ARRAY_REAL)
		v->real = trunc(v->real);
	return want_whole(v, "this", err);
}

static int convert(char letter, struct array_value *v, struct err *err)
{
	switch (letter) {
	case 't':
	case 'h':
		return want_tensor(v, false, err);
	case 'e':
		return want_tensor(v, true, err);
	case 'i':
		return want_cut(v, err);
	case 'n':
		return want_whole(v, "an index", err);
	case 'r':
		return want_number(v, err);
	case 'x':
		return v->kind == ARRAY_TEXT ? 0 : want_whole(v, "an axis without a name", err);
	default:
		if (v->kind == ARRAY_TEXT)
			return 0;
		return err_set(err, ERR_USAGE, "a text is expected here, not %s", value_kind(v));
	}
}

int call_function(const struct step *s, const struct item *args, void *ctx,
		  struct array_value *values, struct budget *b, struct array_value *result,
		  size_t *at, struct err *err)
{
	const char *params = s->own ? s->own->params : s->array->params;
	int ret;

	for (int i = 0; i < s->n; i++) {
		*at = args[i].at;
		if (convert(params[i], &values[i], err))
			return err->code;
	}
	*at = s->at;
	*result = (struct array_value){ .watch = b->watch };
	ret = s->own ? s->own->call(ctx, values, s->n, result, err)
		     : s->array->call(values, s->n, result, err);
	if (ret < 0)
		return ret;
	result->watch = NULL;
	value_settle(result);
	if (result->kind != ARRAY_TENSOR || result->array->refs > 1 || result->array->borrowed ||
	    result->array->whole)
		return 0;
	return budget_take(b, result->array->numel, err);
}
