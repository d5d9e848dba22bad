/* Many runs in one recording: resumed where it was cut off, and fast to ask about one of them. */
#include "../support/toy.h"
#include "torchless/trace.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_RUNS 40

static char dir[64], path[128];
static struct toy toy;

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/torchless-runs-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/t.db", dir);
	toy_build(&toy);
	cr_assert(toy.p.logits >= 0, "%s", toy.err.message);
}

static void teardown(void)
{
	char command[128];

	toy_release(&toy);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert(system(command) == 0);
}

TestSuite(runs, .init = setup, .fini = teardown);

static const struct trace_model model = {
	.name = "toy",
	.arch = "MistralForCausalLM",
	.file = "toy",
	.weights_hash = (const uint8_t *)"0123456789abcdef",
	.n_vocab = TOY_V,
	.config_json = "{}",
};

static const struct trace_setting settings[] = { { "--temp", "0" }, { "--seed", "5" } };

struct recorder {
	struct capture_policy policy;
	struct trace_options opt;
	struct trace_writer *w;
	struct executor ex;
	struct err err;
};

static void prepare(struct recorder *r)
{
	*r = (struct recorder){
		.opt = { .pattern_keys = 1024, .settings = settings, .n_settings = 2 }
	};
	cr_assert_eq(capture_policy_add(&r->policy, "*.mlp.gate_proj:out", &r->err), 0);
	r->opt.capture = &r->policy;
	cr_assert_eq(
		executor_init(&r->ex, &toy.p,
			      &(struct executor_options){ .kernels = &kernels_ref, .chunk = 16 },
			      &r->err),
		0);
}

static void begin(struct recorder *r)
{
	prepare(r);
	r->w = trace_writer_new(path, &toy.p, &model, &r->opt, &r->err);
	cr_assert(r->w, "%s", r->err.message);
	hook_add(&r->ex.hooks, trace_writer_hook(r->w));
}

/* Go on with what there is; how many runs were done. */
static int64_t resume(struct recorder *r)
{
	int64_t n_done = -1;

	prepare(r);
	cr_assert_eq(
		trace_writer_resume(path, &toy.p, &model, &r->opt, N_RUNS, &n_done, &r->w, &r->err),
		0, "%s", r->err.message);
	if (r->w)
		hook_add(&r->ex.hooks, trace_writer_hook(r->w));
	return n_done;
}

/* Every third prompt is the same, so that dumps are shared between runs. */
static void begin_run(struct recorder *r, int i)
{
	const struct trace_run run = { .engine = "torchless test",
				       .line = i + 1,
				       .line_id = "\"x\"" };
	int32_t ids[4] = { 3, (i % 3) * 5, 9, (i % 3) + 1 };

	executor_restart(&r->ex);
	cr_assert_eq(trace_writer_begin_run(r->w, &run, &r->err), 0, "%s", r->err.message);
	for (int k = 0; k < 4; k++)
		cr_assert_eq(trace_writer_token(r->w, k, ids[k], -1, -1, TOKEN_PROMPT, &r->err), 0);
	cr_assert_eq(trace_writer_candidates(
			     r->w, 3, (struct trace_candidate[]){ { 1, 2, -1, NULL } }, 1, &r->err),
		     0);
	cr_assert_eq(executor_begin(&r->ex, ids, 4, true, &r->err), 0, "%s", r->err.message);
	cr_assert_eq(executor_run(&r->ex, &r->err), EXECUTOR_DONE, "%s", r->err.message);
}

static void record_runs(struct recorder *r, int from, int to)
{
	for (int i = from; i < to; i++) {
		begin_run(r, i);
		cr_assert_eq(trace_writer_end_run(r->w, "ok", &r->err), 0, "%s", r->err.message);
	}
}

static void close_all(struct recorder *r)
{
	cr_assert_eq(trace_writer_close(r->w, &r->err), 0, "%s", r->err.message);
	executor_release(&r->ex);
	capture_policy_release(&r->policy);
}

static void record_whole(void)
{
	struct recorder r;

	begin(&r);
	record_runs(&r, 0, N_RUNS);
	close_all(&r);
}

/* What is left when the program dies in run n, after its passes and before its end. */
static void record_and_die(int n)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct recorder r;

		begin(&r);
		record_runs(&r, 0, n);
		begin_run(&r, n);
		kill(getpid(), SIGKILL);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFSIGNALED(status));
}

