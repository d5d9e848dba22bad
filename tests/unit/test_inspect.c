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

/*
 * Two runs of one layer.  Run 1: a prefill of positions 0..2 (value 1: [3,4] in two chunks; value 2
 * is its attention [2,3,3]; value 3 has statistics only) and a decoded position 3 (value 4, bf16).
 * Run 2: a prefill of 0..3 whose last two positions are stored (value 5).
 */
static const char rows[] =
	"PRAGMA foreign_keys = OFF;"
	"INSERT INTO model(id, name, arch, n_layers, d_model, n_heads, n_kv_heads, d_head, d_ff,"
	" n_vocab, config) VALUES(1, 'm', 'a', 1, 4, 2, 1, 2, 8, 9, '{}');"
	"INSERT INTO run(id, uuid, model_id, role, engine, started_ns) VALUES"
	" (1, zeroblob(16), 1, 'engine', 'e', 0), (2, x'00112233445566778899aabbccddeeff', 1,"
	" 'engine', 'e', 0);INSERT INTO module(id, model_id, path, type, ord) VALUES"
	" (1, 1, 'model.layers.0', 'L', 0), (2, 1, 'model.layers.0.self_attn', 'A', 1);"
	"INSERT INTO point(id, module_id, name, fqn, layer, ord, axes, role, tl_name, ggml_name)"
	" VALUES(1, 1, 'out', 'model.layers.0:out', 0, 0, 'pos,d_model', 'resid_post',"
	" 'blocks.0.hook_resid_post', 'l_out-0'),"
	" (2, 2, 'pattern', 'model.layers.0.self_attn:pattern', 0, 1, 'head,q,k', 'pattern',"
	" 'blocks.0.attn.hook_pattern', 'kq_soft_max-0'),"
	" (3, 2, 'z', 'model.layers.0.self_attn:z', 0, 2, 'pos,head,d_head', 'z', NULL, NULL);"
	"INSERT INTO point_alias VALUES('model.layers.0:resid_post', 1);"
	"INSERT INTO pass(id, run_id, idx, phase, pos0, n_tok, kv_len, ts) VALUES"
	" (1, 1, 0, 'prefill', 0, 3, 3, 0), (2, 1, 1, 'decode', 3, 1, 4, 0),"
	" (3, 2, 0, 'prefill', 0, 4, 4, 0);"
	"INSERT INTO span(id, pass_id, module_id, depth, ts) VALUES(1, 1, 1, 0, 0);"
	/* 0 1 2 3 / 4 5 6 7 / 8 9 10 11 */
	"INSERT INTO tensor VALUES(1, 0, 0, '3,4', 48, 2), (2, 0, 0, '2,3,3', 72, 99),"
	" (3, 0, 2, '1,4', 8, 99), (4, 0, 0, '2,4', 32, 99);"
	"INSERT INTO tensor_chunk VALUES"
	" (1, 0, x'000000000000803f0000004000004040000080400000a0400000c0400000e040'),"
	" (1, 1, x'00000041000010410000204100003041'), (2, 0, zeroblob(72)),"
	" (3, 0, x'803f0040c07f80ff'), (4, 0, zeroblob(32));"
	"INSERT INTO value(id, pass_id, span_id, point_id, dtype, d0, d1, d2, numel, tensor_id,"
	" dump_from) VALUES(1, 1, 1, 1, 0, 3, 4, NULL, 12, 1, NULL),"
	" (2, 1, 1, 2, 0, 2, 3, 3, 18, 2, NULL), (3, 1, 1, 3, 0, 3, 2, 2, 12, NULL, NULL),"
	" (4, 2, 1, 1, 0, 1, 4, NULL, 4, 3, NULL), (5, 3, 1, 1, 0, 4, 4, NULL, 16, 4, 2);";

static void execute(const char *sql)
{
	sqlite3 *db;
	char *message = NULL;

	cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
	/* Nobody here survives a failure of power: that the disk has each statement is not waited
	 * for. */
	cr_assert(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL) == SQLITE_OK);
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
		else if (cells[i].type == CELL_NULL)
			text_adds(ctx, "NULL");
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

