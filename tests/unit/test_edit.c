/*
 * test_edit.c -- edits that are made first and then put there: means, copies, what functions say;
 * the outputs that follow an edited one; bans, which are edits of logits.
 */
#include "support/tiny.h"
#include "torchless/session.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define N     9
#define D     33 /* of the tiny model */
#define H     6
#define LAYER "model.layers.1."
#define ATTN  LAYER "self_attn:"

struct fixture {
	char dir[64];
	struct model model;
	struct session s;
	struct session_options opt;
	int32_t ids[N];
	struct err err;
};

static void open_with(struct fixture *f, struct tiny t)
{
	memset(f, 0, sizeof(*f));
	tiny_write(&t, f->dir, sizeof(f->dir));
	cr_assert_eq(model_open(&f->model, f->dir, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &f->err),
		     0, "%s", f->err.message);
	for (int i = 0; i < N; i++)
		f->ids[i] = (i * 37 + 5) % t.vocab;
	f->opt = (struct session_options){
		.executor = { .plan = PLAN_DEBUG, .chunk = 512 },
		.sampler = { .top_p = 1 },
		.n = 4,
		.all_logits = true,
		.ignore_eos = true,
	};
}

static void begin(struct fixture *f)
{
	cr_assert_eq(session_init(&f->s, &f->model, &f->opt, &f->err), 0, "%s", f->err.message);
	cr_assert_eq(session_set_ids(&f->s, f->ids, N, &f->err), 0, "%s", f->err.message);
}

static void open_fixture(struct fixture *f)
{
	open_with(f, tiny_default);
	begin(f);
}

static void close_fixture(struct fixture *f)
{
	session_release(&f->s);
	model_close(&f->model);
	tiny_remove(f->dir);
}

static value_id find(const struct fixture *f, const char *name)
{
	value_id v = program_find(&f->model.program, name);

	cr_assert_geq(v, 0, "%s", name);
	return v;
}

static void select_part(struct fixture *f, value_id v, const char *text, struct selection *sel)
{
	cr_assert_eq(selection_parse(sel, text, value_axes(&f->model.program.values[v]), &f->err),
		     0, "%s", f->err.message);
}

/* Add an edit of a part; of a copy `from` is another. */
static int add(struct fixture *f, struct edit e, const char *name, const char *sel,
	       const char *from)
{
	e.value = find(f, name);
	e.pass_to = -1;
	select_part(f, e.value, sel, &e.sel);
	select_part(f, e.value, from, &e.from);
	return session_add_edit(&f->s, &e, &f->err);
}

static void need(int id, const struct fixture *f)
{
	cr_assert_gt(id, 0, "%s", f->err.message);
}

/* The value at the end of pass 0, from free(). */
static float *value_at_end(struct fixture *f, const char *name)
{
	value_id v = find(f, name);
	struct tensor t;
	float *x;

	cr_assert_eq(
		session_goto(&f->s, (struct session_time){ 0, f->model.program.n_ops }, &f->err), 0,
		"%s", f->err.message);
	t = executor_tensor(&f->s.executor, v);
	x = mem_calloc((size_t)tensor_numel(&t), sizeof(*x));
	cr_assert_eq(executor_fetch(&f->s.executor, v, 0, t.shape[0], x, &f->err), 0, "%s",
		     f->err.message);
	return x;
}

static void expect_same(const float *a, const float *b, int64_t n, const char *what)
{
	cr_expect(!memcmp(a, b, (size_t)n * sizeof(*a)), "%s", what);
}

/* ---- means --------------------------------------------------------------------------------- */

Test(edit_mean, takes_all_positions_of_the_pass_and_changes_the_part)
{
	static const char name[] = LAYER "mlp.down_proj:out";
	struct fixture f;
	float *before, *after;

	open_fixture(&f);
	before = value_at_end(&f, name);
	need(add(&f, (struct edit){ .kind = EDIT_MEAN }, name, "[pos=2:5, d_model=3:]", NULL), &f);
	after = value_at_end(&f, name);
	for (int d = 0; d < D; d++) {
		double sum = 0;

		for (int t = 0; t < N; t++)
			sum += (double)before[t * D + d];
		for (int t = 0; t < N; t++) {
			float want =
				t >= 2 && t < 5 && d >= 3 ? (float)(sum / N) : before[t * D + d];

			cr_assert_eq(after[t * D + d], want, "[%d, %d]", t, d);
		}
	}
	free(before);
	free(after);
	close_fixture(&f);
}

