/* Reading a recording: what is opened, what is asked, and what is refused. */
#include "torchless/mem.h"
#include "torchless/sql_error.h"
#include "torchless/trace.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const char schema_sql[], schema_doc_sql[], saved_queries_sql[], indexes_sql[];

static char dir[64], path[128];

/* One run, two tokens, a layer. */
static const char rows[] =
	"PRAGMA foreign_keys = OFF;"
	"INSERT INTO model(id, name, arch, n_layers, d_model, n_heads, n_kv_heads, d_head, d_ff,"
	" n_vocab, config) VALUES(1, 'm', 'a', 1, 4, 2, 1, 2, 8, 9, '{}');"
	"INSERT INTO run(id, uuid, model_id, role, engine, started_ns) VALUES(1, zeroblob(16), 1,"
	" 'engine', 'e', 0);INSERT INTO module(id, model_id, path, type, ord) VALUES(1, 1, 'model.layers.0', 'L', 0);"
	"INSERT INTO point(id, module_id, name, fqn, layer, ord, axes, role)"
	" VALUES(1, 1, 'out', 'model.layers.0:out', 0, 0, 'pos,d_model', 'resid_post');"
	"INSERT INTO token(run_id, pos, token_id, piece, source) VALUES(1, 0, 5, x'4869', "
	"'prompt'), (1, 1, 6, x'21', 'generated');"
	"INSERT INTO pass(id, run_id, idx, phase, pos0, n_tok, kv_len, ts)"
	" VALUES(1, 1, 0, 'prefill', 0, 1, 1, 0);"
	"INSERT INTO span(id, pass_id, module_id, depth, ts) VALUES(1, 1, 1, 0, 0);"
	"INSERT INTO value(id, pass_id, span_id, point_id, dtype, d0, d1, numel, l2, absmax)"
	" VALUES(1, 1, 1, 1, 0, 1, 4, 4, 2.5, 1.5);";

static void execute(const char *file, const char *sql)
{
	sqlite3 *db;
	char *message = NULL;

	cr_assert(sqlite3_open(file, &db) == SQLITE_OK);
	/* Nobody here survives a failure of power: that the disk has each statement is not waited
	 * for. */
	cr_assert(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL) == SQLITE_OK);
	cr_assert(sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK, "%s: %s", sql, message);
	sqlite3_close(db);
}

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/torchless-query-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/100%%?#.db", dir);
	execute(path, schema_sql);
	execute(path, schema_doc_sql);
	execute(path, saved_queries_sql);
	execute(path, rows);
	execute(path, indexes_sql);
}

static void teardown(void)
{
	char command[192];

	snprintf(command, sizeof(command), "chmod -R u+w %s; rm -rf %s", dir, dir);
	cr_assert(system(command) == 0);
}

TestSuite(query, .init = setup, .fini = teardown);

/* ---- asking ---------------------------------------------------------------------------------- */

/* Results as text: columns|…;cell|… */
static int add_columns(void *ctx, const struct rows *r)
{
	int i;

	for (i = 0; i < r->n_columns; i++)
		text_addf(ctx, "%s%s", i ? "|" : "", r->columns[i]);
	text_addc(ctx, ':');
	return 0;
}

static int add_row(void *ctx, const struct rows *r, const struct cell *cells)
{
	int i;

	for (i = 0; i < r->n_columns; i++) {
		if (i)
			text_addc(ctx, '|');
		switch (cells[i].type) {
		case CELL_NULL:
			text_adds(ctx, "NULL");
			break;
		case CELL_INT:
			text_addf(ctx, "%lld", (long long)cells[i].i);
			break;
		case CELL_REAL:
			text_addf(ctx, "%g", cells[i].d);
			break;
		case CELL_TEXT:
			text_add(ctx, cells[i].s.data, cells[i].s.len);
			break;
		case CELL_BLOB:
			text_addf(ctx, "blob%zu", cells[i].s.len);
			break;
		}
	}
	text_addc(ctx, ';');
	return 0;
}

static struct err err;

static struct recording *open_or_fail(void)
{
	struct recording *r = recording_open(path, &err);

	cr_assert(r != NULL, "%s", err.message);
	return r;
}

/* The answer, or the error's sentence after "! "; the buffer is reused. */
static char *ask_with(struct recording *r, const char *sql, const char *const *params, int n)
{
	static struct text answer;
	struct query q = { .begin = add_columns,
			   .row = add_row,
			   .ctx = &answer,
			   .params = params,
			   .n_params = n };

	text_clear(&answer);
	text_adds(&answer, "");
	err = (struct err){ 0 };
	if (recording_query(r, sql, &q, &err) < 0) {
		text_clear(&answer);
		text_addf(&answer, "! %s", err.message);
	}
	return answer.data;
}