/* ---- arguments ------------------------------------------------------------------------------ */

Test(inspect, reads_a_tensor_by_any_name)
{
	ANSWERS("SELECT t_shape(1), t_shape(2), t_dtype(4)", "3,4|2,3,3|bf16;");
	ANSWERS("SELECT t_shape('model.layers.0.self_attn:pattern[run=1]'), "
		"t_shape('L0.attn.pattern[run=1]'), t_shape('kq_soft_max-0[run=1]'), "
		"t_shape('blocks.0.attn.hook_pattern[run=1]')",
		"2,3,3|2,3,3|2,3,3|2,3,3;");
	ANSWERS("SELECT t_shape('L0.resid_post'), t_shape('model.layers.0')", "2,4|2,4;");
	ANSWERS("SELECT t_shape('L0[run=1]'), t_shape('L0[run=1, pass=1]')", "3,4|1,4;");
	ANSWERS("SELECT t_shape(x'0000803f00000040'), t_mean(x'0000803f00000040')", "2|1.5;");
	ANSWERS("SELECT t_mean(NULL), t_shape(NULL), t_cos(1, NULL)", "NULL|NULL|NULL;");
	ANSWERS("SELECT t_shape(x''), t_mean(x''), t_json(x''), t_spark(x'')", "0|NULL|[]|;");
}

Test(inspect, counts_positions_and_finds_their_pass)
{
	ANSWERS("SELECT t_at(1, 2, 1), t_at(4, 3, 0), t_at(4, -1, 1)", "9|1|2;");
	ANSWERS("SELECT t_mean('L0[run=1, pos=1]'), t_shape('L0[run=1, pos=3]')", "5.5|4;");
	ANSWERS("SELECT t_shape('L0[run=1, pos=1:]'), t_shape('L0[run=1, pos=1]')", "2,4|4;");
	ANSWERS("SELECT t_at('L0[run=1, pos=1:]', 2, 0)", "8;");
	ANSWERS("SELECT group_concat(i0) FROM tensor_each('L0[run=1, pos=1:]') WHERE i1 = 0",
		"1,2;");
	ANSWERS("SELECT DISTINCT i0 FROM tensor_each('L0')", "2;3;");
	ANSWERS("SELECT count(*) FROM tensor_each('L0') WHERE i0 = 3", "4;");
	ANSWERS("SELECT count(*) FROM tensor_each('L0') WHERE i0 IN (0, 1, 4)", "0;");
	ANSWERS("SELECT i0, i1 FROM tensor_each('L0.attn.pattern[run=1, head=1, q=1:, k=1:]')",
		"1|1;1|2;2|1;2|2;");
}

Test(inspect, finds_values_by_name)
{
	ANSWERS("SELECT value_id('L0'), value_id('L0', 0, 1), value_id('L0', 1, 1)", "5|1|4;");
	ANSWERS("SELECT value_id('L0[run=1, pos=3]'), value_id('L0.attn.z', 0, '1')", "4|3;");
	ANSWERS("SELECT value_id('model.layers.0:resid_post[pass=0]', 0, 1), value_id(NULL)",
		"1|NULL;");
	REFUSES("SELECT value_id('L0', 3)", "value_id: L0 is not recorded in pass 3 of run 2");
	REFUSES("SELECT value_id('L0', 'x')", "'x' is no number of a pass");
	REFUSES("SELECT value_id('L0', 0, -1)", "'-1' is no number of a run");
	REFUSES("SELECT value_id('L0.attn.z[run=1, pos=0]')", "--capture");
	REFUSES("SELECT value_id('L0[pos=1]')", "positions from 2");
	REFUSES("SELECT value_id('')", "no name of a point");
}