Test(edit_mean, of_a_relation_goes_over_its_queries)
{
	struct fixture f;
	float *before, *after, *z;

	open_fixture(&f);
	before = value_at_end(&f, ATTN "pattern");
	need(add(&f, (struct edit){ .kind = EDIT_MEAN }, ATTN "pattern", "[head=2, q=-1]", NULL),
	     &f);
	after = value_at_end(&f, ATTN "pattern");
	for (int h = 0; h < H; h++)
		for (int k = 0; k < N; k++) {
			double sum = 0;

			for (int q = 0; q < N; q++)
				sum += (double)before[(h * N + q) * N + k];
			for (int q = 0; q < N; q++) {
				int at = (h * N + q) * N + k;
				bool in = h == 2 && q == N - 1;

				cr_assert_eq(after[at], in ? (float)(sum / N) : before[at]);
			}
		}
	z = value_at_end(&f, ATTN "z");
	cr_assert(isfinite(z[0]));
	free(before);
	free(after);
	free(z);
	close_fixture(&f);
}

Test(edit_mean, of_a_pass_of_one_token_is_itself)
{
	struct fixture f;
	int32_t tokens[N + 4];

	open_fixture(&f);
	while (session_advance(&f.s, &f.err) == SESSION_TOKEN)
		;
	memcpy(tokens, f.s.tokens, sizeof(tokens));
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { ATTN "k_cache", ATTN "scores",
						     LAYER "input_layernorm:rms" };
		struct edit e = { .kind = EDIT_MEAN, .pass_from = 1 };

		need(add(&f, e, names[i], NULL, NULL), &f);
	}
	while (session_advance(&f.s, &f.err) == SESSION_TOKEN)
		;
	cr_assert_arr_eq(tokens, f.s.tokens, sizeof(tokens));
	close_fixture(&f);
}

/* ---- copies -------------------------------------------------------------------------------- */

Test(edit_copy, puts_one_part_of_a_value_in_the_place_of_another)
{
	struct fixture f;
	float *before, *after;

	open_fixture(&f);
	before = value_at_end(&f, "model.layers.0:out");
	need(add(&f, (struct edit){ .kind = EDIT_COPY }, "model.layers.0:out", "[pos=5]",
		 "[pos=2]"),
	     &f);
	need(add(&f, (struct edit){ .kind = EDIT_COPY }, "model.layers.0:out", "[pos=0:3]",
		 "[pos=1:4]"),
	     &f); /* they overlap: what was there before */
	after = value_at_end(&f, "model.layers.0:out");
	expect_same(after + 5 * D, before + 2 * D, D, "the row");
	expect_same(after, before + D, 3 * D, "the rows that overlap");
	expect_same(after + 6 * D, before + 6 * D, 3 * D, "the rest");
	free(before);
	free(after);
	close_fixture(&f);
}

/* A head of a relation is computed alone, and all the same has what another one has. */
Test(edit_copy, of_heads_of_a_relation_sees_the_edits_before_it_and_not_those_behind)
{
	struct fixture f;
	float *before, *after;

	open_fixture(&f);
	before = value_at_end(&f, ATTN "pattern");
	need(add(&f, (struct edit){ .kind = EDIT_SCALE, .arg = 2 }, ATTN "pattern", "[head=1]",
		 NULL),
	     &f);
	need(add(&f, (struct edit){ .kind = EDIT_COPY }, ATTN "pattern", "[head=4:6]",
		 "[head=0:2]"),
	     &f);
	need(add(&f, (struct edit){ .kind = EDIT_ZERO }, ATTN "pattern", "[head=0]", NULL), &f);
	after = value_at_end(&f, ATTN "pattern");
	expect_same(after + 4 * N * N, before, N * N, "head 4 is what head 0 was");
	for (int i = 0; i < N * N; i++)
		cr_assert(after[5 * N * N + i] == 2 * before[N * N + i] && after[i] == 0);
	for (int h = 0; h < H; h++) { /* one at a time */
		float alone[N * N];

		cr_assert_eq(executor_fetch(&f.s.executor, find(&f, ATTN "pattern"), h, h + 1,
					    alone, &f.err),
			     0);
		expect_same(alone, after + h * N * N, N * N, "one head");
	}
	free(before);
	free(after);
	close_fixture(&f);
}

