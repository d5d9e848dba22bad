/* The data of a report: one JSON document of any recording, and a page that nothing in it can end.
 */
#include "torchless/json.h"
#include "torchless/report.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const char schema_sql[], indexes_sql[];

static char path[64];

/* Run 2 read four positions in two passes and picked a token, of a model that is nowhere. */
static const char rows[] =
	"PRAGMA foreign_keys = OFF;"
	"INSERT INTO model(id, name, arch, n_layers, d_model, n_heads, n_kv_heads, d_head, d_ff,"
	" n_vocab, config) VALUES(1, 'm', 'a', 1, 4, 2, 1, 2, 8, 9, '{\"a\": [1, \"</script>\"]}');"
	"INSERT INTO run(id, uuid, model_id, role, engine, started_ns, ended_ns, status, prompt)"
	" VALUES(1, zeroblob(16), 1, 'engine', 'e', 0, 5, 'ok', 'one'),"
	" (2, x'00112233445566778899aabbccddeeff', 1, 'engine', 'e', 1700000000000000000,"
	" 1700000000000000007, 'stopped', 'two');"
	"INSERT INTO module(id, model_id, path, type, layer, ord) VALUES"
	" (1, 1, 'model.layers.0', 'L', 0, 0), (2, 1, 'model.layers.0.self_attn', 'A', 0, 1);"
	"INSERT INTO point(id, module_id, name, fqn, layer, ord, axes, role) VALUES"
	" (1, 2, 'pattern', 'model.layers.0.self_attn:pattern', 0, 0, 'head,q,k', 'pattern'),"
	" (2, 1, 'out', 'model.layers.0:out', 0, 1, 'pos,d_model', 'resid_post');"
	"INSERT INTO point_alias VALUES('model.layers.0:resid_post', 2), ('L0.resid_post', 2);"
	"INSERT INTO token VALUES(2, 0, 3, x'41', 0, 1, 'prompt', NULL, NULL, NULL),"
	" (2, 1, 4, x'ff41', 1, 3, 'prompt', -1.5, 2, 0.25),"
	" (2, 2, 5, x'', NULL, NULL, 'prompt', -2, 0, 1), (2, 3, 6, NULL, NULL, NULL, 'generated', -0.1, 0, 1),"
	" (2, 4, 7, x'2042', NULL, NULL, 'generated', -0.1, 0, 1);"
	"INSERT INTO tok_step VALUES(2, 0, 'merge', x'41', x'ff', x'41ff', 7, 0);"
	"INSERT INTO cand VALUES(2, 2, 0, 6, x'42', 9.5, -0.1, 1, NULL), (2, 2, 1, 1, x'43', 1, -3, 0, 'top_k'),"
	" (2, 3, 0, 7, x'42', 0.1, -0.1, 1, NULL);"
	"INSERT INTO event(run_id, ts, kind, value_id, data) VALUES"
	" (2, 0, 'sampler', NULL, '{\"pos\": 2, \"rule\": \"top_k\", \"rank\": 1}'), (2, 0, 'stopped', 3, NULL);"
	"INSERT INTO edit(run_id, point_id, kind, sel) VALUES(2, 2, 'zero', '[pos=1]');"
	"INSERT INTO pass(id, run_id, idx, phase, pos0, n_tok, kv_len, ts, dur) VALUES"
	" (1, 2, 0, 'prefill', 0, 3, 3, 0, 100), (2, 2, 1, 'decode', 3, 1, 4, 100, NULL);"
	"INSERT INTO span(id, last_id, pass_id, parent_id, module_id, depth, ts, dur, bytes_w, flops)"
	" VALUES(1, 2, 1, NULL, 1, 0, 0, 90, 10, 20), (2, 2, 1, 1, 2, 1, 5, 50, 3, 4),"
	" (3, NULL, 2, NULL, 1, 0, 100, NULL, NULL, NULL);"
	"INSERT INTO value(id, pass_id, span_id, point_id, dtype, d0, d1, d2, numel, l2, absmax, mean, std, vmin,"
	" vmax, absmax_at, n_nan, n_pinf, n_ninf, pos_stats) VALUES"
	" (1, 1, 2, 1, 0, 2, 3, 3, 18, 1.25, 1, 0.1, 0.2, 0, 1, 4, 0, 0, 0, NULL),"
	" (2, 1, 1, 2, 0, 3, 4, NULL, 12, 2, 1.5, 0.1, 0.2, -1.5, 1, 7, 0, 0, 0,"
	"  x'0000803f0000000000000000000000000000004000000000000000000000000000004040000000000000000000000000'),"
	" (3, 2, 3, 2, 0, 1, 4, NULL, 4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 3, 1, 0,"
	"  x'0000c07f000000000000000000000000');";