Test(inspect, counts_the_keys_of_a_part)
{
	const char *part = "SELECT t_shape(t_slice('L0.attn.pattern[run=1, k=1:]', '[%s]'))";
	char sql[160];

	snprintf(sql, sizeof(sql), part, "0, 0, 1:3");
	ANSWERS(sql, "2;");
	snprintf(sql, sizeof(sql), part, "0, 0, 2:");
	ANSWERS(sql, "1;");
	snprintf(sql, sizeof(sql), part, "0, 0, 0:2");
	ANSWERS(sql, "1;");
	snprintf(sql, sizeof(sql), part, "k=-1");
	ANSWERS(sql, "2,3;");
	snprintf(sql, sizeof(sql), part, "k=0");
	REFUSES(sql, "outside");
	snprintf(sql, sizeof(sql), part, "k=0:1");
	REFUSES(sql, "outside");
}

Test(inspect, walks_a_tensor)
{
	ANSWERS("SELECT i0, i1, i2, value FROM tensor_each(1) WHERE value IN (0, 7, 8, 11)",
		"0|0|NULL|0;1|3|NULL|7;2|0|NULL|8;2|3|NULL|11;");
	ANSWERS("SELECT i1, value FROM tensor_each(4)", "0|1;1|2;2|NULL;3|-inf;");
	ANSWERS("SELECT v.id, sum(value) FROM main.value v, tensor_each(v.id) "
		"WHERE v.tensor_id < 3 GROUP BY 1",
		"1|66;2|0;");
	ANSWERS("SELECT count(*) FROM tensor_each WHERE t = 1", "12;");
	ANSWERS("SELECT count(*) FROM tensor_each(NULL)", "0;");
}

Test(inspect, tells_statistics_of_positions)
{
	ANSWERS("SELECT pos, absmax, mean FROM pos_stats(1)", "0|3|1.5;1|7|5.5;2|11|9.5;");
	ANSWERS("SELECT pos, l2 FROM pos_stats('L0[run=1, pos=1:, 0:1]')", "1|4;2|8;");
	ANSWERS("SELECT pos, mean, std FROM pos_stats(4)", "3|1.5|0.5;");
	ANSWERS("SELECT group_concat(pos) FROM pos_stats(2)", "0,1,2;");
	ANSWERS("SELECT pos, absmax FROM pos_stats(x'000080400000a0c0')", "0|4;1|5;");
	ANSWERS("SELECT count(*) FROM pos_stats(NULL)", "0;");
	/* Packed by the recorder: of the last two of three positions, of what was not dumped. */
	execute("UPDATE value SET pos_stats = x'0000803f000000400000404000008040"
		"0000a0400000c0400000e04000000041' WHERE id = 3");
	ANSWERS("SELECT * FROM pos_stats('L0.attn.z[run=1]')", "1|1|2|3|4;2|5|6|7|8;");
	REFUSES("SELECT * FROM pos_stats", "pos_stats(value) needs a value");
	REFUSES("SELECT * FROM pos_stats(77)", "no value 77");
	REFUSES("SELECT * FROM pos_stats('L0.resid')", "the nearest is");
	execute("UPDATE value SET pos_stats = zeroblob(17) WHERE id = 3");
	REFUSES("SELECT * FROM pos_stats(3)", "damaged");
	execute("UPDATE value SET pos_stats = zeroblob(160) WHERE id = 3");
	REFUSES("SELECT * FROM pos_stats(3)", "ends before position 3");
	execute("UPDATE pass SET pos0 = 9223372036854775807");
	REFUSES("SELECT * FROM pos_stats(3)", "damaged");
}

/* ---- runs ------------------------------------------------------------------------------------ */

#define DIFF "SELECT ord, pass, fqn, verdict, value_a, value_b FROM "

