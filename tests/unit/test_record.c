/*
 * test_record.c -- a session is recorded by plain options alone: no command line is near.
 */
#include "support/recorded.h"
#include "support/words.h"
#include "torchless/clock.h"
#include "torchless/record_runs.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static const int32_t ids[] = { 1, 17, 42, 9, 33 };

struct fixture {
	struct recorded at;
	struct model model;
	struct record_options opt;
	struct recorder r;
	struct err err;
};

static void open_fixture(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	tiny_write(&tiny_default, f->at.model, sizeof(f->at.model));
	snprintf(f->at.folder, sizeof(f->at.folder), "/tmp/torchless-record-XXXXXX");
	cr_assert(mkdtemp(f->at.folder) != NULL);
	snprintf(f->at.path, sizeof(f->at.path), "%s/t.db", f->at.folder);
	cr_assert_eq(
		model_open(&f->model, f->at.model, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &f->err),
		0, "%s", f->err.message);
	f->model.tokenizer = tokenizer_new(words_tokenizer_json, strlen(words_tokenizer_json), NULL,
					   "test", &f->err);
	cr_assert(f->model.tokenizer != NULL, "%s", f->err.message);
	f->opt = (struct record_options){
		.generation.session = { .executor.kernels = &kernels_ref,
					.sampler.top_p = 1,
					.n = 3,
					.all_logits = true,
					.ignore_eos = true },
		.path = f->at.path,
		.engine = "test 1",
	};
}

static void close_fixture(struct fixture *f)
{
	recorder_release(&f->r);
	model_close(&f->model);
	recorded_remove(&f->at);
}

static void open_recorder(struct fixture *f)
{
	cr_assert_eq(recorder_open(&f->r, &f->model, &f->opt, &f->err), 0, "%s", f->err.message);
}

static void create(struct fixture *f, const struct record_prompt *p)
{
	open_recorder(f);
	recorder_listen(&f->r);
	cr_assert_eq(generation_set_prompt(&f->r.generation, &p->prompt, &f->err), 0, "%s",
		     f->err.message);
	recorder_expect(&f->r);
	cr_assert_eq(recorder_create(&f->r, &f->err), 0, "%s", f->err.message);
}

static void record_all(struct fixture *f, const struct record_prompt *p)
{
	create(f, p);
	cr_assert_eq(recorder_run(&f->r, p, &f->err), 0, "%s", f->err.message);
	cr_assert_eq(recorder_close(&f->r, 0, &f->err), 0, "%s", f->err.message);
}

static struct record_prompt some_ids(void)
{
	return (struct record_prompt){ .prompt = { .ids = ids, .n_ids = 5, .n = -1 } };
}

Test(record, a_prompt_told_by_plain_options_has_its_rows)
{
	static const char *const capture[] = { "L*.resid_post=f32", "L1.mlp@last=f16" };
	static const char *const words[] = { "an", "editor's words" };
	const struct record_prompt p = { .prompt = { .text = { "ab ab", 5 }, .n = 2 },
					 .line = 7,
					 .id = "\"seven\"" };
	struct fixture f;

	open_fixture(&f);
	f.opt.capture = capture;
	f.opt.n_capture = 2;
	f.opt.argv = words;
	f.opt.argc = 2;
	f.opt.commit = "c0ffee";
	f.opt.compiler = "cc 1";
	record_all(&f, &p);
	ANSWERS(&f.at,
		"SELECT engine, engine_commit, build, status, prompt, line, line_id FROM run",
		"test 1|c0ffee|cc 1, ref|ok|ab ab|7|seven;");
	ANSWERS(&f.at, "SELECT opts ->> '$.argv', opts ->> '$.n', opts ->> '$.chat' FROM run",
		"[\"an\",\"editor's words\"]|2|0;");
	ANSWERS(&f.at,
		"SELECT pos, token_id, source, byte_start, byte_end FROM token WHERE pos < 2",
		"0|7|prompt|0|2;1|7|prompt|2|5;");
	ANSWERS(&f.at, "SELECT count(*) FROM token WHERE source = 'generated'", "2;");
	ANSWERS(&f.at, "SELECT count(*) FROM tok_step WHERE rule = 'merge'", "4;");
	/* Two passes: the prompt, and the first token that was generated. */
	ANSWERS(&f.at, "SELECT fqn, dtype, count(*) FROM v_payload GROUP BY fqn",
		"model.layers.0.self_attn:k_rot|f32|2;model.layers.0.self_attn:q_rot|f32|2;"
		"model.layers.0:out|f32|2;model.layers.1.mlp.down_proj:out|f16|2;"
		"model.layers.1.self_attn:k_rot|f32|2;model.layers.1.self_attn:q_rot|f32|2;"
		"model.layers.1:out|f32|2;");
	/* Every position of the prompt is scored, and every pick. */
	ANSWERS(&f.at, "SELECT pos, count(*) >= 20 FROM cand GROUP BY pos", "0|1;1|1;2|1;");
	ANSWERS(&f.at, "SELECT count(*) FROM token WHERE rank IS NOT NULL", "3;");
	cr_assert_eq(f.r.scores.n_next, RECORD_TOP);
	cr_assert_eq(f.r.generation.session.tokens[2], f.r.scores.next[0].id);
	cr_assert_gt(f.r.totals.file_bytes, 0);
	close_fixture(&f);
}

