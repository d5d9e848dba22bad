/* Expressions against numbers computed by hand, in the small world of support/names.h. */
#include "torchless/expression.h"

#include "support/names.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sanitizers make frames larger. */
#if defined(__SANITIZE_ADDRESS__) || !defined(NDEBUG)
#define STACK ((size_t)1 << 20)
#else
#define STACK ((size_t)128 << 10)
#endif

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

/* Where it is wrong, counted in bytes, and a part of the sentence. */
static const struct {
	const char *text;
	int at;
	const char *sentence;
} bad[] = {
	/* what is no expression */
	{ "", 0, "an expression is expected" },
	{ "1 +", 3, "expected a value, and the text ends" },
	{ "1 + * 2", 4, "an expression names one tensor" },
	{ "(1 + 2", 0, "this parenthesis is not closed" },
	{ "(1 + 2]", 6, "expected ')', found ']'" },
	{ "1 2", 2, "expected an operator, found '2'" },
	{ "!", 1, "expected a value, and the text ends" },
	{ "3abc", 0, "'3abc' is no number" },
	{ "0x10", 0, "'0x10' is no number" },
	{ "1e", 0, "'1e' is no number" },
	{ "\"abc", 0, "has no closing \"" },
	{ "'a\\q'", 2, "'\\q' in a text means nothing" },
	{ "..", 0, "expected a value, found '.'" },
	{ "é + 1", 0, "expected a value, found 'é'" },
	{ "out ? 1 : 2", 4, "expected an operator, found '?'" },
	{ "1 = 2", 2, "== compares" },
	{ "out[0] = 3", 7, "== compares" },
	{ "1 & 2", 2, "&& means and" },
	{ "1 | 2", 2, "|| means or" },
	{ "2 ** 3", 2, "** is no operator" },
	{ "2 ^ 3", 2, "^ is no operator" },
	{ "2 // 3", 2, "/ divides" },
	{ "1 < 2 < 3", 6, "comparisons do not chain" },
	{ "1 == 1 != 1", 7, "comparisons do not chain" },
	/* names */
	{ "foo", 0, "there is no tensor 'foo'" },
	{ "foo.bar[0]", 0, "there is no tensor 'foo.bar'" },
	{ "layers[9]", 0, "there is no tensor 'layers.9'" },
	{ "layers[9].attn:pattern", 0, "there is no tensor 'layers.9.attn:pattern'" },
	{ "in[2]", 0, "there is no tensor 'in[2]'" },
	{ "1 + v.x", 4, "there is no tensor 'v.x'" },
	{ "layers.*.mlp", 7, "* and ranges of modules are for breakpoints" },
	{ "layers[*].mlp", 7, "* and ranges of modules are for breakpoints" },
	{ "*", 0, "* is for breakpoints" },
	{ "pass + 1", 0, "no pass has begun" },
	{ "$nope", 0, "there is no variable $nope" },
	{ "1 + $99", 4, "there is no variable $99" },
	{ "mean(soon)", 5, "soon is not there yet" },
	{ "nan.x", 0, "there is no tensor 'nan.x'" },
	{ "v[a:b]", 2, "there is no tensor 'a'" },
	/* parts */
	{ "out[9]", 4, "pos 9 of out is not there: it has 5 to 7" },
	{ "out[pos=4]", 4, "pos 4 of out is not there: it has 5 to 7" },
	{ "out[5, 4]", 7, "d_model 4 of out is not there: it has 0 to 3" },
	{ "out[head=2]", 4, "'head' is no axis of out, which has [pos,d_model]" },
	{ "out[0, 1, 2]", 10, "out has 2 axes" },
	{ "out[0, pos=2]", 7, "axis pos has an index already" },
	{ "out[..., ...]", 9, "... may stand once" },
	{ "out[1,2,3,4,5,6]", 14, "at most 4 axes" },
	{ "out[]", 4, "expected an index, found ']'" },
	{ "out[5", 5, "expected ']' or ',', and the text ends" },
	{ "out[5,]", 6, "expected an index, found ']'" },
	{ "out[\"a\"]", 4, "an index is a whole number, not a text" },
	{ "out[$name]", 4, "an index is a whole number, not a text" },
	{ "out[1.5]", 4, "an index is a whole number, not 1.5" },
	{ "v[v]", 2, "an index is a whole number, not a tensor" },
	{ "v[nan]", 2, "an index is a whole number, not nan" },
	{ "out[::0]", 4, "a step of 0 leads nowhere" },
	{ "out[3:3]", 4, "nothing of out is in this range of pos, which has 5 to 7" },
	{ "v[9:]", 2, "nothing of v is in this range of d, which has 0 to 3" },
	{ "v[99999999999]", 2, "d 99999999999 of v is not there: it has 0 to 3" },
	{ "v[99999999999:]", 2, "99999999999 is no index" },
	{ "3[0]", 1, "a number has no axes" },
	{ "\"a\"[0]", 3, "a text has no axes" },
	{ "token[0]", 0, "a number has no axes" },
	{ "mean(v)[0]", 0, "a number has no axes" },
	/* arithmetic */
	{ "1 / 0", 4, "division by zero" },
	{ "token % (op - 12)", 8, "division by zero" },
	{ "out + in[0]", 6,
	  "f32[3, 4] of [pos,d_model] and f32[2, 3] of [row,col] do not fit together" },
	{ "v @ out", 4, "f32[4] of [d] and f32[3, 4] of [pos,d_model] do not fit together" },
	{ "3 @ v", 4, "not 0 dimensions by 1" },
	{ "layers[3].attn:pattern @ v", 25, "not 3 dimensions by 1" },
	{ "\"a\" + 1", 4, "+ means nothing with a text" },
	{ "\"a\" == 1", 4, "== means nothing with a text and what is none" },
	{ "-\"a\"", 0, "- means nothing before a text" },
	{ "!$name", 0, "! means nothing before a text" },
	{ "tok(1) + 1", 9, "+ means nothing between a text and a number" },
	{ "$name && 1", 9, "&& means nothing between a text and a number" },
	{ "large + 1", 0, "this takes 4294967296 elements" },
	/* functions */
	{ "mean()", 0, "mean takes other arguments: mean(t[, axis])" },
	{ "mean(v, 1, 2)", 11, "mean takes other arguments: mean(t[, axis])" },
	{ "mean(v, head)", 0, "'head' is no axis of v, which has [d]" },
	{ "mean(v, axs=0)", 8, "mean has no axs: mean(t[, axis])" },
	{ "mean(v, t=0)", 8, "t stands elsewhere: mean(t[, axis])" },
	{ "mean(v, v)", 0, "'v' is no axis of v" },
	{ "mean(v, in[0])", 8, "an axis without a name is a whole number, not a tensor" },
	{ "mean(out, pos", 13, "expected ',' or ')', and the text ends" },
	{ "mean(out pos)", 9, "expected ',' or ')', found 'pos'" },
	{ "mean(\"a\")", 5, "there is no tensor 'a'" },
	{ "mean($name)", 5, "a tensor is expected here, not a text" },
	{ "topk(v, k=0)", 0, "k is 0: expected 1 or more" },
	{ "topk(v, nan)", 8, "this is a whole number, not nan" },
	{ "meen(v)", 0, "there is no function 'meen': did you mean mean?" },
	{ "nothing(v)", 0, "there is no function 'nothing'" },
	{ "breaks()", 0, "it breaks" },
	{ "weight(\"x\")", 0, "there is no tensor 'x'" },
	{ "weight(3)", 7, "a text is expected here, not a number" },
	{ "weight(v)", 7, "a text is expected here, not a tensor" },
	{ "tok(\"a\")", 4, "a number is expected here, not a text" },
	{ "at(v, 1.5)", 6, "an index is a whole number, not 1.5" },
	{ "at(v)", 0, "v has [d]: it takes 1 indices, not 0" },
};

