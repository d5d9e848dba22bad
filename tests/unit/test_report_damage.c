/* The report of a recording that was damaged: a document or one sentence, never a crash. */
#include "support/damage.h"
#include "torchless/json.h"
#include "torchless/report.h"

static struct recorded r;

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

	setenv("TORCHLESS_DOT", "/nonexistent/dot", 1); /* what it draws is not looked at here */
	record(&r, &tiny_default, captures, NULL);
	know_model();
	damage_begin(r.path);
}

static void teardown(void)
{
	damage_end();
	recorded_remove(&r);
}

TestSuite(report_damage, .init = setup, .fini = teardown, .timeout = 300);

static int n_documents;

static void look(const char *what)
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
	n_documents += !ret;
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

Test(report_damage, bytes)
{
	damage_each_byte(r.path, 300, 20261130, look);
	cr_expect(n_documents > 0);
}

static const char *const columns[] = {
	"pass.idx",
	"pass.pos0",
	"pass.n_tok",
	"pass.run_id",
	"value.pass_id",
	"value.point_id",
	"value.d0",
	"value.numel",
	"value.hash",
	"value.tensor_id",
	"value.dump_from",
	"value.pos_stats",
	"tensor.shape",
	"tensor.dtype",
	"tensor.raw_bytes",
	"tensor_chunk.data",
	"point.axes",
	"point.layer",
	"point.role",
	"point.fqn",
	"model.n_layers",
	"model.d_model",
	"model.n_heads",
	"model.n_kv_heads",
	"model.d_head",
	"model.n_vocab",
	"model.sliding_window",
	"model.config",
	"token.token_id",
	"token.pos",
	"token.piece",
	"cand.token_id",
	"cand.logit",
	"run.model_id",
	"span.module_id",
	"span.parent_id",
	"span.depth",
	"module.path",
	"module.ord",
	"model.weights_xxh3",
	NULL,
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
	NULL,
};

/* Every column that a report reads, in every row, with what it cannot be. */
Test(report_damage, columns)
{
	damage_each_column(r.path, columns, contents, look);
}