static void execute(const char *sql)
{
	sqlite3 *db;
	char *message = NULL;

	cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
	cr_assert(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL) == SQLITE_OK);
	cr_assert(sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK, "%s: %s", sql, message);
	sqlite3_close(db);
}

static void setup(void)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/torchless-report-XXXXXX");
	fd = mkstemp(path);
	cr_assert(fd >= 0);
	close(fd);
	execute(schema_sql);
	execute(rows);
	execute(indexes_sql);
}

static void teardown(void)
{
	unlink(path);
}

TestSuite(report, .init = setup, .fini = teardown, .timeout = 120);

/* The document, or the error after an exclamation mark; to be released. */
static struct text make(int64_t run, int n)
{
	static const struct inspect_options inspect = { 0 };
	struct report_recording of[2] = { 0 };
	const struct report_options o = { .program = "torchless test" };
	struct report_missing missing;
	struct err err = { 0 };
	struct text json = { 0 };

	for (int i = 0; i < n; i++) {
		of[i] = (struct report_recording){ recording_open(path, &err), path, i ? 1 : run,
						   &inspect };
		cr_assert(of[i].rec != NULL, "%s", err.message);
		cr_assert(recording_add_functions(of[i].rec, &inspect, &err) == 0);
	}
	if (report_add_data(&json, of, n, &o, &missing, &err)) {
		text_clear(&json);
		text_addf(&json, "!%s", err.message);
	}
	for (int i = 0; i < n; i++)
		recording_close(of[i].rec);
	return json;
}

static cJSON *parse(const struct text *json)
{
	struct err err = { 0 };
	cJSON *document = json_parse(json->data, json->len, "the report", &err);

	cr_assert(document != NULL, "%s: %.300s", err.message, json->data);
	for (size_t i = 0; i < json->len; i++)
		cr_assert(strchr("<>&", json->data[i]) == NULL, "%.80s", json->data + i);
	return document;
}

/* The recording that a report is of. */
static cJSON *of_run(int64_t run)
{
	struct text json = make(run, 1);
	cJSON *document = parse(&json), *rec;

	rec = cJSON_DetachItemFromArray(cJSON_GetObjectItem(document, "recordings"), 0);
	cJSON_Delete(document);
	text_release(&json);
	return rec;
}

/* A part of it as text, compared with what is expected. */
#define SAYS(rec, key, expected)                                                                   \
	do {                                                                                       \
		char *got = cJSON_PrintUnformatted(cJSON_GetObjectItem(rec, key));                 \
		cr_expect(got && !strcmp(got, expected), "%s is %s\n  expected %s", key, got,      \
			  expected);                                                               \
		free(got);                                                                         \
	} while (0)

static bool leaves_out(const cJSON *rec, const char *part)
{
	const cJSON *sentence;

	cJSON_ArrayForEach(sentence, json_get(rec, "left_out")) if (strstr(sentence->valuestring,
									   part)) return true;
	return false;
}

