/*
 * scalar.c -- every function over arrays as an SQL function: SQL to values, the call, a value to
 * SQL.
 */
#include "inspect_impl.h"

#include <string.h>

static void set_text(struct array_value *v, sqlite3_value *arg)
{
	const char *text = (const char *)sqlite3_value_text(arg);

	v->kind = ARRAY_TEXT;
	text_adds(&v->text, text ? text : "");
}

static int set_array(struct inspect *in, struct array_value *v, sqlite3_value *arg, struct err *err)
{
	v->kind = ARRAY_TENSOR;
	v->array = inspect_array(in, arg, err);
	return v->array ? 0 : err->code;
}

static int set_head(struct inspect *in, struct array_value *v, sqlite3_value *arg, struct err *err)
{
	struct array head;

	if (inspect_array_head(in, arg, &head, err))
		return err->code;
	v->kind = ARRAY_TENSOR;
	v->array = array_borrow(&head, NULL);
	return 0;
}

/* An argument as the letter of its parameter says (array.h). */
static int set_argument(struct inspect *in, char param, struct array_value *v, sqlite3_value *arg,
			struct err *err)
{
	bool whole = param == 'i' ||
		     (param == 'n' && sqlite3_value_numeric_type(arg) == SQLITE_INTEGER) ||
		     (param == 'x' && sqlite3_value_type(arg) == SQLITE_INTEGER);

	if (param == 't' || param == 'e') /* a number is the id of a value */
		return set_array(in, v, arg, err);
	if (param == 'h')
		return set_head(in, v, arg, err);
	if (whole)
		*v = (struct array_value){ .kind = ARRAY_WHOLE, .whole = sqlite3_value_int64(arg) };
	else if (param == 'r')
		*v = (struct array_value){ .kind = ARRAY_REAL, .real = sqlite3_value_double(arg) };
	else
		set_text(v, arg);
	return 0;
}

/* A text is refused when it is longer than the connection allows. */
static int give_text(sqlite3_context *ctx, const struct text *t, struct err *err)
{
	int limit = sqlite3_limit(sqlite3_context_db_handle(ctx), SQLITE_LIMIT_LENGTH, -1);

	if (t->len > (size_t)limit)
		return err_set(err, ERR_USAGE, "the text has %zu bytes, more than the %d allowed",
			       t->len, limit);
	sqlite3_result_text64(ctx, t->len ? t->data : "", t->len, SQLITE_TRANSIENT, SQLITE_UTF8);
	return 0;
}

/* A .npy blob of f32, or a number when it has no dimensions. */
static void give_array(sqlite3_context *ctx, const struct array *a)
{
	size_t bytes = (size_t)a->numel * sizeof(*a->data);
	struct text header = { 0 };
	char *blob;

	if (a->n_dims == 0) {
		sqlite3_result_double(ctx, (double)*a->data);
		return;
	}
	npy_header(&header, a->n_dims, a->shape);
	blob = sqlite3_malloc64(header.len + bytes);
	if (!blob) {
		sqlite3_result_error_nomem(ctx);
	} else {
		memcpy(blob, header.data, header.len);
		if (bytes)
			memcpy(blob + header.len, a->data, bytes);
		sqlite3_result_blob64(ctx, blob, header.len + bytes, sqlite3_free);
	}
	text_release(&header);
}

static int give(sqlite3_context *ctx, const struct array_value *v, struct err *err)
{
	switch (v->kind) {
	case ARRAY_NULL:
		return 0;
	case ARRAY_WHOLE:
		sqlite3_result_int64(ctx, v->whole);
		return 0;
	case ARRAY_REAL:
		sqlite3_result_double(ctx, v->real);
		return 0;
	case ARRAY_TEXT:
		return give_text(ctx, &v->text, err);
	case ARRAY_TENSOR:
		give_array(ctx, v->array);
		return 0;
	}
	return 0;
}

int scalar_call(struct inspect *in, sqlite3_context *ctx, const struct array_function *f, int n,
		sqlite3_value **args, struct err *err)
{
	const struct array_watch watch = { in->host.is_over, in->host.ctx };
	struct array_value values[ARRAY_MAX_ARGS] = { 0 }, result = { 0 };
	int ret = 0;

	for (int i = 0; i < n && !ret; i++)
		ret = set_argument(in, f->params[i], &values[i], args[i], err);
	if (!ret)
		result.watch = watch.is_over ? &watch : NULL;
	if (!ret)
		ret = f->call(values, n, &result, err);
	if (!ret)
		ret = give(ctx, &result, err);
	array_value_release(&result);
	for (int i = 0; i < n; i++)
		array_value_release(&values[i]);
	return ret;
}