static char *ask(struct recording *r, const char *sql)
{
	return ask_with(r, sql, NULL, 0);
}

Test(query, rows_come_with_their_types)
{
	struct recording *r = open_or_fail();

	cr_assert(eq(str, ask(r, "SELECT fqn, l2, n_nan, vmin FROM v_value"),
		     "fqn|l2|n_nan|vmin:model.layers.0:out|2.5|0|NULL;"));
	cr_assert(eq(str, ask(r, "SELECT piece, CAST(piece AS TEXT) t FROM v_token LIMIT 1"),
		     "piece|t:blob2|Hi;"));
	cr_assert(eq(str, ask(r, "SELECT 1 a; -- and\n SELECT 2 b WHERE 0;"), "a:1;b:"));
	cr_assert(eq(str, ask(r, "  ;; "), ""));
	cr_assert(eq(str,
		     ask(r, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
			    "LIMIT 3) SELECT sum(i) s FROM n"),
		     "s:6;"));
	recording_close(r);
}

Test(query, parameters_are_bound_by_name_and_typed)
{
	struct recording *r = open_or_fail();
	const char *const given[] = { "pos=1", "x=0.5", "name=007abc" };
	const char *const twice[] = { "pos=1", "pos=0" };

	cr_assert(eq(str,
		     ask_with(r, "SELECT typeof(:pos) a, typeof(:x) b, typeof(:name) c, $pos d",
			      given, 3),
		     "a|b|c|d:integer|real|text|1;"));
	cr_assert(eq(str, ask_with(r, "SELECT token_id t FROM v_token WHERE pos = :pos", twice, 2),
		     "t:5;"));
	cr_assert(eq(
		str, ask(r, "SELECT :pos"),
		"! the parameter :pos is not given: pos=VALUE gives it, in the shell .set pos=VALUE"));
	cr_assert(eq(str, ask_with(r, "SELECT 1", given, 1), "! the query has no parameter :pos"));
	cr_assert(eq(str, ask(r, "SELECT ?"),
		     "! a parameter without a name cannot be given: write :name"));
	recording_close(r);
}

Test(query, whatever_does_more_than_read_is_refused_by_name)
{
	static const struct {
		const char *sql, *what;
	} cases[] = {
		{ "INSERT INTO span(id) VALUES(9)", "INSERT into span" },
		{ "WITH x AS (SELECT 1) INSERT INTO meta SELECT 1, 2 FROM x", "INSERT into meta" },
		{ "UPDATE token SET pos = 1", "UPDATE of token" },
		{ "UPDATE value SET l2 = 0", "UPDATE of value" },
		{ "DELETE FROM token", "DELETE from token" },
		{ "DROP VIEW v_value", "DROP" },
		{ "  create table x(y)", "CREATE" },
		{ "CREATE TEMP TABLE x(y)", "CREATE" },
		{ "CREATE VIRTUAL TABLE x USING fts5(y)", "CREATE" },
		{ "ATTACH '/etc/passwd' AS p", "ATTACH" },
		{ "DETACH main", "DETACH" },
		{ "VACUUM", "VACUUM" },
		{ "VACUUM INTO '/tmp/torchless-stolen.db'", "VACUUM" },
		{ "PRAGMA journal_mode = WAL", "setting PRAGMA journal_mode" },
		{ "PRAGMA user_version = 3", "setting PRAGMA user_version" },
		{ "PRAGMA writable_schema = 1", "setting PRAGMA writable_schema" },
		{ "PRAGMA wal_checkpoint", "PRAGMA wal_checkpoint" },
		{ "SELECT load_extension('x')", "the SQL function load_extension" },
		{ "PRAGMA journal_mode = DELETE", "setting PRAGMA journal_mode" },
		{ "PRAGMA temp_store_directory = '/tmp'", "setting PRAGMA temp_store_directory" },
		{ "PRAGMA incremental_vacuum(1)", "setting PRAGMA incremental_vacuum" },
		{ "PRAGMA optimize", "PRAGMA optimize" },
		{ "PRAGMA cache_size = 1000000000", "setting PRAGMA cache_size" },
		{ "PRAGMA hard_heap_limit = 0", "setting PRAGMA hard_heap_limit" },
		{ "PRAGMA mmap_size = 1", "setting PRAGMA mmap_size" },
		{ "EXPLAIN DELETE FROM run", "DELETE from run" },
		{ "WITH t AS (SELECT 1) INSERT INTO meta SELECT 1, 2 FROM t", "INSERT into meta" },
		{ "REPLACE INTO meta VALUES('a', 'b')", "INSERT into meta" },
		{ "CREATE TEMP TABLE t(x)", "CREATE" },
		{ "CREATE TEMP VIEW t AS SELECT 1", "CREATE" },
		{ "CREATE TRIGGER t AFTER INSERT ON run BEGIN SELECT 1; END", "CREATE" },
		{ "CREATE VIRTUAL TABLE t USING fts5(x)", "CREATE" },
		{ "DETACH main", "DETACH" },
		{ "VACUUM", "VACUUM" },
		{ "SELECT fts3_tokenizer('simple')", "the SQL function fts3_tokenizer" },
		{ "BEGIN", "BEGIN" },
		{ "COMMIT", "COMMIT" },
		{ "ROLLBACK", "ROLLBACK" },
		{ "RELEASE s", "RELEASE" },
		{ "SAVEPOINT s", "SAVEPOINT" },
		{ "ANALYZE", "ANALYZE" },
		{ "REINDEX", "REINDEX" },
		{ "ALTER TABLE span RENAME TO spam", "ALTER" },
		{ "SELECT 1; DELETE FROM token", "DELETE from token" },
	};
	struct recording *r = open_or_fail();
	char wanted[160];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(wanted, sizeof(wanted), "! %s is refused: a recording is only read here",
			 cases[i].what);
		cr_assert(eq(str, ask(r, cases[i].sql), wanted), "%s", cases[i].sql);
		cr_assert(eq(int, err.code, ERR_USAGE));
	}
	cr_assert(ask(r, "UPDATE sqlite_schema SET sql = ''")[0] == '!');
	cr_assert(access("/tmp/torchless-stolen.db", F_OK) != 0);
	cr_assert(eq(str, ask(r, "SELECT count(*) n FROM token"), "n:2;"));
	recording_close(r);
}

