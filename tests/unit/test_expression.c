/* Expressions against numbers computed by hand, in the small world of support/names.h. */
#include "torchless/expression.h"

#include "support/names.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- values as text -------------------------------------------------------------------------- */

/* "3", "0.5", "'text'", "nothing", "[2,2] 1 2 3 4". */
static const char *show(const struct array_value *v, char *buf, size_t size)
{
	struct text out = { 0 };

	text_adds(&out, "");
	if (v->kind == ARRAY_NULL)
		text_adds(&out, "nothing");
	else if (v->kind == ARRAY_WHOLE)
		text_addf(&out, "%lld", (long long)v->whole);
	else if (v->kind == ARRAY_REAL)
		text_addf(&out, "%.6g", v->real);
	else if (v->kind == ARRAY_TEXT)
		text_addf(&out, "'%s'", array_value_text(v));
	for (int i = 0; v->kind == ARRAY_TENSOR && i < v->array->n_dims; i++)
		text_addf(&out, "%c%lld", i ? ',' : '[', (long long)v->array->shape[i]);
	text_adds(&out, v->kind == ARRAY_TENSOR ? "]" : "");
	for (int64_t i = 0; v->kind == ARRAY_TENSOR && i < v->array->numel; i++)
		text_addf(&out, " %.6g", (double)v->array->data[i] + 0.0);
	snprintf(buf, size, "%s", out.data);
	text_release(&out);
	return buf;
}

/* The value, or "COLUMN: sentence". */
static const char *answer(const char *text, char *buf, size_t size)
{
	struct array_value v = { 0 };
	struct err err = { 0 };
	size_t at = 0;
	struct expression *e = expression_parse_at(text, &names_table, &at, &err);
	int ret = e ? expression_evaluate_at(e, &names_table, NULL, &v, &at, &err) : err.code;

	if (ret)
		snprintf(buf, size, "%zu: %.400s", at, err.message);
	else
		show(&v, buf, size);
	cr_expect(!ret == !err.message[0], "%s", text);
	array_value_release(&v);
	expression_free(e);
	return buf;
}