Test(expression, says_what_is_wrong_and_where)
{
	char buf[1000], *rest;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		answer(bad[i].text, buf, sizeof(buf));
		cr_expect(strtol(buf, &rest, 10) == bad[i].at && *rest == ':', "%s: %s, not at %d",
			  bad[i].text, buf, bad[i].at);
		cr_expect(strstr(buf, bad[i].sentence) != NULL, "%s: %s, not %s", bad[i].text, buf,
			  bad[i].sentence);
	}
}

/* ---- what a value keeps ---------------------------------------------------------------------- */

/* "NAME [AXES] BASES" of the tensor that an expression gives. */
static void describes(const char *text, const char *expected)
{
	struct err err = { 0 };
	struct expression *e = expression_parse(text, &names_table, &err);
	struct array_value v = { 0 };
	char buf[400];

	cr_assert(e && !expression_evaluate(e, &names_table, NULL, &v, &err), "%s: %s", text,
		  err.message);
	cr_assert(v.kind == ARRAY_TENSOR, "%s", text);
	snprintf(buf, sizeof(buf), "%s [%s]", v.array->name, array_axes(v.array));
	for (int i = 0; i < v.array->n_dims; i++)
		snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), " %lld",
			 (long long)v.array->base[i]);
	cr_expect(!strcmp(buf, expected), "%s: %s, not %s", text, buf, expected);
	array_value_release(&v);
	expression_free(e);
}