Test(query, pragmas_that_only_look_are_allowed)
{
	static const char *const sql[] = { "PRAGMA table_info(v_value)",
					   "PRAGMA table_list",
					   "PRAGMA index_list(value)",
					   "PRAGMA integrity_check",
					   "PRAGMA user_version",
					   "PRAGMA journal_mode",
					   "SELECT * FROM pragma_table_info('span')" };
	struct recording *r = open_or_fail();
	size_t i;

	for (i = 0; i < sizeof(sql) / sizeof(sql[0]); i++)
		cr_assert(ask(r, sql[i])[0] != '!', "%s: %s", sql[i], err.message);
	recording_close(r);
}

Test(query, a_wrong_name_gets_the_nearest)
{
	struct recording *r = open_or_fail();

	cr_assert(eq(str, ask(r, "SELECT * FROM v_valeu"),
		     "! no such table: v_valeu; did you mean \"v_value\"?"));
	cr_assert(eq(str, ask(r, "SELECT absmaxx FROM v_value"),
		     "! no such column: absmaxx; did you mean \"absmax\"?"));
	cr_assert(eq(str, ask(r, "SELECT v.fqm FROM v_value v"),
		     "! no such column: v.fqm; did you mean \"fqn\"?"));
	cr_assert(eq(str, ask(r, "SELECT xyzzy_and_more FROM v_value"),
		     "! no such column: xyzzy_and_more"));
	cr_assert(eq(str, ask(r, "SELECT v.l3 FROM v_value v"),
		     "! no such column: v.l3; did you mean \"l2\"?"));
	cr_assert(eq(str, ask(r, "SELECT logprob FROM v_value"),
		     "! no such column: logprob; it is a column of v_cand, v_token"));
	cr_assert(eq(str, ask(r, "SELECT l2 FROM v_value WHERE role = resid_post"),
		     "! no such column: resid_post; text goes in single quotes"));
	cr_assert(eq(str, ask(r, "SELECT l2 FROM v_value WHERE fqn = L0.attn"),
		     "! no such column: L0.attn; text goes in single quotes"));
	cr_assert(eq(str, ask(r, "SELECT * FROM v_fo"), "! no such table: v_fo"));
	cr_assert(eq(str, ask(r, "SELEC 1"),
		     "! near \"SELEC\": syntax error; did you mean \"SELECT\"?"));
	recording_close(r);
}

/* ---- interruption ---------------------------------------------------------------------------- */

