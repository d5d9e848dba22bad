/* SQL over the tensors of a recording, and what is said of one that contradicts itself. */
#include "torchless/inspect.h"
#include "torchless/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const char schema_sql[], indexes_sql[];

static char path[64];

/* One value, f32[2,3] = 0 1 2 | 3 4 5, in two chunks; one without a dump. */
static const char rows[] =
	"PRAGMA foreign_keys = OFF;"
	"INSERT INTO model(id, name, arch, n_layers, d_model, n_heads, n_kv_heads, d_head, d_ff,"
	" n_vocab, config) VALUES(1, 'm', 'a', 1, 3, 2, 1, 2, 8, 9, '{}');"
	"INSERT INTO run(id, uuid, model_id, role, engine, started_ns) VALUES(1, zeroblob(16), 1,"
	" 'engine', 'e', 0);"
	"INSERT INTO module(id, model_id, path, type, ord) VALUES(1, 1, 'model.layers.0', 'L', 0);"
	"INSERT INTO point(id, module_id, name, fqn, layer, ord, axes, role) VALUES"
	"(1, 1, 'out', 'model.layers.0:out', 0, 0, 'pos,d_model', 'resid_post'),"
	"(2, 1, 'mid', 'model.layers.0:resid_mid', 0, 0, 'pos,d_model', 'resid_mid');"
	"INSERT INTO point_alias VALUES('model.layers.0:resid_post', 1);"
	"INSERT INTO pass(id, run_id, idx, phase, pos0, n_tok, kv_len, ts)"
	" VALUES(1, 1, 0, 'prefill', 0, 2, 2, 0);"
	"INSERT INTO span(id, pass_id, module_id, depth, ts) VALUES(1, 1, 1, 0, 0);"
	"INSERT INTO tensor(id, hash, dtype, shape, raw_bytes, chunk_rows) VALUES(1, 0, 0, '2,3', "
	"24, 1);"
	"INSERT INTO tensor_chunk VALUES(1, 0, x'000000000000803f00000040'),"
	" (1, 1, x'00004040000080400000a040');"
	"INSERT INTO value(id, pass_id, span_id, point_id, dtype, d0, d1, numel, tensor_id)"
	" VALUES(1, 1, 1, 1, 0, 2, 3, 6, 1), (2, 1, 1, 2, 0, 2, 3, 6, NULL);";

static void execute(const char *sql)
{
	sqlite3 *db;
	char *message = NULL;

	cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
	cr_assert(sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK, "%s: %s", sql, message);
	sqlite3_close(db);
}

static void setup(void)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/torchless-inspect-XXXXXX");
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

TestSuite(inspect, .init = setup, .fini = teardown);

static int add_row(void *ctx, const struct rows *r, const struct cell *cells)
{
	for (int i = 0; i < r->n_columns; i++) {
		text_adds(ctx, i ? "|" : "");
		if (cells[i].type == CELL_INT)
			text_addf(ctx, "%lld", (long long)cells[i].i);
		else if (cells[i].type == CELL_REAL)
			text_addf(ctx, "%g", cells[i].d);
		else
			text_add(ctx, cells[i].s.data, cells[i].s.len);
	}
	text_addc(ctx, ';');
	return 0;
}

/* The rows of the answer, or the error after an exclamation mark. */
static const char *ask(const char *sql)
{
	static char answer[1100];
	struct text t = { 0 };
	struct err err = { 0 };
	struct query q = { .row = add_row, .ctx = &t };
	const struct inspect_options o = { 0 };
	struct recording *rec = recording_open(path, &err);

	cr_assert(rec != NULL, "%s", err.message);
	cr_assert(recording_add_functions(rec, &o, &err) == 0, "%s", err.message);
	if (recording_query(rec, sql, &q, &err))
		snprintf(answer, sizeof(answer), "!%s", err.message);
	else
		snprintf(answer, sizeof(answer), "%s", t.data ? t.data : "");
	text_release(&t);
	recording_close(rec);
	return answer;
}

