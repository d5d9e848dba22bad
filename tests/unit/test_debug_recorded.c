/*
 * A recording that is stepped through stands where the session stood that made it, sees what it
 * saw, and says why not; one that is damaged is a sentence.
 */
#include "support/stopped.h"

#include <sqlite3.h>

struct pair {
	struct stopped live;
	struct stopped rec; /* without a model: its d and what it says */
	char path[300];
};

static struct pair p;

static void open_recording(void)
{
	memset(&p.rec, 0, sizeof(p.rec));
	p.rec.ui = (struct ui){ .out = stdout, .utf8 = true, .width = 80 };
	p.rec.opt = (struct debugger_options){
		.recording = p.path, .ui = &p.rec.ui, .write = stopped_write, .ctx = &p.rec
	};
	p.rec.d = debugger_new(NULL, &p.rec.opt, &p.rec.err);
}

static void close_recording(void)
{
	debugger_free(p.rec.d);
	text_release(&p.rec.said);
	p.rec.d = NULL;
}

/* A session that records all of its way, and is not closed. */
static void setup(void)
{
	struct text line = { 0 };

	stopped_open(&p.live);
	snprintf(p.path, sizeof(p.path), "%s/way.db", p.live.dir);
	text_addf(&line, "record on %s", p.path);
	stopped_do(&p.live, "record *");
	stopped_do(&p.live, line.data);
	stopped_do(&p.live, "run");
	text_release(&line);
}

static void finish_recording(void)
{
	stopped_do(&p.live, "record off");
	open_recording();
	cr_assert(p.rec.d != NULL, "%s", p.rec.err.message);
}

static void teardown(void)
{
	close_recording();
	remove(p.path);
	stopped_close(&p.live);
}

TestSuite(debug_recorded, .init = setup, .fini = teardown);

/* ---- the same places and values ------------------------------------------------------------- */

/* A session says when it runs a pass again, which a recording never does. */
static void same_line(const char *line)
{
	const char *live = stopped_do(&p.live, line);

	if (!strncmp(live, "Running pass", 12))
		live = strchr(live, '\n') + 1;

	cr_assert_str_eq(stopped_do(&p.rec, line), live, "%s: %s%s", line, live, p.rec.said.data);
}

static void same_moments(const char *line)
{
	cr_assert_eq(moment_compare(&p.live.d->target->now, &p.rec.d->target->now), 0, "%s", line);
	cr_assert_eq(p.live.d->target->has_ended, p.rec.d->target->has_ended, "%s", line);
}

static void same_values(void)
{
	const struct program *program = p.live.d->program;
	struct array_source live = p.live.d->target->source, rec = p.rec.d->target->source;

	for (int v = 0; v < program->n_values; v++) {
		struct err a = { 0 }, b = { 0 };
		struct array *x, *y;

		if (program->values[v].storage == STORAGE_WEIGHT ||
		    (!program->values[v].point && program->values[v].storage != STORAGE_INPUT))
			continue;
		x = live.read(live.ctx, program->values[v].name, &a);
		y = rec.read(rec.ctx, program->values[v].name, &b);
		cr_assert_eq(x == NULL, y == NULL, "%s: %s, %s", program->values[v].name, a.message,
			     b.message);
		cr_assert_eq(p.live.d->target->has(p.live.d->target, v),
			     p.rec.d->target->has(p.rec.d->target, v), "%s",
			     program->values[v].name);
		if (x && y) {
			cr_assert_eq(x->numel, y->numel, "%s", program->values[v].name);
			cr_assert_eq(memcmp(x->data, y->data, (size_t)x->numel * sizeof(float)), 0,
				     "%s", program->values[v].name);
			for (int i = 0; i < x->n_dims; i++)
				cr_assert_eq(x->base[i], y->base[i], "%s axis %d",
					     program->values[v].name, i);
		} else {
			cr_assert_str_eq(a.message, b.message);
		}
		array_release(x);
		array_release(y);
	}
}

Test(debug_recorded, every_step_stands_where_the_session_stood)
{
	int n = 0;

	finish_recording();
	stopped_do(&p.live, "start");
	stopped_do(&p.rec, "start");
	while (!p.live.d->target->has_ended) {
		same_line("step");
		same_moments("step");
		if (n++ % 17 == 0)
			same_values();
	}
	same_values();
	while (p.live.d->target->now.pass >= 0 && n-- > 0) {
		same_line("reverse-step");
		same_moments("reverse-step");
	}
}

