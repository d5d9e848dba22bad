/*
 * test_session.c -- a generation may be stopped anywhere and goes on as if it had not been.
 */
#include "model/prefill_time.h"
#include "support/tiny.h"
#include "support/words.h"
#include "torchless/session.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <malloc.h>
#include <string.h>

#define N_PROMPT 13

struct fixture {
	char dir[64];
	struct model model;
	struct session s;
	struct session_options opt;
	int32_t ids[N_PROMPT];
	struct err err;
};

static void open_fixture(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	tiny_write(&tiny_default, f->dir, sizeof(f->dir));
	cr_assert_eq(model_open(&f->model, f->dir, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &f->err),
		     0, "%s", f->err.message);
	f->model.tokenizer = tokenizer_new(words_tokenizer_json, strlen(words_tokenizer_json), NULL,
					   "test", &f->err);
	cr_assert(f->model.tokenizer, "%s", f->err.message);
	for (int i = 0; i < N_PROMPT; i++)
		f->ids[i] = (i * 37 + 5) % tiny_default.vocab;
	f->opt = (struct session_options){
		.executor = { .kernels = &kernels_ref, .chunk = 512 },
		.sampler = { .temp = .8, .top_k = 30, .top_p = .95, .min_p = .01, .seed = 5 },
		.n = 9,
		.ignore_eos = true,
	};
}

static void start(struct fixture *f)
{
	cr_assert_eq(session_init(&f->s, &f->model, &f->opt, &f->err), 0, "%s", f->err.message);
}

static void start_with_ids(struct fixture *f)
{
	start(f);
	cr_assert_eq(session_set_ids(&f->s, f->ids, N_PROMPT, &f->err), 0, "%s", f->err.message);
}

static void close_fixture(struct fixture *f)
{
	session_release(&f->s);
	model_close(&f->model);
	tiny_remove(f->dir);
}

struct seen {
	int pauses, tokens, passes;
	int rules[64], n_rules; /* first letters of the steps announced */
	bool pause, wants_steps;
};

static bool seen_wants(void *ctx, const struct site *at)
{
	struct seen *seen = ctx;

	return at->kind == SITE_OP || seen->wants_steps;
}

static int seen_before(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct seen *seen = ctx;

	(void)ex, (void)err;
	if (at->kind == SITE_STAGE && seen->n_rules < 64)
		seen->rules[seen->n_rules++] = at->step->rule[0];
	return seen->pause ? HOOK_PAUSE : HOOK_CONTINUE;
}

static int seen_after(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	struct seen *seen = ctx;

	(void)ex, (void)at, (void)err;
	return seen->pause ? HOOK_PAUSE : HOOK_CONTINUE;
}

static int seen_pass_begin(void *ctx, struct executor *ex, struct err *err)
{
	struct seen *seen = ctx;

	(void)ex, (void)err;
	seen->passes++;
	return 0;
}

static struct hook seen_hook(struct seen *seen)
{
	return (struct hook){ .stages = seen->wants_steps ? STAGES_ALL : 0,
			      .wants = seen_wants,
			      .before = seen_before,
			      .after = seen_after,
			      .pass_begin = seen_pass_begin,
			      .ctx = seen };
}

/* Advance to the end. */
static void run(struct fixture *f, struct seen *seen)
{
	int r;

	while ((r = session_advance(&f->s, &f->err)) != SESSION_DONE) {
		cr_assert(r == SESSION_TOKEN || r == SESSION_PAUSED, "%s", f->err.message);
		seen->tokens += r == SESSION_TOKEN;
		seen->pauses += r == SESSION_PAUSED;
	}
}