static int raise_flag(void *ctx, const struct rows *r, const struct cell *cells)
{
	(void)r;
	(void)cells;
	*(volatile int *)ctx = 1;
	return 0;
}

Test(query, a_query_without_end_can_be_interrupted)
{
	struct recording *r = open_or_fail();
	volatile int flag = 0;
	struct query q = { .row = raise_flag, .ctx = (void *)&flag, .interrupted = &flag };

	cr_assert(eq(int,
		     recording_query(r,
				     "SELECT 1; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
				     "i + 1 FROM n) SELECT max(i) FROM n",
				     &q, &err),
		     ERR_INTERRUPTED));
	cr_assert(eq(str, ask(r, "SELECT 1 a"), "a:1;"));
	recording_close(r);
}

static int stop_at_once(void *ctx, const struct rows *r, const struct cell *cells)
{
	(void)r;
	(void)cells;
	++*(int *)ctx;
	return 1;
}

Test(query, a_reader_can_stop)
{
	struct recording *r = open_or_fail();
	int n = 0;
	struct query q = { .row = stop_at_once, .ctx = &n };

	cr_assert(eq(int, recording_query(r, "SELECT pos FROM v_token; SELECT 1", &q, &err), 0));
	cr_assert(eq(int, n, 1));
	recording_close(r);
}

/* ---- limits ---------------------------------------------------------------------------------- */

#define ENDLESS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "

Test(query, time_is_limited)
{
	struct recording *r = open_or_fail();
	struct query q = { .max_ns = 100000000 };

	cr_assert(eq(int, recording_query(r, ENDLESS "SELECT max(i) FROM n", &q, &err), ERR_USAGE));
	cr_assert(eq(str, err.message, "stopped after 0.1 s, the time limit"));
	cr_assert(eq(int, recording_query(r, ENDLESS "SELECT i FROM n", &q, &err), ERR_USAGE));
	q = (struct query){ .max_wait_ns = 100000000 };
	cr_assert(eq(int, recording_query(r, "SELECT 1; " ENDLESS "SELECT max(i) FROM n", &q, &err),
		     ERR_USAGE));
	cr_assert(eq(str, err.message, "stopped: it computed for 0.1 s without a row"));
	cr_assert(eq(str, ask(r, "SELECT 1 a"), "a:1;"));
	recording_close(r);
}

/* Each would take all the memory or the disk there is. */
Test(query, memory_is_limited)
{
	static const struct {
		const char *sql, *sentence;
	} cases[] = {
		{ ENDLESS
		  "SELECT group_concat(hex(zeroblob(10000000))) FROM (SELECT i FROM n LIMIT 40)",
		  "a text or blob of the query is larger than the 512 MB that one may have" },
		{ "SELECT zeroblob(1000000000)",
		  "a text or blob of the query is larger than the 512 MB that one may have" },
		{ ENDLESS "SELECT i, hex(zeroblob(10000000)) h FROM n ORDER BY h",
		  "the query needs more than the 1024 MB of memory that one may have" },
	};
	struct recording *r = open_or_fail();
	struct query q = { 0 };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert(recording_query(r, cases[i].sql, &q, &err) < 0, "%s", cases[i].sql);
		cr_assert(strstr(err.message, cases[i].sentence) != NULL, "%s: %s", cases[i].sql,
			  err.message);
		cr_assert(eq(str, ask(r, "SELECT 1 a"), "a:1;"));
	}
	recording_close(r);
}

/* ---- functions that are replaced --------------------------------------------------------------
 */