Test(edit_copy, reaches_what_comes_of_the_relation)
{
	struct fixture f, g;
	float *pattern, *z, *mixed;

	open_fixture(&f);
	pattern = value_at_end(&f, ATTN "pattern");
	need(add(&f, (struct edit){ .kind = EDIT_COPY }, ATTN "pattern", "[head=2]", "[head=1]"),
	     &f);
	z = value_at_end(&f, ATTN "z");
	open_fixture(&g);
	need(add(&g,
		 (struct edit){
			 .kind = EDIT_REPLACE, .data = pattern + N * N, .n_data = (int64_t)N * N },
		 ATTN "pattern", "[head=2]", NULL),
	     &g);
	mixed = value_at_end(&g, ATTN "z");
	expect_same(z, mixed, N * H * 10, "as if the numbers had been given");
	free(pattern);
	free(z);
	free(mixed);
	close_fixture(&f);
	close_fixture(&g);
}

Test(edit_copy, of_what_the_pass_does_not_hold_is_refused)
{
	struct edit copy = { .kind = EDIT_COPY };
	struct fixture f;

	open_fixture(&f);
	cr_assert_eq(session_goto(&f.s, (struct session_time){ 2, 0 }, &f.err), 0);
	copy.pass_from = 1;
	cr_assert_eq(add(&f, copy, "model.layers.0:out", "[pos=10]", "[pos=2]"), ERR_USAGE);
	cr_assert(strstr(f.err.message, "model.layers.0:out[pos=2] is to be copied in a pass that "
					"has positions 10 to 10 and not it"),
		  "%s", f.err.message);
	copy.pass_from = 0;
	cr_assert_eq(add(&f, copy, "model.layers.0:out", "[pos=0:3]", "[pos=4:6]"), ERR_USAGE);
	cr_assert(strstr(f.err.message, "has the shape [2, 33], and the part that it is to become "
					"[3, 33]"),
		  "%s", f.err.message);
	cr_assert_eq(add(&f, copy, ATTN "z", "[head=1]", "[head=6]"), ERR_USAGE);
	cr_assert_eq(f.s.executor.n_edits, 0);
	cr_assert_eq(session_now(&f.s).pass, 2); /* and nothing has moved */
	/* Of a pass to come it is known when it begins. */
	need(add(&f, copy, "model.layers.0:out", "[pos=11]", "[pos=9]"), &f);
	while (session_advance(&f.s, &f.err) == SESSION_TOKEN)
		;
	cr_assert(strstr(f.err.message, "has positions 11 to 11"), "%s", f.err.message);
	close_fixture(&f);
}

static void copies_of_a_weight(enum dtype dtype)
{
	static const char name[] = LAYER "mlp.up_proj.weight";
	struct tiny t = tiny_default;
	struct fixture f;
	struct tensor w;

	t.dtype = dtype;
	open_with(&f, t);
	begin(&f);
	need(add(&f, (struct edit){ .kind = EDIT_COPY }, name, "[row=3]", "[row=8]"), &f);
	w = executor_tensor(&f.s.executor, find(&f, name));
	cr_expect(!memcmp(tensor_row(&w, 3), tensor_row(&w, 8),
			  (size_t)(D * dtype_table[dtype].block_bytes)));
	cr_expect(memcmp(tensor_row(&w, 3), tensor_row(&w, 4),
			 (size_t)(D * dtype_table[dtype].block_bytes)) != 0);
	close_fixture(&f);
}

Test(edit_copy, of_rows_of_a_weight_keeps_their_bits)
{
	copies_of_a_weight(DTYPE_F32);
	copies_of_a_weight(DTYPE_F16);
	copies_of_a_weight(DTYPE_BF16);
}

/* ---- what functions say --------------------------------------------------------------------- */

struct asked {
	int n, fails, released;
	const char *reads; /* the value that it reads, NULL: none */
	value_id value;
	int64_t numel, start0;
	float first; /* of what it read */
	struct err why;
};