Test(expression, keeps_names_and_positions)
{
	describes("out", "out [pos,d_model] 5 0");
	describes("out[6:]", "a part of out [pos,d_model] 6 0");
	describes("(out + 1)[6:]", "(out + 1)[6:] [pos,d_model] 6 0");
	describes("out + 1", "out + 1 [pos,d_model] 5 0");
	describes("1 - out", "1 - out [pos,d_model] 5 0");
	describes("v - out", "v - out [pos,d] 5 0");
	describes("out > v", "out > v [pos,d_model] 5 0");
	describes(" mean(out, d_model) ", "mean(out, d_model) [pos] 5");
	describes("softmax(-out)", "softmax(-out) [pos,d_model] 5 0");
	describes("out[:, 0:1] + out[7]", "out[:, 0:1] + out[7] [pos,d_model] 5 0");
	describes("out[::2]", "a part of a part of out [i0,d_model] 0 0");
	describes("out[:, ::2]", "a part of a part of out [pos,d_model] 5 0");
	describes("odd + 1", "odd + 1 [i0] 0");
	describes("odd[1:]", "a part of odd [i0] 0");
	describes("in[0] @ in[1]", "in[0] @ in[1] [row,out] 0 0");
	describes("in[0] @ in[1][:, 0]", "in[0] @ in[1][:, 0] [row] 0");
	describes("out + out[:, 0:1][:, 0][::-1][0]",
		  "out + out[:, 0:1][:, 0][::-1][0] [pos,d_model] 5 0");
	describes("in[0][:, 0:1] * layers.0.attn:pattern[0, 5]",
		  "in[0][:, 0:1] * layers.0.attn:pattern[0, 5] [row,k] 0 0");
}

/* ---- questions about it ---------------------------------------------------------------------- */

static struct expression *parsed(const char *text)
{
	struct err err = { 0 };
	struct expression *e = expression_parse(text, &names_table, &err);

	cr_assert(e != NULL, "%s: %s", text, err.message);
	return e;
}

