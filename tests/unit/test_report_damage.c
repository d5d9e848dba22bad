/* The report of a recording that was damaged: a document or one sentence, never a crash. */
#include "support/recorded.h"
#include "torchless/json.h"
#include "torchless/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct recorded r;
static size_t every = 5; /* one damage of so many, $DAMAGE_EVERY: 1 takes minutes */
static char *original;
static size_t n_bytes;

/* Have the recording say of its model what it is. */
static void know_model(void)
{
	struct text config = { 0 }, file = { 0 };
	struct err err = { 0 };
	sqlite3_stmt *s;
	sqlite3 *db;

	text_addf(&file, "%s/config.json", r.model);
	cr_assert(text_read_file(&config, file.data, 1 << 20, &err) == 0, "%s", err.message);
	cr_assert(sqlite3_open(r.path, &db) == SQLITE_OK);
	cr_assert(sqlite3_prepare_v2(db, "UPDATE model SET config = ?", -1, &s, NULL) == SQLITE_OK);
	sqlite3_bind_text(s, 1, config.data, (int)config.len, SQLITE_STATIC);
	cr_assert(sqlite3_step(s) == SQLITE_DONE);
	sqlite3_finalize(s);
	sqlite3_close(db);
	text_release(&config);
	text_release(&file);
}

static void setup(void)
{
	static const char *const captures[] = { "report", NULL };
	const char *set = getenv("DAMAGE_EVERY");
	FILE *f;

	setenv("TORCHLESS_DOT", "/nonexistent/dot", 1); /* what it draws is not looked at here */
	every = set && atoi(set) > 0 ? (size_t)atoi(set) : every;
	record(&r, &tiny_default, captures, NULL);
	know_model();
	f = fopen(r.path, "rb");
	cr_assert(f && fseek(f, 0, SEEK_END) == 0);
	n_bytes = (size_t)ftell(f);
	original = mem_calloc(n_bytes, 1);
	rewind(f);
	cr_assert(fread(original, 1, n_bytes, f) == n_bytes);
	fclose(f);
}

static void teardown(void)
{
	free(original);
	recorded_remove(&r);
}

TestSuite(report_damage, .init = setup, .fini = teardown, .timeout = 300);

static void write_file(const char *bytes)
{
	FILE *f = fopen(r.path, "wb");

	cr_assert(f && fwrite(bytes, 1, n_bytes, f) == n_bytes);
	cr_assert(fclose(f) == 0);
}

/* Whether there was a document. */
static bool look(const char *what)
{
	const struct inspect_options inspect = { .model = r.model };
	const struct report_options o = { .program = "test" };
	struct report_recording of = { .path = r.path, .inspect = &inspect };
	struct report_missing missing;
	struct err err = { 0 };
	struct text json = { 0 };
	cJSON *document = NULL;
	int ret = ERR_FORMAT;

	of.rec = recording_open(r.path, &err);
	if (of.rec && !recording_add_functions(of.rec, &inspect, &err))
		ret = report_add_data(&json, &of, 1, &o, &missing, &err);
	if (ret) {
		cr_expect(err.message[0] && !strchr(err.message, '\n'), "%s: '%s'", what,
			  err.message);
	} else {
		document = json_parse(json.data, json.len, "the report", &err);
		cr_expect(document != NULL, "%s: %s", what, err.message);
		cJSON_Delete(document);
	}
	recording_close(of.rec);
	text_release(&json);
	return !ret;
}

Test(report_damage, whole_says_everything)
{
	const struct inspect_options inspect = { .model = r.model };
	const struct report_options o = { .program = "test" };
	struct report_recording of = { .path = r.path, .inspect = &inspect };
	struct report_missing missing;
	struct err err = { 0 };
	struct text json = { 0 };

	of.rec = recording_open(r.path, &err);
	cr_assert(of.rec && !recording_add_functions(of.rec, &inspect, &err), "%s", err.message);
	cr_assert(report_add_data(&json, &of, 1, &o, &missing, &err) == 0, "%s", err.message);
	cr_expect(missing.is_captured && !missing.needs_model && !missing.n_left_out, "%.400s",
		  json.data + json.len - 400);
	cr_expect(strstr(missing.graph, "dot") != NULL, "%s", missing.graph);
	recording_close(of.rec);
	text_release(&json);
}

/* Bytes spread over the file, each with some of its bits turned. */
Test(report_damage, bytes)
{
	char *damaged = mem_calloc(n_bytes, 1);
	uint64_t state = 20261130;
	int n_documents = 0;

	for (int i = 0; i < 300 / (int)every; i++) {
		char what[60];
		size_t at;
		int bits;

		state = state * 6364136223846793005U + 1442695040888963407U;
		at = (size_t)((double)(state >> 40) / (1 << 24) * (double)n_bytes);
		bits = (int)(state >> 8 & 255);
		memcpy(damaged, original, n_bytes);
		damaged[at] = (char)(damaged[at] ^ (bits ? bits : 1));
		write_file(damaged);
		snprintf(what, sizeof(what), "byte %zu ^ %d", at, bits);
		n_documents += look(what);
	}
	cr_expect(n_documents > 0);
	free(damaged);
}

static const char *const columns[] = {
	"pass.idx",           "pass.pos0",       "pass.n_tok",
	"pass.run_id",        "value.pass_id",   "value.point_id",
	"value.d0",           "value.numel",     "value.hash",
	"value.tensor_id",    "value.dump_from", "value.pos_stats",
	"tensor.shape",       "tensor.dtype",    "tensor.raw_bytes",
	"tensor_chunk.data",  "point.axes",      "point.layer",
	"point.role",         "point.fqn",       "model.n_layers",
	"model.d_model",      "model.n_heads",   "model.n_kv_heads",
	"model.d_head",       "model.n_vocab",   "model.sliding_window",
	"model.config",       "token.token_id",  "token.pos",
	"token.piece",        "cand.token_id",   "cand.logit",
	"run.model_id",       "span.module_id",  "span.parent_id",
	"span.depth",         "module.path",     "module.ord",
	"model.weights_xxh3",
};

static const char *const contents[] = {
	"0",
	"-1",
	"7",
	"9223372036854775807",
	"-9223372036854775808",
	"1e308",
	"'4294967296,4294967296'",
	"'{}'",
	"zeroblob(7)",
	"NULL",
};

/* Every column that a report reads, in every row, with what it cannot be. */
Test(report_damage, columns)
{
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		const char *dot = strchr(columns[i], '.');

		for (size_t k = i % every; k < sizeof(contents) / sizeof(contents[0]); k += every) {
			char sql[300];
			sqlite3 *db;
			int code;

			write_file(original);
			snprintf(sql, sizeof(sql),
				 "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; "
				 "UPDATE OR IGNORE %.*s SET %s = %s",
				 (int)(dot - columns[i]), columns[i], dot + 1, contents[k]);
			cr_assert(sqlite3_open(r.path, &db) == SQLITE_OK);
			code = sqlite3_exec(db, sql, NULL, NULL, NULL);
			cr_assert(code != SQLITE_ERROR, "%s: %s", sql, sqlite3_errmsg(db));
			sqlite3_close(db);
			if (code == SQLITE_OK) /* else of another type than the column */
				look(sql);
		}
	}
}