static int halve(void *ctx, struct executor *ex, const struct edit *e, const struct edit_part *part,
		 float *x, int64_t n, struct err *err)
{
	struct asked *a = ctx;
	float row[4096];

	a->n++;
	a->value = e->value;
	a->numel = n;
	a->start0 = part->start[0];
	if (a->fails)
		return err_set(err, ERR_USAGE, "the function fails");
	for (int64_t i = 0; i < n; i++)
		x[i] /= 2;
	if (a->reads) {
		int r = executor_fetch(ex, program_find(ex->program, a->reads), 0, 1, row, &a->why);

		a->first = row[0];
		return r < 0 ? err_set(err, r, "%s", a->why.message) : 0;
	}
	return 0;
}

static void let_go(void *ctx)
{
	((struct asked *)ctx)->released++;
}

static struct edit halving(struct asked *a)
{
	return (struct edit){ .kind = EDIT_COMPUTE, .compute = halve, .release = let_go, .ctx = a };
}

/* What a function makes of a part is what a simple edit makes of it. */
static void function_equals_scale(const char *name, const char *sel, int asked)
{
	struct asked a = { 0 };
	struct fixture f, g;
	float *x, *y, *p, *q;
	struct tensor t;

	open_fixture(&f);
	open_fixture(&g);
	need(add(&f, halving(&a), name, sel, NULL), &f);
	need(add(&g, (struct edit){ .kind = EDIT_SCALE, .arg = 0.5f }, name, sel, NULL), &g);
	x = value_at_end(&f, name);
	y = value_at_end(&g, name);
	t = executor_tensor(&f.s.executor, find(&f, name));
	expect_same(x, y, tensor_numel(&t), name);
	p = value_at_end(&f, "lm_head:out");
	q = value_at_end(&g, "lm_head:out");
	expect_same(p, q, (int64_t)N * tiny_default.vocab, "logits");
	cr_expect_eq(a.n, asked, "%s: asked %d times", name, a.n);
	cr_expect_eq(a.value, find(&f, name));
	while (session_advance(&f.s, &f.err) == SESSION_TOKEN &&
	       session_advance(&g.s, &g.err) == SESSION_TOKEN)
		;
	cr_expect_arr_eq(f.s.tokens, g.s.tokens, (N + 4) * sizeof(int32_t));
	cr_expect_eq(a.released, 0);
	free(x);
	free(y);
	free(p);
	free(q);
	close_fixture(&f);
	close_fixture(&g);
	cr_expect_eq(a.released, 1);
}

Test(edit_compute, is_asked_when_the_op_runs_and_of_a_relation_once_a_pass)
{
	function_equals_scale(LAYER "mlp:act_mul", "[pos=1:4, d_ff=:7]", 1);
	function_equals_scale(ATTN "k_cache", NULL, 1);
	function_equals_scale(ATTN "scores", "[head=1:3]", 1);
	function_equals_scale(ATTN "scores_masked", "[q=3:]", 1);
	function_equals_scale(ATTN "pattern", "[head=4]", 1);
	function_equals_scale("lm_head:out", NULL, 1);
	function_equals_scale(LAYER "input_layernorm:normed", "[pos=2]", 1);
}

Test(edit_compute, reaches_a_ring_that_wraps)
{
	float *logits[2];

	for (int ring = 0; ring < 2; ring++) {
		struct asked a = { 0 };
		struct fixture f;

		open_with(&f, tiny_default);
		f.opt.executor.chunk = 3;
		f.opt.executor.ring = ring;
		f.opt.n = 1;
		begin(&f);
		need(add(&f, halving(&a), ATTN "v_cache", NULL, NULL), &f);
		cr_assert_eq(session_advance(&f.s, &f.err), SESSION_TOKEN, "%s", f.err.message);
		logits[ring] = mem_calloc((size_t)tiny_default.vocab, sizeof(float));
		memcpy(logits[ring], executor_logits(&f.s.executor, f.s.executor.R - 1),
		       (size_t)tiny_default.vocab * sizeof(float));
		cr_assert_eq(a.n, 3);
		close_fixture(&f);
	}
	expect_same(logits[0], logits[1], tiny_default.vocab, "ring");
	free(logits[0]);
	free(logits[1]);
}

