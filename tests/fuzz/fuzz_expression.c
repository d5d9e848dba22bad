/*
 * fuzz_expression.c -- libFuzzer over expressions, in the small world of support/names.h.
 *
 * Each line is one.  One that is refused says where, inside of its text; one that is accepted gives
 * a value or a sentence that does the same, the same twice, and says which paths it reads; neither
 * takes more than its bounds.
 */
#include "fuzz.h"

#include "support/names.h"

#define MAX_LINES 4

static void check_caret(const char *text, size_t at)
{
	static const int widths[] = { 0, 20, 80 };

	require(at <= strlen(text), "a mistake is inside of the text");
	for (int i = 0; i < 3; i++) {
		struct text out = { 0 };

		expression_caret(&out, text, at, i, widths[i]);
		require(out.len >= 2 && out.data[out.len - 1] == '\n', "two lines are shown");
		require_shown(out.data, strcspn(out.data, "\n"));
		text_release(&out);
	}
}

/* Nobody waits any more after so many questions: even what is slow ends. */
static bool is_over(void *ctx)
{
	return --*(int *)ctx < 0;
}

static int evaluate(const struct expression *e, struct array_value *v, struct err *err)
{
	int left = 2000;
	const struct array_watch watch = { is_over, &left };
	size_t at = 0;
	int ret = expression_evaluate_at(e, &names_table, &watch, v, &at, err);

	require(left >= -1, "nobody is asked again who does not wait");
	if (!succeeded(ret, err))
		check_caret(expression_text(e), at);
	return ret;
}

static void check_same(const struct array_value *a, const struct array_value *b)
{
	require(a->kind == b->kind && a->whole == b->whole, "the same twice");
	require(!memcmp(&a->real, &b->real, sizeof(a->real)), "the same number twice");
	require(!strcmp(array_value_text(a), array_value_text(b)), "the same text twice");
	if (a->kind != ARRAY_TENSOR)
		return;
	require(a->array->numel == b->array->numel && a->array->n_dims == b->array->n_dims,
		"the same shape twice");
	require(!a->array->numel || !memcmp(a->array->data, b->array->data,
					    (size_t)a->array->numel * sizeof(float)),
		"the same elements twice");
}

static void check_value(const struct array_value *v)
{
	const struct array *a = v->array;
	bool truth = false;
	struct err err = { 0 };
	int64_t numel = 1;

	succeeded(expression_truth(v, &truth, &err), &err);
	if (v->kind != ARRAY_TENSOR)
		return;
	for (int i = 0; i < a->n_dims; i++)
		numel *= a->shape[i];
	require(numel == a->numel && a->n_dims > 0, "a tensor has its size, and dimensions");
	require_shown(a->name, strlen(a->name));
	require(strlen(a->name) > 0, "and a name");
	for (int i = 0; i < a->n_dims; i++) {
		char name[64];

		require(axis_name(array_axes(a), i, name, sizeof(name)), "its axes have names");
	}
}

static void check_uses(const struct expression *e)
{
	int n = expression_n_paths(e);

	for (int i = 0; i < n; i++) {
		const char *path = expression_path(e, i);
		size_t word = strcspn(path, ".:[");
		char *first = strndup(path, word ? word : 1);

		require(first && (!word || expression_uses(e, first)), "what is read is used");
		for (int k = 0; k < i; k++)
			require(strcmp(path, expression_path(e, k)) != 0, "each path once");
		free(first);
	}
	require(!expression_path(e, n), "so many paths");
}

static void check_line(const char *line)
{
	struct array_value v = { 0 }, again = { 0 };
	struct err err = { 0 }, err_again = { 0 };
	size_t at = 0;
	struct expression *e = expression_parse_at(line, &names_table, &at, &err);

	require(!e == (err.code < 0), "what is refused is explained");
	if (!e) {
		require_sentence(&err);
		check_caret(line, at);
		return;
	}
	check_uses(e);
	if (!evaluate(e, &v, &err)) {
		check_value(&v);
		require(!evaluate(e, &again, &err_again), "what has a value has it twice");
		check_same(&v, &again);
	}
	array_value_release(&v);
	array_value_release(&again);
	expression_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	names_read_limit = 1 << 16; /* more takes time and finds nothing else */
	for (int i = 0; i < MAX_LINES && in.left; i++) {
		char *line = input_string(&in, '\n');

		check_line(line);
		free(line);
	}
	return 0;
}