/* Each answers as SQLite's own does. */
Test(query, replaced_functions_answer_as_sqlite_does)
{
	static const char *const in[] = {
		"NULL",
		"''",
		"'a'",
		"'abcabc'",
		"'aaab'",
		"'\u00e4bc\u00e4'",
		"X'616263'",
		"X'C3A4C3A4'",
		"X'80'",
		"X'8061'",
		"12321",
		"1.5",
		"X''",
		"'  x  '",
		"'\u65e5\u672c'",
		"CAST(X'61C3' AS TEXT)",
		"CAST(X'A4' AS TEXT)",
		"X'C3A4A4C3C3A4'",
		"X'C3A4C3'",
		"X'C3C3A4'",
		"CAST(X'00616200' AS TEXT)",
		"CAST(X'610062' AS TEXT)",
	};
	static const char *const calls[] = {
		"instr(%s, %s)",  "replace(%s, %s, 'xy')",  "replace('aXb', %s, %s)",
		"trim(%s, %s)",   "ltrim(%s, %s)",          "rtrim(%s, %s)",
		"trim(%s) || %s", "ltrim(%s) || rtrim(%s)",
	};
	struct recording *r = open_or_fail();
	sqlite3 *plain = NULL;
	size_t n = sizeof(in) / sizeof(in[0]), i;

	cr_assert(eq(int, sqlite3_open(":memory:", &plain), SQLITE_OK));
	for (i = 0; i < n * n * sizeof(calls) / sizeof(calls[0]); i++) {
		struct text sql = { 0 }, call = { 0 }, expected = { 0 };
		sqlite3_stmt *s;

		text_addf(&call, calls[i / (n * n)], in[i / n % n], in[i % n]);
		text_addf(&sql, "SELECT typeof(%s) || quote(%s) a", call.data, call.data);
		cr_assert(sqlite3_prepare_v2(plain, sql.data, -1, &s, NULL) == SQLITE_OK &&
			  sqlite3_step(s) == SQLITE_ROW);
		text_addf(&expected, "a:%s;", (const char *)sqlite3_column_text(s, 0));
		cr_assert(eq(str, ask(r, sql.data), expected.data), "%s", sql.data);
		sqlite3_finalize(s);
		text_release(&sql);
		text_release(&call);
		text_release(&expected);
	}
	sqlite3_close(plain);
	cr_assert(
		eq(str,
		   ask(r, "SELECT json_patch('{\"a\":1,\"b\":2}', '{\"a\":null,\"c\":3}') a, "
			  "json_array(json_patch('{}', '{\"c\":3}')) b, json_patch(NULL, '{}') c, "
			  "json_array(json_patch(NULL, '{}')) d"),
		   "a|b|c|d:{\"b\":2,\"c\":3}|[{\"c\":3}]|NULL|[null];"));
	cr_assert(strstr(ask(r, "SELECT json_patch('{', '{}')"), "! malformed JSON") != NULL);
	recording_close(r);
}

/* A product of lengths would take hours: at once, or a sentence. */
Test(query, no_function_takes_the_product_of_two_lengths)
{
	struct recording *r = open_or_fail();

	cr_assert(eq(str,
		     ask(r, "SELECT instr(hex(zeroblob(10000000)), hex(zeroblob(5000000)) || 1) a"),
		     "a:0;"));
	cr_assert(eq(str, ask(r, "SELECT length(replace(hex(zeroblob(1000000)), '0', '12')) a"),
		     "a:4000000;"));
	cr_assert(eq(str,
		     ask(r, "SELECT trim(hex(zeroblob(100000)), replace(hex(zeroblob(100000)), "
			    "'00', '\u00e4'))"),
		     "! trim of 200000 by 100000 bytes takes too long"));
	recording_close(r);
}

/* ---- limits from the first statement on -------------------------------------------------------
 */

static int count_rows(void *ctx, const struct rows *r, const struct cell *cells)
{
	(void)r;
	(void)cells;
	++*(int64_t *)ctx;
	return 0;
}

Test(query, one_limit_holds_for_all_that_is_asked)
{
	volatile int interrupted = 0;
	const struct recording_limits limits = { .max_ns = 60000000000,
						 .interrupted = &interrupted };
	struct recording *r = recording_open_within(path, &limits, &err);
	struct text sql = { 0 }, params = { 0 };
	struct query q = { 0 };

	cr_assert(r != NULL, "%s", err.message);
	recording_allow(r, 300000000); /* opening may take longer than that on a busy machine */
	cr_assert(eq(int, recording_query(r, ENDLESS "SELECT max(i) FROM n", &q, &err), ERR_USAGE));
	cr_assert(eq(str, err.message, "stopped after 0.3 s, the time limit"));
	cr_assert(eq(int, recording_saved_query(r, "residual", &sql, &params, &err), ERR_USAGE));
	cr_assert(eq(str, err.message, "stopped after 0.3 s, the time limit"));
	recording_allow(r, 0);
	cr_assert(eq(int, recording_saved_query(r, "residual", &sql, &params, &err), 0));
	interrupted = 1;
	cr_assert(eq(int, recording_ask(r, ENDLESS "SELECT max(i) FROM n", &q, &err),
		     ERR_INTERRUPTED));
	cr_assert(
		eq(int, recording_saved_query(r, "nothing", &sql, &params, &err), ERR_INTERRUPTED));
	cr_assert(recording_open_within(path, &limits, &err) == NULL);
	cr_assert(eq(int, err.code, ERR_INTERRUPTED));
	text_release(&sql);
	text_release(&params);
	recording_close(r);
}