/* It fails: the op has not run, and runs again as if it had never been tried. */
static void failing_leaves_nothing(const char *name)
{
	struct asked a = { .fails = 1 };
	struct fixture f, plain;
	float *x, *y;
	int id;

	open_fixture(&f);
	open_fixture(&plain);
	id = add(&f, halving(&a), name, NULL, NULL);
	need(id, &f);
	cr_expect_eq(session_advance(&f.s, &f.err), ERR_USAGE);
	cr_expect_str_eq(f.err.message, "the function fails");
	cr_expect_eq(session_advance(&f.s, &f.err), ERR_USAGE); /* again */
	cr_expect_eq(a.n, 2);
	cr_expect(!executor_has(&f.s.executor, find(&f, "lm_head:out")));
	cr_assert_eq(session_remove_edit(&f.s, id, &f.err), 0, "%s", f.err.message);
	cr_expect_eq(a.released, 1);
	x = value_at_end(&f, "lm_head:out");
	y = value_at_end(&plain, "lm_head:out");
	expect_same(x, y, (int64_t)N * tiny_default.vocab, name);
	free(x);
	free(y);
	close_fixture(&f);
	close_fixture(&plain);
}

Test(edit_compute, that_fails_ends_the_op_and_leaves_nothing)
{
	failing_leaves_nothing(LAYER "mlp:act_mul");
	failing_leaves_nothing(ATTN "v_cache");
	failing_leaves_nothing(ATTN "pattern");
	failing_leaves_nothing("model.rotary_emb:cos");
}

/* The value itself as it is so far, and what comes before it; not what comes of it. */
static float read_by_function(const char *edited, const char *read, int expected)
{
	struct asked a = { .reads = read };
	struct fixture f;

	open_fixture(&f);
	need(add(&f, (struct edit){ .kind = EDIT_SET, .arg = 0.25f }, edited, NULL, NULL), &f);
	need(add(&f, halving(&a), edited, NULL, NULL), &f);
	need(add(&f, (struct edit){ .kind = EDIT_ADD, .arg = 9 }, edited, NULL, NULL), &f);
	cr_expect_eq(session_advance(&f.s, &f.err), expected, "%s: %s", edited, f.err.message);
	if (expected == ERR_USAGE)
		cr_expect(strstr(f.err.message, "is not there"), "%s", f.err.message);
	close_fixture(&f);
	return a.first;
}

Test(edit_compute, reads_what_is_there)
{
	cr_expect_eq(read_by_function(LAYER "mlp:act_mul", LAYER "mlp:act_mul", SESSION_TOKEN),
		     0.25f);
	cr_expect_eq(read_by_function(ATTN "pattern", ATTN "pattern", SESSION_TOKEN), 0.25f);
	cr_expect_eq(read_by_function(ATTN "scores_masked", ATTN "scores_masked", SESSION_TOKEN),
		     0.25f);
	read_by_function(ATTN "pattern", ATTN "scores", SESSION_TOKEN);
	read_by_function(ATTN "pattern", "model.layers.0.self_attn:pattern", SESSION_TOKEN);
	read_by_function(ATTN "pattern", ATTN "z", ERR_USAGE);
	read_by_function(ATTN "scores", ATTN "pattern", ERR_USAGE);
	read_by_function(LAYER "mlp:act_mul", LAYER "mlp.down_proj:out", ERR_USAGE);
}

Test(edit_compute, keeps_what_it_works_on_its_callers_where_it_is_refused)
{
	struct asked a = { 0 };
	struct fixture f;

	open_fixture(&f);
	cr_expect_eq(add(&f, halving(&a), LAYER "mlp.up_proj.weight", NULL, NULL), ERR_USAGE);
	cr_expect(strstr(f.err.message, "no op computes it"), "%s", f.err.message);
	cr_expect_eq(add(&f, (struct edit){ .kind = EDIT_MEAN }, "model.norm.weight", NULL, NULL),
		     ERR_USAGE);
	cr_expect(strstr(f.err.message, "no positions"), "%s", f.err.message);
	cr_expect_eq(add(&f, halving(&a), ATTN "z", "[head=9]", NULL), ERR_USAGE);
	cr_expect_eq(a.released, 0);
	need(add(&f, halving(&a), ATTN "z", "[head=3]", NULL), &f);
	executor_clear_edits(&f.s.executor);
	cr_expect_eq(a.released, 1);
	close_fixture(&f);
}