Test(session, pausing_at_every_site_gives_the_same_tokens_and_bits)
{
	struct seen straight = { .wants_steps = true },
		    paused = { .wants_steps = true, .pause = true };
	struct hook a = seen_hook(&straight), b = seen_hook(&paused);
	struct fixture f, g;

	open_fixture(&f);
	open_fixture(&g);
	start(&f);
	start(&g);
	session_add_hook(&f.s, &a);
	session_add_hook(&g.s, &b);
	cr_assert_eq(session_set_text(&f.s, "ab a b abab", 11, true, &f.err), 0, "%s",
		     f.err.message);
	cr_assert_eq(session_set_text(&g.s, "ab a b abab", 11, true, &g.err), 0);
	run(&f, &straight);
	run(&g, &paused);
	cr_assert_eq(straight.pauses, 0);
	cr_assert_gt(paused.pauses, 2 * f.model.program.n_ops * 9);
	cr_assert_eq(straight.tokens, 9);
	cr_assert_eq(paused.tokens, 9);
	cr_assert_eq(f.s.n_tokens, g.s.n_tokens);
	cr_assert_eq(memcmp(f.s.tokens, g.s.tokens, (size_t)f.s.n_tokens * sizeof(int32_t)), 0);
	cr_assert_eq(memcmp(executor_logits(&f.s.executor, 0), executor_logits(&g.s.executor, 0),
			    (size_t)tiny_default.vocab * sizeof(float)),
		     0);
	cr_assert_eq(straight.n_rules, paused.n_rules);
	cr_assert_eq(memcmp(straight.rules, paused.rules, sizeof(straight.rules)), 0);
	close_fixture(&f);
	close_fixture(&g);
}

Test(session, the_last_token_is_not_fed_back)
{
	struct seen seen = { 0 };
	struct hook hook = seen_hook(&seen);
	struct fixture f;

	open_fixture(&f);
	start_with_ids(&f);
	session_add_hook(&f.s, &hook);
	run(&f, &seen);
	cr_assert_eq(seen.passes, 9); /* a prefill and eight decode passes */
	cr_assert_eq(f.s.n_tokens, N_PROMPT + 9);
	cr_assert_eq(executor_positions(&f.s.executor), N_PROMPT + 8);
	cr_assert(f.s.prefill_ns > 0 && f.s.decode_ns > 0);
	cr_assert_eq(session_advance(&f.s, &f.err), SESSION_DONE);
	close_fixture(&f);
}

Test(session, no_token_asked_for_is_the_prefill_alone)
{
	struct seen seen = { 0 };
	struct hook hook = seen_hook(&seen);
	struct fixture f;

	open_fixture(&f);
	f.opt.n = 0;
	start_with_ids(&f);
	session_add_hook(&f.s, &hook);
	run(&f, &seen);
	cr_assert_eq(seen.passes, 1);
	cr_assert_eq(seen.tokens, 0);
	cr_assert_eq(f.s.n_tokens, N_PROMPT);
	close_fixture(&f);
}

Test(session, a_prompt_longer_than_the_chunk_takes_several_passes)
{
	struct seen seen = { 0 };
	struct hook hook = seen_hook(&seen);
	struct fixture f, whole;

	open_fixture(&f);
	open_fixture(&whole);
	f.opt.executor.chunk = 5;
	f.opt.sampler.temp = whole.opt.sampler.temp = 0;
	start_with_ids(&f);
	start_with_ids(&whole);
	session_add_hook(&f.s, &hook);
	run(&f, &seen);
	run(&whole, &seen);
	cr_assert_eq(seen.passes, 3 + 8);
	cr_assert_eq(memcmp(f.s.tokens, whole.s.tokens, (N_PROMPT + 9) * sizeof(int32_t)), 0);
	close_fixture(&f);
	close_fixture(&whole);
}

Test(session, an_end_of_sequence_token_ends_it)
{
	struct seen seen = { 0 };
	struct fixture f;
	int32_t fourth;

	open_fixture(&f);
	start_with_ids(&f);
	run(&f, &seen);
	fourth = f.s.tokens[N_PROMPT + 3];
	session_release(&f.s);
	f.model.checkpoint.config.eos_ids[0] = fourth;
	f.model.checkpoint.config.n_eos = 1;
	f.opt.ignore_eos = false;
	start_with_ids(&f);
	run(&f, &seen);
	cr_assert(f.s.stopped_at_eos);
	cr_assert_eq(f.s.tokens[f.s.n_tokens - 1], fourth);
	cr_assert_leq(f.s.n_generated, 4);
	close_fixture(&f);
}