Test(record, what_is_zeroed_is_zero_in_every_run_and_each_says_so)
{
	static const char *const zero[] = { "L0.attn.z[head=2]", "L1.mlp" };
	const struct record_prompt p = some_ids();
	struct fixture f;

	open_fixture(&f);
	f.opt.zero = zero;
	f.opt.n_zero = 2;
	create(&f, &p);
	cr_assert_eq(recorder_run(&f.r, &p, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(generation_set_prompt(&f.r.generation, &p.prompt, &f.err), 0);
	cr_assert_eq(recorder_run(&f.r, &p, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(recorder_close(&f.r, 0, &f.err), 0, "%s", f.err.message);
	ANSWERS(&f.at, "SELECT run_id, fqn, sel, kind FROM edit JOIN point ON point.id = point_id",
		"1|model.layers.0.self_attn:z|[head=2]|zero;1|model.layers.1.mlp.down_proj:out||zero;"
		"2|model.layers.0.self_attn:z|[head=2]|zero;2|model.layers.1.mlp.down_proj:out||zero;");
	ANSWERS(&f.at,
		"SELECT DISTINCT absmax FROM v_value WHERE fqn = 'model.layers.1.mlp.down_proj:out'",
		"0;");
	ANSWERS(&f.at,
		"SELECT count(*), min(n_zero) >= 10 FROM v_value WHERE fqn = "
		"'model.layers.0.self_attn:z'",
		"6|1;");
	close_fixture(&f);
}

Test(record, a_redacted_run_keeps_no_text)
{
	const struct record_prompt p = { .prompt = { .text = { "ab", 2 }, .n = 1 } };
	struct fixture f;

	open_fixture(&f);
	f.opt.redact = true;
	record_all(&f, &p);
	ANSWERS(&f.at, "SELECT prompt IS NULL, prompt_redacted FROM run", "1|1;");
	ANSWERS(&f.at, "SELECT count(*), count(piece) FROM token", "2|0;");
	close_fixture(&f);
}

/* ---- what is refused ----------------------------------------------------------------------- */

static void refuses(struct fixture *f, const char *part)
{
	cr_expect_eq(recorder_open(&f->r, &f->model, &f->opt, &f->err), ERR_USAGE, "%s", part);
	cr_expect(strstr(f->err.message, part) != NULL, "%s\n  instead of %s", f->err.message,
		  part);
	cr_expect_eq(access(f->at.path, F_OK), -1);
	recorder_release(&f->r);
}

Test(record, a_pattern_or_an_edit_that_is_wrong_has_its_sentence_and_no_file)
{
	static const char *bad[1];
	struct fixture f;

	open_fixture(&f);
	f.opt.capture = bad;
	f.opt.n_capture = 1;
	bad[0] = "L0.resid_post=f99";
	refuses(&f, "f99");
	bad[0] = "L9.resid_post";
	refuses(&f, "no point is called 'L9.resid_post'");
	f.opt.n_capture = 0;
	f.opt.zero = bad;
	f.opt.n_zero = 1;
	bad[0] = "L0.attn.zz";
	refuses(&f, "--zero L0.attn.zz: no point is called 'L0.attn.zz'");
	bad[0] = "L0.attn.z[head=99]";
	refuses(&f, "--zero L0.attn.z[head=99]: ");
	bad[0] = "L0.attn.z[head=1";
	refuses(&f, "--zero L0.attn.z[head=1: ");
	close_fixture(&f);
}

/* ---- how it speaks -------------------------------------------------------------------------- */

struct heard {
	int n_told, n_prompt, n_warned[2];
	double share;
	struct record_progress last;
	char warning[256];
};

static void hear_progress(void *ctx, const struct record_progress *p)
{
	struct heard *heard = ctx;

	cr_assert(p->layer >= 0 && p->layer < 2 && p->n_layers == 2);
	cr_assert(p->share >= 0 && p->share <= 1);
	heard->n_told++;
	heard->n_prompt += p->in_prompt;
	if (p->in_prompt)
		heard->share = p->share;
	heard->last = *p;
}

static void hear_warning(void *ctx, enum warning kind, const char *sentence)
{
	struct heard *heard = ctx;

	heard->n_warned[kind]++;
	snprintf(heard->warning, sizeof(heard->warning), "%s", sentence);
}

Test(record, progress_is_told_at_each_layer)
{
	const struct record_prompt p = some_ids();
	struct heard heard = { 0 };
	struct fixture f;

	open_fixture(&f);
	f.opt.progress = hear_progress;
	f.opt.progress_ctx = &heard;
	record_all(&f, &p);
	cr_assert_eq(heard.n_told, 2 * 3); /* the prompt, and two tokens that are fed back */
	cr_assert_eq(heard.n_prompt, 2);
	cr_assert_float_eq(heard.share, 1, 1e-12);
	cr_assert_eq(heard.last.n_generate, 3);
	cr_assert_eq(heard.last.n_generated, 2);
	close_fixture(&f);
}

Test(record, what_the_budget_leaves_out_is_a_warning)
{
	static const char *const capture[] = { "*=f32" };
	const struct record_prompt p = some_ids();
	struct heard heard = { 0 };
	struct fixture f;

	open_fixture(&f);
	f.opt.capture = capture;
	f.opt.n_capture = 1;
	f.opt.budget = 2000;
	f.opt.generation.caller = (struct caller){ .warn = hear_warning, .ctx = &heard };
	record_all(&f, &p);
	cr_assert_eq(heard.n_warned[WARNING_LEFT_OUT], 1);
	cr_assert_eq(heard.n_warned[WARNING_DOUBT], 0);
	cr_assert(strstr(heard.warning, "--budget 2.0 kB leaves out") != NULL, "%s", heard.warning);
	cr_assert_leq(f.r.totals.dump_bytes, 2000);
	ANSWERS(&f.at, "SELECT opts ->> '$.budget' FROM run", "2000;");
	close_fixture(&f);
}

Test(record, an_interrupted_run_is_ended_and_readable)
{
	static volatile sig_atomic_t pressed;
	const struct record_prompt p = some_ids();
	struct fixture f;

	open_fixture(&f);
	f.opt.generation.caller.interrupted = &pressed;
	create(&f, &p);
	pressed = 1;
	cr_assert_eq(recorder_run(&f.r, &p, &f.err), ERR_INTERRUPTED);
	cr_assert_eq(recorder_close(&f.r, ERR_INTERRUPTED, &f.err), ERR_INTERRUPTED);
	ANSWERS(&f.at, "SELECT status FROM run", "stopped;");
	ANSWERS(&f.at, "SELECT count(*) FROM token", "5;");
	close_fixture(&f);
}

Test(record, a_recorder_that_is_given_up_leaves_a_readable_file)
{
	const struct record_prompt p = some_ids();
	struct fixture f;

	open_fixture(&f);
	create(&f, &p);
	cr_assert_eq(recorder_begin_run(&f.r, &p, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(generation_advance(&f.r.generation, &f.err), SESSION_TOKEN);
	recorder_release(&f.r);
	ANSWERS(&f.at, "SELECT status FROM run", "error;");
	ANSWERS(&f.at, "SELECT count(*) FROM token", "6;");
	close_fixture(&f);
}

static const char everything[] =
	"SELECT * FROM (SELECT fqn, pass, shape, l2, hash FROM v_value UNION ALL "
	"SELECT pos, token_id, piece, logprob, rank FROM token) ORDER BY 1, 2 LIMIT 100";

Test(record, a_run_that_is_advanced_by_hand_has_the_same_rows)
{
	const struct record_prompt p = some_ids();
	struct fixture f, g;
	int r, n = 0;
	char *straight;

	open_fixture(&f);
	record_all(&f, &p);
	straight = mem_strdup(ask(&f.at, everything));
	open_fixture(&g);
	create(&g, &p);
	cr_assert_eq(recorder_begin_run(&g.r, &p, &g.err), 0, "%s", g.err.message);
	while ((r = generation_advance(&g.r.generation, &g.err)) == SESSION_TOKEN)
		n++;
	cr_assert_eq(r, SESSION_DONE);
	cr_assert_eq(n, 3);
	cr_assert_eq(recorder_end_run(&g.r, 0, &g.err), 0, "%s", g.err.message);
	cr_assert_eq(recorder_close(&g.r, 0, &g.err), 0, "%s", g.err.message);
	cr_assert_str_eq(straight, ask(&g.at, everything));
	free(straight);
	close_fixture(&f);
	close_fixture(&g);
}

Test(record, a_forced_token_is_one_in_the_recording_and_scored)
{
	const struct record_prompt p = some_ids();
	struct fixture f;

	open_fixture(&f);
	create(&f, &p);
	cr_assert_eq(recorder_begin_run(&f.r, &p, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(session_force_at(&f.r.generation.session, 6, 77, &f.err), 0, "%s",
		     f.err.message);
	while (generation_advance(&f.r.generation, &f.err) == SESSION_TOKEN)
		;
	cr_assert_eq(recorder_end_run(&f.r, 0, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(recorder_close(&f.r, 0, &f.err), 0, "%s", f.err.message);
	ANSWERS(&f.at, "SELECT pos, source FROM token WHERE pos >= 5",
		"5|generated;6|forced;7|generated;");
	ANSWERS(&f.at,
		"SELECT token_id, rank >= 20, logprob < (SELECT min(logprob) FROM cand WHERE pos = 5) "
		"FROM token WHERE pos = 6",
		"77|1|1;");
	close_fixture(&f);
}

/* ---- when something is amiss ----------------------------------------------------------------- */

Test(record, a_closed_recording_leaves_the_session_as_it_was)
{
	const struct record_prompt p = some_ids();
	struct fixture f;

	open_fixture(&f);
	record_all(&f, &p);
	cr_assert_eq(generation_set_prompt(&f.r.generation, &p.prompt, &f.err), 0);
	while (generation_advance(&f.r.generation, &f.err) == SESSION_TOKEN)
		;
	cr_assert_eq(f.r.generation.session.n_generated, 3);
	cr_assert_gt(f.r.scores.n_next, 0);
	ANSWERS(&f.at, "SELECT count(*), count(DISTINCT run_id) FROM token", "8|1;");
	close_fixture(&f);
}

static int fail_at_end(void *ctx, struct executor *ex, struct err *err)
{
	(void)ex;
	return (*(int *)ctx)-- == 0 ? err_set(err, ERR_IO, "a hook failed") : 0;
}

/* A hook before the recorder's fails when a pass ends: runs that are finished stay whole. */
Test(record, going_back_after_a_failure_takes_nothing_of_other_runs)
{
	const struct record_prompt p = some_ids();
	struct fixture f;
	struct session *s = &f.r.generation.session;
	int left = 0;
	struct hook fails = { .pass_end = fail_at_end, .ctx = &left };

	open_fixture(&f);
	f.opt.generation.session.executor.plan = PLAN_DEBUG;
	create(&f, &p);
	cr_assert_eq(recorder_run(&f.r, &p, &f.err), 0, "%s", f.err.message);
	fails.next = s->hooks;
	s->hooks = s->executor.hooks = &fails;
	cr_assert_eq(generation_set_prompt(&f.r.generation, &p.prompt, &f.err), 0);
	cr_assert_eq(recorder_begin_run(&f.r, &p, &f.err), 0);
	cr_assert_eq(generation_advance(&f.r.generation, &f.err), ERR_IO);
	cr_assert_eq(generation_advance(&f.r.generation, &f.err), SESSION_TOKEN);
	cr_assert_eq(
		session_goto(s, (struct session_time){ 0, s->executor.program->n_ops }, &f.err), 0,
		"%s", f.err.message);
	while (generation_advance(&f.r.generation, &f.err) == SESSION_TOKEN)
		;
	cr_assert_eq(recorder_end_run(&f.r, 0, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(recorder_close(&f.r, 0, &f.err), 0, "%s", f.err.message);
	ANSWERS(&f.at,
		"SELECT count(*) FROM (SELECT pass, fqn, hash FROM v_value WHERE run_id = 1 EXCEPT "
		"SELECT pass, fqn, hash FROM v_value WHERE run_id = 2)",
		"0;");
	ANSWERS(&f.at, "SELECT count(*) > 0, count(*) - 2 * sum(run_id = 1) FROM v_value", "1|0;");
	close_fixture(&f);
}

static int pause_once(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	(void)ctx, (void)ex, (void)err;
	return at->op_index == 20 ? HOOK_PAUSE : HOOK_CONTINUE;
}

Test(record, a_run_is_not_driven_past_the_pause_of_another_hook)
{
	const struct record_prompt p = some_ids();
	struct hook hook = { .before = pause_once };
	struct fixture f;

	open_fixture(&f);
	create(&f, &p);
	session_add_hook(&f.r.generation.session, &hook);
	cr_assert_eq(recorder_run(&f.r, &p, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "another hook") != NULL, "%s", f.err.message);
	cr_assert_eq(recorder_close(&f.r, ERR_USAGE, &f.err), ERR_USAGE);
	ANSWERS(&f.at, "SELECT status FROM run", "error;");
	close_fixture(&f);
}

Test(record, a_ring_of_keys_is_refused)
{
	const struct record_prompt p = some_ids();
	struct fixture f;

	open_fixture(&f);
	f.opt.generation.session.executor.ring = true;
	open_recorder(&f);
	recorder_listen(&f.r);
	cr_assert_eq(generation_set_prompt(&f.r.generation, &p.prompt, &f.err), 0);
	cr_assert_eq(recorder_create(&f.r, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "ring") != NULL, "%s", f.err.message);
	cr_assert_neq(access(f.at.path, F_OK), 0);
	close_fixture(&f);
}

/* Weights that hold NaN: the run stops there, and goes on from before it once they are mended. */
Test(record, a_run_that_stopped_at_a_value_may_go_back)
{
	const struct record_prompt p = some_ids();
	struct edit nan = { .kind = EDIT_SET, .arg = NAN, .pass_to = -1, .source = "a test" };
	struct fixture f;
	struct session *s = &f.r.generation.session;
	int id;

	open_fixture(&f);
	f.opt.generation.session.executor.plan = PLAN_DEBUG;
	f.opt.stop_on_nan = true;
	create(&f, &p);
	nan.value = program_find(s->executor.program, "model.layers.1.mlp:act_mul");
	cr_assert_eq(selection_parse(&nan.sel, "[pos=5]", "pos,d_ff", &f.err), 0);
	id = session_add_edit(s, &nan, &f.err);
	cr_assert_gt(id, 0, "%s", f.err.message);
	cr_assert_eq(recorder_begin_run(&f.r, &p, &f.err), 0);
	cr_assert_eq(generation_advance(&f.r.generation, &f.err), SESSION_TOKEN);
	cr_assert_eq(generation_advance(&f.r.generation, &f.err), SESSION_PAUSED);
	cr_assert_eq(f.r.stop.value, nan.value);
	cr_assert_eq(f.r.stop.pass, 1);
	cr_assert_eq(session_remove_edit(s, id, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(f.r.stop.value, -1);
	while (generation_advance(&f.r.generation, &f.err) == SESSION_TOKEN)
		;
	cr_assert_eq(recorder_end_run(&f.r, 0, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(recorder_close(&f.r, 0, &f.err), 0);
	ANSWERS(&f.at,
		"SELECT (SELECT count(*) FROM v_bad), (SELECT count(*) FROM edit), "
		"(SELECT count(*) FROM event WHERE kind <> 'sampler'), (SELECT count(*) FROM token)",
		"0|0|0|8;");
	close_fixture(&f);
}

/* ---- before and after ----------------------------------------------------------------------- */

Test(record, an_estimate_counts_what_a_recording_then_holds)
{
	static const char *const capture[] = { "L*.resid_post=f32" };
	const struct record_prompt p = some_ids();
	struct record_estimate e;
	struct fixture f;

	open_fixture(&f);
	f.opt.capture = capture;
	f.opt.n_capture = 1;
	open_recorder(&f);
	recorder_listen(&f.r);
	cr_assert_eq(generation_set_prompt(&f.r.generation, &p.prompt, &f.err), 0);
	recorder_expect(&f.r);
	cr_assert_eq(recorder_estimate(&f.r, clock_ns(), &e, &f.err), 0, "%s", f.err.message);
	cr_assert(e.min_seconds > 0 && e.min_seconds < e.max_seconds);
	cr_assert_eq(access(f.at.path, F_OK), -1);
	recorder_release(&f.r);
	record_all(&f, &p);
	cr_assert_eq(e.trace.n_calls, f.r.totals.n_calls);
	cr_assert_eq(e.trace.n_values, f.r.totals.n_values);
	cr_assert_eq(e.trace.n_dumps, f.r.totals.n_dumps);
	cr_assert_eq(e.trace.dump_bytes, f.r.totals.dump_bytes);
	record_estimate_release(&e);
	close_fixture(&f);
}

Test(record, the_answer_settles_at_the_layer_from_which_on_it_leads)
{
	const struct record_prompt p = some_ids();
	struct settling s;
	struct fixture f;

	open_fixture(&f);
	record_all(&f, &p);
	settling_find(&s, &f.r, false);
	cr_assert(s.leads != NULL);
	cr_assert_eq(s.leads[1], f.r.scores.next[0].id);
	cr_assert_eq(s.layer, s.leads[0] == s.leads[1] ? 0 : 1);
	cr_assert(f.r.profile.residual[0] > 0 && f.r.profile.residual[1] > 0);
	for (int i = 0; i < PART_COUNT; i++)
		cr_assert_gt(f.r.profile.ns[i], 0, "%s", model_parts[i].name);
	settling_release(&s);
	close_fixture(&f);
}

/* ---- many prompts --------------------------------------------------------------------------- */

static const char prompts[] = "{\"prompt\": \"ab ab\", \"id\": \"x\"}\n\n"
			      "{\"ids\": [1, 17, 42], \"n\": 1, \"id\": 4}\n"
			      "{\"prompt\": \"a\"}\n";

static void parse(struct prompt_list *list, const char *json)
{
	struct err err = { 0 };

	cr_assert_eq(prompts_parse(list, "three", (struct bytes){ json, strlen(json) }, NULL, &err),
		     0, "%s", err.message);
}

static int run_all(struct fixture *f, struct record_runs *runs, const struct prompt_list *list,
		   bool resume)
{
	int r;

	open_recorder(f);
	if (record_runs_check(runs, &f->r, list, &f->err) ||
	    record_runs_open(runs, resume, &f->err))
		return f->err.code;
	r = record_runs_run(runs, &f->err);
	return record_runs_close(runs, r, &f->err);
}

static void hear_runs(void *ctx, const struct record_progress *p)
{
	struct heard *heard = ctx;

	cr_assert(p->work_done <= p->work && p->n_runs_done <= p->n_runs);
	heard->n_told++;
	heard->last = *p;
}

Test(record, prompts_of_a_list_are_runs_of_one_recording)
{
	struct heard heard = { 0 };
	struct record_runs runs;
	struct prompt_list list;
	struct fixture f;

	open_fixture(&f);
	f.opt.progress = hear_runs;
	f.opt.progress_ctx = &heard;
	parse(&list, prompts);
	cr_assert_eq(list.n, 3);
	cr_assert_eq(run_all(&f, &runs, &list, false), 0, "%s", f.err.message);
	cr_assert_eq(runs.n_recorded, 3);
	cr_assert_eq(runs.n_generated, 3 + 1 + 3);
	cr_assert_eq(heard.last.n_runs_done, 3);
	cr_assert_eq(heard.last.work_done, heard.last.work);
	cr_assert_eq(heard.last.work, runs.n_prompt + 2 + 0 + 2);
	ANSWERS(&f.at, "SELECT id, line, line_id, status, prompt FROM run",
		"1|1|x|ok|ab ab;2|3|4|ok|;3|4||ok|a;");
	record_runs_release(&runs);
	recorder_release(&f.r);
	cr_assert_eq(run_all(&f, &runs, &list, true), 0, "%s", f.err.message);
	cr_assert_eq(runs.n_found, 3);
	cr_assert_eq(runs.n_recorded, 0);
	record_runs_release(&runs);
	recorder_release(&f.r);
	f.opt.generation.session.sampler.temp = .5;
	cr_assert_eq(run_all(&f, &runs, &list, true), ERR_USAGE);
	cr_assert(strstr(f.err.message, "--temp") != NULL, "%s", f.err.message);
	record_runs_release(&runs);
	prompts_release(&list);
	close_fixture(&f);
}

Test(record, a_prompt_that_cannot_be_run_is_named_before_the_first_is)
{
	struct record_runs runs;
	struct prompt_list list;
	struct fixture f;
	struct err err = { 0 };
	const char bad[] = "{\"prompt\": \"a\"}\n{\"ids\": 4}\n";
	const volatile sig_atomic_t stop = 1;

	open_fixture(&f);
	cr_assert_eq(prompts_parse(&list, "two", (struct bytes){ bad, strlen(bad) }, NULL, &err),
		     ERR_FORMAT);
	cr_assert(strstr(err.message, "two:2: a list of token ids") != NULL, "%s", err.message);
	prompts_release(&list);
	cr_assert_eq(prompts_parse(&list, "two", (struct bytes){ bad, strlen(bad) }, &stop, &err),
		     ERR_INTERRUPTED, "reading many of them is deaf: %s", err.message);
	cr_assert_eq(list.n, 1);
	prompts_release(&list);
	parse(&list, "{\"prompt\": \"a\"}\n{\"ids\": [4, 101]}\n");
	cr_assert_eq(run_all(&f, &runs, &list, false), ERR_USAGE);
	cr_assert(strstr(f.err.message, "three:2: token 1 of the prompt has id 101") != NULL, "%s",
		  f.err.message);
	cr_assert_eq(access(f.at.path, F_OK), -1);
	record_runs_release(&runs);
	recorder_release(&f.r);
	f.opt.generation.chat = true;
	prompts_release(&list);
	parse(&list, "{\"ids\": [4]}\n");
	cr_assert_eq(run_all(&f, &runs, &list, false), ERR_USAGE);
	cr_assert(strstr(f.err.message, "--chat wraps text") != NULL, "%s", f.err.message);
	record_runs_release(&runs);
	prompts_release(&list);
	close_fixture(&f);
}