Test(debug_recorded, commands_say_the_same)
{
	static const char *const lines[] = { "start",
					     "finish",
					     "next",
					     "reverse-next",
					     "rsi",
					     "advance layers.1.self_attn",
					     "up",
					     "finish",
					     "break layers.*.mlp",
					     "continue",
					     "continue 2",
					     "rc",
					     "token 6",
					     "layer 1",
					     "goto 1.3",
					     "info tokens",
					     "delete",
					     "stepi 5",
					     "reverse-finish",
					     "continue",
					     "rs",
					     "rs",
					     "rs",
					     "back",
					     "forward",
					     "run" };

	finish_recording();
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int a, b;

		text_clear(&p.live.said);
		text_clear(&p.rec.said);
		a = debugger_line(p.live.d, lines[i], LINE_SCRIPT, &p.live.err);
		b = debugger_line(p.rec.d, lines[i], LINE_SCRIPT, &p.rec.err);
		cr_assert_eq(a, b, "%s: %s, %s", lines[i], p.live.err.message, p.rec.err.message);
		same_moments(lines[i]);
	}
}

Test(debug_recorded, what_was_not_captured_names_its_capture)
{
	struct text line = { 0 };
	struct stats stats;
	value_id v;

	stopped_do(&p.live, "record off");
	stopped_do(&p.live, "record *=stats");
	text_addf(&line, "record on %s", p.path);
	stopped_do(&p.live, line.data);
	stopped_do(&p.live, "record off");
	text_release(&line);
	open_recording();
	cr_assert(p.rec.d != NULL, "%s", p.rec.err.message);
	stopped_do(&p.rec, "goto 0.20");
	cr_assert(p.rec.d->target->source.read(p.rec.d->target->source.ctx, "L0.attn.pattern",
					       &p.rec.err) == NULL);
	cr_assert(strstr(p.rec.err.message, "--capture 'model.layers.0.self_attn:pattern'"), "%s",
		  p.rec.err.message);
	v = program_find(p.rec.d->program, "model.layers.0.self_attn:pattern");
	cr_assert_not(p.rec.d->target->has(p.rec.d->target, v));
	cr_assert(p.rec.d->target->class->stats(p.rec.d->target, v, &stats));
	cr_assert(stats.absmax > 0 && stats.absmax <= 1);
	v = program_find(p.rec.d->program, "model.layers.1.self_attn:pattern");
	cr_assert_not(p.rec.d->target->class->stats(p.rec.d->target, v, &stats));
}

Test(debug_recorded, a_run_that_goes_on_is_read_as_far_as_it_is)
{
	stopped_do(&p.live, "goto 1.9");
	open_recording();
	cr_assert(p.rec.d != NULL, "%s", p.rec.err.message);
	stopped_do(&p.rec, "run");
	cr_assert(p.rec.d->target->has_ended);
	cr_assert_eq(p.rec.d->target->now.pass, 1);
	cr_assert_eq(p.rec.d->target->now.op, 9);
	cr_assert(strstr(stopped_fail(&p.rec, "goto 1.10"), "ends at 1.9"), "%s",
		  p.rec.err.message);
	cr_assert(strstr(stopped_fail(&p.rec, "goto 7.1"), "ends with pass 1"), "%s",
		  p.rec.err.message);
}

/* ---- branches -------------------------------------------------------------------------------- */

