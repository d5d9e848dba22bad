/*
 * The executor's promises: stopping, going back, memory plans, rings and threads change no bit;
 * chunking changes results within tolerance only; edits have their effect and nothing else.
 */
#include "support/tiny.h"
#include "torchless/clock.h"
#include "torchless/executor.h"
#include "torchless/model.h"
#include "torchless/numbers.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

#define N_TOKENS 23

/* A model, and a run over tokens of it; the defaults are what most tests want. */
struct fixture {
	char dir[64];
	struct model model;
	struct executor ex;
	struct executor_options opt;
	int32_t ids[N_TOKENS];
	struct err err;
};

static void open_tiny(struct fixture *f, struct tiny t)
{
	memset(f, 0, sizeof(*f));
	tiny_write(&t, f->dir, sizeof(f->dir));
	cr_assert(eq(int,
		     model_open(&f->model, f->dir, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &f->err),
		     0),
		  "%s", f->err.message);
	for (int i = 0; i < N_TOKENS; i++)
		f->ids[i] = (i * 37 + 5) % t.vocab;
	f->opt = (struct executor_options){ .kernels = &kernels_ref, .chunk = 512 };
}

static void start(struct fixture *f)
{
	cr_assert(eq(int, executor_init(&f->ex, &f->model.program, &f->opt, &f->err), 0));
}

static void close_tiny(struct fixture *f)
{
	executor_release(&f->ex);
	model_close(&f->model);
	tiny_remove(f->dir);
}

/* Run ids[from, to) as passes of at most `chunk` tokens, resuming after every pause. */
static void feed(struct fixture *f, int from, int to, int chunk)
{
	for (int at = from; at < to;) {
		int n = to - at < chunk ? to - at : chunk, r;

		cr_assert(eq(int, executor_begin(&f->ex, f->ids + at, n, true, &f->err), 0), "%s",
			  f->err.message);
		while ((r = executor_run(&f->ex, &f->err)) == EXECUTOR_PAUSED)
			;
		cr_assert(eq(int, r, EXECUTOR_DONE), "%s", f->err.message);
		at += n;
	}
}

/* A copy of the logits of the last row; free() it. */
static float *last_logits(struct fixture *f)
{
	int64_t V = f->model.config->n_vocab;
	float *copy = mem_calloc((size_t)V, sizeof(*copy));

	memcpy(copy, executor_logits(&f->ex, f->ex.R - 1), (size_t)V * sizeof(*copy));
	return copy;
}

/* Logits after a prefill of 20 tokens and three decode passes under these options. */
static float *run_with(struct tiny t, struct executor_options opt, struct hook *hook)
{
	struct fixture f;
	float *logits;

	open_tiny(&f, t);
	f.opt = opt;
	start(&f);
	if (hook)
		hook_add(&f.ex.hooks, hook);
	feed(&f, 0, 20, (int)opt.chunk);
	feed(&f, 20, N_TOKENS, 1);
	logits = last_logits(&f);
	close_tiny(&f);
	return logits;
}

static void expect_same_bits(float *a, float *b, const char *what)
{
	cr_expect(eq(int, memcmp(a, b, (size_t)tiny_default.vocab * sizeof(*a)), 0), "%s", what);
	free(a);
	free(b);
}

static void expect_close(float *a, float *b, const char *what)
{
	double diff = 0, norm = 0;

	for (int i = 0; i < tiny_default.vocab; i++) {
		diff += (a[i] - b[i]) * (a[i] - b[i]);
		norm += a[i] * a[i];
	}
	cr_expect(lt(dbl, diff / norm, 1e-10), "%s: NMSE %g", what, diff / norm);
	free(a);
	free(b);
}

static const struct executor_options plain = { .kernels = &kernels_ref, .chunk = 512 };

static struct executor_options with_chunk(int64_t chunk)
{
	struct executor_options o = plain;

	o.chunk = chunk;
	return o;
}

/* ---- stopping ------------------------------------------------------------------------------ */

static int pause_here(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	(void)ex, (void)at, (void)err;
	++*(int *)ctx;
	return HOOK_PAUSE;
}

Test(executor, pausing_before_and_after_every_op_changes_no_bit)
{
	int pauses = 0;
	struct hook hook = { .before = pause_here, .after = pause_here, .ctx = &pauses };

	expect_same_bits(run_with(tiny_default, plain, NULL), run_with(tiny_default, plain, &hook),
			 "paused");
	cr_assert(gt(int, pauses, 4 * 2 * 40));
}

static int count_site(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	int *seen = ctx;

	(void)ex, (void)err;
	cr_assert(eq(int, at->kind, SITE_OP));
	seen[at->op_index]++;
	return HOOK_CONTINUE;
}

Test(executor, every_op_is_announced_once_a_pass_although_it_pauses)
{
	struct fixture f;
	int seen[256] = { 0 }, pauses = 0;
	struct hook count = { .before = count_site, .ctx = seen };
	struct hook stop = { .before = pause_here, .after = pause_here, .ctx = &pauses };

	open_tiny(&f, tiny_default);
	start(&f);
	hook_add(&f.ex.hooks, &stop);
	hook_add(&f.ex.hooks, &count);
	feed(&f, 0, 7, 7);
	for (int i = 0; i < f.model.program.n_ops; i++)
		cr_expect(eq(int, seen[i], 1), "op %d", i);
	cr_assert(eq(int, pauses, 2 * f.model.program.n_ops));
	close_tiny(&f);
}

/* Step n on, n back and n on from many places; the logits must be those of running through. */
Test(executor, stepping_back_and_on_again_changes_no_bit)
{
	struct executor_options debug = plain;
	struct fixture f;

	debug.plan = PLAN_DEBUG;
	open_tiny(&f, tiny_default);
	f.opt = debug;
	start(&f);
	feed(&f, 0, 20, 512);
	for (int at = 20; at < N_TOKENS; at++) {
		cr_assert(eq(int, executor_begin(&f.ex, f.ids + at, 1, true, &f.err), 0));
		for (int n = 1; f.ex.pc < f.model.program.n_ops; n = n % 7 + 1) {
			int pc = f.ex.pc;

			for (int i = 0; i < n && f.ex.pc < f.model.program.n_ops; i++)
				executor_step(&f.ex, &f.err);
			cr_assert(eq(int, executor_seek(&f.ex, pc, &f.err), 0));
			for (int i = 0; i < n && f.ex.pc < f.model.program.n_ops; i++)
				executor_step(&f.ex, &f.err);
		}
		cr_assert(eq(int, executor_run(&f.ex, &f.err), EXECUTOR_DONE));
	}
	expect_same_bits(run_with(tiny_default, plain, NULL), last_logits(&f), "back and on");
	close_tiny(&f);
}

Test(executor, the_end_of_a_pass_can_be_taken_back)
{
	struct fixture f;
	float *before, *after;

	open_tiny(&f, tiny_default);
	f.opt.plan = PLAN_DEBUG;
	start(&f);
	feed(&f, 0, 9, 512);
	before = last_logits(&f);
	cr_assert(eq(i64, executor_positions(&f.ex), 9));
	cr_assert(eq(int, executor_seek(&f.ex, 3, &f.err), 0));
	cr_assert(eq(i64, executor_positions(&f.ex), 0));
	cr_assert(eq(int, executor_run(&f.ex, &f.err), EXECUTOR_DONE));
	cr_assert(eq(i64, executor_positions(&f.ex), 9));
	after = last_logits(&f);
	expect_same_bits(before, after, "end taken back");
	close_tiny(&f);
}