Test(query, the_programs_own_questions_have_limits)
{
	struct recording *r = open_or_fail();
	int64_t n = 0;
	struct query q = { .row = count_rows, .ctx = &n };

	cr_assert(eq(int, recording_ask(r, ENDLESS "SELECT i FROM n", &q, &err), ERR_FORMAT));
	cr_assert(strstr(err.message, "its own tables answer with more than the 64 MB") != NULL,
		  "%s", err.message);
	cr_assert(n > 1000);
	cr_assert(eq(int, recording_ask(r, "SELECT hex(zeroblob(3000000))", &q, &err), ERR_USAGE));
	cr_assert(strstr(err.message, "larger than the 4 MB") != NULL, "%s", err.message);
	q.max_ns = 100000000;
	cr_assert(eq(int, recording_ask(r, ENDLESS "SELECT max(i) FROM n", &q, &err), ERR_FORMAT));
	cr_assert(eq(str, err.message, "the recording's own tables do not answer within 0.1 s"));
	cr_assert(eq(str, ask(r, "SELECT length(hex(zeroblob(3000000))) a"), "a:6000000;"));
	recording_close(r);
}

/* A text is as long as the time allows. */
Test(query, less_time_is_less_length)
{
	struct recording *r = open_or_fail();
	struct query q = { .max_ns = 1000000000 };

	cr_assert(eq(int, recording_query(r, "SELECT zeroblob(60000000)", &q, &err), 0));
	cr_assert(eq(int, recording_query(r, "SELECT zeroblob(70000000)", &q, &err), ERR_USAGE));
	cr_assert(strstr(err.message, "larger than the 64 MB") != NULL, "%s", err.message);
	q.max_ns = 0;
	cr_assert(eq(int, recording_query(r, "SELECT zeroblob(70000000)", &q, &err), 0));
	recording_close(r);
}

static int keep_found(void *ctx, const struct rows_found *found)
{
	*(struct rows_found *)ctx = *found;
	return 0;
}

Test(query, rows_behind_the_limit_are_counted)
{
	struct recording *r = open_or_fail();
	struct rows_found found;
	struct query q = { .ctx = &found, .end = keep_found, .max_rows = 1 };

	cr_assert(eq(int, recording_query(r, "SELECT pos FROM v_token", &q, &err), 0));
	cr_assert(found.found == 2 && found.more && found.complete && found.ns > 0);
	cr_assert(eq(int, recording_query(r, "SELECT 1", &q, &err), 0));
	cr_assert(found.found == 1 && !found.more && found.complete);
	cr_assert(eq(int, recording_query(r, ENDLESS "SELECT i FROM n", &q, &err), 0));
	cr_assert(found.found > 1 && found.more && !found.complete);
	cr_assert(eq(int,
		     recording_query(r, "SELECT 1 UNION ALL SELECT abs(-9223372036854775807 - 1)",
				     &q, &err),
		     ERR_USAGE));
	q.max_rows = 0;
	cr_assert(eq(int, recording_query(r, "SELECT pos FROM v_token WHERE 0", &q, &err), 0));
	cr_assert(found.found == 0 && !found.more && found.complete);
	recording_close(r);
}

static void fail_as(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	(void)n;
	sqlite3_result_error(ctx, "what went wrong", -1);
	sqlite3_result_error_code(ctx, sql_error_of(sqlite3_value_int(args[0])));
}

/* The exit status follows the code: a machine that is short of something is no wrong question. */
Test(query, the_code_of_an_error_leaves_its_function)
{
	static const struct {
		int from, to;
	} codes[] = {
		{ ERR_USAGE, ERR_USAGE },   { ERR_FORMAT, ERR_USAGE }, { ERR_SHAPE, ERR_USAGE },
		{ ERR_MEMORY, ERR_MEMORY }, { ERR_IO, ERR_IO },        { ERR_TOOL, ERR_TOOL },
	};
	struct recording *r = recording_open(path, &err);
	struct query q = { 0 };
	char sql[64];

	cr_assert(r != NULL);
	cr_assert(sqlite3_create_function(recording_handle(r), "fail_as", 1,
					  SQLITE_UTF8 | SQLITE_INNOCUOUS, NULL, fail_as, NULL,
					  NULL) == SQLITE_OK);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		snprintf(sql, sizeof(sql), "SELECT fail_as(%d)", codes[i].from);
		cr_assert(eq(int, recording_query(r, sql, &q, &err), codes[i].to), "%s", sql);
		cr_assert(eq(str, err.message, "what went wrong"));
	}
	cr_assert(eq(int, recording_query(r, "SELECT fail_as(-8)", &q, &err), ERR_INTERRUPTED));
	cr_assert(eq(int, sql_error_carried(SQLITE_ERROR), 0));
	cr_assert(eq(int, sql_error_carried(SQLITE_ERROR_SNAPSHOT), 0));
	cr_assert(eq(int, sql_error_carried(SQLITE_IOERR_READ), 0));
	recording_close(r);
}