Test(expression, says_what_it_reads)
{
	struct expression *e =
		parsed("absmax(out) > $ * v[0] && in[0][0, 0] < token || out[5, 1] + "
		       "layers[2][5, 0]");

	cr_expect(expression_n_paths(e) == 4);
	cr_expect(!strcmp(expression_path(e, 0), "out") && !strcmp(expression_path(e, 1), "v"));
	cr_expect(!strcmp(expression_path(e, 2), "in[0]"));
	cr_expect(!strcmp(expression_path(e, 3), "layers.2") && !expression_path(e, 4));
	cr_expect(expression_uses(e, "out") && expression_uses(e, "in"));
	cr_expect(expression_uses(e, "$") && expression_uses(e, "token"));
	cr_expect(!expression_uses(e, "ou") && !expression_uses(e, "op"));
	cr_expect(!strncmp(expression_text(e), "absmax(out) >", 13));
	expression_free(e);
	expression_free(NULL);
}

/* Without anybody to ask, paths are told by their looks. */
Test(expression, is_parsed_without_names)
{
	struct err err = { 0 };
	struct expression *e =
		expression_parse("in[0][1] + layers[3].mlp + out[2] + layers[4] + $x", NULL, &err);
	struct array_value v;

	cr_assert(e != NULL, "%s", err.message);
	cr_expect(!strcmp(expression_path(e, 0), "in[0]"));
	cr_expect(!strcmp(expression_path(e, 1), "layers.3.mlp"));
	cr_expect(!strcmp(expression_path(e, 2), "out"));
	cr_expect(!strcmp(expression_path(e, 3), "layers.4"));
	cr_expect(expression_evaluate(e, NULL, NULL, &v, &err) == ERR_USAGE);
	cr_expect(!strcmp(err.message, "column 1: there is no 'in[0]' here"), "%s", err.message);
	expression_free(e);
	e = expression_parse("1 + 2", NULL, &err);
	cr_expect(e && !expression_evaluate(e, NULL, NULL, &v, &err) && v.whole == 3);
	expression_free(e);
}

/* Only what an index leaves is fetched. */
Test(expression, reads_parts)
{
	static const struct {
		const char *text;
		int64_t elements;
	} reads[] = {
		{ "out[6, 1:3]", 2 },   { "out[::2, 1]", 3 },    { "shape(large)", 0 },
		{ "shape(out[5])", 0 }, { "0 && mean(out)", 0 }, { "mean(large[0:3, 5])", 3 },
	};

	for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
		struct expression *e = parsed(reads[i].text);
		struct array_value v;
		struct err err = { 0 };

		names_read_elements = 0;
		cr_expect(!expression_evaluate(e, &names_table, NULL, &v, &err), "%s", err.message);
		cr_expect(names_read_elements == reads[i].elements, "%s: %lld", reads[i].text,
			  (long long)names_read_elements);
		array_value_release(&v);
		expression_free(e);
	}
}

/* The same one again and again gives the same. */
Test(expression, is_evaluated_as_often_as_one_likes)
{
	struct expression *e = parsed("sum(out * out) + token");
	struct err err = { 0 };

	for (int i = 0; i < 100; i++) {
		struct array_value v;

		cr_assert(!expression_evaluate(e, &names_table, NULL, &v, &err));
		cr_expect(v.real == 506 + 7);
	}
	expression_free(e);
}

static int truth_of(const char *text, struct err *err)
{
	struct expression *e = parsed(text);
	struct array_value v;
	bool truth = false;
	int ret;

	cr_assert(!expression_evaluate(e, &names_table, NULL, &v, err), "%s", err->message);
	ret = expression_truth(&v, &truth, err);
	array_value_release(&v);
	expression_free(e);
	return ret ? ret : truth;
}