Test(executor, the_run_plan_refuses_to_go_back)
{
	struct fixture f;

	open_tiny(&f, tiny_default);
	start(&f);
	feed(&f, 0, 3, 512);
	cr_assert(eq(int, executor_seek(&f.ex, 0, &f.err), ERR_USAGE));
	close_tiny(&f);
}

/* ---- plans, rings, threads, chunks ----------------------------------------------------------- */

Test(executor, both_memory_plans_agree_bit_for_bit)
{
	struct executor_options debug = plain;
	struct fixture f;

	debug.plan = PLAN_DEBUG;
	expect_same_bits(run_with(tiny_default, plain, NULL), run_with(tiny_default, debug, NULL),
			 "plans");
	open_tiny(&f, tiny_default);
	cr_assert(lt(i64, executor_estimate(&f.model.program, &plain, 100, false).scratch_bytes,
		     executor_estimate(&f.model.program, &debug, 100, false).scratch_bytes / 3));
	close_tiny(&f);
}

Test(executor, a_ring_gives_the_bits_of_a_linear_cache)
{
	static const int64_t chunks[] = { 1, 3, 4, 512 };

	for (int i = 0; i < 4; i++) {
		struct executor_options linear = with_chunk(chunks[i]), ring = linear;

		ring.ring = true;
		expect_same_bits(run_with(tiny_default, linear, NULL),
				 run_with(tiny_default, ring, NULL), "ring");
	}
}

Test(executor, the_number_of_threads_changes_no_bit)
{
	for (int k = 0; kernels_all[k]; k++) {
		struct executor_options one = plain, three;
		struct err err = { 0 };

		if (!kernels_all[k]->supported())
			continue;
		one.kernels = kernels_all[k];
		three = one;
		three.pool = threads_new(3, &err);
		expect_same_bits(run_with(tiny_default, one, NULL),
				 run_with(tiny_default, three, NULL), kernels_all[k]->isa);
		threads_free(three.pool);
	}
}

Test(executor, any_chunking_agrees_within_tolerance)
{
	static const int64_t chunks[] = { 1, 2, 3, 7, 19, 20 };

	for (int k = 0; kernels_all[k]; k++) {
		for (int i = 0; kernels_all[k]->supported() && i < 6; i++) {
			struct executor_options o = with_chunk(chunks[i]);

			o.kernels = kernels_all[k];
			expect_close(run_with(tiny_default, plain, NULL),
				     run_with(tiny_default, o, NULL), kernels_all[k]->isa);
		}
	}
}

Test(executor, weight_types_and_tied_embeddings_run)
{
	static const enum dtype types[] = { DTYPE_F32, DTYPE_F16, DTYPE_BF16 };

	for (int i = 0; i < 6; i++) {
		struct tiny t = tiny_default;
		struct executor_options o = plain;

		t.dtype = types[i % 3];
		t.tied = i >= 3;
		o.kernels = kernels_select(NULL);
		expect_close(run_with(t, plain, NULL), run_with(t, o, NULL),
			     dtype_table[t.dtype].name);
	}
}

/* ---- fast ------------------------------------------------------------------------------------ */

static struct executor_options fast_with(const struct kernels *k, int64_t chunk)
{
	struct executor_options o = with_chunk(chunk);

	o.kernels = k;
	o.fast = true;
	return o;
}

/*
 * Of weights in f32 and f16 only the cache changes.  Where a set rounds x to bf16 for those in bf16
 * that is 1.3e-6 a product, of which random layers make a hundred times as much.
 */
Test(fast, is_near_and_not_the_same)
{
	static const struct {
		enum dtype dtype;
		double least, most;
	} cases[] = { { DTYPE_F32, 1e-10, 1e-6 },
		      { DTYPE_F16, 1e-10, 1e-6 },
		      { DTYPE_BF16, 1e-10, 1e-3 } };

	for (int i = 0; i < 3; i++) {
		struct tiny t = tiny_default;
		double nmse = 0, norm = 0;
		float *exact, *fast;

		t.dtype = cases[i].dtype;
		exact = run_with(t, plain, NULL);
		fast = run_with(t, fast_with(&kernels_ref, 512), NULL);
		for (int v = 0; v < t.vocab; v++) {
			nmse += (exact[v] - fast[v]) * (exact[v] - fast[v]);
			norm += exact[v] * exact[v];
		}
		nmse /= norm;
		cr_expect(gt(dbl, nmse, cases[i].least), "%s: nothing was rounded, NMSE %g",
			  dtype_table[t.dtype].name, nmse);
		cr_expect(lt(dbl, nmse, cases[i].most), "%s: NMSE %g", dtype_table[t.dtype].name,
			  nmse);
		free(exact);
		free(fast);
	}
}

/* Threads, rings, plans and chunks change as little as without it; and all sets are as near. */
Test(fast, what_changes_no_bit_without_it_changes_none_with_it)
{
	struct tiny t = tiny_default;

	t.dtype = DTYPE_BF16;
	for (int k = 0; kernels_all[k]; k++) {
		struct executor_options one = fast_with(kernels_all[k], 4), three = one, ring = one;
		struct executor_options debug = one;
		struct err err = { 0 };

		if (!kernels_all[k]->supported())
			continue;
		three.pool = threads_new(3, &err);
		ring.ring = true;
		debug.plan = PLAN_DEBUG;
		expect_same_bits(run_with(t, one, NULL), run_with(t, three, NULL), "threads");
		expect_same_bits(run_with(t, one, NULL), run_with(t, ring, NULL), "ring");
		expect_same_bits(run_with(t, one, NULL), run_with(t, debug, NULL), "plan");
		threads_free(three.pool);
	}
}

/* A product that needs room and fills all of it. */
static size_t three_bytes(enum dtype w, int64_t T, int64_t K)
{
	(void)w;
	return (size_t)(3 * T * K);
}

static void fill_and_multiply(struct threads *pool, float *y, const float *x,
			      const struct tensor *w, int64_t T, void *scratch)
{
	cr_assert(eq(u64, (uintptr_t)scratch % 64, 0));
	memset(scratch, 0xff, three_bytes(w->dtype, T, w->shape[1]));
	kernels_ref.linear(pool, y, x, w, T);
}

static size_t nothing(enum dtype w, int64_t T, int64_t K)
{
	(void)w, (void)T, (void)K;
	return 0;
}

static void only_multiply(struct threads *pool, float *y, const float *x, const struct tensor *w,
			  int64_t T, void *scratch)
{
	(void)scratch;
	kernels_ref.linear(pool, y, x, w, T);
}

/* The room that a product is given holds no value, in either plan. */
Test(fast, room_for_what_is_rounded_is_nobody_elses)
{
	struct kernels greedy = kernels_ref, modest = kernels_ref;

	greedy.linear_fast = fill_and_multiply;
	greedy.linear_fast_scratch = three_bytes;
	modest.linear_fast = only_multiply;
	modest.linear_fast_scratch = nothing;
	for (int plan = 0; plan < 2; plan++) {
		struct executor_options a = fast_with(&greedy, 7), b = fast_with(&modest, 7);

		a.plan = b.plan = plan ? PLAN_DEBUG : PLAN_RUN;
		expect_same_bits(run_with(tiny_default, a, NULL), run_with(tiny_default, b, NULL),
				 "filled");
	}
}