Test(query, whole_statements_are_told_apart)
{
	cr_assert(sql_is_complete("SELECT 1;"));
	cr_assert(sql_is_complete("SELECT ';' -- ;\n;  "));
	cr_assert(eq(int, sql_is_complete("SELECT 1"), 0));
	cr_assert(eq(int, sql_is_complete("SELECT ';"), 0));
	cr_assert(eq(int, sql_is_complete("SELECT 1 /* ; "), 0));
}

/* ---- files that are no recording ------------------------------------------------------------- */

static void expect_failure(const char *file, int code, const char *sentence)
{
	err = (struct err){ 0 };
	cr_assert(recording_open(file, &err) == NULL);
	cr_assert(eq(int, err.code, code), "%s", err.message);
	cr_assert(strstr(err.message, sentence) != NULL, "%s", err.message);
	cr_assert(strstr(err.message, file) != NULL, "%s", err.message);
}

static char *other(const char *name, const char *contents, size_t n)
{
	static char file[160];
	FILE *f;

	snprintf(file, sizeof(file), "%s/%s", dir, name);
	f = fopen(file, "wb");
	cr_assert(f != NULL);
	cr_assert(fwrite(contents, 1, n, f) == n);
	fclose(f);
	return file;
}

Test(query, what_is_no_recording_is_told_apart)
{
	char file[160];

	expect_failure(dir, ERR_IO, "is a directory");
	expect_failure("/nowhere/t.db", ERR_IO, "No such file");
	expect_failure(other("empty", "", 0), ERR_FORMAT, "is empty");
	expect_failure(other("poem", "Shall I compare thee", 20), ERR_FORMAT,
		       "is not an SQLite database");
	snprintf(file, sizeof(file), "%s/other.db", dir);
	execute(file, "CREATE TABLE t(x)");
	expect_failure(file, ERR_FORMAT, "not a recording of torchless");
	snprintf(file, sizeof(file), "%s/wide.db", dir);
	execute(file, "PRAGMA encoding = 'UTF-16'; PRAGMA application_id = 0x544c5452; "
		      "PRAGMA user_version = 10000; CREATE TABLE token(piece)");
	expect_failure(file, ERR_FORMAT, "copied into UTF-16");
	execute(path, "PRAGMA user_version = 20000");
	expect_failure(path, ERR_FORMAT, "schema version 2.0; this torchless reads 1.x");
}

Test(query, a_damaged_file_is_one_sentence_and_no_crash)
{
	static char bytes[1 << 20];
	FILE *f = fopen(path, "rb");
	size_t n = fread(bytes, 1, sizeof(bytes), f), cut;
	struct recording *r;
	char *file;

	fclose(f);
	cr_assert(n > 40000);
	for (cut = 16; cut < n; cut += 4099) {
		file = other("cut.db", bytes, cut);
		r = recording_open(file, &err);
		if (r)
			cr_assert(ask(r, "SELECT * FROM v_value, v_token")[0] != '\0');
		recording_close(r);
	}
	for (cut = 100; cut < n; cut += 97)
		bytes[cut] ^= 0x5a;
	file = other("noise.db", bytes, n);
	r = recording_open(file, &err);
	if (r)
		cr_assert(ask(r, "SELECT * FROM v_value, v_token")[0] == '!');
	recording_close(r);
}

Test(query, a_folder_that_cannot_be_written_is_fine)
{
	struct recording *r;

	execute(path, "PRAGMA journal_mode = WAL");
	cr_assert(chmod(dir, 0500) == 0);
	r = open_or_fail();
	cr_assert(eq(str, ask(r, "SELECT count(*) n FROM token"), "n:2;"));
	recording_close(r);
}

/* A file made to surprise: its saved queries are blobs, its view calls what it should not. */
Test(query, a_hostile_recording_is_refused_where_it_acts)
{
	struct recording *r;
	struct text sql = { 0 }, params = { 0 };

	execute(path, "CREATE VIEW v_trap AS SELECT load_extension('x');"
		      "DROP TABLE saved_query; CREATE TABLE saved_query(name, sql, doc, params);"
		      "INSERT INTO saved_query VALUES('next', NULL, NULL, x'00ff')");
	r = open_or_fail();
	cr_assert(ask(r, "SELECT * FROM v_trap")[0] == '!');
	cr_assert(eq(int, recording_saved_query(r, "next", &sql, &params, &err), 0));
	text_release(&sql);
	text_release(&params);
	recording_close(r);
}