/* ---- what follows an edited output ---------------------------------------------------------- */

Test(edit_follow, a_norm_divides_by_an_edited_rms_and_multiplies_what_was_divided)
{
	static const char *const names[] = { "input_layernorm:rms", "input_layernorm:normed" };

	for (int i = 0; i < 2; i++) {
		struct fixture f;
		float *normed, *out, *now;
		char name[64];
		int id;

		snprintf(name, sizeof(name), "model.layers.1.%s", names[i]);
		open_fixture(&f);
		normed = value_at_end(&f, LAYER "input_layernorm:normed");
		out = value_at_end(&f, LAYER "input_layernorm:out");
		id = add(&f, (struct edit){ .kind = EDIT_SCALE, .arg = 1 }, name, NULL, NULL);
		need(id, &f);
		now = value_at_end(&f, LAYER "input_layernorm:out");
		expect_same(now, out, N * D, "times 1 it is as it was");
		free(now);
		cr_assert_eq(session_remove_edit(&f.s, id, &f.err), 0);
		need(add(&f, (struct edit){ .kind = EDIT_SCALE, .arg = i ? .5f : 2 }, name,
			 "[pos=3]", NULL),
		     &f);
		now = value_at_end(&f, LAYER "input_layernorm:out");
		for (int k = 0; k < N * D; k++)
			cr_assert_eq(now[k], k / D == 3 ? out[k] / 2 : out[k]);
		free(now);
		now = value_at_end(&f, LAYER "input_layernorm:normed");
		for (int k = 0; k < N * D; k++)
			cr_assert_eq(now[k], k / D == 3 ? normed[k] / 2 : normed[k]);
		free(now);
		free(normed);
		free(out);
		close_fixture(&f);
	}
}

/* ---- bans ---------------------------------------------------------------------------------- */

static void finish(struct fixture *f)
{
	int r;

	while ((r = session_advance(&f->s, &f->err)) == SESSION_TOKEN)
		;
	cr_assert_eq(r, SESSION_DONE, "%s", f->err.message);
}

static bool generated(const struct fixture *f, int32_t id)
{
	for (int64_t i = f->s.n_prompt; i < f->s.n_tokens; i++)
		if (f->s.tokens[i] == id)
			return true;
	return false;
}

Test(ban, keeps_a_token_out_and_goes_back_to_where_it_matters)
{
	int32_t plain[N + 4], id;
	struct fixture f;

	for (int greedy = 0; greedy < 2; greedy++) {
		open_with(&f, tiny_default);
		f.opt.sampler = (struct sampler_options){ .temp = greedy ? 0 : 1, .top_p = 1 };
		begin(&f);
		finish(&f);
		memcpy(plain, f.s.tokens, sizeof(plain));
		id = plain[N + 2];
		cr_assert_gt(session_ban(&f.s, id, true, &f.err), 0, "%s", f.err.message);
		cr_assert_eq(session_now(&f.s).pass, 0);
		cr_assert_eq(session_ban(&f.s, id, true, &f.err),
			     session_banned_at(&f.s, -1, id)); /* once */
		cr_assert_eq(f.s.executor.n_edits, 1);
		finish(&f);
		cr_assert(!generated(&f, id));
		for (int64_t i = 0; i < f.s.sampler.n_candidates; i++)
			cr_assert_neq(f.s.sampler.candidates[i].id, id);
		cr_assert_eq(executor_logits(&f.s.executor, 0)[id], -INFINITY);
		cr_assert_eq(session_ban(&f.s, id, false, &f.err), 0);
		cr_assert_eq(session_ban(&f.s, id, false, &f.err), 0); /* nothing to allow */
		finish(&f);
		cr_assert_arr_eq(plain, f.s.tokens, sizeof(plain));
		close_fixture(&f);
	}
}