/* What is allocated is what was promised: room for the largest product, and half of the cache. */
Test(fast, takes_the_memory_that_it_said)
{
	struct kernels greedy = kernels_ref;
	struct executor_options fast = fast_with(&greedy, 20);
	struct executor_need need, exact;
	const struct tiny *t = &tiny_default;
	struct fixture f;

	greedy.linear_fast = fill_and_multiply;
	greedy.linear_fast_scratch = three_bytes;
	open_tiny(&f, *t);
	f.opt = fast;
	need = executor_estimate(&f.model.program, &fast, 20, true);
	fast.fast = false;
	exact = executor_estimate(&f.model.program, &fast, 20, true);
	cr_expect(eq(i64, 2 * need.kv_bytes, exact.kv_bytes));
	cr_expect(eq(i64, need.scratch_bytes - exact.scratch_bytes,
		     20 * 3 * int64_max(t->d_ff, t->heads * t->head_dim)));
	start(&f);
	cr_assert(eq(int, executor_reserve(&f.ex, 20, &f.err), 0));
	feed(&f, 0, 20, 20);
	cr_expect(eq(i64, executor_allocated_bytes(&f.ex), need.scratch_bytes + need.kv_bytes));
	close_tiny(&f);
}

static value_id cache_of_layer(const struct fixture *f, const char *name)
{
	int v = 0;

	while (strcmp(f->model.program.values[v].name, name) != 0)
		v++;
	return v;
}

/* What is shown of a cache is what attention reads: what an edit put there, rounded. */
Test(fast, a_cache_is_shown_and_edited_as_it_is)
{
	const char *name = "model.layers.0.self_attn:v_cache";
	struct fixture f;
	struct edit two = { .kind = EDIT_SET, .arg = 2.0001f, .pass_to = -1 };
	struct edit half = { .kind = EDIT_SCALE, .arg = 0.5f, .pass_to = -1 };
	float rows[7 * 2 * 10], *before, *after;

	open_tiny(&f, tiny_default);
	f.opt = fast_with(&kernels_ref, 512);
	f.opt.plan = PLAN_DEBUG;
	start(&f);
	feed(&f, 0, 7, 512);
	before = last_logits(&f);
	two.value = half.value = cache_of_layer(&f, name);
	cr_assert(eq(int, executor_fetch(&f.ex, two.value, 0, 7, rows, &f.err), 0));
	for (int i = 0; i < 7 * 20; i++)
		cr_assert(eq(flt, rows[i], f16_to_f32(f32_to_f16(rows[i]))));
	cr_assert(gt(int, executor_add_edit(&f.ex, &two, &f.err), 0));
	cr_assert(gt(int, executor_add_edit(&f.ex, &half, &f.err), 0));
	executor_restart(&f.ex);
	feed(&f, 0, 7, 512);
	cr_assert(eq(int, executor_fetch(&f.ex, two.value, 0, 7, rows, &f.err), 0));
	for (int i = 0; i < 7 * 20; i++) /* 2.0001 is 2 in f16, and then halved */
		cr_assert(eq(flt, rows[i], 1));
	after = last_logits(&f);
	cr_assert(ne(int, memcmp(before, after, sizeof(float) * (size_t)tiny_default.vocab), 0));
	free(before);
	free(after);
	close_tiny(&f);
}

Test(executor, truncating_and_reading_on_gives_the_same_bits)
{
	struct fixture f;

	open_tiny(&f, tiny_default);
	start(&f);
	feed(&f, 0, 20, 512);
	feed(&f, 20, 22, 1);
	cr_assert(eq(int, executor_truncate(&f.ex, 20, 1, &f.err), 0));
	cr_assert(eq(int, executor_truncate(&f.ex, 21, 1, &f.err), ERR_USAGE));
	feed(&f, 20, N_TOKENS, 1);
	expect_same_bits(run_with(tiny_default, plain, NULL), last_logits(&f), "truncated");
	close_tiny(&f);
}

Test(executor, a_ring_that_dropped_the_keys_refuses_to_go_there)
{
	struct fixture f;

	open_tiny(&f, tiny_default);
	f.opt = with_chunk(2);
	f.opt.ring = true;
	start(&f);
	feed(&f, 0, 20, 2);
	cr_assert(eq(int, executor_truncate(&f.ex, 10, 1, &f.err), ERR_USAGE));
	cr_assert(eq(int, executor_truncate(&f.ex, 18, 1, &f.err), 0));
	close_tiny(&f);
}

/* ---- looking and changing ----------------------------------------------------------------------
 */

static value_id find(const struct fixture *f, const char *name)
{
	value_id v = program_find(&f->model.program, name);

	cr_assert(ge(int, v, 0), "%s", name);
	return v;
}

Test(executor, the_pattern_is_a_distribution_inside_the_window_and_z_is_its_mixture)
{
	struct fixture f;
	float p[6][N_TOKENS][N_TOKENS], values[N_TOKENS][2][10], z[N_TOKENS][6][10];

	open_tiny(&f, tiny_default);
	f.opt.plan = PLAN_DEBUG;
	start(&f);
	feed(&f, 0, N_TOKENS, 512);
	executor_fetch(&f.ex, find(&f, "model.layers.1.self_attn:pattern"), 0, 6, &p[0][0][0],
		       &f.err);
	executor_fetch(&f.ex, find(&f, "model.layers.1.self_attn:v_cache"), 0, N_TOKENS,
		       &values[0][0][0], &f.err);
	executor_fetch(&f.ex, find(&f, "model.layers.1.self_attn:z"), 0, N_TOKENS, &z[0][0][0],
		       &f.err);
	for (int h = 0; h < 6; h++)
		for (int q = 0; q < N_TOKENS; q++) {
			double sum = 0, mix = 0;

			for (int k = 0; k < N_TOKENS; k++) {
				bool visible = k <= q && k > q - tiny_default.window;

				cr_assert(visible ? p[h][q][k] > 0 : p[h][q][k] == 0);
				sum += p[h][q][k];
				mix += (double)p[h][q][k] * values[k][h / 3][4];
			}
			cr_assert(epsilon_eq(dbl, sum, 1.0, 1e-5));
			cr_assert(epsilon_eq(dbl, mix, z[q][h][4], 1e-5));
		}
	close_tiny(&f);
}

Test(executor, a_value_whose_memory_was_reused_is_not_shown)
{
	struct fixture f;
	float x[64];

	open_tiny(&f, tiny_default);
	start(&f);
	feed(&f, 0, 2, 512);
	cr_assert(not(executor_has(&f.ex, find(&f, "model.layers.0.mlp:act_mul"))));
	cr_assert(eq(int,
		     executor_fetch(&f.ex, find(&f, "model.layers.0.mlp:act_mul"), 0, 1, x, &f.err),
		     ERR_USAGE));
	cr_assert(executor_has(&f.ex, f.model.program.logits));
	close_tiny(&f);
}

static void add_edit(struct fixture *f, const char *point, const char *sel, enum edit_kind kind,
		     float arg)
{
	struct edit e = { .value = find(f, point), .kind = kind, .arg = arg, .pass_to = -1 };

	cr_assert(eq(
		int,
		selection_parse(&e.sel, sel, f->model.program.values[e.value].point->axes, &f->err),
		0));
	cr_assert(gt(int, executor_add_edit(&f->ex, &e, &f->err), 0));
}

/* z of one head and position after a run with an edit. */
static float z_after(const char *point, const char *sel, enum edit_kind kind, float arg, int head)
{
	struct fixture f;
	float z[N_TOKENS][6][10];

	open_tiny(&f, tiny_default);
	f.opt.plan = PLAN_DEBUG;
	start(&f);
	if (point)
		add_edit(&f, point, sel, kind, arg);
	feed(&f, 0, N_TOKENS, 512);
	executor_fetch(&f.ex, find(&f, "model.layers.0.self_attn:z"), 0, N_TOKENS, &z[0][0][0],
		       &f.err);
	close_tiny(&f);
	return z[12][head][3];
}