Test(report, is_what_the_tables_say)
{
	cJSON *rec = of_run(0);

	SAYS(rec, "run", "2");
	SAYS(rec, "status", "\"stopped\"");
	SAYS(rec, "prompt", "\"two\"");
	SAYS(rec, "started", "\"2023-11-14T22:13:20Z\"");
	SAYS(rec, "duration_ns", "7");
	SAYS(rec, "runs", "2");
	SAYS(json_get(rec, "model"), "config", "{\"a\":[1,\"</script>\"]}");
	SAYS(rec, "points",
	     "[{\"fqn\":\"model.layers.0.self_attn:pattern\",\"short\":\"model.layers.0.self_attn:pattern\","
	     "\"layer\":0,\"role\":\"pattern\",\"axes\":\"head,q,k\",\"doc\":null},"
	     "{\"fqn\":\"model.layers.0:out\",\"short\":\"L0.resid_post\",\"layer\":0,"
	     "\"role\":\"resid_post\",\"axes\":\"pos,d_model\",\"doc\":null}]");
	SAYS(rec, "merges",
	     "[{\"seq\":0,\"rule\":\"merge\",\"left\":\"A\",\"right\":\"\xEF\xBF\xBD\",\"right_bytes\":\"ff\","
	     "\"merged\":\"A\xEF\xBF\xBD\",\"merged_bytes\":\"41ff\",\"rank\":7,\"at\":0}]");
	SAYS(json_get(rec, "candidates"), "2",
	     "[{\"rank\":0,\"id\":6,\"piece\":\"B\",\"logit\":9.5,\"logprob\":-0.1,\"kept\":1,\"cut_by\":null},"
	     "{\"rank\":1,\"id\":1,\"piece\":\"C\",\"logit\":1,\"logprob\":-3,\"kept\":0,\"cut_by\":\"top_k\"}]");
	SAYS(rec, "sampler", "{\"2\":[{\"rule\":\"top_k\",\"rank\":1,\"token_id\":null}]}");
	SAYS(rec, "passes",
	     "[{\"idx\":0,\"phase\":\"prefill\",\"pos0\":0,\"n_tok\":3,\"kv_len\":3,\"ts\":0,\"dur\":100},"
	     "{\"idx\":1,\"phase\":\"decode\",\"pos0\":3,\"n_tok\":1,\"kv_len\":4,\"ts\":100,\"dur\":null}]");
	SAYS(rec, "modules",
	     "[[\"model.layers.0\",\"L\",0],[\"model.layers.0.self_attn\",\"A\",0]]");
	SAYS(rec, "spans",
	     "{\"0\":[[0,0,-1,0,90,10,20],[1,1,0,5,50,3,4]],\"1\":[[0,0,-1,0,null,null,null]]}");
	SAYS(rec, "residual", "{\"l2\":[[1,2,3,null]],\"points\":[\"model.layers.0:out\"]}");
	SAYS(rec, "edits",
	     "[{\"id\":1,\"point\":\"model.layers.0:out\",\"weight\":null,\"kind\":\"zero\","
	     "\"selection\":\"[pos=1]\",\"pass_from\":null,\"pass_to\":null,\"args\":{}}]");
	cJSON_Delete(rec);
}

Test(report, tokens_are_text_with_their_bytes_where_they_are_none)
{
	cJSON *rec = of_run(2), *tokens = cJSON_GetObjectItem(rec, "tokens");

	cr_assert(cJSON_GetArraySize(tokens) == 5);
	SAYS(cJSON_GetArrayItem(tokens, 1), "piece",
	     "\"\xEF\xBF\xBD"
	     "A\"");
	SAYS(cJSON_GetArrayItem(tokens, 1), "bytes", "\"ff41\"");
	cr_expect(json_get(cJSON_GetArrayItem(tokens, 0), "bytes") == NULL);
	SAYS(cJSON_GetArrayItem(tokens, 2), "piece", "\"\"");
	cr_expect(cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetArrayItem(tokens, 3), "piece")));
	SAYS(cJSON_GetArrayItem(tokens, 1), "logprob", "-1.5");
	cJSON_Delete(rec);
}

Test(report, values_are_columns_and_what_is_bad_is_counted)
{
	cJSON *rec = of_run(2), *values = cJSON_GetObjectItem(rec, "values");

	SAYS(json_get(values, "0"), "point", "[0,1]");
	SAYS(json_get(values, "0"), "shape", "[0,1]");
	SAYS(json_get(values, "0"), "absmax_at", "[4,7]");
	SAYS(json_get(values, "0"), "bad", "[]");
	SAYS(json_get(values, "1"), "bad", "[[0,3,1]]");
	SAYS(json_get(values, "1"), "absmax_at", "[null]");
	SAYS(rec, "shapes", "[\"2,3,3\",\"3,4\",\"1,4\"]");
	SAYS(rec, "bad",
	     "{\"fqn\":\"model.layers.0:out\",\"pass\":1,\"value_id\":3,\"n_nan\":3,\"n_inf\":1}");
	/* 1.25, 1, 0.1, 0.2, 0, 1 begin it. */
	cr_expect(strncmp(json_get(json_get(values, "0"), "stats")->valuestring,
			  "AAAAAAAA9D8AAAAAAADwP5qZmZmZmbk/", 32) == 0);
	cJSON_Delete(rec);
}

