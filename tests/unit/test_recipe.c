/*
 * test_recipe.c -- files of edits: what they say, what they are refused for, and that what is
 * written is read as the same.
 */
#include "support/tiny.h"
#include "torchless/base64.h"
#include "torchless/executor_source.h"
#include "torchless/recipe.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define N 7

struct fixture {
	char dir[64];
	struct model model;
	struct session s;
	int32_t ids[N];
	struct recipe recipe;
	struct err err;
};

static void start(struct fixture *f, struct session *s)
{
	struct session_options o = { .executor = { .plan = PLAN_DEBUG, .chunk = 512 },
				     .sampler = { .top_p = 1 },
				     .n = 4,
				     .ignore_eos = true };

	cr_assert_eq(session_init(s, &f->model, &o, &f->err), 0, "%s", f->err.message);
	cr_assert_eq(session_set_ids(s, f->ids, N, &f->err), 0, "%s", f->err.message);
}

static void open_fixture(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	tiny_write(&tiny_default, f->dir, sizeof(f->dir));
	cr_assert_eq(model_open(&f->model, f->dir, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &f->err),
		     0, "%s", f->err.message);
	for (int i = 0; i < N; i++)
		f->ids[i] = (i * 37 + 5) % tiny_default.vocab;
	start(f, &f->s);
}

static void close_fixture(struct fixture *f)
{
	recipe_release(&f->recipe);
	session_release(&f->s);
	model_close(&f->model);
	tiny_remove(f->dir);
}

static int parse(struct fixture *f, const char *text)
{
	recipe_release(&f->recipe);
	return recipe_parse(&f->recipe, &f->model.program, "r.jsonl", text, strlen(text), &f->err);
}

/* ---- base64 -------------------------------------------------------------------------------- */

Test(base64, is_that_of_the_rfc)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	static const char *const bad[] = { "Z",    "Zg",   "Zg=",   "Zg==Zg==", "Z===",
					   "====", "Zh==", "Zm9=",  "Zm 9",     "Zm9-",
					   "=m9v", "Zm=v", "Zg==\n" };
	struct text t = { 0 };

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		text_clear(&t);
		base64_encode(&t, pairs[i][0], strlen(pairs[i][0]));
		cr_expect_str_eq(t.data ? t.data : "", pairs[i][1]);
		text_clear(&t);
		cr_expect(base64_decode(&t, pairs[i][1], strlen(pairs[i][1])));
		cr_expect_str_eq(t.data ? t.data : "", pairs[i][0]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect(!base64_decode(&t, bad[i], strlen(bad[i])), "%s", bad[i]);
	text_release(&t);
}

/* ---- what is refused ------------------------------------------------------------------------ */