Test(executor, edits_of_stored_and_lazy_values_have_their_effect_and_nothing_else)
{
	static const char z[] = "model.layers.0.self_attn:z";
	static const char pattern[] = "model.layers.0.self_attn:pattern";
	float head2 = z_after(NULL, NULL, EDIT_ZERO, 0, 2),
	      head1 = z_after(NULL, NULL, EDIT_ZERO, 0, 1);

	cr_assert(eq(flt, z_after(z, "[head=2]", EDIT_ZERO, 0, 2), 0.0f));
	cr_assert(eq(flt, z_after(z, "[head=2]", EDIT_ZERO, 0, 1), head1));
	cr_assert(eq(flt, z_after(z, "[pos=11]", EDIT_ZERO, 0, 2), head2));
	cr_assert(eq(flt, z_after(pattern, "[head=2]", EDIT_ZERO, 0, 2), 0.0f));
	cr_assert(eq(flt, z_after(pattern, "[head=2]", EDIT_SCALE, 2, 1), head1));
	cr_assert(eq(flt, z_after(pattern, "[head=2]", EDIT_SCALE, 2, 2), 2 * head2));
	cr_assert(ne(flt,
		     z_after("model.layers.0.self_attn:scores", "[head=2, k=12]", EDIT_ADD, 3, 2),
		     head2));
	cr_assert(eq(flt, z_after("model.layers.0.self_attn:scores", "[head=2]", EDIT_SCALE, 1, 2),
		     head2));
}

/* ---- watching ------------------------------------------------------------------------------ */

struct watcher {
	int n_asked, n_watched, n_seen;
};

/* The numbers of whole rows, as a recording has them. */
static void expect_seen(struct executor *ex, value_id v, const struct attention_seen *seen)
{
	struct tensor t = executor_tensor(ex, v);
	int64_t size = ex->T * ex->S;
	float *rows = mem_calloc((size_t)size, sizeof(*rows));
	XXH3_state_t *hash = hash_new();
	struct stats_sum total, row;
	struct err err;

	stats_sum_init(&total);
	for (int64_t h = 0; h < t.shape[0]; h++) {
		cr_assert(eq(int, executor_fetch(ex, v, h, h + 1, rows, &err), 0));
		hash_update(hash, rows, (size_t)size * sizeof(*rows));
		for (int64_t i = 0; i < ex->T; i++) {
			stats_sum_init(&row);
			stats_sum_add(&row, rows + i * ex->S, ex->S, h * size + i * ex->S);
			stats_sum_merge(&total, &row);
		}
	}
	cr_expect(memcmp(&total, &seen->total, sizeof(total)) == 0, "%s",
		  ex->program->values[v].name);
	cr_expect(seen->hash == XXH3_64bits_digest(hash), "%s", ex->program->values[v].name);
	XXH3_freeState(hash);
	free(rows);
}

/* Watch every relation, and look when attention has run. */
static int watch_relations(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	static value_id asked[3];
	static int n;
	struct watcher *w = ctx;

	(void)err;
	if (ex->program->values[at->op->out[0]].storage == STORAGE_LAZY) {
		asked[n++] = at->op->out[0];
		w->n_asked++;
		w->n_watched += executor_watch(ex, at->op->out[0]);
		cr_expect(executor_watched(ex, at->op->out[0]) == NULL);
	}
	if (at->op->code != OP_MIX)
		return HOOK_CONTINUE;
	while (n > 0) {
		const struct attention_seen *seen = executor_watched(ex, asked[--n]);

		cr_expect(not(executor_watch(ex, asked[n])), "it is too late");
		w->n_seen += seen != NULL;
		if (seen)
			expect_seen(ex, asked[n], seen);
	}
	return HOOK_CONTINUE;
}

static struct watcher watch_all(struct executor_options opt, bool edit)
{
	struct fixture f;
	struct watcher w = { 0 };
	struct hook hook = { .after = watch_relations, .ctx = &w };

	open_tiny(&f, tiny_default);
	f.opt = opt;
	start(&f);
	if (edit)
		add_edit(&f, "model.layers.0.self_attn:pattern", "[head=2]", EDIT_SCALE, 2);
	hook_add(&f.ex.hooks, &hook);
	feed(&f, 0, 20, 7);
	feed(&f, 20, N_TOKENS, 1);
	cr_assert(eq(int, w.n_asked, 6 * 2 * 3));
	close_tiny(&f);
	return w;
}

Test(executor, what_watching_keeps_is_counted)
{
	struct fixture f;
	struct watcher w = { 0 };
	struct hook hook = { .after = watch_relations, .ctx = &w };
	int64_t T = 20, sums = (int64_t)sizeof(struct stats_sum), bytes;

	open_tiny(&f, tiny_default);
	f.opt = with_chunk(T);
	start(&f);
	hook_add(&f.ex.hooks, &hook);
	cr_assert(eq(i64, executor_allocated_bytes(&f.ex), executor_reused_bytes(&f.ex)));
	feed(&f, 0, (int)T, (int)T);
	/* Of scores and of the pattern: every row with its sums, and sums of positions. */
	bytes = 2 * (tiny_default.heads * T * (T * (int64_t)sizeof(float) + sums) + T * sums);
	cr_assert(eq(i64, executor_allocated_bytes(&f.ex) - executor_reused_bytes(&f.ex), bytes));
	close_tiny(&f);
}

Test(executor, what_attention_sees_is_what_is_fetched)
{
	struct executor_options o = with_chunk(7), fast = o, debug = o;
	struct err err;
	struct watcher w = watch_all(o, false);

	cr_assert(eq(int, w.n_seen, w.n_asked));
	o.ring = true;
	o.pool = threads_new(3, &err);
	w = watch_all(o, false);
	cr_assert(eq(int, w.n_seen, w.n_asked));
	fast.kernels = NULL;
	fast.pool = o.pool;
	w = watch_all(fast, false);
	cr_assert(eq(int, w.n_seen, w.n_asked));
	w = watch_all(o, true); /* an edited relation is read */
	cr_assert(eq(int, w.n_seen, w.n_asked / 2));
	cr_assert(eq(int, w.n_watched, w.n_seen));
	debug.plan = PLAN_DEBUG;
	w = watch_all(debug, false);
	cr_assert(eq(int, w.n_watched, 0));
	threads_free(o.pool);
}

static int overwrite(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct tensor t = executor_tensor(ex, at->op->out[0]);

	(void)ctx, (void)err;
	if (strcmp(ex->program->values[at->op->out[0]].name, "model.layers.1:out") == 0)
		memset(t.data, 0, (size_t)tensor_bytes(&t));
	return HOOK_CONTINUE;
}

Test(executor, a_hook_may_overwrite_what_an_op_computed)
{
	struct hook hook = { .after = overwrite };
	float *logits = run_with(tiny_default, plain, &hook);

	for (int i = 0; i < tiny_default.vocab; i++)
		cr_assert(eq(flt, logits[i], 0.0f));
	free(logits);
}

/* ---- bad input ---------------------------------------------------------------------------------
 */

Test(executor, an_id_outside_the_vocabulary_is_refused_with_its_position)
{
	struct fixture f;

	open_tiny(&f, tiny_default);
	start(&f);
	f.ids[2] = 101;
	cr_assert(eq(int, executor_begin(&f.ex, f.ids, 3, false, &f.err), ERR_USAGE));
	cr_assert(eq(str, f.err.message,
		     "token id 101 at position 2 is outside the vocabulary of 101"));
	close_tiny(&f);
}