Test(expression, is_true_or_not)
{
	struct err err = { 0 };

	cr_expect(truth_of("1 < 2", &err) == 1 && truth_of("0.0", &err) == 0);
	cr_expect(truth_of("nan", &err) == 1 && truth_of("one", &err) == 1);
	cr_expect(truth_of("any(v > 2)", &err) == 1 && truth_of("all(v > 2)", &err) == 0);
	cr_expect(truth_of("v > 2", &err) == ERR_USAGE);
	cr_expect(strstr(err.message, "this has 4: any(), all() or count()") != NULL);
	cr_expect(truth_of("text()", &err) == ERR_USAGE);
	cr_expect(truth_of("argmax(odd[0:1])", &err) == ERR_USAGE);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static char *repeated(const char *before, const char *piece, const char *after, size_t n)
{
	struct text t = { 0 };

	text_adds(&t, before);
	for (size_t i = 0; i < n; i++)
		text_adds(&t, piece);
	text_adds(&t, after);
	return t.data;
}

/* The sentence that refuses n pieces. */
static void refuses(const char *before, const char *piece, const char *after, size_t n,
		    const char *sentence)
{
	char *text = repeated(before, piece, after, n);
	struct err err = { 0 };

	cr_expect(!expression_parse(text, &names_table, &err), "%s", piece);
	cr_expect(strstr(err.message, sentence) != NULL, "%s: %s", piece, err.message);
	free(text);
}

Test(expression, bounds_what_it_reads)
{
	static const char *const deep[] = { "(", "-", "!", "mean(", "v[", "v[0:", "1+(", "$1[" };

	for (size_t i = 0; i < sizeof(deep) / sizeof(*deep); i++) {
		refuses("", deep[i], "1", 1000, "nested deeper than 64 levels");
		refuses("", deep[i], "1", 1000000, "is longer than the 65536 allowed");
	}
	refuses("", "1+", "1", 5000000, "10000001 bytes is longer than the 65536 allowed");
	refuses("", "1+", "x", 20000, "there is no tensor 'x'");
	refuses("1 + '\xff", "", "'", 0, "column 6: byte ff here is no UTF-8");
	refuses("", "abc.", "x", 1000, "no tensor has so long a name");
}

Test(expression, takes_long_chains)
{
	struct err err = { 0 };
	char *text = repeated("0", " + 1", "", 10000), *nested = repeated("", "(", "", 64);
	struct expression *e = expression_parse(text, NULL, &err);
	struct text whole = { 0 };
	struct array_value v;

	cr_assert(e && !expression_evaluate(e, NULL, NULL, &v, &err), "%s", err.message);
	cr_expect(v.kind == ARRAY_WHOLE && v.whole == 10000);
	expression_free(e);
	free(text);
	text = repeated("", ")", "", 64);
	text_addf(&whole, "%s7%s", nested, text);
	e = expression_parse(whole.data, NULL, &err);
	cr_assert(e && !expression_evaluate(e, NULL, NULL, &v, &err) && v.whole == 7);
	expression_free(e);
	free(text);
	free(nested);
	text_release(&whole);
}

/* What takes the most of the stack at every level, on a thread that has little of it. */
static void *parse_deep(void *text)
{
	struct err err = { 0 };
	struct expression *e = expression_parse(text, &names_table, &err);
	struct array_value v = { 0 };
	bool done = e && !expression_evaluate(e, &names_table, NULL, &v, &err);

	array_value_release(&v);
	expression_free(e);
	return done ? text : NULL;
}

static void *on_a_small_stack(void *(*function)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	void *result = NULL;

	cr_assert(!pthread_attr_init(&attr) && !pthread_attr_setstacksize(&attr, STACK));
	cr_assert(!pthread_create(&thread, &attr, function, arg));
	cr_assert(!pthread_join(thread, &result));
	pthread_attr_destroy(&attr);
	return result;
}

Test(expression, needs_little_stack)
{
	static const struct {
		const char *open, *close;
		size_t n;
	} pieces[] = {
		{ "0||1&&1==1+1*(", ")", 64 },         { "0||1&&1==1+1*mean(", ")", 64 },
		{ "0||1&&1==1+1*v[0*(", ")]", 32 },    { "0||1&&1==1+1*-(", ")", 32 },
		{ "0||1&&1==1+1*mean(v*(", "))", 32 }, { "0||1&&1==1+1*v[0*mean(", ")]", 32 },
	};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		char *open = repeated("", pieces[i].open, "1", pieces[i].n);
		char *close = repeated("", pieces[i].close, "", pieces[i].n);
		struct text text = { 0 };

		text_addf(&text, "%s%s", open, close);
		cr_expect(on_a_small_stack(parse_deep, text.data) != NULL, "%s", pieces[i].open);
		text_release(&text);
		free(open);
		free(close);
	}
}