Test(recipe, says_what_is_wrong_and_where)
{
	static const char *const lines[][2] = {
		{ "zero", "r.jsonl:1 is not valid JSON" },
		{ "[1]", "r.jsonl:1: a line is an object" },
		{ "{}", "r.jsonl:1: \"kind\" is missing" },
		{ "{\"kind\": 3}", "\"kind\" is to be text, not 3" },
		{ "{\"kind\": \"zerro\"}", "there is no kind \"zerro\"; the nearest is zero" },
		{ "{\"kind\": \"zero\"}", "kind \"zero\" needs \"point\"" },
		{ "{\"kind\": \"zero\", \"pont\": \"L0.attn.z\"}", "there is no key \"pont\"" },
		{ "{\"kind\": \"zero\", \"kind\": \"set\"}", "\"kind\" stands there twice" },
		{ "{\"kind\": \"zero\", \"point\": \"L0.attn.z\", \"value\": 1}",
		  "\"value\" has no meaning for kind \"zero\"" },
		{ "{\"kind\": \"zero\", \"point\": \"L0.attn.zz\"}",
		  "no point is called 'L0.attn.zz'" },
		{ "{\"kind\": \"zero\", \"point\": 4}", "\"point\" is to be text, not 4" },
		{ "{\"kind\": \"zero\", \"point\": null}", "\"point\" is to be text, not null" },
		{ "{\"kind\": \"zero\", \"point\": \"L0.attn.z\", \"select\": \"[head=6]\"}",
		  "6 is outside" },
		{ "{\"kind\": \"zero\", \"point\": \"L0.attn.z\", \"select\": \"head=6\"}",
		  "is no selection" },
		{ "{\"kind\": \"set\", \"point\": \"L0.attn.z\", \"value\": 1e39}",
		  "a number that an f32 holds" },
		{ "{\"kind\": \"set\", \"point\": \"L0.attn.z\", \"value\": \"inft\"}",
		  "not \"inft\"" },
		{ "{\"kind\": \"zero\", \"point\": \"L0.attn.z\", \"passes\": 1}",
		  "\"passes\" is to be [FIRST, LAST]" },
		{ "{\"kind\": \"zero\", \"point\": \"L0.attn.z\", \"passes\": [3, 2]}",
		  "a whole number from 3" },
		{ "{\"kind\": \"zero\", \"point\": \"L0.attn.z\", \"passes\": [null, 2]}",
		  "a whole number from 0" },
		{ "{\"kind\": \"zero\", \"point\": \"model.norm.weight\", \"passes\": [1, null]}",
		  "is a weight" },
		{ "{\"kind\": \"copy\", \"point\": \"L0.attn.z\"}",
		  "kind \"copy\" needs \"from\"" },
		{ "{\"kind\": \"replace\", \"point\": \"L0.attn.z\"}", "needs one of \"data\"" },
		{ "{\"kind\": \"replace\", \"point\": \"L0.attn.z\", \"data\": 1, \"npy\": \"x\"}",
		  "needs one of \"data\"" },
		{ "{\"kind\": \"replace\", \"point\": \"L0.attn.z\", \"data\": {\"shape\": [1]}}",
		  "\"data\" is to be {" },
		{ "{\"kind\": \"replace\", \"point\": \"L0.attn.z\", \"data\": {\"shape\": [1.5], "
		  "\"f32\": \"\"}}",
		  "no whole number" },
		{ "{\"kind\": \"replace\", \"point\": \"L0.attn.z\", \"data\": {\"shape\": [2], "
		  "\"f32\": \"AAAA\"}}",
		  "holds 3 bytes, and its \"shape\" wants 2 numbers" },
		{ "{\"kind\": \"replace\", \"point\": \"L0.attn.z\", \"data\": {\"shape\": [2], "
		  "\"f32\": \"AAA\"}}",
		  "is no base64" },
		{ "{\"kind\": \"replace\", \"point\": \"L0.attn.z\", \"select\": \"[pos=1, head=2]\", "
		  "\"data\": {\"shape\": [2], \"f32\": \"AAAAAAAAAAA=\"}}",
		  "model.layers.0.self_attn:z[pos=1, head=2] has the shape [10], and the numbers "
		  "have [2]" },
		{ "{\"kind\": \"replace\", \"point\": \"L0.attn.z\", \"npy\": \"../x.npy\"}",
		  "in the recipe's folder or below" },
		{ "{\"kind\": \"replace\", \"point\": \"L0.attn.z\", \"npy\": \"/etc/passwd\"}",
		  "in the recipe's folder or below" },
		{ "{\"kind\": \"replace\", \"point\": \"L0.attn.z\", \"npy\": \"not-there.npy\"}",
		  "cannot open not-there.npy" },
		{ "{\"kind\": \"force\", \"id\": 3}", "kind \"force\" needs \"pos\"" },
		{ "{\"kind\": \"force\", \"id\": 3, \"pos\": 0}", "a whole number from 1" },
		{ "{\"kind\": \"ban\", \"id\": 101}", "outside the vocabulary of 101" },
		{ "{\"kind\": \"ban\", \"id\": -1}", "a whole number from 0" },
		{ "{\"kind\": \"zero\", \"point\": \"L0\\u0000\"}", "\\u0000" },
		{ "", "r.jsonl holds no edit" },
		{ " \t\r\n\n", "r.jsonl holds no edit" },
	};
	struct fixture f;

	open_fixture(&f);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		cr_expect_lt(parse(&f, lines[i][0]), 0, "%s", lines[i][0]);
		cr_expect(strstr(f.err.message, lines[i][1]), "%s: %s", lines[i][0], f.err.message);
		cr_expect_eq(strncmp(f.err.message, "r.jsonl", 7), 0, "%s", f.err.message);
	}
	cr_expect_eq(parse(&f, "{\"kind\": \"zero\", \"point\": \"L0.mlp\"}\n\n{\"kind\": 1}\n"),
		     ERR_FORMAT);
	cr_expect(strstr(f.err.message, "r.jsonl:3: "), "%s", f.err.message);
	recipe_release(&f.recipe);
	cr_expect_eq(recipe_read(&f.recipe, &f.model.program, "/nowhere/r.jsonl", &f.err), ERR_IO);
	close_fixture(&f);
}