Test(executor, a_checkpoint_whose_shape_is_wrong_is_refused_by_tensor)
{
	static const char *const wrong[] = { "model.layers.1.mlp.down_proj.weight",
					     "model.norm.weight", "lm_head.weight" };
	struct err err = { 0 };

	for (int i = 0; i < 3; i++) {
		struct tiny t = tiny_default;
		struct model m;
		char dir[64];

		t.wrong = wrong[i];
		tiny_write(&t, dir, sizeof(dir));
		cr_assert(eq(int, model_open(&m, dir, CHECKPOINT_WEIGHTS, &err), ERR_SHAPE));
		cr_assert(ne(ptr, strstr(err.message, wrong[i]), NULL), "%s", err.message);
		cr_assert(ne(ptr, strstr(err.message, "model.safetensors"), NULL), "%s",
			  err.message);
		tiny_remove(dir);
	}
}

/* ---- names -------------------------------------------------------------------------------------
 */

static int count_matches(const struct program *p, const char *pattern)
{
	bool *wanted = mem_calloc((size_t)p->n_values, sizeof(*wanted));
	struct err err = { 0 };
	int n = points_match(p, pattern, wanted, &err);

	free(wanted);
	return n;
}

Test(points, every_spelling_finds_the_same_tensor)
{
	static const struct {
		const char *pattern;
		int n;
	} cases[] = {
		{ "model.layers.1.self_attn:pattern", 1 },
		{ "L1.attn.pattern", 1 },
		{ "blocks.1.attn.hook_pattern", 1 },
		{ "kq_soft_max-1", 1 },
		{ "*.self_attn:pattern", 2 },
		{ "L*.attn.pattern", 2 },
		{ "model.layers.[0-1].mlp:out", 2 },
		{ "model.layers.[1-9].mlp", 1 },
		{ "L[0-0].resid_pre", 1 },
		{ "model.layers.1:in", 1 },
		{ "*:resid*", 2 + 3 },
		{ "model.embed_tokens", 1 },
		{ "lm_head", 1 },
		{ "*", 1 + 2 + 2 * 25 + 3 + 1 },
	};
	struct fixture f;

	open_tiny(&f, tiny_default);
	start(&f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect(eq(int, count_matches(&f.model.program, cases[i].pattern), cases[i].n),
			  "%s", cases[i].pattern);
	close_tiny(&f);
}

Test(points, a_pattern_without_a_match_suggests_the_nearest)
{
	struct fixture f;
	bool wanted[512] = { false };

	open_tiny(&f, tiny_default);
	start(&f);
	cr_assert(eq(int, points_match(&f.model.program, "L1.attn.patern", wanted, &f.err),
		     ERR_USAGE));
	cr_assert(ne(ptr, strstr(f.err.message, "L1.attn.pattern"), NULL), "%s", f.err.message);
	close_tiny(&f);
}

/* What `pattern` names, said canonically. */
static const char *canonical(const struct program *p, const char *pattern)
{
	static char buf[512];
	bool *wanted = mem_calloc((size_t)p->n_values, sizeof(*wanted));
	struct err err = { 0 };
	struct text t = { 0 };

	cr_assert(points_match(p, pattern, wanted, &err) > 0, "%s", err.message);
	points_format(p, wanted, " ", &t);
	snprintf(buf, sizeof(buf), "%s", t.data);
	text_release(&t);
	free(wanted);
	return buf;
}

Test(points, canonical_patterns_name_exactly_what_was_asked)
{
	static const char *const cases[][2] = {
		{ "L1.attn.pattern", "model.layers.1.self_attn:pattern" },
		{ "blocks.*.hook_resid_post", "model.layers.[0-2]:out" },
		{ "L[1-2].attn.q_rot", "model.layers.[1-2].self_attn:q_rot" },
		{ "blocks.[02].hook_resid_mid",
		  "model.layers.0:resid_mid model.layers.2:resid_mid" },
		{ "L0.resid_pre", "model.embed_tokens:out" },
		{ "ffn_out-*", "model.layers.[0-2].mlp.down_proj:out" },
		{ "*_rot*",
		  "model.layers.[0-2].self_attn:q_rot model.layers.[0-2].self_attn:k_rot" },
		{ "lm_head", "lm_head:out" },
		{ "*", "*" },
	};
	struct tiny t = tiny_default;
	struct fixture f;

	t.layers = 3;
	open_tiny(&f, t);
	start(&f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect(eq(str, (char *)canonical(&f.model.program, cases[i][0]),
			     (char *)cases[i][1]),
			  "%s", cases[i][0]);
	close_tiny(&f);
}

Test(points, suggestions_are_of_different_kinds)
{
	struct fixture f;
	bool wanted[512] = { false };
	const char *first, *second;

	open_tiny(&f, tiny_default);
	start(&f);
	cr_assert(eq(int, points_match(&f.model.program, "*.self_atn:patern", wanted, &f.err),
		     ERR_USAGE));
	first = strstr(f.err.message, "self_attn:pattern");
	cr_assert(ne(ptr, (void *)first, NULL), "%s", f.err.message);
	second = strstr(first + 1, "self_attn:pattern");
	cr_assert(eq(ptr, (void *)second, NULL), "%s", f.err.message);
	close_tiny(&f);
}

Test(points, every_value_but_weights_inputs_and_views_is_a_point)
{
	struct fixture f;

	open_tiny(&f, tiny_default);
	start(&f);
	for (int i = 0; i < f.model.program.n_values; i++) {
		const struct value *v = &f.model.program.values[i];
		bool is_point = v->storage != STORAGE_WEIGHT && v->storage != STORAGE_INPUT &&
				v->storage != STORAGE_VIEW;

		cr_expect(eq(int, v->point != NULL, is_point), "%s", v->name);
	}
	for (int i = 0; i < f.model.program.n_aliases; i++)
		cr_expect(ne(ptr, (void *)f.model.program.aliases[i].point, NULL), "%s",
			  f.model.program.aliases[i].name);
	close_tiny(&f);
}

/* ---- what must be true of time ----------------------------------------------------------------
 */

Test(time, inside_a_pass_only_what_was_read_before_it_can_be_kept)
{
	struct fixture f;

	open_tiny(&f, tiny_default);
	f.opt.plan = PLAN_DEBUG;
	start(&f);
	feed(&f, 0, 8, 512);
	cr_assert(eq(int, executor_begin(&f.ex, f.ids + 8, 12, true, &f.err), 0));
	for (int i = 0; i < 5; i++)
		executor_step(&f.ex, &f.err);
	for (int n = 9; n <= 20; n++)
		cr_expect(eq(int, executor_truncate(&f.ex, n, 1, &f.err), ERR_USAGE), "%d", n);
	cr_assert(eq(int, f.ex.state, EX_IN_PASS));
	cr_assert(eq(int, executor_truncate(&f.ex, 8, 1, &f.err), 0));
	cr_assert(eq(i64, executor_positions(&f.ex), 8));
	feed(&f, 8, 20, 512);
	feed(&f, 20, N_TOKENS, 1);
	close_tiny(&f);
}

/* Without a pass nothing of one is shown, and nothing moves its counter. */
Test(time, nothing_is_left_of_a_pass_that_was_forgotten)
{
	struct fixture f;
	value_id mlp;
	float x[64];

	open_tiny(&f, tiny_default);
	f.opt.plan = PLAN_DEBUG;
	start(&f);
	mlp = find(&f, "model.layers.0.mlp:act_mul");
	cr_assert(eq(int, f.ex.state, EX_EMPTY));
	cr_assert(not(executor_has(&f.ex, f.model.program.ids)));
	feed(&f, 0, 9, 512);
	cr_assert(eq(int, f.ex.state, EX_DONE));
	cr_assert(executor_has(&f.ex, mlp));
	cr_assert(eq(int, executor_truncate(&f.ex, 5, 1, &f.err), 0));
	cr_assert(eq(int, f.ex.state, EX_EMPTY));
	cr_assert(not(executor_has(&f.ex, mlp)));
	cr_assert(not(executor_has(&f.ex, f.model.program.logits)));
	cr_assert(eq(ptr, executor_tensor(&f.ex, mlp).data, NULL));
	cr_assert(eq(int, executor_fetch(&f.ex, mlp, 0, 1, x, &f.err), ERR_USAGE));
	cr_assert(eq(int, executor_seek(&f.ex, 3, &f.err), ERR_USAGE));
	cr_assert(eq(int, executor_run(&f.ex, &f.err), EXECUTOR_DONE));
	cr_assert(eq(i64, executor_positions(&f.ex), 5));
	cr_assert(eq(int, f.ex.pass, 1));
	executor_restart(&f.ex);
	cr_assert(not(executor_has(&f.ex, mlp)));
	cr_assert(executor_has(&f.ex, find(&f, "lm_head.weight")));
	close_tiny(&f);
}

/* The pass asks for more than there is: what was there before must not be read any more. */
#ifndef __SANITIZE_ADDRESS__ /* which ends the program where malloc() would return NULL */
Test(time, after_a_pass_that_found_no_memory_there_is_none)
{
	struct fixture f;
	int32_t *many;
	int64_t n = (int64_t)1 << 24;
	struct rlimit room = { 0 };

	open_tiny(&f, tiny_default);
	f.opt.chunk = n;
	start(&f);
	feed(&f, 0, 9, 512);
	many = mem_calloc((size_t)n, sizeof(*many));
	getrlimit(RLIMIT_AS, &room);
	room.rlim_cur = (rlim_t)1 << 31;
	cr_assert(eq(int, setrlimit(RLIMIT_AS, &room), 0));
	cr_assert(eq(int, executor_begin(&f.ex, many, n, true, &f.err), ERR_MEMORY));
	cr_assert(eq(int, f.ex.state, EX_EMPTY));
	cr_assert(not(executor_has(&f.ex, f.model.program.logits)));
	cr_assert(eq(ptr, executor_tensor(&f.ex, f.model.program.logits).data, NULL));
	cr_assert(eq(i64, executor_positions(&f.ex), 9));
	free(many);
	feed(&f, 9, 20, 512);
	feed(&f, 20, N_TOKENS, 1);
	close_tiny(&f);
}

#endif

Test(time, refused_ids_leave_the_pass_before_as_it_is)
{
	struct fixture f;

	open_tiny(&f, tiny_default);
	start(&f);
	feed(&f, 0, 9, 512);
	f.ids[9] = 4711;
	cr_assert(eq(int, executor_begin(&f.ex, f.ids + 9, 1, false, &f.err), ERR_USAGE));
	cr_assert(executor_has(&f.ex, f.model.program.logits));
	close_tiny(&f);
}

/* ---- edits that come and go ---------------------------------------------------------------------
 */

static float *logits_of(struct fixture *f)
{
	executor_restart(&f->ex);
	feed(f, 0, 20, 512);
	feed(f, 20, N_TOKENS, 1);
	return last_logits(f);
}

static int edit_value(struct fixture *f, struct edit e, const char *name, const char *sel)
{
	const struct value *v;

	e.value = find(f, name);
	v = &f->model.program.values[e.value];
	cr_assert(eq(int, selection_parse(&e.sel, sel, value_axes(v), &f->err), 0), "%s",
		  f->err.message);
	return executor_add_edit(&f->ex, &e, &f->err);
}

static void weights_change_and_come_back(enum dtype dtype, bool tied)
{
	static const char *const names[] = { "model.layers.1.mlp.up_proj.weight",
					     "model.norm.weight", "model.embed_tokens.weight",
					     "lm_head.weight" };
	static const struct edit edits[] = { { .kind = EDIT_ZERO, .pass_to = -1 },
					     { .kind = EDIT_SCALE, .arg = 3, .pass_to = -1 } };
	struct tiny t = tiny_default;
	struct fixture f;

	t.dtype = dtype;
	t.tied = tied;
	open_tiny(&f, t);
	start(&f);
	for (int i = 0; i < (tied ? 3 : 4); i++) {
		int zero, scale;
		float *before = logits_of(&f), *changed, *again;

		zero = edit_value(&f, edits[0], names[i],
				  names[i][6] == 'n' ? "[3:9]" : "[3:9, :]");
		scale = edit_value(&f, edits[1], names[i], NULL);
		cr_assert(zero > 0 && scale == zero + 1, "%s", f.err.message);
		changed = logits_of(&f);
		cr_expect(memcmp(before, changed, (size_t)t.vocab * sizeof(float)) != 0, "%s",
			  names[i]);
		cr_assert(eq(int, executor_remove_edit(&f.ex, zero, &f.err), 0));
		cr_assert(eq(int, executor_remove_edit(&f.ex, scale, &f.err), 0));
		cr_assert(eq(int, executor_remove_edit(&f.ex, scale, &f.err), ERR_USAGE));
		again = logits_of(&f);
		expect_same_bits(before, again, names[i]);
		free(changed);
	}
	close_tiny(&f);
}

Test(edits, a_weight_changes_in_a_copy_of_its_own_type_and_comes_back)
{
	weights_change_and_come_back(DTYPE_F32, false);
	weights_change_and_come_back(DTYPE_F16, false);
	weights_change_and_come_back(DTYPE_BF16, true);
}

/* Zeros under either name of a tied weight silence the logits and the embedding. */
Test(edits, a_tied_twin_changes_with_it)
{
	struct tiny t = tiny_default;
	struct edit zero = { .kind = EDIT_ZERO, .pass_to = -1 };
	struct fixture f;
	float *logits, x[33];

	t.tied = true;
	open_tiny(&f, t);
	f.opt.plan = PLAN_DEBUG;
	start(&f);
	cr_assert(gt(int, edit_value(&f, zero, "model.embed_tokens.weight", NULL), 0));
	logits = logits_of(&f);
	for (int i = 0; i < t.vocab; i++)
		cr_assert(eq(flt, logits[i], 0.0f));
	executor_fetch(&f.ex, find(&f, "model.embed_tokens:out"), 0, 1, x, &f.err);
	for (int i = 0; i < 33; i++)
		cr_assert(eq(flt, x[i], 0.0f));
	free(logits);
	close_tiny(&f);
}

Test(edits, numbers_replace_a_part_of_a_value_and_must_fit)
{
	const float data[4] = { 1, -2, 3, -4 };
	struct edit e = { .kind = EDIT_REPLACE, .pass_to = -1, .data = data, .n_data = 4 };
	struct fixture f;
	float x[N_TOKENS][45], p[6][7][7];

	open_tiny(&f, tiny_default);
	f.opt.plan = PLAN_DEBUG;
	start(&f);
	cr_assert(gt(int, edit_value(&f, e, "model.layers.0.mlp:act_mul", "[2:4, 7:9]"), 0));
	cr_assert(
		gt(int, edit_value(&f, e, "model.layers.0.self_attn:pattern", "[1:3, 5, 2:4]"), 0));
	feed(&f, 0, 7, 512);
	executor_fetch(&f.ex, find(&f, "model.layers.0.mlp:act_mul"), 0, 7, &x[0][0], &f.err);
	executor_fetch(&f.ex, find(&f, "model.layers.0.self_attn:pattern"), 0, 6, &p[0][0][0],
		       &f.err);
	cr_assert(x[2][7] == 1 && x[2][8] == -2 && x[3][7] == 3 && x[3][8] == -4);
	cr_assert(p[1][5][2] == 1 && p[1][5][3] == -2 && p[2][5][2] == 3 && p[2][5][3] == -4);
	cr_assert(p[0][5][2] > 0 && p[3][5][2] > 0);
	e.n_data = 3;
	cr_assert(
		eq(int, edit_value(&f, e, "model.layers.0.mlp:act_mul", "[2:4, 7:9]"), ERR_USAGE));
	e.pass_from = 1; /* known when the pass begins */
	cr_assert(gt(int, edit_value(&f, e, "model.layers.0.mlp:act_mul", "[7:9, 7:9]"), 0));
	cr_assert(eq(int, executor_begin(&f.ex, f.ids + 7, 2, true, &f.err), ERR_USAGE));
	cr_assert(ne(ptr, strstr(f.err.message, "3 numbers are to replace its part, which has 4"),
		     NULL),
		  "%s", f.err.message);
	close_tiny(&f);
}

/* What a view shows is another value's memory: an edit of it would stay there. */
Test(edits, of_a_view_are_refused_and_say_what_to_edit)
{
	struct edit zero = { .kind = EDIT_ZERO, .pass_to = -1 };
	struct fixture f;

	open_tiny(&f, tiny_default);
	start(&f);
	for (int i = 0; i < f.model.program.n_ops; i++)
		if (f.model.program.ops[i].code == OP_TAIL)
			zero.value = f.model.program.ops[i].out[0];
	cr_assert(eq(int, executor_add_edit(&f.ex, &zero, &f.err), ERR_USAGE));
	cr_assert(ne(ptr, strstr(f.err.message, "model.norm:out"), NULL), "%s", f.err.message);
	close_tiny(&f);
}

Test(edits, of_what_no_op_computes_are_refused_by_name)
{
	struct edit zero = { .kind = EDIT_ZERO, .pass_to = -1 }, later = zero;
	struct fixture f;

	later.pass_from = 2;
	open_tiny(&f, tiny_default);
	start(&f);
	cr_assert(eq(int, edit_value(&f, zero, "input_ids", NULL), ERR_USAGE));
	cr_assert(eq(int, edit_value(&f, later, "model.norm.weight", NULL), ERR_USAGE));
	cr_assert(ne(ptr, strstr(f.err.message, "model.norm.weight"), NULL), "%s", f.err.message);
	cr_assert(eq(int, edit_value(&f, zero, "model.norm.weight", "[99]"), ERR_USAGE));
	cr_assert(eq(int, f.ex.n_edits, 0));
	close_tiny(&f);
}

/* An edit of one pass is there when that pass is looked at after its end, and not in the next. */
Test(edits, of_one_pass_hold_when_it_is_looked_at_after_its_end)
{
	struct edit zero = { .kind = EDIT_ZERO, .pass_from = 0, .pass_to = 0 };
	struct fixture f;
	float p[6][20][20], q[6][21];

	open_tiny(&f, tiny_default);
	f.opt.plan = PLAN_DEBUG;
	start(&f);
	edit_value(&f, zero, "model.layers.1.self_attn:pattern", "[head=2]");
	feed(&f, 0, 20, 512);
	executor_fetch(&f.ex, find(&f, "model.layers.1.self_attn:pattern"), 0, 6, &p[0][0][0],
		       &f.err);
	cr_assert(p[2][9][9] == 0 && p[1][9][9] > 0);
	feed(&f, 20, 21, 1);
	executor_fetch(&f.ex, find(&f, "model.layers.1.self_attn:pattern"), 0, 6, &q[0][0], &f.err);
	cr_assert(q[2][20] > 0);
	close_tiny(&f);
}

/* Where a ring wraps, the rows of a pass lie in two pieces. */
Test(edits, of_a_ring_reach_the_rows_behind_its_end)
{
	struct edit zero = { .kind = EDIT_SCALE, .arg = 0.5f, .pass_to = -1 };
	float *logits[2];

	for (int ring = 0; ring < 2; ring++) {
		struct fixture f;

		open_tiny(&f, tiny_default);
		f.opt = with_chunk(3);
		f.opt.ring = ring;
		start(&f);
		edit_value(&f, zero, "model.layers.0.self_attn:v_cache", NULL);
		feed(&f, 0, N_TOKENS, 3);
		logits[ring] = last_logits(&f);
		close_tiny(&f);
	}
	expect_same_bits(logits[0], logits[1], "ring");
}

/* Logits of the last rows only: their positions are those of these rows. */
Test(edits, of_logits_find_their_absolute_position)
{
	struct edit zero = { .kind = EDIT_ZERO, .pass_to = -1 };
	struct fixture f;

	open_tiny(&f, tiny_default);
	start(&f);
	edit_value(&f, zero, "lm_head:out", "[pos=8]");
	cr_assert(eq(int, executor_begin(&f.ex, f.ids, 9, false, &f.err), 0));
	executor_run(&f.ex, &f.err);
	for (int i = 0; i < tiny_default.vocab; i++)
		cr_assert(eq(flt, executor_logits(&f.ex, 0)[i], 0.0f));
	close_tiny(&f);
}

/* ---- hooks that come and go
 * ----------------------------------------------------------------------
 */

struct leaver {
	struct hook hook;
	struct hook **list;
	int n;
};

static int leave_at_once(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct leaver *l = ctx;

	(void)ex, (void)at, (void)err;
	l->n++;
	hook_remove(l->list, &l->hook);
	return HOOK_CONTINUE;
}

Test(hooks, one_may_remove_itself_and_the_others_go_on)
{
	int seen[256] = { 0 };
	struct hook count = { .before = count_site, .ctx = seen }, stranger = { 0 };
	struct leaver l = { .n = 0 };
	struct fixture f;

	open_tiny(&f, tiny_default);
	start(&f);
	l.hook = (struct hook){ .before = leave_at_once, .ctx = &l };
	l.list = &f.ex.hooks;
	hook_add(&f.ex.hooks, &l.hook);
	hook_add(&f.ex.hooks, &count);
	feed(&f, 0, 7, 7);
	cr_assert(eq(int, l.n, 1));
	cr_assert(eq(int, seen[0], 1));
	cr_assert(eq(ptr, f.ex.hooks, &count));
	hook_remove(&f.ex.hooks, &stranger);
	hook_remove(&f.ex.hooks, &count);
	cr_assert(eq(ptr, f.ex.hooks, NULL));
	close_tiny(&f);
}

Test(hooks, one_that_removes_itself_in_a_stage_is_not_called_again)
{
	const struct stage_step steps[3] = { { .rule = "a" }, { .rule = "b" }, { .rule = "c" } };
	struct stage_run stage = { .steps = steps, .n = 3 };
	struct hook *list = NULL;
	struct leaver l = { .list = &list };
	struct err err = { 0 };

	l.hook = (struct hook){ .before = leave_at_once, .stages = STAGES_ALL, .ctx = &l };
	hook_add(&list, &l.hook);
	cr_assert(eq(int, stage_run(&stage, &list, &err), HOOK_CONTINUE));
	cr_assert(eq(int, l.n, 1));
}

static int fail_at_end(void *ctx, struct executor *ex, struct err *err)
{
	(void)ctx, (void)ex;
	return err_set(err, ERR_IO, "a hook failed");
}

static int count_end(void *ctx, struct executor *ex, struct err *err)
{
	(void)ex, (void)err;
	++*(int *)ctx;
	return 0;
}

Test(hooks, all_hear_of_the_end_of_a_pass_although_one_fails)
{
	int n = 0;
	struct hook fails = { .pass_end = fail_at_end },
		    counts = { .pass_end = count_end, .ctx = &n };
	struct fixture f;

	open_tiny(&f, tiny_default);
	start(&f);
	hook_add(&f.ex.hooks, &fails);
	hook_add(&f.ex.hooks, &counts);
	cr_assert(eq(int, executor_begin(&f.ex, f.ids, 5, true, &f.err), 0));
	cr_assert(eq(int, executor_run(&f.ex, &f.err), ERR_IO));
	cr_assert(eq(str, f.err.message, "a hook failed"));
	cr_assert(eq(int, n, 1));
	cr_assert(eq(int, f.ex.state, EX_DONE));
	cr_assert(eq(int, f.ex.pass, 1));
	close_tiny(&f);
}

struct rewinds {
	int pass[8], op[8], n;
};

static int note_rewind(void *ctx, struct executor *ex, int pass, int op, struct err *err)
{
	struct rewinds *r = ctx;

	(void)ex, (void)err;
	r->pass[r->n] = pass;
	r->op[r->n++] = op;
	return 0;
}

Test(hooks, are_told_how_far_time_went_back)
{
	struct rewinds r = { .n = 0 };
	struct hook hook = { .rewound = note_rewind, .ctx = &r };
	struct fixture f;

	open_tiny(&f, tiny_default);
	f.opt.plan = PLAN_DEBUG;
	start(&f);
	hook_add(&f.ex.hooks, &hook);
	feed(&f, 0, 7, 7);
	feed(&f, 7, 9, 1);
	cr_assert(eq(int, executor_seek(&f.ex, 3, &f.err), 0));
	cr_assert(eq(int, executor_truncate(&f.ex, 7, 1, &f.err), 0));
	cr_assert(eq(int, executor_seek(&f.ex, 3, &f.err), ERR_USAGE));
	cr_assert(eq(int, r.n, 2));
	cr_assert(r.pass[0] == 2 && r.op[0] == 3 && r.pass[1] == 1 && r.op[1] == -1);
	cr_assert(eq(int, executor_begin(&f.ex, f.ids, 1, true, &f.err), 0));
	for (int i = 0; i < f.model.program.n_ops; i++)
		executor_step(&f.ex, &f.err);
	/* All ops ran and the pass has not ended: its end is nowhere to go back to. */
	cr_assert(eq(int, executor_seek(&f.ex, f.model.program.n_ops, &f.err), ERR_USAGE));
	cr_assert(eq(int, r.n, 2));
	close_tiny(&f);
}

/* The model's clock stands still while somebody looks. */
static int dawdle(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct timespec t = { 0, 200000 };

	(void)ctx, (void)ex, (void)at, (void)err;
	nanosleep(&t, NULL);
	return HOOK_PAUSE;
}

Test(hooks, what_they_take_is_no_time_of_the_model)
{
	struct hook hook = { .before = dawdle, .after = dawdle };
	struct fixture f;
	int64_t started = clock_ns(), all;

	open_tiny(&f, tiny_default);
	start(&f);
	hook_add(&f.ex.hooks, &hook);
	feed(&f, 0, 2, 2);
	all = clock_ns() - started;
	cr_assert(gt(i64, f.ex.model_ns, 0));
	cr_assert(gt(i64, all - f.ex.model_ns, 2 * 200000 * (int64_t)f.model.program.n_ops));
	close_tiny(&f);
}

/* ---- types ------------------------------------------------------------------------------------
 */

Test(executor, a_weight_of_a_type_that_no_kernel_reads_is_refused_by_name)
{
	struct fixture f;

	open_tiny(&f, tiny_default);
	f.model.program.values[find(&f, "model.layers.1.mlp.up_proj.weight")].t.dtype = DTYPE_U8;
	cr_assert(eq(int, executor_init(&f.ex, &f.model.program, &f.opt, &f.err), ERR_FORMAT));
	cr_assert(ne(ptr, strstr(f.err.message, "model.layers.1.mlp.up_proj.weight is u8"), NULL),
		  "%s", f.err.message);
	close_tiny(&f);
}

/* ---- an op that is given up ---------------------------------------------------------------- */

static volatile sig_atomic_t flag;

static void raise_at_five(void *ctx, int64_t i, int worker)
{
	_Atomic int *n = ctx;

	(void)worker;
	(*n)++;
	if (i == 5)
		flag = 1;
}

/* However many items a loop has, those who work at it end with the ones that they are at. */
Test(executor, a_loop_ends_early)
{
	struct err err = { 0 };

	for (int n_threads = 1; n_threads <= 3; n_threads++) {
		struct threads *pool = threads_new(n_threads, &err);
		_Atomic int n = 0;

		flag = 0;
		threads_interrupt(pool, &flag);
		threads_for(pool, 1 << 30, raise_at_five, &n);
		cr_expect(n < 1 << 29, "%d items after the flag was raised", (int)n);
		threads_interrupt(pool, NULL);
		n = 0;
		threads_for(pool, 1000, raise_at_five, &n);
		cr_expect(eq(int, n, 1000));
		threads_free(pool);
	}
}

static void raise_now(int number)
{
	(void)number;
	flag = 1;
}

static void every(long us)
{
	struct itimerval t = { { 0, us }, { 0, us } };

	setitimer(ITIMER_REAL, &t, NULL);
}

/* A flag that is raised again and again at any time leaves no half of an op behind. */
Test(executor, an_op_that_is_given_up_is_run_again)
{
	struct executor_options o = { .kernels = &kernels_ref, .plan = PLAN_DEBUG, .chunk = 512 };
	struct sigaction action = { .sa_handler = raise_now };
	struct fixture f;
	float *straight = run_with(tiny_default, o, NULL), *interrupted;
	int n_given_up = 0;

	open_tiny(&f, tiny_default);
	f.opt = o;
	f.opt.pool = threads_new(2, &f.err);
	f.opt.interrupted = &flag;
	start(&f);
	sigaction(SIGALRM, &action, NULL);
	for (int at = 0; at < N_TOKENS; at += at < 20 ? 20 : 1) {
		int r = EXECUTOR_PAUSED, pc = 0, n_tries = 0;

		cr_assert(eq(int, executor_begin(&f.ex, f.ids + at, at < 20 ? 20 : 1, true, &f.err),
			     0));
		while (r != EXECUTOR_DONE) {
			/* Once an op for certain, and then whenever it happens. */
			flag = f.ex.pc >= pc;
			n_tries = flag ? 0 : n_tries + 1;
			pc = f.ex.pc + 1;
			every(50 + 50 * n_tries);
			r = executor_step(&f.ex, &f.err);
			every(0);
			n_given_up += r == ERR_INTERRUPTED;
			cr_assert(r >= 0 || r == ERR_INTERRUPTED, "%s", f.err.message);
		}
	}
	flag = 0;
	cr_expect(gt(int, n_given_up, 100));
	interrupted = last_logits(&f);
	expect_same_bits(straight, interrupted, "ops that were given up");
	threads_free(f.opt.pool);
	close_tiny(&f);
}