Test(session, steps_are_made_only_for_who_wants_them)
{
	struct seen silent = { 0 }, curious = { .wants_steps = true };
	struct hook a = seen_hook(&silent), b = seen_hook(&curious);
	struct fixture f;

	open_fixture(&f);
	start(&f);
	session_add_hook(&f.s, &a);
	cr_assert_eq(session_set_text(&f.s, "ab", 2, true, &f.err), 0);
	cr_assert_eq(f.s.encoding.n_steps, 0);
	session_release(&f.s);
	start(&f);
	session_add_hook(&f.s, &b);
	cr_assert_eq(session_set_text(&f.s, "ab", 2, true, &f.err), 0);
	cr_assert_gt(f.s.encoding.n_steps, 0);
	f.s.opt.n = 1;
	run(&f, &curious);
	/* ... merge, merge; then the sampler: temp, top_k, top_p, min_p, pick. */
	cr_assert_geq(curious.n_rules, 7);
	for (int i = 0; i < 7; i++)
		cr_assert_eq(curious.rules[curious.n_rules - 7 + i], "mmtttmp"[i]);
	close_fixture(&f);
}

Test(session, prompts_that_cannot_be_run_are_refused)
{
	static const int32_t outside[] = { 3, 101 }, negative[] = { -1 };
	struct fixture f;

	open_fixture(&f);
	start(&f);
	cr_assert_eq(session_set_ids(&f.s, outside, 2, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "id 101") && strstr(f.err.message, "0 to 100"));
	cr_assert_eq(session_set_ids(&f.s, negative, 1, &f.err), ERR_USAGE);
	cr_assert_eq(session_set_ids(&f.s, NULL, 0, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "empty"));
	session_release(&f.s);
	f.opt.n = INT64_MAX / 4;
	start(&f);
	cr_assert_eq(session_set_ids(&f.s, f.ids, N_PROMPT, &f.err), ERR_MEMORY);
	cr_assert(strstr(f.err.message, "available"), "%s", f.err.message);
	session_release(&f.s);
	f.opt.sampler.top_p = 7;
	cr_assert_eq(session_init(&f.s, &f.model, &f.opt, &f.err), ERR_USAGE);
	close_fixture(&f);
}

/* What a session has of the prompt that run() has brought to its end. */
static void keep(const struct fixture *f, int32_t tokens[64], float logits[128])
{
	cr_assert(f->s.n_tokens <= 64 && tiny_default.vocab <= 128);
	memcpy(tokens, f->s.tokens, (size_t)f->s.n_tokens * sizeof(*tokens));
	memcpy(logits, executor_logits(&f->s.executor, 0),
	       (size_t)tiny_default.vocab * sizeof(*logits));
}

static void restart_gives_the_same(bool ring)
{
	int32_t first[64] = { 0 }, again[64] = { 0 }, other[40];
	float logits[128], logits_again[128];
	struct seen seen = { 0 };
	struct fixture f;

	open_fixture(&f);
	f.opt.executor.ring = ring;
	f.opt.executor.chunk = 8;
	start_with_ids(&f);
	run(&f, &seen);
	keep(&f, first, logits);
	for (int i = 0; i < 40; i++)
		other[i] = (i * 11 + 3) % tiny_default.vocab;
	session_restart(&f.s, 20);
	cr_assert_eq(session_set_ids(&f.s, other, 40, &f.err), 0, "%s", f.err.message);
	for (int i = 0; i < 7; i++) /* not to its end */
		cr_assert_eq(session_advance(&f.s, &f.err), SESSION_TOKEN);
	session_restart(&f.s, 9);
	cr_assert_eq(session_set_ids(&f.s, f.ids, N_PROMPT, &f.err), 0, "%s", f.err.message);
	seen.tokens = 0;
	run(&f, &seen);
	cr_assert_eq(seen.tokens, 9);
	cr_assert_eq(f.s.executor.pass, 2 + 8); /* two of the prompt, then one a token fed back */
	keep(&f, again, logits_again);
	cr_assert_arr_eq(first, again, sizeof(first));
	cr_assert_arr_eq(logits, logits_again, (size_t)tiny_default.vocab * sizeof(*logits));
	close_fixture(&f);
}

Test(session, a_prompt_gives_the_same_bits_after_another_one)
{
	restart_gives_the_same(false);
	restart_gives_the_same(true);
}

/* ---- memory -----------------------------------------------------------------------------------
 */

/* What is available in all; mem_available_bytes() gives what the heap leaves of it. */
static int64_t memory_in_all = -1;
int64_t __real_mem_available_bytes(void);
int64_t __wrap_mem_available_bytes(void);

