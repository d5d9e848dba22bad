/*
 * names.h -- a small world for expressions: tensors, variables and functions by name.
 *
 *	out                   [3,4] pos,d_model     0 .. 11 at positions 5 to 7
 *	in[0]                 [2,3] row,col         1 .. 6
 *	in[1]                 [3,2] col,out         1 .. 6
 *	v                     [4] d                 1 -2 3 0
 *	odd                   [6] i0, no names      nan inf -inf 0 1 -1
 *	one                   [1,1] a,b             2.5
 *	layers.N.attn:pattern [2,3,3] head,q,k      N + .01 * index, q at positions 5 to 7 (N 0 to
 *3) layers.N              [3,4] pos,d_model     all N . .z :leaf            [2] d 10 20 large
 *[65536,65536]         more elements than anybody may have soon not there yet
 *
 *	token 7   op 12   layer 3   pass (not now)   $ 0.5   $1 is v   $$2 2   $name "abc"
 *	tok(id)   text()   weight(name)   breaks()
 */
#ifndef TESTS_NAMES_H
#define TESTS_NAMES_H

#include "torchless/expression.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct names_tensor {
	const char *path, *axes;
	int n_dims;
	int64_t shape[TENSOR_MAX_DIMS], base;
	float first, step; /* the elements */
};

static const struct names_tensor names_tensors[] = {
	{ "out", "pos,d_model", 2, { 3, 4 }, 5, 0, 1 },
	{ "in[0]", "row,col", 2, { 2, 3 }, 0, 1, 1 },
	{ "in[1]", "col,out", 2, { 3, 2 }, 0, 1, 1 },
	{ "v", "d", 1, { 4 }, 0, 1, 0 },
	{ "odd", "", 1, { 6 }, 0, 0, 0 },
	{ "one", "a,b", 2, { 1, 1 }, 0, 2.5, 0 },
	{ "layers.0.attn:pattern", "head,q,k", 3, { 2, 3, 3 }, 5, 0, .01F },
	{ "layers.1.attn:pattern", "head,q,k", 3, { 2, 3, 3 }, 5, 1, .01F },
	{ "layers.2.attn:pattern", "head,q,k", 3, { 2, 3, 3 }, 5, 2, .01F },
	{ "layers.3.attn:pattern", "head,q,k", 3, { 2, 3, 3 }, 5, 3, .01F },
	{ "layers.0", "pos,d_model", 2, { 3, 4 }, 5, 0, 0 },
	{ "layers.1", "pos,d_model", 2, { 3, 4 }, 5, 1, 0 },
	{ "layers.2", "pos,d_model", 2, { 3, 4 }, 5, 2, 0 },
	{ "layers.3", "pos,d_model", 2, { 3, 4 }, 5, 3, 0 },
	{ ".", "d", 1, { 2 }, 0, 10, 10 },
	{ ".z", "d", 1, { 2 }, 0, 10, 10 },
	{ ":leaf", "d", 1, { 2 }, 0, 10, 10 },
	{ "large", "a,b", 2, { 65536, 65536 }, 0, 0, 0 },
	{ "soon", "pos,d_model", 2, { -1, 4 }, 0, 0, 0 },
};

static inline const struct names_tensor *names_tensor(const char *path, struct err *err)
{
	for (size_t i = 0; i < sizeof(names_tensors) / sizeof(*names_tensors); i++)
		if (!strcmp(names_tensors[i].path, path))
			return &names_tensors[i];
	err_set(err, ERR_USAGE, "there is no tensor '%.60s'", path);
	return NULL;
}

static inline int names_find(void *ctx, const char *path, struct array *head, struct err *err)
{
	const struct names_tensor *t = names_tensor(path, err);

	(void)ctx;
	if (!t)
		return err->code;
	*head = (struct array){ .n_dims = t->n_dims, .numel = 1 };
	memcpy(head->shape, t->shape, sizeof(head->shape));
	snprintf(head->axes, sizeof(head->axes), "%s", t->axes);
	snprintf(head->name, sizeof(head->name), "%s", t->path);
	for (int i = 0; i < t->n_dims; i++) {
		head->numel *= t->shape[i];
		head->base[i] = axis_counts_positions(t->axes, i) ? t->base : 0;
	}
	return 0;
}

static inline float names_element(const struct names_tensor *t, int64_t i)
{
	static const float v[] = { 1, -2, 3, 0 }, odd[] = { NAN, INFINITY, -INFINITY, 0, 1, -1 };

	if (!strcmp(t->path, "v"))
		return v[i];
	if (!strcmp(t->path, "odd"))
		return odd[i];
	return t->first + t->step * (float)i;
}