Test(ban, of_one_position_holds_there)
{
	int32_t plain[N + 4];
	struct fixture f;
	int64_t pos;
	int32_t id;
	int edit;

	open_fixture(&f);
	finish(&f);
	memcpy(plain, f.s.tokens, sizeof(plain));
	edit = session_ban_at(&f.s, N + 1, plain[N + 1], true, &f.err);
	cr_assert_gt(edit, 0, "%s", f.err.message);
	cr_assert(session_edit_is_ban(&f.s, executor_edit(&f.s.executor, edit), &pos, &id));
	cr_assert(pos == N + 1 && id == plain[N + 1]);
	cr_assert(strstr(executor_edit(&f.s.executor, edit)->source, " at 10"));
	finish(&f);
	cr_assert_neq(f.s.tokens[N + 1], plain[N + 1]);
	cr_assert_eq(f.s.tokens[N], plain[N]);
	cr_assert_eq(session_banned_at(&f.s, -1, id), 0);
	/* A forced token comes all the same. */
	cr_assert_eq(session_force_at(&f.s, N + 1, id, &f.err), 0);
	finish(&f);
	cr_assert_eq(f.s.tokens[N + 1], id);
	close_fixture(&f);
}

/* Prompt positions keep their scores: only the row that a token is picked from has the ban. */
Test(ban, leaves_the_rows_of_the_prompt_alone)
{
	struct fixture f;
	float *logits;
	int V = tiny_default.vocab;

	open_fixture(&f);
	need(session_ban(&f.s, 7, true, &f.err), &f);
	logits = value_at_end(&f, "lm_head:out");
	for (int t = 0; t < N; t++)
		cr_assert_eq(isinf(logits[t * V + 7]) != 0, t == N - 1);
	free(logits);
	close_fixture(&f);
}

Test(ban, of_what_is_no_token_or_no_place_is_refused)
{
	struct fixture f;
	int64_t pos;
	int32_t id;
	struct edit e = { .kind = EDIT_SET, .arg = -INFINITY, .pass_to = -1 };

	open_fixture(&f);
	cr_assert_eq(session_ban(&f.s, 101, true, &f.err), ERR_USAGE);
	cr_assert_eq(session_ban(&f.s, -1, true, &f.err), ERR_USAGE);
	cr_assert_eq(session_ban_at(&f.s, 3, 5, true, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "position 3"), "%s", f.err.message);
	e.value = find(&f, "lm_head:out");
	select_part(&f, e.value, "[vocab=3]", &e.sel);
	cr_assert(!session_edit_is_ban(&f.s, &e, &pos, &id));
	select_part(&f, e.value, "[pos=-1, vocab=3]", &e.sel);
	cr_assert(session_edit_is_ban(&f.s, &e, &pos, &id) && pos == -1 && id == 3);
	close_fixture(&f);
}

Test(ban, of_every_token_says_that_none_can_be_picked)
{
	struct fixture f;

	open_fixture(&f);
	for (int i = 0; i < tiny_default.vocab; i++)
		need(session_ban_at(&f.s, N, i, true, &f.err), &f);
	cr_assert_eq(session_advance(&f.s, &f.err), ERR_FORMAT);
	cr_assert(strstr(f.err.message, "no token can be picked"), "%s", f.err.message);
	close_fixture(&f);
}

/* ---- the lens -------------------------------------------------------------------------------- */

Test(edit_lens, reads_the_weights_as_they_are_edited)
{
	int V = tiny_default.vocab;
	struct fixture f;
	float x[D], plain[101], same[101], edited[101];

	for (int i = 0; i < D; i++)
		x[i] = (float)i - 9;
	open_fixture(&f);
	cr_assert_eq(model_lens(&f.model, f.s.executor.opt.kernels, NULL, x, 1, plain, &f.err), 0);
	cr_assert_eq(session_lens(&f.s, x, 1, same, &f.err), 0);
	expect_same(plain, same, V, "no edit");
	need(add(&f, (struct edit){ .kind = EDIT_SCALE, .arg = 2 }, "lm_head.weight", "[row=3]",
		 NULL),
	     &f);
	cr_assert_eq(session_lens(&f.s, x, 1, edited, &f.err), 0);
	for (int i = 0; i < V; i++)
		cr_assert_eq(edited[i], i == 3 ? 2 * plain[i] : plain[i]);
	close_fixture(&f);
}