static int n_asked;

int64_t __wrap_mem_available_bytes(void)
{
	n_asked++;
	struct mallinfo2 heap = mallinfo2();

	if (memory_in_all < 0)
		return __real_mem_available_bytes();
	return memory_in_all - (int64_t)(heap.uordblks + heap.hblkhd);
}

#ifndef __SANITIZE_ADDRESS__ /* whose heap mallinfo2() does not see */
Test(session, a_prompt_is_not_refused_for_the_memory_that_the_one_before_left_it)
{
	enum { N = 4096 };
	struct mallinfo2 heap;
	struct executor_need need;
	struct fixture f;
	int32_t *ids = mem_calloc(N, sizeof(*ids));

	open_fixture(&f);
	f.opt.executor.chunk = N;
	f.opt.n = 0;
	start(&f);
	need = executor_estimate(&f.model.program, &f.opt.executor, N, false);
	heap = mallinfo2();
	memory_in_all = (int64_t)(heap.uordblks + heap.hblkhd) +
			(need.scratch_bytes + need.kv_bytes) * 3 / 2;
	for (int i = 0; i < 3; i++) {
		session_restart(&f.s, 0);
		f.s.fitting = 0; /* asked anew, as a second later */
		cr_assert_eq(session_set_ids(&f.s, ids, N, &f.err), 0, "prompt %d: %s", i,
			     f.err.message);
		cr_assert_eq(session_advance(&f.s, &f.err), SESSION_DONE, "%s", f.err.message);
	}
	memory_in_all = -1;
	free(ids);
	close_fixture(&f);
}
#endif

/* Twenty thousand prompts are checked in more than a moment, and not by twenty thousand looks. */
Test(session, what_fits_is_not_asked_for_every_prompt)
{
	static const int32_t ids[] = { 1, 2, 3 };
	struct fixture f;

	open_fixture(&f);
	f.opt.n = 1;
	start(&f);
	n_asked = 0;
	for (int i = 0; i < 20000; i++) {
		session_restart(&f.s, 1);
		cr_assert_eq(session_set_ids(&f.s, ids, 1 + i % 3, &f.err), 0);
	}
	cr_assert_lt(n_asked, 1000);
	close_fixture(&f);
}

/* ---- how long a prompt takes --------------------------------------------------------------- */

Test(session, the_time_left_grows_with_the_square_of_a_prompt)
{
	struct fixture f;
	int64_t one, ten, window;
	char buf[48];

	open_fixture(&f);
	start(&f);
	f.model.checkpoint.config.window = 0;
	f.s.n_prompt = 512;
	cr_assert_eq(prefill_left_ns(&f.s, 512, 1000000), 0);
	f.s.n_prompt = 2 * 512;
	one = prefill_left_ns(&f.s, 512, 1000000);
	cr_assert(one > 1000000 && one < 3000000, "%lld", (long long)one);
	f.s.n_prompt = 1000 * 512;
	ten = prefill_left_ns(&f.s, 512, 1000000);
	cr_assert(ten > 10000 * one, "%lld", (long long)ten);
	f.model.checkpoint.config.window = 512;
	window = prefill_left_ns(&f.s, 512, 1000000);
	cr_assert(window > 999 * (int64_t)1000000 && window < 2000 * (int64_t)1000000, "%lld",
		  (long long)window);
	f.s.n_prompt = INT64_MAX / 4;
	f.model.checkpoint.config.window = 0;
	cr_assert_gt(prefill_left_ns(&f.s, 512, INT64_MAX / 2), 0);
	cr_assert_str_eq(prefill_format(40000000000, buf, sizeof(buf)), "40 s");
	cr_assert_str_eq(prefill_format(1020000000000, buf, sizeof(buf)), "17 min");
	cr_assert_str_eq(prefill_format(7800000000000, buf, sizeof(buf)), "2 h 10 min");
	cr_assert_str_eq(prefill_format(INT64_MAX, buf, sizeof(buf)), "106751 days");
	close_fixture(&f);
}