static sqlite3 *open_db(void)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void change(const char *sql)
{
	sqlite3 *db = open_db();

	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql,
		     sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* Every cell of a result, or the last column (of EXPLAIN QUERY PLAN), in lines. */
static void ask(const char *sql, bool plan, struct text *out)
{
	sqlite3 *db = open_db();
	sqlite3_stmt *s;

	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK, "%s: %s", sql,
		     sqlite3_errmsg(db));
	text_clear(out);
	text_add(out, "", 0);
	while (sqlite3_step(s) == SQLITE_ROW) {
		for (int i = plan ? 3 : 0; i < sqlite3_column_count(s); i++) {
			const char *cell = (const char *)sqlite3_column_text(s, i);

			text_addf(out, "%s|", cell ? cell : "");
		}
		text_addc(out, '\n');
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
}

static int64_t number(const char *sql)
{
	struct text t = { 0 };
	int64_t n;

	ask(sql, false, &t);
	n = strtoll(t.data, NULL, 10);
	text_release(&t);
	return n;
}

/* ---- fast ----------------------------------------------------------------------------------- */

/* None of the tables that grow with the runs is read from end to end. */
static void expect_no_scan(const char *sql)
{
	static const char *const scans[] = { "SCAN v",     "SCAN value", "SCAN s",
					     "SCAN span",  "SCAN p",     "SCAN pass",
					     "SCAN token", "SCAN t",     "SCAN cand",
					     "SCAN event", "SCAN c",     "SCAN tok_step",
					     "SCAN edit" };
	struct text explain = { 0 }, plan = { 0 };

	text_addf(&explain, "EXPLAIN QUERY PLAN %s", sql);
	ask(explain.data, true, &plan);
	for (size_t i = 0; i < sizeof(scans) / sizeof(scans[0]); i++) {
		size_t n = strlen(scans[i]);

		for (const char *at = plan.data; (at = strstr(at, scans[i])); at += n)
			cr_assert(strchr(" |", at[n]) == NULL ||
					  !strncmp(at + n, " USING INDEX value_bad", 22),
				  "%s:\n%s", sql, plan.data);
	}
	text_release(&explain);
	text_release(&plan);
}

Test(runs, a_query_for_one_run_reads_only_that_run)
{
	static const char *const queries[] = {
		"SELECT count(*), sum(l2) FROM v_value WHERE run_id = 7",
		"SELECT layer, l2 FROM v_value WHERE run_id = 7 AND role = 'resid_post' AND pass = 0",
		"SELECT l2 FROM v_value WHERE run_id = 7 AND fqn = 'model.layers.1:out'",
		("SELECT v.layer, p.l2 FROM v_value v JOIN v_position p ON p.value_id = v.id "
		 "WHERE v.run_id = 7 AND v.role = 'resid_post'"),
		"SELECT * FROM v_span WHERE run_id = 7",
		"SELECT * FROM v_token WHERE run_id = 7",
		"SELECT * FROM v_cand WHERE run_id = 7 AND pos = 3",
		"SELECT * FROM v_tok_step WHERE run_id = 7",
		"SELECT sum(length(data)) FROM v_payload WHERE run_id = 7",
		"SELECT * FROM v_bad WHERE run_id = 7",
		"SELECT * FROM v_first_bad WHERE run_id = 7",
		"SELECT * FROM v_first_bad",
		"SELECT * FROM v_run WHERE run_id = 7",
		"SELECT * FROM event WHERE run_id = 7 ORDER BY ts",
		"SELECT * FROM edit WHERE run_id = 7",
		"SELECT * FROM counter WHERE run_id = 7",
	};
	struct text plan = { 0 };

	record_whole();
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		expect_no_scan(queries[i]);
	/* Of one role in one run not even the same role of other runs. */
	ask("EXPLAIN QUERY PLAN SELECT l2 FROM v_value WHERE run_id = 7 AND role = 'resid_post'",
	    true, &plan);
	cr_assert(strstr(plan.data, "value_point (point_id=? AND pass_id=?)"), "%s", plan.data);
	text_release(&plan);
}

Test(runs, v_run_has_a_row_a_run)
{
	record_whole();
	cr_assert_eq(number("SELECT count(*) FROM v_run"), N_RUNS);
	cr_assert_eq(number("SELECT count(*) FROM v_run WHERE line = run_id AND id = 'x' AND "
			    "status = 'ok' AND n_prompt = 4 AND n_generated = 0 AND "
			    "completion IS NULL AND dur > 0"),
		     N_RUNS);
}

/* ---- resumed -------------------------------------------------------------------------------- */

/* Every row that does not hold a time. */
static void everything(struct text *all)
{
	static const char *const queries[] = {
		"SELECT id, run_id, idx, phase, pos0, n_tok, kv_len FROM pass ORDER BY id",
		"SELECT id, last_id, pass_id, parent_id, module_id, depth, flops FROM span ORDER BY id",
		"SELECT id, pass_id, span_id, point_id, hash, tensor_id, l2 FROM value ORDER BY id",
		"SELECT id, hash, shape, raw_bytes FROM tensor ORDER BY id",
		"SELECT tensor_id, chunk, hex(data) FROM tensor_chunk ORDER BY 1, 2",
		"SELECT * FROM token",
		"SELECT * FROM cand",
		"SELECT run_id, name FROM counter",
		"SELECT id, status, line, line_id FROM run",
		"SELECT name FROM sqlite_schema ORDER BY name",
		"PRAGMA integrity_check",
	};
	struct text part = { 0 };

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		ask(queries[i], false, &part);
		text_add(all, part.data, part.len);
	}
	text_release(&part);
}