Test(inspect, holds_runs_against_each_other)
{
	ANSWERS(DIFF "trace_diff(1, 2)", "0|0|model.layers.0:out|shape|1|5;"
					 "1|0|model.layers.0.self_attn:pattern|missing|2|NULL;"
					 "2|0|model.layers.0.self_attn:z|missing|3|NULL;"
					 "3|1|model.layers.0:out|missing|4|NULL;");
	ANSWERS(DIFF "trace_diff(2, 1) WHERE ord > 0",
		"1|0|model.layers.0.self_attn:pattern|missing|NULL|2;"
		"2|0|model.layers.0.self_attn:z|missing|NULL|3;"
		"3|1|model.layers.0:out|missing|NULL|4;");
	ANSWERS("SELECT count(*), min(value_a), a, b FROM trace_diff", "4|1|1|2;");
	ANSWERS("SELECT verdict, count(*) FROM trace_diff(1, 1) GROUP BY 1", "NULL|1;equal|3;");
	ANSWERS("SELECT nmse, cosine, max_abs, max_at FROM trace_diff(1, 1) LIMIT 1",
		"0|1|0|NULL;");
	/* The same shape: x and x + 8 of positions 2 and 3, in two runs */
	execute("UPDATE tensor SET shape = '2,4', raw_bytes = 32 WHERE id = 1;"
		"DELETE FROM tensor_chunk WHERE tensor_id = 1 AND chunk = 1;"
		"UPDATE value SET d0 = 4, dump_from = 2, hash = 7, l2 = 3 WHERE id = 1;"
		"UPDATE value SET hash = 8 WHERE id = 5");
	ANSWERS("SELECT verdict, nmse, cosine, max_abs, max_at, l2_a, l2_b FROM trace_diff(1, 2) LIMIT 1",
		"differs|1|NULL|7|3,3|3|NULL;");
	execute("UPDATE value SET hash = 7, tensor_id = NULL WHERE id = 5");
	ANSWERS("SELECT verdict, nmse, max_at FROM trace_diff(1, 2) LIMIT 1", "equal|0|NULL;");
	execute("UPDATE value SET hash = 8 WHERE id = 5");
	ANSWERS("SELECT verdict, nmse FROM trace_diff(1, 2) LIMIT 1", "differs|NULL;");
	execute("UPDATE value SET hash = NULL WHERE id = 5");
	ANSWERS("SELECT verdict, nmse FROM trace_diff(1, 2) LIMIT 1", "NULL|NULL;");
}

#define JUDGED "SELECT within, problem, place, element_a, element_b, gate, models FROM "

Test(inspect, holds_runs_to_the_tolerance)
{
	ANSWERS(JUDGED "trace_diff(1, 1)",
		"1|NULL|NULL|NULL|NULL|NULL|NULL;"
		"1|NULL|NULL|NULL|NULL|NULL|NULL;"
		"NULL|the numbers were not kept in both|NULL|NULL|NULL|NULL|NULL;"
		"1|NULL|NULL|NULL|NULL|NULL|NULL;");
	ANSWERS("SELECT within, problem FROM trace_diff(1, 2) LIMIT 2",
		"0|the shape is 3,4 in a, 4,4 in b;NULL|only a has it;");
	/* As above: positions 2 and 3, x in one run and x + 8 in the other. */
	execute("UPDATE tensor SET shape = '2,4', raw_bytes = 32 WHERE id = 1;"
		"DELETE FROM tensor_chunk WHERE tensor_id = 1 AND chunk = 1;"
		"UPDATE value SET d0 = 4, dump_from = 2, hash = 7, l2 = 3 WHERE id = 1;"
		"UPDATE value SET hash = 8 WHERE id = 5");
	ANSWERS("SELECT within, substr(problem, 1, 5), place FROM trace_diff(1, 2) LIMIT 1",
		"0|NMSE |pos=3, d_model=3;");
	ANSWERS("SELECT within, problem, times FROM trace_diff(1, 2, 1e6) LIMIT 1",
		"1|NULL|1e+06;");
	execute("UPDATE value SET tensor_id = NULL WHERE id = 5");
	ANSWERS("SELECT verdict, within, problem FROM trace_diff(1, 2) LIMIT 1",
		"differs|NULL|the numbers were not kept in both;");
	REFUSES("SELECT * FROM trace_diff(1, 2, 0)", "a number above 0");
	REFUSES("SELECT * FROM trace_diff(1, 2, -1)", "a number above 0");
	REFUSES("SELECT * FROM trace_diff(1, 2, 'x')", "a number above 0");
}