/* ---- what is read, applied and written ------------------------------------------------------ */

static const char all_kinds[] =
	"{\"point\": \"L*.attn.z\", \"select\": \"[head=1]\", \"kind\": \"zero\", \"source\": \"a \\\"t\\\"\"}\n"
	"{\"point\": \"L1.mlp\", \"kind\": \"set\", \"value\": \"nan\", \"passes\": [9, 9]}\n"
	"{\"point\": \"L1.mlp\", \"kind\": \"scale\", \"value\": 0.1}\r\n"
	"\n"
	"{\"point\": \"L1.mlp.act_mul\", \"kind\": \"add\", \"value\": -3.25, \"passes\": [0, 1]}\n"
	"{\"point\": \"L0.attn.pattern\", \"kind\": \"mean\", \"select\": \"[q=2:4]\"}\n"
	"{\"point\": \"L0.resid_post\", \"kind\": \"copy\", \"select\": \"[pos=5]\", \"from\": \"[pos=2]\"}\n"
	"{\"point\": \"L1.resid_mid\", \"select\": \"[1, 0:2]\", \"kind\": \"replace\", "
	"\"data\": {\"shape\": [2], \"f32\": \"AACAPwAAAEA=\"}}\n"
	"{\"point\": \"L1.attn.scores\", \"select\": \"[0, 2:3, 1]\", \"kind\": \"replace\", "
	"\"data\": {\"shape\": [1, 1, 1], \"f32\": \"AACAPw==\"}}\n"
	"{\"point\": \"model.norm.weight\", \"kind\": \"scale\", \"value\": 2}\n"
	"{\"kind\": \"ban\", \"id\": 9}\n"
	"{\"kind\": \"ban\", \"id\": 8, \"pos\": 8}\n"
	"{\"kind\": \"force\", \"id\": 3, \"pos\": 9}\n";

static void write_text(const struct session *s, struct text *t)
{
	text_clear(t);
	recipe_write(s, t);
}

static void apply(struct fixture *f, struct session *s)
{
	cr_assert_eq(recipe_apply_edits(&f->recipe, s, NULL, NULL, &f->err), 0, "%s",
		     f->err.message);
	cr_assert_eq(recipe_apply_forced(&f->recipe, s, &f->err), 0, "%s", f->err.message);
}

Test(recipe, that_is_written_is_read_as_the_same)
{
	struct text once = { 0 }, twice = { 0 };
	struct session again;
	struct fixture f;

	open_fixture(&f);
	cr_assert_eq(parse(&f, all_kinds), 0, "%s", f.err.message);
	cr_assert_eq(f.recipe.n, 13);
	apply(&f, &f.s);
	write_text(&f.s, &once);
	cr_assert_eq(parse(&f, once.data), 0, "%s: %s", f.err.message, once.data);
	start(&f, &again);
	apply(&f, &again);
	write_text(&again, &twice);
	cr_assert_str_eq(once.data, twice.data);
	cr_assert(strstr(once.data, "\"value\": \"nan\", \"passes\": [9, 9]}"), "%s", once.data);
	cr_assert(strstr(once.data, "\"passes\": [0, 1]"), "%s", once.data);
	while (session_advance(&f.s, &f.err) == SESSION_TOKEN)
		;
	while (session_advance(&again, &f.err) == SESSION_TOKEN)
		;
	cr_assert_eq(f.s.n_tokens, again.n_tokens);
	cr_assert_arr_eq(f.s.tokens, again.tokens, (size_t)f.s.n_tokens * sizeof(int32_t));
	cr_assert_eq(f.s.tokens[9], 3);
	text_release(&once);
	text_release(&twice);
	session_release(&again);
	close_fixture(&f);
}