Test(report, what_a_recording_lacks_is_said)
{
	cJSON *rec = of_run(2);

	cr_expect(strstr(json_get(json_get(rec, "lens"), "missing")->valuestring, "--capture") !=
		  NULL);
	SAYS(json_get(rec, "attention"), "layers", "[]");
	cr_expect(strstr(json_get(json_get(rec, "attention"), "missing")->valuestring,
			 "--capture report") != NULL);
	cr_expect(json_get(json_get(rec, "attribution"), "missing") != NULL);
	cr_expect(json_get(rec, "ops") == NULL && json_get(rec, "graph") == NULL);
	cr_expect(json_get(rec, "graph_missing") != NULL && leaves_out(rec, "its ops"));
	cJSON_Delete(rec);
}

Test(report, a_run_without_tokens_or_passes_and_one_that_is_not_there)
{
	cJSON *rec = of_run(1);
	struct text none = make(3, 1);

	SAYS(rec, "tokens", "[]");
	SAYS(rec, "passes", "[]");
	SAYS(rec, "values", "{}");
	SAYS(rec, "bad", "null");
	SAYS(rec, "prompt", "\"one\"");
	cr_expect(strstr(none.data, "has no run 3") != NULL, "%s", none.data);
	text_release(&none);
	execute("DELETE FROM run");
	none = make(0, 1);
	cr_expect(strstr(none.data, "holds no run") != NULL, "%s", none.data);
	text_release(&none);
	cJSON_Delete(rec);
}

Test(report, redacted_has_no_text)
{
	cJSON *rec;

	execute("UPDATE run SET prompt = NULL, prompt_redacted = 1; UPDATE token SET piece = NULL;"
		"UPDATE cand SET piece = NULL");
	rec = of_run(2);
	SAYS(rec, "redacted", "true");
	SAYS(rec, "prompt", "null");
	SAYS(rec, "pieces", "{}");
	cJSON_Delete(rec);
}

/* Columns of a type that a schema of ours does not allow. */
Test(report, whatever_the_columns_hold_it_is_a_document)
{
	static const char *const odd[] = {
		"'x'",  "x'fffe00'", "-9223372036854775808", "9223372036854775807", "9e999",
		"-0.5", "NULL",
	};
	static const char *const tables[][3] = {
		{ "token", "pos", "token_id" },   { "token", "piece", "source" },
		{ "cand", "pos", "rank" },        { "pass", "pos0", "n_tok" },
		{ "pass", "idx", "ts" },          { "value", "pass_id", "point_id" },
		{ "value", "d0", "l2" },          { "value", "pos_stats", "n_nan" },
		{ "span", "parent_id", "depth" }, { "span", "module_id", "ts" },
		{ "point", "id", "layer" },       { "point", "fqn", "role" },
		{ "event", "data", "kind" },      { "model", "n_layers", "n_heads" },
		{ "model", "n_vocab", "config" }, { "run", "prompt", "started_ns" },
		{ "tok_step", "rule", "rank" },   { "module", "path", "ord" },
	};
	char sql[800];

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		snprintf(
			sql, sizeof(sql),
			"PRAGMA legacy_alter_table = ON; CREATE TABLE kept_%zu AS SELECT * FROM %s;"
			"DROP TABLE %s; CREATE TABLE %s AS SELECT * FROM kept_%zu",
			t, tables[t][0], tables[t][0], tables[t][0], t);
		execute(sql);
		for (int column = 1; column < 3; column++)
			for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
				struct text json;

				snprintf(sql, sizeof(sql), "UPDATE %s SET %s = %s", tables[t][0],
					 tables[t][column], odd[i]);
				execute(sql);
				json = make(2, 1);
				if (json.data[0] != '!')
					cJSON_Delete(parse(&json));
				cr_expect(json.data[0] != '!' || !strchr(json.data, '\n'), "%s: %s",
					  sql, json.data);
				text_release(&json);
				snprintf(sql, sizeof(sql),
					 "DELETE FROM %s; INSERT INTO %s SELECT * FROM kept_%zu",
					 tables[t][0], tables[t][0], t);
				execute(sql);
			}
	}
}