Test(inspect, holds_recordings_against_each_other)
{
	char sql[300];

	snprintf(sql, sizeof(sql), DIFF "trace_diff('%s[run=1]', '%s') LIMIT 1", path, path);
	ANSWERS(sql, "0|0|model.layers.0:out|shape|1|5;");
	REFUSES("SELECT * FROM trace_diff(1, 3)", "no run 3");
	REFUSES("SELECT * FROM trace_diff(1)", "takes two runs, or none");
	REFUSES("SELECT * FROM trace_diff(1, '/no/such.db')",
		"'/no/such.db' is no run of this recording, and no file");
	REFUSES("SELECT * FROM trace_diff(1, '/dev/null')", "and no file");
	REFUSES("SELECT * FROM trace_diff(1, '/bin/sh')", "/bin/sh is no recording");
	REFUSES("SELECT * FROM trace_diff(1, x'00')", "neither a run nor the path");
	REFUSES("SELECT * FROM trace_diff(1, 'x[run=0]')", "neither a run nor the path");
	execute("DELETE FROM run WHERE id = 2");
	REFUSES("SELECT * FROM trace_diff", "the recording has one run");
}

/* ---- functions ------------------------------------------------------------------------------ */

Test(inspect, reduces)
{
	ANSWERS("SELECT t_mean(1), t_std(1), t_min(1), t_max(1), t_sum(1), t_absmax(1)",
		"5.5|3.45205|0|11|66|11;");
	ANSWERS("SELECT t_json(t_mean(1, 0)), t_json(t_mean(1, 'd_model')), t_json(t_max(1, -1))",
		"[4,5,6,7]|[1.5,5.5,9.5]|[3,7,11];");
	ANSWERS("SELECT t_l2(x'0000404000008040'), t_argmax(1), t_json(t_argmax(1, 'd_model'))",
		"5|11|[3,3,3];");
	ANSWERS("SELECT t_json(t_argmax(1, 'pos')), t_argmax('L0[run=1, pos=1:, 0]')",
		"[2,2,2,2]|2;");
	/* An axis goes, however long it is; a number is left when it was the only one. */
	ANSWERS("SELECT t_shape(t_max(4, 1)), t_max('L0[run=1, pass=1, pos=3]', 0)", "1|2;");
	ANSWERS("SELECT t_sum(t_npy(x''), 0), t_argmax(x'')", "NULL|NULL;");
	/* NaN and -inf beside 1 and 2 */
	ANSWERS("SELECT t_mean(4), t_min(4), t_max(4), t_argmax(4), t_json(4)",
		"1.5|1|2|1|[[1,2,null,-9e999]];");
	ANSWERS("SELECT t_entropy(x'0000003f0000003f') - ln(2) < 1e-7, t_entropy(x'000080bf')",
		"1|NULL;");
	ANSWERS("SELECT t_json(t_softmax(x'0000000000000000')), t_json(t_softmax(2, 1)) LIKE '[[[0.33%'",
		"[0.5,0.5]|1;");
}

Test(inspect, slices_as_numpy_does)
{
	ANSWERS("SELECT t_json(t_slice(1, '[-1, 1:3]')), t_json(t_slice(1, '[:, 2]'))",
		"[9,10]|[2,6,10];");
	ANSWERS("SELECT t_json(t_slice(1, '[d_model=0:2]')), t_slice(1, '[1, 1]')",
		"[[0,1],[4,5],[8,9]]|5;");
	ANSWERS("SELECT t_shape(t_slice(2, '[0:1, 1, :]')), t_shape(t_slice(2, ''))", "1,3|2,3,3;");
	ANSWERS("SELECT t_json(t_slice(t_slice(1, '[1:]'), '[0, -2:]'))", "[6,7];");
	ANSWERS("SELECT t_json(t_slice(t_npy(1), '[i1=0]'))", "[0,4,8];");
}