/* A recipe may be put in force in the middle of a generation: it goes back to where it matters. */
Test(recipe, goes_back_to_where_it_matters)
{
	struct session late;
	struct fixture f;
	int ids[13];

	open_fixture(&f);
	start(&f, &late);
	cr_assert_eq(parse(&f, all_kinds), 0, "%s", f.err.message);
	apply(&f, &f.s);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(session_advance(&late, &f.err), SESSION_TOKEN);
	cr_assert_eq(recipe_apply_edits(&f.recipe, &late, NULL, ids, &f.err), 0, "%s",
		     f.err.message);
	cr_assert_eq(recipe_apply_forced(&f.recipe, &late, &f.err), 0, "%s", f.err.message);
	cr_assert(ids[0] == 1 && ids[11] == 12 && ids[12] == 0);
	while (session_advance(&f.s, &f.err) == SESSION_TOKEN)
		;
	while (session_advance(&late, &f.err) == SESSION_TOKEN)
		;
	cr_assert_arr_eq(f.s.tokens, late.tokens, (size_t)f.s.n_tokens * sizeof(int32_t));
	session_release(&late);
	close_fixture(&f);
}

Test(recipe, whose_edit_the_session_refuses_says_its_line)
{
	struct fixture f;

	open_fixture(&f);
	cr_assert_eq(parse(&f, "\n{\"point\": \"model.norm.weight\", \"kind\": \"mean\"}"), 0);
	cr_assert_eq(recipe_apply_edits(&f.recipe, &f.s, NULL, NULL, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "r.jsonl:2: model.norm.weight is a weight"), "%s",
		  f.err.message);
	cr_assert_eq(parse(&f, "{\"kind\": \"force\", \"pos\": 2, \"id\": 3}"), 0);
	cr_assert_eq(recipe_apply_forced(&f.recipe, &f.s, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "r.jsonl:1: position 2 lies in the prompt"), "%s",
		  f.err.message);
	cr_assert_eq(parse(&f, "{\"point\": \"L0.mlp\", \"kind\": \"expr\", \"expr\": \"out\"}"),
		     0);
	cr_assert_eq(recipe_apply_edits(&f.recipe, &f.s, NULL, NULL, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "cannot be made here"), "%s", f.err.message);
	close_fixture(&f);
}

/* ---- expressions, as somebody binds them ----------------------------------------------------- */

static int n_released;

static int fill(void *ctx, struct executor *ex, const struct edit *e, const struct edit_part *part,
		float *x, int64_t n, struct err *err)
{
	(void)ex, (void)e, (void)part, (void)err;
	for (int64_t i = 0; i < n; i++)
		x[i] = *(const float *)ctx;
	return 0;
}

static void count_released(void *ctx)
{
	free(ctx);
	n_released++;
}

static int bind(void *ctx, struct session *s, const char *expr, struct edit *e, struct err *err)
{
	float *x = mem_calloc(1, sizeof(*x));

	(void)ctx, (void)s, (void)err;
	*x = (float)atof(expr);
	e->compute = fill;
	e->ctx = x;
	e->release = count_released;
	return 0;
}

Test(recipe, leaves_what_an_expression_says_to_others)
{
	static const char text[] =
		"{\"point\": \"L0.mlp\", \"kind\": \"expr\", \"expr\": \"2.5\", \"passes\": [0, 0]}\n"
		"{\"point\": \"model.norm.weight\", \"kind\": \"expr\", \"expr\": \"1\"}";
	const struct recipe_expressions expressions = { .bind = bind };
	struct text written = { 0 };
	struct fixture f;
	struct tensor t;

	n_released = 0;
	open_fixture(&f);
	cr_assert_eq(parse(&f, text), 0, "%s", f.err.message);
	cr_assert_eq(recipe_apply_edits(&f.recipe, &f.s, &expressions, NULL, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "r.jsonl:2: model.norm.weight"), "%s", f.err.message);
	cr_assert_eq(n_released, 1); /* of the one that was refused */
	cr_assert_eq(session_advance(&f.s, &f.err), SESSION_TOKEN, "%s", f.err.message);
	t = executor_tensor(&f.s.executor,
			    program_find(&f.model.program, "model.layers.0.mlp.down_proj:out"));
	cr_assert_eq(*(float *)t.data, 2.5f);
	recipe_write(&f.s, &written);
	cr_assert(strstr(written.data, "\"kind\": \"expr\", \"passes\": [0, 0], \"expr\": \"2.5\""),
		  "%s", written.data);
	text_release(&written);
	close_fixture(&f);
	cr_assert_eq(n_released, 2);
}