#define ANSWERS(sql, expected)                                                                     \
	do {                                                                                       \
		const char *got = ask(sql);                                                        \
		cr_expect(strcmp(got, expected) == 0, "%s\n  gives %s\n  expected %s", sql, got,   \
			  expected);                                                               \
	} while (0)
#define REFUSES(sql, part)                                                                         \
	do {                                                                                       \
		const char *got = ask(sql);                                                        \
		cr_expect(got[0] == '!' && strstr(got, part), "%s\n  gives %s\n  expected %s",     \
			  sql, got, part);                                                         \
	} while (0)

Test(inspect, reads_a_tensor_by_any_name)
{
	ANSWERS("SELECT t_shape(1), t_dtype('L0')", "2,3|f32;");
	ANSWERS("SELECT t_at('model.layers.0:out', 1, 2), t_at('L0.resid_post', -1, 0)", "5|3;");
	ANSWERS("SELECT t_shape('L0.resid_post[pos=1]'), t_at('model.layers.0[1, 1:]', 0, 1)",
		"1,3|5;");
	ANSWERS("SELECT t_at(x'0000803f00000040', 1), t_shape(NULL)", "2|;");
}

Test(inspect, walks_a_tensor)
{
	ANSWERS("SELECT i0, i1, i2, value FROM tensor_each(1) WHERE value > 3", "1|1||4;1|2||5;");
	ANSWERS("SELECT sum(value) FROM tensor_each('L0') WHERE i1 = 1", "5;");
	ANSWERS("SELECT count(*) FROM tensor_each('L0') WHERE i0 = 7", "0;");
	ANSWERS("SELECT v.id, sum(value) FROM v_value v, tensor_each(v.id) "
		"WHERE v.tensor_id IS NOT NULL GROUP BY 1",
		"1|15;");
}

Test(inspect, says_what_is_wrong)
{
	REFUSES("SELECT t_at('L0.resid_mid', 0, 0)", "--capture 'model.layers.0:resid_mid'");
	REFUSES("SELECT t_shape('L0.resid_pst')", "the nearest is L0.resid_post");
	REFUSES("SELECT t_at('L0', 2, 0)", "t_at: index 2 is outside axis 0, which has 2");
	REFUSES("SELECT t_at('L0', 0)", "2 dimensions, 1 indices");
	REFUSES("SELECT t_shape(9)", "no value 9");
	REFUSES("SELECT t_shape()", "t_shape takes other arguments: t_shape(t)");
	REFUSES("SELECT * FROM tensor_each", "tensor_each(t) needs a tensor");
	REFUSES("SELECT t_at(x'00', 0)", "no array of f32");
	REFUSES("SELECT t_at(weight, 0) FROM (SELECT 'weight:x' weight)",
		"where its checkpoint is");
}

static const char *const damages[] = {
	"UPDATE tensor SET shape = '2,-3'",
	"UPDATE tensor SET shape = '2,3,'",
	"UPDATE tensor SET shape = '1,1,1,1,6'",
	"UPDATE tensor SET shape = '9223372036854775807,9'",
	"UPDATE tensor SET shape = '2,4'",
	"UPDATE tensor SET shape = '4611686018427387904,4', raw_bytes = 0",
	"UPDATE tensor SET dtype = 99",
	"UPDATE tensor SET dtype = 1",
	"UPDATE tensor SET raw_bytes = 12",
	"UPDATE tensor_chunk SET chunk = 5 WHERE chunk = 1",
	"UPDATE tensor_chunk SET data = x'00' WHERE chunk = 1",
	"UPDATE tensor_chunk SET data = zeroblob(999) WHERE chunk = 1",
	"DELETE FROM tensor_chunk",
	"DELETE FROM tensor",
};

Test(inspect, refuses_a_recording_that_contradicts_itself)
{
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		char sql[256];

		teardown();
		setup();
		snprintf(sql, sizeof(sql), "PRAGMA foreign_keys = OFF; %s;", damages[i]);
		execute(sql);
		cr_expect(strstr(ask("SELECT t_at(1, 0, 0)"), "damaged") != NULL, "%s gives %s",
			  damages[i], ask("SELECT t_at(1, 0, 0)"));
	}
}