/* How many elements were handed out so far, and how many may be at once. */
static int64_t names_read_elements, names_read_limit = INT64_MAX;

/* The elements of a part, axis by axis. */
static inline float *names_fill(float *out, const struct names_tensor *t,
				const struct array_part *p, int axis, int64_t row)
{
	if (axis == t->n_dims || axis == TENSOR_MAX_DIMS) {
		*out = names_element(t, row);
		return out + 1;
	}
	for (int64_t i = p->start[axis]; i < p->stop[axis]; i++)
		out = names_fill(out, t, p, axis + 1, row * t->shape[axis] + i);
	return out;
}

static inline struct array *names_read(void *ctx, const char *path, const char *selection,
				       struct err *err)
{
	const struct names_tensor *t = names_tensor(path, err);
	struct array whole, head, *a;
	struct array_part p;
	float *data;
	int has;

	if (!t || names_find(ctx, path, &whole, err))
		return NULL;
	has = array_find_part(&whole, selection, &p, err);
	if (has == 0)
		array_no_part(&whole, selection, err);
	if (has <= 0)
		return NULL;
	array_describe_part(&whole, &p, &head);
	if (!*selection)
		head = whole;
	if (head.numel > names_read_limit) {
		err_set(err, ERR_MEMORY, "%s has too many elements for this test", path);
		return NULL;
	}
	a = array_new(head.n_dims, head.shape, err);
	if (!a)
		return NULL;
	data = a->data;
	*a = head;
	a->data = data;
	a->refs = 1;
	names_fill(data, t, &p, 0, 0);
	names_read_elements += a->numel;
	return a;
}

static inline int names_variable(void *ctx, const char *name, struct array_value *value,
				 struct err *err)
{
	static const struct {
		const char *name;
		int64_t whole;
	} wholes[] = { { "token", 7 }, { "op", 12 }, { "layer", 3 }, { "$$2", 2 } };

	for (size_t i = 0; i < sizeof(wholes) / sizeof(*wholes); i++) {
		if (!strcmp(name, wholes[i].name)) {
			value->kind = ARRAY_WHOLE;
			value->whole = wholes[i].whole;
			return 1;
		}
	}
	if (!strcmp(name, "$")) {
		value->kind = ARRAY_REAL;
		value->real = 0.5;
	} else if (!strcmp(name, "$1")) {
		value->kind = ARRAY_TENSOR;
		value->array = names_read(ctx, "v", "", err);
	} else if (!strcmp(name, "$name")) {
		value->kind = ARRAY_TEXT;
		text_adds(&value->text, "abc");
	} else if (!strcmp(name, "pass")) {
		return err_set(err, ERR_USAGE, "no pass has begun");
	}
	return value->kind != ARRAY_NULL;
}

static inline int names_tok(void *ctx, struct array_value *args, int n, struct array_value *result,
			    struct err *err)
{
	(void)ctx, (void)n, (void)err;
	result->kind = ARRAY_TEXT;
	text_addf(&result->text, "<%lld>", (long long)args[0].whole);
	return 0;
}

static inline int names_text(void *ctx, struct array_value *args, int n, struct array_value *result,
			     struct err *err)
{
	(void)ctx, (void)args, (void)n, (void)err;
	result->kind = ARRAY_TEXT;
	text_adds(&result->text, "Once upon");
	return 0;
}

static inline int names_weight(void *ctx, struct array_value *args, int n,
			       struct array_value *result, struct err *err)
{
	(void)n;
	result->array = names_read(ctx, array_value_text(&args[0]), "", err);
	result->kind = result->array ? ARRAY_TENSOR : ARRAY_NULL;
	return result->array ? 0 : err->code;
}

static inline int names_breaks(void *ctx, struct array_value *args, int n,
			       struct array_value *result, struct err *err)
{
	(void)ctx, (void)args, (void)n, (void)result;
	return err_set(err, ERR_TOOL, "it breaks");
}

static const struct expression_function names_functions[] = {
	{ "tok", "(id)", 1, "i", names_tok, "The text of a token.", "tok(7)" },
	{ "text", "()", 0, "", names_text, "What was said.", "text()" },
	{ "weight", "(name)", 1, "s", names_weight, "A weight.", "weight(\"v\")" },
	{ "breaks", "()", 0, "", names_breaks, "Breaks.", "breaks()" },
	{ NULL, NULL, 0, NULL, NULL, NULL, NULL },
};

static const struct expression_names names_table = { .find = names_find,
						     .read = names_read,
						     .variable = names_variable,
						     .functions = names_functions };

#endif