/* ---- what comes with a recording ------------------------------------------------------------- */

Test(query, every_view_and_column_is_described)
{
	struct recording *r = open_or_fail();

	cr_assert(
		eq(str,
		   ask(r, "SELECT s.name, p.name FROM sqlite_schema s, pragma_table_info(s.name) p "
			  "WHERE s.type IN ('view', 'table') AND s.name NOT LIKE 'sqlite%' AND "
			  "NOT EXISTS(SELECT 1 FROM schema_doc d "
			  "WHERE d.obj = s.name AND d.col = p.name AND length(d.doc) > 3)"),
		   "name|name:"));
	cr_assert(eq(
		str,
		ask(r,
		    "SELECT name FROM sqlite_schema s WHERE type IN ('view', 'table') AND "
		    "NOT EXISTS(SELECT 1 FROM schema_doc d WHERE d.obj = s.name AND d.col = '')"),
		"name:"));
	cr_assert(eq(
		str,
		/* Table functions, with () at the end, are registered by inspect. */
		ask(r,
		    "SELECT obj, col FROM schema_doc d WHERE col <> '' AND obj NOT LIKE '%()' "
		    "AND NOT EXISTS(SELECT 1 FROM pragma_table_info(d.obj) p WHERE p.name = d.col)"),
		"obj|col:"));
	recording_close(r);
}

/* Names and defaults of the saved queries, a name a row. */
struct names {
	char name[64][64];
	int n;
};

static int add_name(void *ctx, const struct rows *r, const struct cell *cells)
{
	struct names *names = ctx;

	(void)r;
	cr_assert(names->n < 64);
	snprintf(names->name[names->n++], 64, "%s", cells[0].s.data);
	return 0;
}

/* {"pos": -1, "n": 10} as KEY=VALUE strings; values hold no comma. */
static int split_params(char *json, const char **out)
{
	int n = 0;
	char *key;

	for (key = strtok(json, "{},"); key; key = strtok(NULL, "{},")) {
		char *from = key, *to = key;

		for (; *from; from++) {
			if (*from != '"' && *from != ' ')
				*to++ = *from == ':' ? '=' : *from;
		}
		*to = '\0';
		out[n++] = key;
	}
	return n;
}

Test(query, every_saved_query_runs_with_its_defaults)
{
	struct recording *r = open_or_fail();
	struct names names = { .n = 0 };
	struct query q = { .row = add_name, .ctx = &names };
	const char *params[8];
	int i;

	/* The others ask functions that inspect adds: tests/py/test_saved_queries.py. */
	cr_assert(eq(int,
		     recording_query(
			     r,
			     "SELECT name FROM saved_query WHERE sql NOT LIKE '%JOIN lens %' "
			     "AND sql NOT LIKE '%JOIN attn %' AND sql NOT LIKE "
			     "'%JOIN tensor_each(%' AND sql NOT LIKE '%t_slice(%' AND sql NOT LIKE "
			     "'%JOIN trace_diff %'",
			     &q, &err),
		     0));
	cr_assert(names.n >= 25);
	for (i = 0; i < names.n; i++) {
		struct text sql = { 0 }, json = { 0 };

		cr_assert(eq(int, recording_saved_query(r, names.name[i], &sql, &json, &err), 0));
		char *answer = ask_with(r, sql.data, params, split_params(json.data, params));
		cr_assert(answer[0] != '!', "%s: %s", names.name[i], answer);
		text_release(&sql);
		text_release(&json);
	}
	recording_close(r);
}

Test(query, an_unknown_saved_query_gets_the_nearest)
{
	struct recording *r = open_or_fail();
	struct text sql = { 0 }, params = { 0 };

	cr_assert(eq(int, recording_saved_query(r, "frist-bad", &sql, &params, &err), ERR_USAGE));
	cr_assert(eq(str, err.message,
		     "there is no saved query \"frist-bad\"; did you mean \"first-bad\"?"));
	cr_assert(
		eq(int, recording_saved_query(r, "qqqqqqqqqqqq", &sql, &params, &err), ERR_USAGE));
	cr_assert(strstr(err.message, "--list") != NULL);
	recording_close(r);
}