Test(session, tokenizing_can_be_interrupted)
{
	volatile sig_atomic_t interrupted = 1;
	struct fixture f;

	open_fixture(&f);
	f.opt.interrupted = &interrupted;
	start(&f);
	cr_assert_eq(session_set_text(&f.s, "ab abab", 7, true, &f.err), ERR_INTERRUPTED);
	interrupted = 0;
	cr_assert_eq(session_set_text(&f.s, "ab abab", 7, true, &f.err), 0, "%s", f.err.message);
	close_fixture(&f);
}

/* ---- stages
 * -------------------------------------------------------------------------------------- */

static bool wants_merges(void *ctx, const struct site *at)
{
	(void)ctx;
	return at->kind == SITE_STAGE && !strcmp(at->step->rule, "merge");
}

/* Steps are made for the stages that a hook names, whichever of them it then wants. */
Test(session, a_hook_that_wants_only_merges_gets_them)
{
	struct seen seen = { 0 };
	struct hook hook = seen_hook(&seen);
	struct fixture f;

	open_fixture(&f);
	f.opt.n = 1;
	start(&f);
	hook.stages = STAGE_BIT(STAGE_TOKENIZER);
	hook.wants = wants_merges;
	session_add_hook(&f.s, &hook);
	cr_assert_eq(session_set_text(&f.s, "ab abab", 7, true, &f.err), 0);
	run(&f, &seen);
	cr_assert_eq(seen.n_rules, 5); /* ab, ab, ab; then with the space before it, twice */
	for (int i = 0; i < seen.n_rules; i++)
		cr_assert_eq(seen.rules[i], 'm');
	session_remove_hook(&f.s, &hook);
	cr_assert_null(f.s.hooks);
	cr_assert_null(f.s.executor.hooks);
	close_fixture(&f);
}

/* ---- time
 * ---------------------------------------------------------------------------------------- */

static struct session_time at(int pass, int op)
{
	return (struct session_time){ pass, op };
}

static void go(struct fixture *f, int pass, int op)
{
	cr_assert_eq(session_goto(&f->s, at(pass, op), &f->err), 0, "%d.%d: %s", pass, op,
		     f->err.message);
	cr_assert_eq(session_time_compare(session_now(&f->s), at(pass, op)), 0);
}

static void open_at_end(struct fixture *f, enum plan plan, bool ring, int chunk)
{
	struct seen seen = { 0 };

	open_fixture(f);
	f->opt.executor.plan = plan;
	f->opt.executor.ring = ring;
	f->opt.executor.chunk = chunk;
	start_with_ids(f);
	run(f, &seen);
}

/* From the end back to everywhere, and on to the end: the tokens and logits of the first time. */
static void everywhere_and_back(enum plan plan, bool ring, int chunk)
{
	int32_t first[64], again[64];
	float logits[128], logits_again[128];
	struct seen seen = { 0 };
	struct fixture f;
	int n_ops, n_passes;

	open_at_end(&f, plan, ring, chunk);
	keep(&f, first, logits);
	n_ops = f.model.program.n_ops;
	n_passes = f.s.n_marks;
	for (int pass = n_passes - 1; pass >= 0; pass--)
		for (int op = n_ops; op >= 0; op -= 17) {
			go(&f, pass, op);
			if (pass % 3 == 1)
				go(&f, pass / 2, op / 2);
			run(&f, &seen);
			cr_assert_eq(f.s.n_tokens, N_PROMPT + 9);
			keep(&f, again, logits_again);
			cr_assert_arr_eq(first, again, (N_PROMPT + 9) * sizeof(first[0]),
					 "plan %d ring %d chunk %d, from %d.%d", (int)plan, ring,
					 chunk, pass, op);
			cr_assert_arr_eq(logits, logits_again,
					 (size_t)tiny_default.vocab * sizeof(logits[0]));
		}
	close_fixture(&f);
}

Test(session, going_back_to_anywhere_and_on_changes_no_bit)
{
	everywhere_and_back(PLAN_DEBUG, false, 512);
	everywhere_and_back(PLAN_DEBUG, false, 5);
	everywhere_and_back(PLAN_RUN, false, 512);
	everywhere_and_back(PLAN_RUN, false, 3);
}

/* A ring drops keys: the passes before are run again. */
Test(session, going_back_behind_what_a_ring_has_dropped_runs_it_again)
{
	everywhere_and_back(PLAN_RUN, true, 3);
	everywhere_and_back(PLAN_DEBUG, true, 4);
}