/* One that has no debugger: the first generated token's logits, or the sentence. */
static int with_expression(struct fixture *f, const char *rest, float *logits)
{
	struct text line = { 0 };
	struct session s;
	int r;

	text_addf(&line, "{\"kind\": \"expr\", %s}", rest);
	cr_assert_eq(parse(f, line.data), 0, "%s", f->err.message);
	start(f, &s);
	s.opt.executor.plan = s.executor.opt.plan = PLAN_RUN;
	f->err.message[0] = '\0';
	r = recipe_apply_edits(&f->recipe, &s, &recipe_plain_expressions, NULL, &f->err);
	if (r == 0)
		r = session_advance(&s, &f->err);
	if (r == SESSION_TOKEN)
		memcpy(logits, executor_logits(&s.executor, 0), 101 * sizeof(float));
	session_release(&s);
	text_release(&line);
	return r;
}

Test(recipe, has_expressions_of_what_is_there_by_then)
{
	static const char *const same[][2] = {
		{ "\"point\": \"L1.mlp.act_mul\", \"expr\": \"out * 1\"",
		  "\"point\": \"L1.mlp.act_mul\", \"expr\": \"in[0] * in[1]\"" },
		{ "\"point\": \"L1.attn.pattern\", \"expr\": \"softmax(scores_masked)\"",
		  "\"point\": \"L1.attn.pattern\", \"expr\": \".pattern\"" },
		{ "\"point\": \"L1.attn.z\", \"select\": \"[head=2]\", \"expr\": \"0\"",
		  "\"point\": \"L1.attn.z\", \"select\": \"[head=2]\", \"expr\": \"out - out + pass\"" },
		{ "\"point\": \"L1.resid_post\", \"expr\": \"L0.resid_post\"",
		  "\"point\": \"L1.resid_post\", \"expr\": \"model.layers[0]\"" },
		{ "\"point\": \"L1.resid_mid\", \"expr\": \"out[pos=2]\"",
		  "\"point\": \"L1.resid_mid\", \"expr\": \"resid_mid[2]\"" },
	};
	static const char *const wrong[][2] = {
		{ "\"point\": \"L1.mlp\", \"expr\": \"out *\"", "r.jsonl:1: column 6" },
		{ "\"point\": \"L1.mlp\", \"expr\": \"nothing\"", "r.jsonl:1: no point is called" },
		{ "\"point\": \"L1.mlp\", \"expr\": \"lm_head\"", "was not computed yet" },
		{ "\"point\": \"L1.mlp\", \"expr\": \"out[0:2]\"",
		  "model.layers.1.mlp.down_proj:out = out[0:2]: it gives [2, 33], and the part is [7, 33]" },
		{ "\"point\": \"L1.mlp\", \"expr\": \"'a'\"", "no number and no tensor" },
	};
	struct fixture f;
	float a[101], b[101];

	open_fixture(&f);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		cr_expect_eq(with_expression(&f, same[i][0], a), SESSION_TOKEN, "%s: %s",
			     same[i][0], f.err.message);
		cr_expect_eq(with_expression(&f, same[i][1], b), SESSION_TOKEN, "%s: %s",
			     same[i][1], f.err.message);
		for (int k = 0; k < 101; k++)
			cr_expect_float_eq(a[k], b[k], 1e-5, "%s", same[i][0]);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_expect_lt(with_expression(&f, wrong[i][0], a), 0, "%s", wrong[i][0]);
		cr_expect(strstr(f.err.message, wrong[i][1]), "%s: %s", wrong[i][0], f.err.message);
	}
	close_fixture(&f);
}

/* ---- numbers from elsewhere ------------------------------------------------------------------ */

static struct edit edit_of(struct fixture *f, const char *name, const char *sel)
{
	struct edit e = { .value = program_find(&f->model.program, name), .pass_to = -1 };

	cr_assert_eq(selection_parse(&e.sel, sel, value_axes(&f->model.program.values[e.value]),
				     &f->err),
		     0);
	return e;
}

static int replace(struct fixture *f, const char *name, const char *sel, int n_dims,
		   const int64_t *shape)
{
	struct array *a = array_new(n_dims, shape, &f->err);
	struct edit e = edit_of(f, name, sel);
	int r;

	a->axes[0] = a->name[0] = '\0';
	r = edit_replace_by(&e, &f->s.executor, a, &f->err);
	array_release(a);
	return r;
}