static const struct {
	const char *text, *value;
} good[] = {
	/* numbers */
	{ "1", "1" },
	{ "1.5e-3", "0.0015" },
	{ ".5", "0.5" },
	{ "1.", "1" },
	{ "2e3", "2000" },
	{ "inf", "inf" },
	{ "-inf", "-inf" },
	{ "nan", "nan" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "9223372036854775807 + 1", "9.22337e+18" },
	{ "9223372036854775808", "9.22337e+18" },
	{ "9007199254740993 == 9007199254740992", "0" },
	/* arithmetic of numbers */
	{ "1 + 2 * 3", "7" },
	{ "(1 + 2) * 3", "9" },
	{ "10 - 4 - 3", "3" },
	{ "2 * 3 % 4", "2" },
	{ "7 / 2", "3.5" },
	{ "6 / 2", "3" },
	{ "-7 % 3", "2" },
	{ "7 % -3", "-2" },
	{ "-7.5 % 2", "0.5" },
	{ "1.0 / 0", "inf" },
	{ "-1.0 / 0", "-inf" },
	{ "1 / 0.0", "inf" },
	{ "0.0 / 0 == 0.0 / 0", "0" },
	{ "- - 3", "3" },
	{ "2 - -1", "3" },
	{ "-2 * -3", "6" },
	/* comparisons and logic */
	{ "1 < 2", "1" },
	{ "2 <= 1", "0" },
	{ "1 == 1.0", "1" },
	{ "nan == nan", "0" },
	{ "nan != nan", "1" },
	{ "!0", "1" },
	{ "!3", "0" },
	{ "!!3", "1" },
	{ "!nan", "0" },
	{ "1 < 2 && 2 < 3", "1" },
	{ "1 && 0 || 1", "1" },
	{ "0 && (1 || 1)", "0" },
	{ "0 || 0.5", "1" },
	{ "0 && 1 / 0", "0" },
	{ "1 || breaks()", "1" },
	{ "0 && breaks() || 2", "1" },
	{ "1 + 1 == 2 && 3 * 2 >= 6", "1" },
	/* texts */
	{ "\"a\" == 'a'", "1" },
	{ "'a' != \"b\"", "1" },
	{ "\"\\x41\\n\" == 'A\n'", "1" },
	{ "'it\\'s'", "'it's'" },
	{ "$name == \"abc\"", "1" },
	{ "tok(token) == \"<7>\"", "1" },
	{ "text()", "'Once upon'" },
	/* variables */
	{ "token", "7" },
	{ "token + op", "19" },
	{ "layer == 3 && op > 10", "1" },
	{ "$", "0.5" },
	{ "$ * 2", "1" },
	{ "$1", "[4] 1 -2 3 0" },
	{ "$1[1]", "-2" },
	{ "$$2", "2" },
	/* paths */
	{ "v", "[4] 1 -2 3 0" },
	{ "in[0]", "[2,3] 1 2 3 4 5 6" },
	{ "in[0][1]", "[3] 4 5 6" },
	{ "in[0][1, -1]", "6" },
	{ "layers[3][0 + 5, 0]", "3" },
	{ "layers[ 2 ] [-1]", "[4] 2 2 2 2" },
	{ "layers.2[-1]", "[4] 2 2 2 2" },
	{ "layers[1].attn:pattern[0, 5]", "[3] 1 1.01 1.02" },
	{ "layers.1.attn:pattern[head=0, q=5]", "[3] 1 1.01 1.02" },
	{ ".", "[2] 10 20" },
	{ ".[1]", "20" },
	{ ".z", "[2] 10 20" },
	{ ":leaf[0]", "10" },
	{ "1+.z", "[2] 11 21" },
	{ "mean(\"layers.2\")", "2" },
	/* parts */
	{ "out[5]", "[4] 0 1 2 3" },
	{ "out[-1]", "[4] 8 9 10 11" },
	{ "out[6, 2]", "6" },
	{ "out[d_model=2]", "[3] 2 6 10" },
	{ "out[6:]", "[2,4] 4 5 6 7 8 9 10 11" },
	{ "out[:6]", "[1,4] 0 1 2 3" },
	{ "out[:, 1:3]", "[3,2] 1 2 5 6 9 10" },
	{ "out[..., 0]", "[3] 0 4 8" },
	{ "out[...]", "[3,4] 0 1 2 3 4 5 6 7 8 9 10 11" },
	{ "out[-1, ...]", "[4] 8 9 10 11" },
	{ "out[0:100, 3]", "[3] 3 7 11" },
	{ "out[pos=5, d_model=-1]", "3" },
	{ "out[d_model=0, pos=7]", "8" },
	{ "out[5 + 1, 6 / 3]", "6" },
	{ "out[argmax(v) + 5]", "[4] 8 9 10 11" },
	{ "v[::2]", "[2] 1 3" },
	{ "v[::-1]", "[4] 0 3 -2 1" },
	{ "v[2:0:-1]", "[2] 3 -2" },
	{ "v[-1:0:-2]", "[2] 0 -2" },
	{ "v[1::2]", "[2] -2 0" },
	{ "out[::2, ::-3]", "[2,2] 3 0 11 8" },
	{ "out[::2][0]", "[4] 0 1 2 3" },
	{ "(out + 1)[6, 0]", "5" },
	{ "(in[0] * 2)[row=1][::2]", "[2] 8 12" },
	{ "v[token - 6]", "-2" },
	{ "v[v[0]]", "-2" },
	{ "layers[0].attn:pattern[1, 6:, ::2]", "[2,2] 0.12 0.14 0.15 0.17" },
	/* tensors */
	{ "v + 1", "[4] 2 -1 4 1" },
	{ "1 - v", "[4] 0 3 -2 1" },
	{ "v * v", "[4] 1 4 9 0" },
	{ "v[:3] / 0", "[3] inf -inf inf" },
	{ "v / v == 1", "[4] 1 1 1 0" },
	{ "v % 2", "[4] 1 0 1 0" },
	{ "-v", "[4] -1 2 -3 0" },
	{ "!v", "[4] 0 0 0 1" },
	{ "v > 0", "[4] 1 0 1 0" },
	{ "v > 0 && v < 2", "[4] 1 0 0 0" },
	{ "v == v", "[4] 1 1 1 1" },
	{ "odd == odd", "[6] 0 1 1 1 1 1" },
	{ "odd || 0", "[6] 1 1 1 0 1 1" },
	{ "out - out[5]", "[3,4] 0 0 0 0 4 4 4 4 8 8 8 8" },
	{ "out + v", "[3,4] 1 -1 5 3 5 3 9 7 9 7 13 11" },
	{ "out[:, 0:1] + out[5:6, :]", "[3,4] 0 1 2 3 4 5 6 7 8 9 10 11" },
	{ "one + v", "[1,4] 3.5 0.5 5.5 2.5" },
	{ "in[0] @ in[1]", "[2,2] 22 28 49 64" },
	{ "in[0] @ in[1][:, 0]", "[2] 22 49" },
	{ "in[0][0] @ in[1]", "[2] 22 28" },
	{ "v @ v", "14" },
	{ "v * 0.1 == v / 10", "[4] 1 1 1 1" },
	/* functions */
	{ "mean(v)", "0.5" },
	{ "mean(out, pos)", "[4] 4 5 6 7" },
	{ "mean(out, \"pos\")", "[4] 4 5 6 7" },
	{ "mean(out, axis=pos)", "[4] 4 5 6 7" },
	{ "mean(out, 0)", "[4] 4 5 6 7" },
	{ "mean(out, axis = -1)", "[3] 1.5 5.5 9.5" },
	{ "max(v) - min(v)", "5" },
	{ "absmax(out - 20)", "20" },
	{ "argmax(out, pos)", "[4] 7 7 7 7" },
	{ "argmax(v)", "2" },
	{ "argmax(odd[0:1])", "nothing" },
	{ "argmax(odd[0:1]) == 0", "0" },
	{ "shape(out)", "'3,4'" },
	{ "shape(large)", "'65536,65536'" },
	{ "shape(large[0:7, 3])", "'7'" },
	{ "shape(large[::2])", "'32768,65536'" },
	{ "softmax(v * 0)", "[4] 0.25 0.25 0.25 0.25" },
	{ "sum(softmax(v))", "1" },
	{ "topk(v, k=1)", "'[{\"i\":2,\"value\":3}]'" },
	{ "topk(v, 1)", "'[{\"i\":2,\"value\":3}]'" },
	{ "at(out, 6, 1)", "5" },
	{ "slice(out, \"[6, 0:2]\")", "[2] 4 5" },
	{ "mean(mean(out, 0))", "5.5" },
	{ "mean (v)", "0.5" },
	{ "max(3)", "3" },
	{ "weight(\"v\")[2]", "3" },
	{ "cos(v, v)", "1" },
	{ "dot(in[0], in[0])", "91" },
	{ "large[1, 2]", "0" },
};

Test(expression, gives_values)
{
	char buf[1000];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		const char *value = good[i].value;

		answer(good[i].text, buf, sizeof(buf));
		cr_expect(!strcmp(buf, value), "%s: %s, not %s", good[i].text, buf, value);
	}
}