Test(inspect, compares)
{
	ANSWERS("SELECT t_dot(1, 1), t_cos(1, 1), t_nmse(1, 1), t_maxabs(1, 1)", "506|1|0|0;");
	ANSWERS("SELECT t_nmse(x'0000803f00000040', x'0000803f00004040'), "
		"t_maxabs(x'0000803f00000040', x'0000803f00004040')",
		"0.2|1;");
	ANSWERS("SELECT t_dot('L0[run=1, pos=0]', t_slice(1, '[0:1]'))", "14;");
	ANSWERS("SELECT t_maxabs(4, 4), t_cos(5, 5), t_nmse(5, 5)", "NULL|1|0;");
	/* -inf on both sides, as in masked scores, beside 1 and 2 against 1 and 3 */
	ANSWERS("SELECT t_nmse(x'0000803f00000040000080ff', x'0000803f00004040000080ff'), "
		"t_nmse(x'0000803f000080ff', x'0000803f0000807f')",
		"0.2|inf;");
	ANSWERS("SELECT t_kl(x'0000003f0000003f', x'0000003f0000003f'), "
		"t_kl(x'0000803f00000000', x'000000000000803f')",
		"0|inf;");
	REFUSES("SELECT t_cos(1, 2)", "f32[3, 4]");
}

Test(inspect, shows)
{
	ANSWERS("SELECT t_topk(1, 2), t_topk('L0[run=1, pos=1]', 2)",
		"[{\"i\":[2,3],\"value\":11},{\"i\":[2,2],\"value\":10}]|"
		"[{\"i\":3,\"value\":7},{\"i\":2,\"value\":6}];");
	ANSWERS("SELECT t_topk(4, 9)",
		"[{\"i\":1,\"value\":2},{\"i\":0,\"value\":1},{\"i\":3,\"value\":-9e999}];");
	ANSWERS("SELECT t_hist(1, 2), t_hist(4, 1, 0, 1)",
		"{\"lo\":0,\"hi\":11,\"counts\":[6,6],\"below\":0,\"above\":0,\"nan\":0}|"
		"{\"lo\":0,\"hi\":1,\"counts\":[1],\"below\":1,\"above\":1,\"nan\":1};");
	ANSWERS("SELECT t_spark('L0[run=1, pos=0]'), t_spark(4), t_spark(1, 3)", "▁▃▆█|▁█!!|▁▅█;");
	ANSWERS("SELECT length(t_npy(1)), hex(substr(t_npy(1), 1, 10))",
		"176|934E554D505901007600;");
}

/* ---- errors --------------------------------------------------------------------------------- */

Test(inspect, says_what_is_wrong)
{
	REFUSES("SELECT t_at(3, 0, 0, 0)", "--capture 'model.layers.0.self_attn:z'");
	REFUSES("SELECT t_mean('L0.attn.z[run=1]')", "--capture 'model.layers.0.self_attn:z'");
	REFUSES("SELECT t_shape('L0.resid_pst')", "the nearest is L0.resid_post");
	REFUSES("SELECT t_at(1, 3, 0)",
		"t_at: pos 3 of model.layers.0:out in pass 0 (value 1) is not there: it has 0 to 2");
	REFUSES("SELECT t_at('L0', 1, 0)", "it has 2 to 3");
	REFUSES("SELECT t_at(1, 0)", "has [pos,d_model]: it takes 2 indices, not 1");
	REFUSES("SELECT t_at(1, 0, 'x')", "'x' is no index");
	REFUSES("SELECT t_shape(9)", "no value 9");
	REFUSES("SELECT t_shape()", "t_shape takes other arguments: t_shape(t)");
	REFUSES("SELECT t_mean(1, 2)",
		"'2' is no axis of model.layers.0:out in pass 0 (value 1), which has [pos,d_model]");
	REFUSES("SELECT t_mean(1, 'head')", "'head' is no axis");
	REFUSES("SELECT t_mean(0.5)", "expected a tensor");
	REFUSES("SELECT t_mean('L0[run=x]')", "'run=x' in 'L0[run=x]' is no number of a run");
	REFUSES("SELECT t_mean('L0[run=7]')", "L0 is not recorded in run 7");
	REFUSES("SELECT t_mean('L0[pos=1]')", "positions from 2");
	REFUSES("SELECT t_mean('L0[head=1]')", "names no axis");
	REFUSES("SELECT t_slice(1, '[4]')", "outside");
	REFUSES("SELECT t_topk(1, 0)", "k is 0");
	REFUSES("SELECT t_hist(1, 0)", "0 bins");
	REFUSES("SELECT t_hist(1, 2, 3, 1)", "3 to 1 is no range");
	REFUSES("SELECT t_spark(1, -5)", "a width of -5");
	REFUSES("SELECT * FROM tensor_each", "tensor_each(t) needs a tensor");
	REFUSES("SELECT t_at(x'00', 0)", "a blob of 1 bytes is neither .npy nor an array of f32");
	REFUSES("SELECT t_at('weight:x', 0)", "call weight('x')");
	REFUSES("SELECT t_at(weight('x'), 0)", "where its checkpoint is");
	REFUSES("DELETE FROM tensor_each", "may not be modified");
}