Test(report, a_table_that_is_not_there_is_left_out)
{
	cJSON *rec;

	execute("DROP VIEW v_tok_step; DROP TABLE cand; DROP TABLE span");
	rec = of_run(2);
	SAYS(rec, "merges", "[]");
	SAYS(rec, "candidates", "{}");
	SAYS(rec, "spans", "{}");
	cr_expect(leaves_out(rec, "merges: ") && leaves_out(rec, "candidates: "));
	cJSON_Delete(rec);
}

Test(report, two_runs_and_what_differs)
{
	struct text json;
	cJSON *document, *d;

	execute("UPDATE value SET hash = id; INSERT INTO token SELECT 1, pos, token_id + (pos > 1), piece, byte_start,"
		" byte_end, source, logprob, rank, entropy FROM token WHERE run_id = 2;"
		"INSERT INTO pass(id, run_id, idx, phase, pos0, n_tok, kv_len, ts, dur) VALUES(9, 1, 0, 'prefill', 0, 3, 3, 0, 1);"
		"INSERT INTO value(id, pass_id, span_id, point_id, dtype, d0, d1, d2, numel, l2, absmax, hash) VALUES"
		" (11, 9, 2, 1, 0, 2, 3, 3, 18, 1.25, 1, 1), (12, 9, 1, 2, 0, 3, 4, NULL, 12, 3, 1.5, 99)");
	json = make(2, 2);
	document = parse(&json);
	d = cJSON_GetObjectItem(document, "difference");
	SAYS(d, "tokens_equal_until", "2");
	SAYS(d, "first", "1");
	SAYS(d, "values",
	     "[{\"fqn\":\"model.layers.0.self_attn:pattern\",\"pass\":0,\"verdict\":\"equal\",\"l2_a\":1.25,\"l2_b\":1.25,"
	     "\"absmax_a\":1,\"absmax_b\":1,\"nmse\":0,\"max_abs\":0},"
	     "{\"fqn\":\"model.layers.0:out\",\"pass\":0,\"verdict\":\"differs\",\"l2_a\":2,\"l2_b\":3,\"absmax_a\":1.5,"
	     "\"absmax_b\":1.5,\"nmse\":null,\"max_abs\":null},"
	     "{\"fqn\":\"model.layers.0:out\",\"pass\":1,\"verdict\":\"only_a\",\"l2_a\":null,\"l2_b\":null,"
	     "\"absmax_a\":null,\"absmax_b\":null,\"nmse\":null,\"max_abs\":null}]");
	SAYS(d, "time",
	     "[{\"module\":\"model.layers.0\",\"a_ns\":90,\"b_ns\":null},"
	     "{\"module\":\"model.layers.0.self_attn\",\"a_ns\":50,\"b_ns\":null}]");
	cJSON_Delete(document);
	text_release(&json);
}

/* ---- the page ------------------------------------------------------------------------------- */

static int count(const char *text, const char *part)
{
	int n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

Test(report, nothing_in_a_recording_ends_its_element)
{
	struct text plain = make(2, 1), json, html = { 0 }, page = { 0 };
	cJSON *rec;

	report_add_page(&page, "t", &plain);
	execute("UPDATE run SET prompt = '</script><img src=x onerror=alert(1)><!--<script>' || char(8232) || '&lt;';"
		"UPDATE token SET piece = x'3c2f7363726970743e003c212d2d'; UPDATE model SET name = '{{data}}{{page.js}}';"
		"UPDATE point SET fqn = '<b>' || fqn, doc = ']]>'; UPDATE module SET path = '</SCRIPT >' || path");
	json = make(2, 1);
	rec = of_run(2);
	SAYS(rec, "prompt",
	     "\"</script><img src=x onerror=alert(1)><!--<script>\xE2\x80\xA8&lt;\"");
	cr_expect(strstr(json.data, "\xE2\x80\xA8") == NULL);
	report_add_page(&html, "</title><script>", &json);
	cr_expect(count(html.data, "<script") == count(page.data, "<script"));
	cr_expect(count(html.data, "</script") == count(page.data, "</script"));
	cr_expect(count(html.data, "<!--") == count(page.data, "<!--"));
	cr_expect(strlen(html.data) == html.len, "a NUL");
	cr_expect(strstr(html.data, "{{data}}{{page.js}}") != NULL,
		  "braces of a recording are text");
	cr_expect(strstr(page.data, "{{") == NULL, "%.60s", strstr(page.data, "{{"));
	cJSON_Delete(rec);
	text_release(&plain);
	text_release(&json);
	text_release(&html);
	text_release(&page);
}