static char *sql_text(const char *sql)
{
	static char answer[256];
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;

	answer[0] = '\0';
	cr_assert_eq(sqlite3_open(p.path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK, "%s",
		     sqlite3_errmsg(db));
	if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_text(s, 0))
		snprintf(answer, sizeof(answer), "%s", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	sqlite3_close(db);
	return answer;
}

Test(debug_recorded, a_branch_is_kept_beside_the_other)
{
	const struct moment at = { 1, 4, 0, 0 };

	cr_assert_eq(live_branch(p.live.d->target, &at, &p.live.err), 0, "%s", p.live.err.message);
	cr_assert_eq(p.live.d->target->now.pass, 1);
	cr_assert_eq(p.live.d->target->now.op, 4);
	stopped_do(&p.live, "continue");
	stopped_do(&p.live, "record off");
	cr_assert_str_eq(sql_text("SELECT group_concat(id || ' ' || status || ' ' || "
				  "coalesce(parent_run_id, '-'), ', ') FROM run"),
			 "1 ok -, 2 ok 1");
	cr_assert_str_eq(sql_text("SELECT json_extract(opts, '$.fork') FROM run WHERE id = 2"),
			 "{\"run\":1,\"pass\":1,\"op\":4}");
	cr_assert_str_eq(sql_text("SELECT v.run_id || ' ' || v.pass FROM v_value v JOIN run r ON "
				  "r.fork_value_id = v.id"),
			 "1 1");
	cr_assert_str_eq(sql_text("SELECT count(*) FROM (SELECT fqn, pass, hash FROM v_value WHERE "
				  "run_id = 1 EXCEPT SELECT fqn, pass, hash FROM v_value WHERE "
				  "run_id = 2)"),
			 "0");
	open_recording();
	stopped_do(&p.rec, "runs 1");
	cr_assert_eq(recorded_run_id(p.rec.d->target), 1);
	cr_assert(strstr(stopped_fail(&p.rec, "runs 3"), "has no run 3"));
	stopped_do(&p.rec, "continue");
}

/* ---- a reference ----------------------------------------------------------------------------- */

Test(debug_recorded, diff_names_the_first_point_that_differs)
{
	struct text line = { 0 };
	const char *said;

	stopped_do(&p.live, "record off");
	text_addf(&line, "diff -t %s", p.path);
	stopped_do(&p.live, "goto 0.30");
	said = stopped_do(&p.live, line.data);
	cr_assert(strstr(said, "agree within nmse 1e-05"), "%s", said);
	{
		struct edit e = { .kind = EDIT_SCALE, .arg = 2, .pass_to = -1 };

		e.value = program_find(p.live.d->program, "model.layers.0.self_attn:q_rot");
		cr_assert_eq(selection_parse(&e.sel, "", "pos,head,d_head", &p.live.err), 0);
		cr_assert(session_add_edit(&live_recorder(p.live.d->target)->generation.session, &e,
					   &p.live.err) > 0);
	}
	stopped_do(&p.live, "goto 0.31");
	said = stopped_do(&p.live, line.data);
	cr_assert(strstr(said, "model.layers.0.self_attn:q_rot is the first that differs"), "%s",
		  said);
	text_release(&line);
}

/* ---- strangers' files ------------------------------------------------------------------------ */

static bool change(const char *sql)
{
	sqlite3 *db = NULL;
	char *why = NULL;
	bool done;

	cr_assert_eq(sqlite3_open(p.path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, (int *)NULL);
	sqlite3_exec(db, "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF", NULL,
		     NULL, NULL);
	done = sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK;
	cr_assert(done, "%s: %s", sql, why);
	sqlite3_free(why);
	sqlite3_close(db);
	return done;
}

/* Everything that looks at it answers or says why not. */
static void play(void)
{
	static const char *const lines[] = { "start",        "step",
					     "finish",       "print L0.attn.pattern",
					     "print logits", "info tokens",
					     "continue",     "rs",
					     "rs",           "goto 1.5",
					     "print L1.mlp", "sql SELECT count(*) FROM v_value",
					     "runs",         "goto tokenizer.0",
					     "stepi",        "run" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (debugger_line(p.rec.d, lines[i], LINE_SCRIPT, &p.rec.err) < 0)
			cr_assert(p.rec.err.message[0] != '\0', "%s fails without a word",
				  lines[i]);
	for (int v = 0; v < p.rec.d->program->n_values && v < 200; v++) {
		struct array *a = p.rec.d->target->source.read(
			p.rec.d->target->source.ctx, p.rec.d->program->values[v].name, &p.rec.err);
		array_release(a);
	}
}

static const char *const changes[] = {
	"UPDATE pass SET n_tok = 1000000000 WHERE idx = 0",
	"UPDATE pass SET n_tok = -1 WHERE idx = 1",
	"UPDATE pass SET pos0 = -5 WHERE idx = 0",
	("UPDATE pass SET idx = idx + 1 WHERE idx IS NOT NULL AND id = (SELECT max(id) FROM pass "
	 "WHERE idx IS NOT NULL)"),
	"DELETE FROM pass",
	"DELETE FROM pass WHERE idx = 1",
	"DELETE FROM token",
	"DELETE FROM token WHERE pos = 1",
	"UPDATE token SET token_id = -1 WHERE pos = 2",
	"UPDATE token SET token_id = 99999999999 WHERE pos = 2",
	"UPDATE token SET source = 'generated'",
	"UPDATE token SET source = 'prompt'",
	"UPDATE model SET config = '{}'",
	"UPDATE model SET config = 'no json'",
	"UPDATE model SET config = json_set(config, '$.num_hidden_layers', 60000)",
	"UPDATE model SET config = json_set(config, '$.num_hidden_layers', 900)",
	"UPDATE model SET config = json_set(config, '$.num_hidden_layers', 1)",
	"UPDATE model SET config = json_set(config, '$.hidden_size', 8)",
	"UPDATE model SET config = json_set(config, '$.vocab_size', 3)",
	"UPDATE model SET config = json_set(config, '$.architectures', json('[\"GPT2LMHeadModel\"]'))",
	"UPDATE run SET model_id = 999",
	"DELETE FROM run",
	"DELETE FROM model",
	"UPDATE module SET parent_id = id",
	"UPDATE module SET path = 'x' || id",
	"UPDATE point SET fqn = 'x' || id",
	"UPDATE point SET fqn = 'lm_head:out'",
	"UPDATE point SET axes = 'pos,pos,pos,pos,pos,pos,pos,pos,pos'",
	"DELETE FROM point",
	"UPDATE value SET point_id = 1000000",
	"UPDATE value SET numel = -1, vmin = NULL, mean = NULL",
	"UPDATE value SET dump_from = 1 << 60",
	"UPDATE value SET pass_id = (SELECT min(id) FROM pass WHERE idx IS NOT NULL)",
	"UPDATE tensor SET shape = '9,9,9,9'",
	"UPDATE tensor SET shape = '9999999999,9999999999'",
	"UPDATE tensor SET shape = 'x', raw_bytes = 1 << 50",
	"UPDATE tensor SET dtype = 77",
	"DELETE FROM tensor_chunk",
	"DELETE FROM tensor",
	"UPDATE tensor_chunk SET data = zeroblob(3)",
	"UPDATE event SET data = '{\"pos\": -1}'",
	"UPDATE event SET data = '{\"pos\": 4, \"token_id\": 1e99, \"rule\": 7}'",
	"UPDATE event SET data = NULL",
	"UPDATE cand SET token_id = -7, piece = NULL",
	"DROP TABLE event",
	"DROP TABLE tok_step",
	"DROP TABLE token",
	"DROP TABLE pass",
	"DROP TABLE value",
	"DROP TABLE model",
	"INSERT INTO tok_step(run_id, seq, rule) VALUES(1, -5, ''), (1, 1 << 60, 'merge')",
};

Test(debug_recorded, a_damaged_recording_is_a_sentence)
{
	struct text whole = { 0 };
	int n_opened = 0, n = (int)(sizeof(changes) / sizeof(changes[0]));

	stopped_do(&p.live, "record off");
	cr_assert_eq(text_read_file(&whole, p.path, 1 << 26, &p.live.err), 0);
	for (int i = 0; i < n; i++) {
		FILE *f = fopen(p.path, "wb");

		cr_assert(f && fwrite(whole.data, 1, whole.len, f) == whole.len);
		fclose(f);
		change(changes[i]);
		open_recording();
		cr_assert(p.rec.d || p.rec.err.message[0], "%s", changes[i]);
		if (p.rec.d)
			play();
		n_opened += p.rec.d != NULL;
		close_recording();
	}
	cr_assert(n_opened > 10 && n_opened < n, "%d of %d opened", n_opened, n);
	text_release(&whole);
}

Test(debug_recorded, what_changes_a_model_wants_one)
{
	static const char *const lines[] = {
		"set L0.attn.z[head=0] = 0",
		"set var L0.attn.z = 0",
		"set model.norm.weight = 1",
		"zero L0.mlp",
		"hook L0.mlp = 0",
		"patch L0.mlp from L1.mlp",
		"run ab",
		"fork other",
		"save edits edits.jsonl",
	};

	finish_recording();
	stopped_do(&p.rec, "goto 0.20");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_expect(strstr(stopped_fail(&p.rec, lines[i]), "recording"), "%s: %s", lines[i],
			  p.rec.err.message);
	stopped_do(&p.rec, "set $x = 2");
	cr_expect(strstr(stopped_do(&p.rec, "print $x"), "= 2"));
}