Test(runs, a_killed_recording_that_goes_on_is_the_one_that_was_not_killed)
{
	struct text whole = { 0 }, again = { 0 };
	struct recorder r;

	record_whole();
	everything(&whole);
	record_and_die(17);
	cr_assert_eq(number("SELECT count(*) FROM run"), 18);
	cr_assert_eq(resume(&r), 17);
	cr_assert_eq(number("SELECT count(*) FROM run"), 17);
	record_runs(&r, 17, N_RUNS);
	close_all(&r);
	everything(&again);
	cr_assert_gt(whole.len, 10000);
	cr_assert_str_eq(whole.data, again.data);
	text_release(&whole);
	text_release(&again);
}

Test(runs, a_complete_recording_is_left_alone)
{
	struct recorder r;
	struct stat before, after;

	record_whole();
	cr_assert_eq(stat(path, &before), 0);
	cr_assert_eq(resume(&r), N_RUNS);
	cr_assert_null(r.w);
	cr_assert_eq(stat(path, &after), 0);
	cr_assert_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	executor_release(&r.ex);
	capture_policy_release(&r.policy);
}

/* Killed between the last index and the end of the log. */
Test(runs, a_complete_recording_with_a_log_is_closed)
{
	struct recorder r;
	struct text log = { 0 };

	record_whole();
	change("PRAGMA journal_mode = WAL");
	cr_assert_eq(resume(&r), N_RUNS);
	cr_assert_not_null(r.w);
	close_all(&r);
	ask("PRAGMA journal_mode", false, &log);
	cr_assert_str_eq(log.data, "delete|\n");
	text_clear(&log);
	text_addf(&log, "%s-wal", path);
	cr_assert_neq(access(log.data, F_OK), 0);
	text_release(&log);
}

static void expect_refusal(const char *sentence)
{
	struct text before = { 0 }, after = { 0 };
	struct recorder r;
	int64_t n_done;

	prepare(&r);
	everything(&before);
	cr_assert_lt(
		trace_writer_resume(path, &toy.p, &model, &r.opt, N_RUNS, &n_done, &r.w, &r.err),
		0);
	cr_assert_null(r.w);
	cr_assert(strstr(r.err.message, sentence), "%s", r.err.message);
	cr_assert(strstr(r.err.message, path), "%s", r.err.message);
	everything(&after);
	cr_assert_str_eq(before.data, after.data);
	executor_release(&r.ex);
	capture_policy_release(&r.policy);
	text_release(&before);
	text_release(&after);
}

/* A file may say anything: finished runs are not removed on its word. */
Test(runs, a_file_that_contradicts_itself_is_refused_and_kept)
{
	struct text mode = { 0 };

	record_and_die(9);
	change("PRAGMA journal_mode = DELETE");
	change("UPDATE meta SET value = '[1,1,1,1]' WHERE key = 'last_run_begins'");
	expect_refusal("says of its last run what cannot be");
	change("UPDATE meta SET value = '[999,1,1,1]' WHERE key = 'last_run_begins'");
	expect_refusal("says of its last run what cannot be");
	change("UPDATE meta SET value = '[999,9999,1,1]' WHERE key = 'last_run_begins'");
	expect_refusal("says of its last run what cannot be");
	change("UPDATE meta SET value = '[-4]' WHERE key = 'last_run_begins'");
	expect_refusal("does not say where its last run begins");
	change("UPDATE meta SET value = 'nonsense' WHERE key = 'last_run_begins'");
	expect_refusal("malformed JSON");
	change("DELETE FROM meta WHERE key = 'last_run_begins'");
	expect_refusal("does not say where its last run begins");
	change("UPDATE run SET status = 'error' WHERE id = 3");
	expect_refusal("does not hold the first runs");
	change("DELETE FROM run WHERE id = 3");
	expect_refusal("does not hold the first runs");
	change("UPDATE point SET fqn = 'x' WHERE id = 2");
	expect_refusal("with other points");
	change("UPDATE model SET config = '{\"a\": 1}'");
	expect_refusal("was recorded with the config.json of toy");
	change("DELETE FROM meta WHERE key = 'resume --seed'");
	expect_refusal("nothing to resume");
	/* Not even the mode of its journal, which is in its header. */
	ask("PRAGMA journal_mode", false, &mode);
	cr_assert_str_eq(mode.data, "delete|\n");
	text_release(&mode);
}

Test(runs, a_file_that_says_nothing_yet_is_begun_again)
{
	struct recorder r;

	record_and_die(0);
	change("PRAGMA foreign_keys = OFF; DELETE FROM run; DELETE FROM model; DELETE FROM meta");
	cr_assert_eq(resume(&r), 0);
	record_runs(&r, 0, N_RUNS);
	close_all(&r);
	cr_assert_eq(number("SELECT count(*) FROM v_run WHERE status = 'ok'"), N_RUNS);
}