Test(session, rewinding_gives_back_what_the_pass_began_with)
{
	struct fixture f;

	open_at_end(&f, PLAN_DEBUG, false, 512);
	cr_assert_eq(session_rewind(&f.s, 4, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(f.s.phase, PHASE_DECODE);
	cr_assert_eq(f.s.n_tokens, N_PROMPT + 4);
	cr_assert_eq(f.s.n_generated, 4);
	cr_assert_eq(executor_positions(&f.s.executor), N_PROMPT + 3);
	cr_assert_eq(f.s.executor.state, EX_EMPTY);
	cr_assert_eq(session_time_compare(session_now(&f.s), at(4, 0)), 0);
	cr_assert_eq(session_rewind(&f.s, 4, &f.err), ERR_USAGE);
	cr_assert_eq(session_rewind(&f.s, 0, &f.err), 0);
	cr_assert_eq(f.s.phase, PHASE_PREFILL);
	cr_assert_eq(f.s.n_tokens, N_PROMPT);
	cr_assert_eq(session_rewind(&f.s, 0, &f.err), ERR_USAGE);
	cr_assert_eq(session_rewind(&f.s, -2, &f.err), ERR_USAGE);
	close_fixture(&f);
}

Test(session, rewinding_to_the_tokenizer_announces_its_steps_again)
{
	struct seen seen = { .wants_steps = true };
	struct hook hook = seen_hook(&seen);
	struct fixture f;
	int n;

	open_fixture(&f);
	start(&f);
	session_add_hook(&f.s, &hook);
	cr_assert_eq(session_set_text(&f.s, "ab", 2, true, &f.err), 0);
	cr_assert_eq(session_now(&f.s).pass, -1);
	go(&f, 0, 0);
	n = seen.n_rules;
	go(&f, 2, 5);
	cr_assert_eq(session_rewind(&f.s, -1, &f.err), 0);
	cr_assert_eq(session_time_compare(session_now(&f.s), at(-1, 0)), 0);
	seen.n_rules = 0;
	go(&f, 0, 0);
	cr_assert_eq(seen.n_rules, n);
	close_fixture(&f);
}

Test(session, a_time_that_never_comes_is_refused)
{
	struct fixture f;
	int n_ops;

	open_fixture(&f);
	start_with_ids(&f);
	n_ops = f.model.program.n_ops;
	cr_assert_eq(session_goto(&f.s, at(0, n_ops + 1), &f.err), ERR_USAGE);
	cr_assert_eq(session_goto(&f.s, at(-1, 0), &f.err), ERR_USAGE);
	cr_assert_eq(session_goto(&f.s, at(0, -1), &f.err), ERR_USAGE);
	cr_assert_eq(session_goto(&f.s, at(9, 0), &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "ends with pass 8"), "%s", f.err.message);
	cr_assert_eq(f.s.n_generated, 9);
	go(&f, 8, n_ops);
	close_fixture(&f);
}

/* The end of a pass comes before the pick: a token that was picked since is taken back. */
Test(session, the_end_of_a_pass_is_before_the_pick)
{
	struct fixture f;
	int32_t first, second;
	int n_ops;

	open_fixture(&f);
	start_with_ids(&f);
	n_ops = f.model.program.n_ops;
	cr_assert_eq(session_advance(&f.s, &f.err), SESSION_TOKEN);
	first = f.s.tokens[N_PROMPT];
	go(&f, 0, n_ops);
	cr_assert_eq(f.s.phase, PHASE_SAMPLE);
	cr_assert_eq(f.s.n_tokens, N_PROMPT);
	cr_assert_eq(session_advance(&f.s, &f.err), SESSION_TOKEN);
	cr_assert_eq(f.s.tokens[N_PROMPT], first);
	cr_assert_eq(session_advance(&f.s, &f.err), SESSION_TOKEN);
	second = f.s.tokens[N_PROMPT + 1];
	go(&f, 0, n_ops);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(session_advance(&f.s, &f.err), SESSION_TOKEN);
	cr_assert_eq(f.s.tokens[N_PROMPT + 1], second);
	close_fixture(&f);
}

/* ---- forced tokens
 * ------------------------------------------------------------------------------- */

Test(session, a_forced_token_takes_the_place_of_the_picked_one)
{
	struct seen seen = { .wants_steps = true };
	struct hook hook = seen_hook(&seen);
	struct fixture f, plain;

	open_at_end(&plain, PLAN_RUN, false, 512);
	open_fixture(&f);
	start_with_ids(&f);
	session_add_hook(&f.s, &hook);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(session_advance(&f.s, &f.err), SESSION_TOKEN);
	cr_assert_eq(session_force(&f.s, 77, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(f.s.n_tokens, N_PROMPT + 2); /* the pick is taken back */
	cr_assert_eq(session_advance(&f.s, &f.err), SESSION_TOKEN);
	cr_assert_eq(f.s.tokens[N_PROMPT + 2], 77);
	cr_assert(f.s.is_forced);
	cr_assert_eq(seen.rules[seen.n_rules - 1], 'f');
	cr_assert_eq(session_advance(&f.s, &f.err), SESSION_TOKEN);
	cr_assert(!f.s.is_forced);
	/* It stays when time goes back, until it is taken away. */
	go(&f, 0, 4);
	run(&f, &seen);
	cr_assert_eq(f.s.tokens[N_PROMPT + 2], 77);
	cr_assert_eq(session_force_at(&f.s, N_PROMPT + 2, -1, &f.err), 0);
	run(&f, &seen);
	cr_assert_arr_eq(f.s.tokens, plain.s.tokens, (N_PROMPT + 9) * sizeof(int32_t));
	close_fixture(&f);
	close_fixture(&plain);
}

Test(session, a_forced_end_of_sequence_ends_it)
{
	struct fixture f;

	open_fixture(&f);
	f.opt.ignore_eos = false;
	start_with_ids(&f);
	cr_assert_eq(session_force_at(&f.s, N_PROMPT + 1, 2, &f.err), 0);
	while (session_advance(&f.s, &f.err) == SESSION_TOKEN)
		;
	cr_assert_eq(f.s.tokens[f.s.n_tokens - 1], 2);
	cr_assert(f.s.stopped_at_eos);
	cr_assert_leq(f.s.n_generated, 2);
	close_fixture(&f);
}

Test(session, what_cannot_be_forced_is_refused)
{
	struct fixture f;

	open_fixture(&f);
	start(&f);
	cr_assert_eq(session_force(&f.s, 3, &f.err), ERR_USAGE); /* there is no prompt */
	cr_assert_eq(session_set_ids(&f.s, f.ids, N_PROMPT, &f.err), 0);
	cr_assert_eq(session_force(&f.s, 101, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "token id 101"), "%s", f.err.message);
	cr_assert_eq(session_force_at(&f.s, 3, 5, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "position 3"), "%s", f.err.message);
	close_fixture(&f);
}

/* ---- edits
 * --------------------------------------------------------------------------------------- */

static int add_edit(struct fixture *f, const char *name, enum edit_kind kind, float arg, int pass)
{
	struct edit e = { .kind = kind, .arg = arg, .pass_from = pass, .pass_to = -1 };

	e.value = program_find(&f->model.program, name);
	cr_assert_geq(e.value, 0, "%s", name);
	cr_assert_eq(selection_parse(&e.sel, NULL, value_axes(&f->model.program.values[e.value]),
				     &f->err),
		     0);
	return session_add_edit(&f->s, &e, &f->err);
}

/* An edit made late gives what it gives when it is made first; without it all is as before. */
static void edit_late(enum plan plan, const char *name, int pass)
{
	int32_t tokens[2][64], plain[64];
	float logits[2][128], plain_logits[128];
	struct seen seen = { 0 };
	struct fixture f;
	int id = 0;

	open_at_end(&f, plan, false, 512);
	keep(&f, plain, plain_logits);
	for (int late = 0; late < 2; late++) {
		session_restart(&f.s, 9);
		cr_assert_eq(session_set_ids(&f.s, f.ids, N_PROMPT, &f.err), 0);
		if (late)
			go(&f, 5, 20);
		id = add_edit(&f, name, EDIT_SCALE, 1.5f, pass);
		cr_assert_gt(id, 0, "%s", f.err.message);
		cr_assert_leq(session_now(&f.s).pass, pass);
		run(&f, &seen);
		keep(&f, tokens[late], logits[late]);
		cr_assert_eq(session_remove_edit(&f.s, id, &f.err), 0);
	}
	cr_assert_arr_eq(tokens[0], tokens[1], (N_PROMPT + 9) * sizeof(tokens[0][0]));
	cr_assert_arr_eq(logits[0], logits[1], (size_t)tiny_default.vocab * sizeof(float));
	cr_assert_neq(memcmp(logits[0], plain_logits, (size_t)tiny_default.vocab * sizeof(float)),
		      0);
	run(&f, &seen);
	keep(&f, tokens[0], logits[0]);
	cr_assert_arr_eq(tokens[0], plain, (N_PROMPT + 9) * sizeof(plain[0]));
	cr_assert_arr_eq(logits[0], plain_logits, (size_t)tiny_default.vocab * sizeof(float));
	close_fixture(&f);
}

Test(session, an_edit_goes_back_to_where_it_matters_first)
{
	for (int plan = PLAN_RUN; plan <= PLAN_DEBUG; plan++) {
		edit_late(plan, "model.layers.0.mlp.down_proj:out", 2);
		edit_late(plan, "model.layers.1.self_attn:pattern", 5);
		edit_late(plan, "model.layers.1.self_attn:k_cache", 0);
		edit_late(plan, "model.layers.1.mlp.up_proj.weight", 0);
	}
}

Test(session, an_edit_to_come_moves_nothing)
{
	struct fixture f;

	open_fixture(&f);
	start_with_ids(&f);
	go(&f, 2, 7);
	cr_assert_gt(add_edit(&f, "model.layers.0.mlp.down_proj:out", EDIT_ZERO, 0, 6), 0);
	cr_assert_gt(add_edit(&f, "model.layers.1.mlp.down_proj:out", EDIT_ZERO, 0, 2), 0);
	cr_assert_eq(session_time_compare(session_now(&f.s), at(2, 7)), 0);
	close_fixture(&f);
}

/* A replacement that does not fit a pass before is refused before time moves. */
Test(session, an_edit_that_does_not_fit_changes_nothing)
{
	static const float numbers[10] = { 1 };
	struct edit e = { .kind = EDIT_REPLACE, .pass_to = -1, .data = numbers, .n_data = 10 };
	struct fixture f;

	open_fixture(&f);
	start_with_ids(&f);
	go(&f, 3, 20);
	e.value = program_find(&f.model.program, "model.layers.0.mlp:act_mul");
	cr_assert_eq(selection_parse(&e.sel, "[:, 0:10]", "pos,d_ff", &f.err), 0);
	cr_assert_eq(session_add_edit(&f.s, &e, &f.err), ERR_USAGE);
	cr_assert_eq(session_time_compare(session_now(&f.s), at(3, 20)), 0);
	cr_assert_eq(f.s.executor.n_edits, 0);
	e.pass_from = 1; /* one token each */
	cr_assert_gt(session_add_edit(&f.s, &e, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(session_now(&f.s).pass, 1);
	close_fixture(&f);
}

static int fail_once(void *ctx, struct executor *ex, struct err *err)
{
	int *n = ctx;

	(void)ex;
	return (*n)-- == 0 ? err_set(err, ERR_IO, "a hook failed") : 0;
}

Test(session, goes_on_and_back_after_a_hook_that_failed_at_the_end_of_a_pass)
{
	int left = 0;
	struct hook hook = { .pass_end = fail_once, .ctx = &left };
	struct seen seen = { 0 };
	struct fixture f;

	open_fixture(&f);
	start_with_ids(&f);
	session_add_hook(&f.s, &hook);
	cr_assert_eq(session_advance(&f.s, &f.err), ERR_IO);
	cr_assert_eq(f.s.phase, PHASE_SAMPLE);
	left = 0;
	cr_assert_eq(session_goto(&f.s, at(2, 0), &f.err), ERR_IO);
	go(&f, 1, 5);
	run(&f, &seen);
	cr_assert_eq(f.s.n_tokens, N_PROMPT + 9);
	close_fixture(&f);
}

Test(session, without_a_prompt_there_is_nowhere_to_go)
{
	struct fixture f;

	open_fixture(&f);
	start(&f);
	cr_assert_eq(session_goto(&f.s, at(0, 0), &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "there is no prompt"), "%s", f.err.message);
	close_fixture(&f);
}