static const char *const bad_npy[] = {
	"substr(t_npy(1), 1, 9)",
	"substr(t_npy(1), 1, 100)",
	"substr(t_npy(1), 1, 150)",
	"t_npy(1) || x'00'",
	"CAST(replace(CAST(t_npy(1) AS TEXT), '3, 4', '-3,4') AS BLOB)",
	"x'934e554d505901000000'",
	"x'934e554d50590100ffff'",
	"x'934e554d50590200ffffffff'",
	"x'934e554d50590100' || x'4000' || CAST('{''descr'': ''<f4'', ''fortran_order'': True, "
	"''shape'': (1, 1), }           ' AS BLOB) || zeroblob(4)",
	"x'934e554d50590100' || x'4800' || CAST('{''descr'': ''<f4'', ''fortran_order'': False, "
	"''shape'': (0, 9223372036854775807, 9), }' AS BLOB)",
	"x'934e554d50590100' || x'4000' || CAST('{''descr'': ''>f4'', ''fortran_order'': False, "
	"''shape'': (1,), }            ' AS BLOB) || zeroblob(4)",
};

Test(inspect, refuses_blobs_that_are_no_npy)
{
	char sql[400];

	for (size_t i = 0; i < sizeof(bad_npy) / sizeof(bad_npy[0]); i++) {
		snprintf(sql, sizeof(sql), "SELECT t_mean(CAST(%s AS BLOB))", bad_npy[i]);
		cr_expect(ask(sql)[0] == '!', "%s gives %s", bad_npy[i], ask(sql));
	}
}

/* Indices as large as they get, which are nowhere: nothing overflows on the way to saying so. */
static const char *const extremes[] = {
	"SELECT count(*) FROM tensor_each(1) WHERE i0 = %s",
	"SELECT count(*) FROM tensor_each(1) WHERE i1 = %s",
	"SELECT count(*) FROM tensor_each('L0') WHERE i0 = 2 AND i1 = %s",
	"SELECT count(*) FROM tensor_each('L0.attn.pattern[run=1]') WHERE i0 = %1$s AND i1 = %1$s",
	"SELECT count(*) FROM pos_stats('L0') WHERE pos = %s",
	"SELECT t_at(1, %1$s, %1$s)",
	"SELECT t_at('L0', 2, %s)",
	"SELECT t_slice(1, '[%s]')",
	"SELECT t_slice(1, '[%s:]')",
	"SELECT t_slice(1, '[:%s]')",
	"SELECT t_slice(1, '[pos=%1$s:%1$s, d_model=%1$s]')",
	"SELECT t_mean('L0[pos=%s:]')",
	"SELECT t_mean('L0[pos=:%s]')",
	"SELECT t_mean('L0[pos=%s]')",
	"SELECT t_mean('L0.attn.pattern[run=1, k=%s]')",
	"SELECT t_mean('L0[run=%s]')",
	"SELECT t_mean('L0[pass=%s]')",
	"SELECT t_mean(%s)",
	"SELECT t_mean(1, %s)",
	"SELECT t_topk(1, %s)",
	"SELECT t_hist(1, %s)",
	"SELECT t_hist(1, 2, %1$s, %1$s)",
	"SELECT t_spark(1, %s)",
	"SELECT value_id('L0', %1$s, %1$s)",
	"SELECT tok(%s)",
	"SELECT count(*) FROM trace_diff(%1$s, %1$s)",
};

