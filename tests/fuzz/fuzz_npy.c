/*
 * fuzz_npy.c -- libFuzzer over blobs that are tensors, and every function over tensors.
 *
 * The first byte chooses a function of array_functions, the second the type of each argument, form
 * feeds separate a text, a number and the blob.  An array that is accepted has as many elements
 * as its shape says, all of them inside the blob, and reads back what it is written as.
 */
#include "fuzz.h"
#include "torchless/array.h"

static void check_view(const char *blob, size_t len)
{
	struct tensor t;
	struct err err = { 0 };

	if (!succeeded(npy_view(blob, len, &t, &err), &err))
		return;
	require((const char *)t.data >= blob && tensor_bytes(&t) >= 0 &&
			(const char *)t.data + tensor_bytes(&t) == blob + len,
		"elements end with the blob");
	if (tensor_numel(&t))
		(void)(tensor_get(&t, 0) + tensor_get(&t, tensor_numel(&t) - 1));
}

/* What is written is read as the same. */
static void check_again(const struct array *a)
{
	struct text file = { 0 };
	struct err err = { 0 };
	struct array *again;

	npy_header(&file, a->n_dims, a->shape);
	text_add(&file, a->data, (size_t)a->numel * sizeof(float));
	again = array_of_blob(file.data, file.len, &err);
	require(again && again->numel == a->numel && again->n_dims == a->n_dims,
		"what is written is read");
	require(!memcmp(again->shape, a->shape, sizeof(a->shape[0]) * (size_t)a->n_dims),
		"and has its shape");
	require(!a->numel || !memcmp(again->data, a->data, (size_t)a->numel * sizeof(float)),
		"and its elements");
	array_release(again);
	text_release(&file);
}

struct arguments {
	char *text;
	int64_t number;
	struct array *array;
	uint8_t kinds;
};

/* An argument as its letter in the table promises it. */
static struct array_value value_for(char letter, bool other, const struct arguments *a)
{
	struct array_value v = { .kind = ARRAY_WHOLE, .whole = a->number };

	if (letter == 't' || letter == 'h' || (letter == 'e' && !other)) {
		v.kind = ARRAY_TENSOR;
		v.array = array_ref(a->array);
	} else if (letter == 's' || ((letter == 'x' || letter == 'n') && other)) {
		v.kind = ARRAY_TEXT;
		text_adds(&v.text, a->text);
	} else if (letter == 'r' || letter == 'e') {
		v.kind = ARRAY_REAL;
		v.real = other ? strtod(a->text, NULL) : (double)a->number;
	}
	return v;
}

static void check_result(const struct array_value *v)
{
	int64_t numel = -1;
	struct err err = { 0 };

	if (v->kind != ARRAY_TENSOR)
		return;
	require(!array_numel(v->array->n_dims, v->array->shape, &numel, &err) &&
			numel == v->array->numel,
		"a result has its size");
	check_again(v->array);
}

static void check_call(const struct array_function *f, const struct arguments *a)
{
	int max = (int)strlen(f->params), n = f->min_args + a->kinds % (max - f->min_args + 1);
	struct array_value args[ARRAY_MAX_ARGS], result = { 0 };
	struct err err = { 0 };

	for (int i = 0; i < n; i++)
		args[i] = value_for(f->params[i], a->kinds >> (3 + i) & 1, a);
	if (succeeded(f->call(args, n, &result, &err), &err))
		check_result(&result);
	array_value_release(&result);
	for (int i = 0; i < n; i++)
		array_value_release(&args[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	const struct array_function *f = &array_functions[input_byte(&in) % array_functions_len];
	struct arguments a = { .kinds = input_byte(&in), .text = input_string(&in, '\f') };
	char *number = input_string(&in, '\f'), *blob;
	struct err err = { 0 };
	size_t len;

	a.number = strtoll(number, NULL, 10);
	blob = input_rest(&in, &len);
	check_view(blob, len);
	a.array = array_of_blob(blob, len, &err);
	require(!a.array == (err.code < 0), "what is refused is explained");
	if (a.array) {
		check_again(a.array);
		check_call(f, &a);
	} else {
		require_sentence(&err);
	}
	array_release(a.array);
	free(blob);
	free(number);
	free(a.text);
	return 0;
}