static bool over_after(void *ctx)
{
	return --*(int *)ctx < 0;
}

Test(expression, ends_when_nobody_waits)
{
	int left = 3;
	const struct array_watch watch = { over_after, &left };
	struct expression *e = parsed("1 + 2 + 3 + 4 + 5");
	struct array_value v;
	struct err err = { 0 };

	cr_expect(expression_evaluate(e, &names_table, &watch, &v, &err) == ERR_INTERRUPTED);
	cr_expect(!strcmp(err.message, "interrupted"));
	left = 100;
	cr_expect(!expression_evaluate(e, &names_table, &watch, &v, &err));
	expression_free(e);
}

/* All temporaries together. */
Test(expression, uses_bounded_memory)
{
	struct expression *e = parsed("sum(large[0:512] + 1)");
	struct array_value v;
	struct err err = { 0 };

	cr_expect(!expression_evaluate(e, &names_table, NULL, &v, &err), "%s", err.message);
	cr_expect(v.real == 512 * 65536.0);
	expression_free(e);
	e = parsed("sum(large[0:512] + 1 + 1)");
	cr_expect(expression_evaluate(e, &names_table, NULL, &v, &err) == ERR_USAGE);
	cr_expect(strstr(err.message, "take a part") != NULL, "%s", err.message);
	expression_free(e);
}

/* A result is called after its text, which may have come from anywhere. */
Test(expression, names_a_result_without_what_a_terminal_obeys)
{
	struct expression *e = parsed("1\r-\n\tv");
	struct array_value v;
	struct err err = { 0 };

	cr_assert(!expression_evaluate(e, &names_table, NULL, &v, &err), "%s", err.message);
	cr_expect(!strcmp(v.array->name, "1 -  v"), "%s", v.array->name);
	array_value_release(&v);
	expression_free(e);
}

/* ---- the place of a mistake ------------------------------------------------------------------ */

static void points(const char *text, size_t at, int indent, int width, const char *expected)
{
	struct text out = { 0 };

	expression_caret(&out, text, at, indent, width);
	cr_expect(!strcmp(out.data, expected), "%s@%zu:\n%s", text, at, out.data);
	text_release(&out);
}

Test(expression, points_at_the_column)
{
	points("1 / 0", 4, 2, 0, "  1 / 0\n      ^\n");
	points("1 +", 3, 0, 80, "1 +\n   ^\n");
	points("", 0, 0, 80, "\n^\n");
	points("'é漢' + x", 10, 0, 80, "'é漢' + x\n        ^\n");
	points("'\t\x1b' + x", 7, 1, 80, " '\\t\\x1B' + x\n            ^\n");
	points("1 + 1", 99, 0, 80, "1 + 1\n     ^\n");
	points("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0, 0, 20, "aaaaaaaaaaaaaa...\n^\n");
}

Test(expression, shows_the_part_around_the_column)
{
	char *text = repeated("", "0123456789", "", 1000);

	for (size_t at = 0; at <= 10000; at += 97) {
		struct text out = { 0 };
		size_t first, caret;

		expression_caret(&out, text, at, 4, 60);
		first = strcspn(out.data, "\n");
		caret = strcspn(out.data + first + 1, "^");
		cr_expect(first <= 60 && caret < 60);
		cr_expect(at == 10000 || out.data[caret] == text[at], "%zu: %s", at, out.data);
		text_release(&out);
	}
	free(text);
}