Test(numbers, must_have_the_shape_of_the_part)
{
	static const char z[] = "model.layers.1.self_attn:z";
	struct fixture f;

	open_fixture(&f);
	cr_expect_eq(replace(&f, z, "[pos=2, head=1]", 1, (int64_t[]){ 10 }), 0);
	cr_expect_eq(replace(&f, z, "[pos=2, head=1]", 3, (int64_t[]){ 1, 1, 10 }), 0);
	cr_expect_eq(replace(&f, z, "[pos=2, head=1]", 2, (int64_t[]){ 1, 10 }), ERR_SHAPE);
	cr_expect_eq(replace(&f, z, "[head=1]", 2, (int64_t[]){ 99, 10 }), 0); /* not known yet */
	cr_expect_eq(replace(&f, z, "[head=1]", 2, (int64_t[]){ 99, 11 }), ERR_SHAPE);
	cr_expect(strstr(f.err.message, "[head=1] has the shape [*, 10], and the numbers have "
					"[99, 11]"),
		  "%s", f.err.message);
	cr_expect_eq(replace(&f, z, "[head=7]", 2, (int64_t[]){ 9, 10 }), ERR_USAGE);
	cr_expect_eq(replace(&f, z, "[pos=3:3]", 3, (int64_t[]){ 0, 6, 10 }), ERR_SHAPE);
	cr_expect_eq(replace(&f, "model.norm.weight", "[3:9]", 1, (int64_t[]){ 6 }), 0);
	cr_expect_eq(replace(&f, "model.norm.weight", "[3:9]", 1, (int64_t[]){ 5 }), ERR_SHAPE);
	cr_assert_eq(session_advance(&f.s, &f.err), SESSION_TOKEN);
	cr_expect_eq(replace(&f, z, "[head=1]", 2, (int64_t[]){ N, 10 }), 0);
	cr_expect_eq(replace(&f, z, "[head=1]", 2, (int64_t[]){ 99, 10 }), ERR_SHAPE);
	close_fixture(&f);
}

Test(numbers, come_from_where_tensors_are_found_by_name)
{
	struct array_source source;
	struct array *a = NULL;
	struct fixture f;
	struct edit e;

	open_fixture(&f);
	cr_assert_eq(session_advance(&f.s, &f.err), SESSION_TOKEN);
	source = executor_source(&f.s.executor);
	e = edit_of(&f, "model.layers.1:out", "[pos=2]");
	cr_assert_eq(
		edit_replace_from(&e, &f.s.executor, &source, "L0.resid_post[pos=4]", &a, &f.err),
		0, "%s", f.err.message);
	cr_assert(e.kind == EDIT_REPLACE && e.n_data == 33 && e.data == a->data);
	array_release(a);
	cr_assert_eq(edit_replace_from(&e, &f.s.executor, &source, "L0.attn.z[pos=4]", &a, &f.err),
		     ERR_SHAPE);
	cr_assert(!a && strstr(f.err.message, "model.layers.0.self_attn:z"), "%s", f.err.message);
	cr_assert_eq(edit_replace_from(&e, &f.s.executor, &source, "L9.mlp", &a, &f.err),
		     ERR_USAGE);
	close_fixture(&f);
}

Test(numbers, of_a_file_are_those_of_numpy)
{
	struct text npy = { 0 };
	int64_t shape[] = { 2, 3 };
	const float x[] = { 1, 2, 3, 4, 5, 6 };
	char path[] = "/tmp/torchless-npy-XXXXXX";
	struct err err = { 0 };
	struct array *a;
	int fd = mkstemp(path);

	npy_header(&npy, 2, shape);
	text_add(&npy, x, sizeof(x));
	cr_assert(fd >= 0 && write(fd, npy.data, npy.len) == (ssize_t)npy.len);
	a = numbers_of_npy(path, &err);
	cr_assert(a && a->n_dims == 2 && a->numel == 6, "%s", err.message);
	cr_assert_arr_eq(a->data, x, sizeof(x));
	cr_assert_str_eq(a->name, path);
	array_release(a);
	cr_assert_eq(ftruncate(fd, 20), 0);
	cr_assert(!numbers_of_npy(path, &err) && strstr(err.message, path), "%s", err.message);
	close(fd);
	unlink(path);
	text_release(&npy);
}