static const char *const far_away[] = {
	"9223372036854775807",  "-9223372036854775808", "9223372036854775808",
	"-9223372036854775809", "4611686018427387904",  "1099511627776",
	"-1099511627777",
};

Test(inspect, goes_no_further_than_there_is)
{
	char sql[400];

	ANSWERS("SELECT count(*) FROM tensor_each(1) WHERE i0 = 9223372036854775807", "0;");
	ANSWERS("SELECT count(*) FROM tensor_each(1) WHERE i0 = -9223372036854775808", "0;");
	ANSWERS("SELECT count(*) FROM tensor_each('L0') WHERE i0 = 9223372036854775807", "0;");
	REFUSES("SELECT t_mean('L0[pos=-9223372036854775808:]')", "is no index");
	REFUSES("SELECT t_at(1, -9223372036854775808, 0)", "is not there");
	for (size_t i = 0; i < sizeof(extremes) / sizeof(extremes[0]); i++)
		for (size_t k = 0; k < sizeof(far_away) / sizeof(far_away[0]); k++) {
			snprintf(sql, sizeof(sql), extremes[i], far_away[k]);
			ask(sql);
		}
}

/* ---- recordings that lie ----------------------------------------------------------------------
 */

static const char *const damages[] = {
	"UPDATE tensor SET shape = '3,-4'",
	"UPDATE tensor SET shape = '3,4,'",
	"UPDATE tensor SET shape = '1,1,1,3,4'",
	"UPDATE tensor SET shape = '9223372036854775807,9'",
	"UPDATE tensor SET shape = '99999999999999999999'",
	"UPDATE tensor SET shape = '3,5'",
	"UPDATE tensor SET shape = '4611686018427387904,4', raw_bytes = 0",
	"UPDATE tensor SET shape = '1000000000000', raw_bytes = 4000000000000",
	"UPDATE tensor SET dtype = 99",
	"UPDATE tensor SET dtype = -1",
	"UPDATE tensor SET dtype = 1",
	"UPDATE tensor SET raw_bytes = 12",
	"UPDATE tensor_chunk SET chunk = 5 WHERE chunk = 1",
	"UPDATE tensor_chunk SET data = x'00' WHERE chunk = 1",
	"UPDATE tensor_chunk SET data = zeroblob(999) WHERE chunk = 1",
	"UPDATE pass SET pos0 = 9223372036854775807",
	"UPDATE pass SET n_tok = -9223372036854775807",
	"UPDATE value SET dump_from = 9223372036854775807",
	"UPDATE pass SET n_tok = 2",
	"UPDATE tensor SET shape = '0,3000000000,3000000000,4', raw_bytes = 0",
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
		ask("SELECT count(*) FROM tensor_each('L0[run=1, pos=1:]')");
		ask("SELECT t_json('L0.attn.pattern[run=1]'), t_hist(2), t_topk(2), t_kl(2, 2)");
		ask("SELECT count(*) FROM pos_stats(2)");
		ask("SELECT * FROM trace_diff(1, 1)");
	}
}

/* What was read is not kept when another connection writes. */
Test(inspect, sees_what_others_write)
{
	const struct inspect_options o = { 0 };
	struct err err = { 0 };
	struct text t = { 0 };
	struct query q = { .row = add_row, .ctx = &t };
	struct recording *rec = recording_open(path, &err);
	const char sql[] = "SELECT t_sum(1), t_sum('L0[run=1]')";

	cr_assert(rec != NULL && recording_add_functions(rec, &o, &err) == 0);
	cr_assert(recording_query(rec, sql, &q, &err) == 0, "%s", err.message);
	execute("UPDATE tensor_chunk SET data = zeroblob(32) WHERE tensor_id = 1 AND chunk = 0");
	cr_assert(recording_query(rec, sql, &q, &err) == 0, "%s", err.message);
	cr_expect(strcmp(t.data, "66|66;38|38;") == 0, "%s", t.data);
	text_release(&t);
	recording_close(rec);
}
