/* attn: the relation computed from q and k against the relation that was dumped. */
#include "../support/recorded.h"

static struct recorded r;

/* Each test records what it needs. */
static void record_with(const char *a, const char *b, const char *c)
{
	record(&r, &tiny_default, (const char *const[]){ a, b, c, NULL }, NULL);
}

static void teardown(void)
{
	recorded_remove(&r);
}

TestSuite(attn, .fini = teardown);

/* Every pair of the dumped pattern and masked scores beside what attn says of it. */
static const char differences[] =
	"WITH d AS (SELECT v.layer, v.pos0, v.role, e.i0 head, e.i1 q, e.i2 k, e.value x "
	"  FROM v_value v, tensor_each(v.id) e WHERE v.role = :role) "
	"SELECT count(a.k), sum(d.x > -1e30 AND d.x <> 0) - count(a.k), "
	"  max(abs(d.x - CASE d.role WHEN 'pattern' THEN a.p ELSE a.score END)) < 1e-6 "
	"FROM d LEFT JOIN (SELECT *, layer FROM attn) a "
	"ON (a.layer, a.head, a.q, a.k) = (d.layer, d.head, d.q, d.k)";

static void compare(const char *role)
{
	struct text sql = { 0 };
	const char *at = strstr(differences, ":role");

	text_addf(&sql, "%.*s'%s'%s", (int)(at - differences), differences, role, at + 5);
	/* Two layers, six heads, 1 + 2 + 3 + 4 + 9 * 5 keys in a window of 5. */
	ANSWERS(&r, sql.data, "660|0|1;");
	text_release(&sql);
}

Test(attn, equals_the_dumped_relation_over_windows_and_passes)
{
	record_with("*.self_attn:*", NULL, NULL);
	compare("pattern");
	compare("scores_masked");
}

Test(attn, reads_the_relation_where_q_and_k_were_not_recorded)
{
	record_with("*:pattern", "*:scores_masked", NULL);
	compare("pattern");
	compare("scores_masked");
}

Test(attn, makes_p_of_stored_scores_and_leaves_unknown_scores_null)
{
	record_with("L0.attn.scores", "L1.attn.pattern", "L0.attn.pattern=stats");
	ANSWERS(&r, "SELECT count(*), count(score), round(sum(p), 4) FROM attn WHERE layer = 0",
		"330|330|78;");
	ANSWERS(&r, "SELECT count(*), count(score), round(sum(p), 4) FROM attn WHERE layer = 1",
		"330|0|78;");
}

Test(attn, takes_the_cache_for_k_rot)
{
	record_with("*:q_rot", "*:k_cache", NULL);
	ANSWERS(&r, "SELECT count(*), round(sum(p), 4) FROM attn", "660|156;");
}

Test(attn, answers_what_is_asked_in_its_order)
{
	record_with("*:q_rot", "*:k_rot", NULL);
	ANSWERS(&r, "SELECT head, q, k FROM attn WHERE layer = 1 AND head = 5 AND q = 9",
		"5|9|5;5|9|6;5|9|7;5|9|8;5|9|9;");
	ANSWERS(&r, "SELECT q, k FROM attn(1, 0) WHERE head = 0 AND q >= 11 AND k < 8.5",
		"11|7;11|8;12|8;");
	ANSWERS(&r, "SELECT layer, head, q FROM attn WHERE k = 12",
		"0|0|12;0|1|12;0|2|12;0|3|12;"
		"0|4|12;0|5|12;1|0|12;1|1|12;"
		"1|2|12;1|3|12;1|4|12;1|5|12;");
	ANSWERS(&r, "SELECT count(*), min(layer), max(run) FROM attn WHERE layer > 0 AND q <= 2",
		"36|1|1;");
	ANSWERS(&r, "SELECT count(*) FROM attn WHERE head IN (1, 7) AND q BETWEEN 3 AND 4", "18;");
	ANSWERS(&r, "SELECT count(*) FROM attn WHERE q = 13 OR q = -1 OR q > 12 OR head = 6", "0;");
	ANSWERS(&r, "SELECT count(*) FROM attn WHERE layer = NULL OR q < NULL", "0;");
	ANSWERS(&r, "SELECT count(*) FROM attn WHERE q < 'x' AND layer = 0", "330;");
	ANSWERS(&r,
		"SELECT sum(abs(a.p - b.p) > 1e-6) FROM attn a, attn b WHERE a.layer = 0 AND "
		"b.layer = a.layer AND b.head = a.head AND b.q = a.q AND b.k = a.k",
		"0;");
	ANSWERS(&r,
		"SELECT t.pos, count(*) FROM v_token t JOIN attn a ON a.q = t.pos "
		"WHERE a.layer = 1 AND a.head = 0 AND t.pos > 10 GROUP BY 1",
		"11|5;12|5;");
}

Test(attn, answers_of_positions_that_were_dumped)
{
	record_with("*:q_rot@-1:", "*:k_rot@6:", NULL);
	/* The last query of each pass: 3, 7, 10, 11, 12; keys from 6 on. */
	ANSWERS(&r, "SELECT DISTINCT q FROM attn WHERE layer = 0", "7;10;11;12;");
	ANSWERS(&r, "SELECT k FROM attn WHERE layer = 0 AND head = 0 AND q = 7", "6;7;");
	ANSWERS(&r, "SELECT round(sum(p), 5) FROM attn WHERE layer = 0 AND head = 0 AND q = 10",
		"1;");
	REFUSES(&r, "SELECT sum(p) FROM attn WHERE layer = 0 AND q = 7",
		"needs the keys at 3 to 7, and not all of them were recorded");
	REFUSES(&r, "SELECT k FROM attn WHERE layer = 0 AND q = 8",
		"the query at position 8 of layer 0 was not recorded");
}

Test(attn, halves_are_rounded_but_near)
{
	record_with("*:q_rot=bf16", "*:k_rot=f16", "*:pattern");
	ANSWERS(&r,
		"SELECT count(*), max(abs(a.p - t_at('L1.attn.pattern', a.head, a.q, a.k))) < 0.05 "
		"FROM attn a WHERE a.layer = 1 AND a.q < 4",
		"60|1;");
}

Test(attn, does_not_recompute_what_was_edited)
{
	const char *const qk[] = { "*:q_rot", "*:k_rot", NULL };
	const char *const all[] = { "*:q_rot", "*:k_rot", "*:pattern", NULL };

	record(&r, &tiny_default, qk, "model.layers.1.self_attn:scores");
	REFUSES(&r, "SELECT p FROM attn WHERE layer = 1", "was edited in run 1");
	ANSWERS(&r, "SELECT count(*) FROM attn", "330;");
	recorded_remove(&r);
	record(&r, &tiny_default, all, "model.layers.1.self_attn:scores");
	ANSWERS(&r,
		"SELECT count(*), max(abs(a.p - t_at('L1.attn.pattern', a.head, a.q, a.k))) < 1e-6 "
		"FROM attn a WHERE a.layer = 1 AND a.q < 4",
		"60|1;");
}

Test(attn, says_what_is_missing)
{
	record_with(NULL, NULL, NULL);
	REFUSES(&r, "SELECT * FROM attn",
		"not recorded in run 1: record with `torchless trace --capture attention PROMPT`");
	REFUSES(&r, "SELECT * FROM attn(1, 1)", "--capture attention");
	REFUSES(&r, "SELECT * FROM attn WHERE layer = 2", "the model has layers 0 to 1");
	REFUSES(&r, "SELECT * FROM attn(7)", "no run 7");
	REFUSES(&r, "SELECT * FROM attn('x')", "run is a whole number");
}

static const char *const damages[] = {
	"UPDATE model SET n_heads = 7",
	"UPDATE model SET n_heads = -6",
	"UPDATE model SET n_kv_heads = 0",
	"UPDATE model SET n_kv_heads = 4",
	"UPDATE model SET d_head = 1000000000000",
	"UPDATE model SET sliding_window = -1",
	"UPDATE pass SET n_tok = 2 WHERE idx = 1",
	"UPDATE pass SET pos0 = -4 WHERE idx = 1",
	"UPDATE pass SET pos0 = 9223372036854775807 WHERE idx = 1",
	"UPDATE value SET dump_from = 99 WHERE pass_id IN (SELECT id FROM pass WHERE idx = 1)",
	"UPDATE value SET dump_from = -1",
	"UPDATE tensor SET shape = '4611686018427387904,0,0'",
	"UPDATE tensor SET shape = '0,9223372036854775807,9223372036854775807'",
	"UPDATE tensor SET shape = '4,60'",
	"DELETE FROM tensor_chunk",
};

/* One sentence, whatever was recorded. */
static void refuse_damages(void)
{
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		char command[300];
		const char *got;

		snprintf(command, sizeof(command), "cp %s %s.bak", r.path, r.path);
		cr_assert(system(command) == 0);
		recorded_change(&r, damages[i]);
		got = ask(&r, "SELECT sum(p) FROM attn WHERE layer = 0");
		cr_expect(got[0] == '!' && strstr(got, "damaged"), "%s gives %s", damages[i], got);
		snprintf(command, sizeof(command), "mv %s.bak %s", r.path, r.path);
		cr_assert(system(command) == 0);
	}
}

Test(attn, refuses_a_recording_that_contradicts_itself)
{
	record_with("*:q_rot", "*:k_rot", NULL);
	refuse_damages();
	/* Far apart: too many to put together, not damaged. */
	recorded_change(&r, "UPDATE pass SET pos0 = 1000000000000 WHERE idx = 3");
	REFUSES(&r, "SELECT sum(p) FROM attn WHERE layer = 0", "too many");
}

Test(attn, refuses_a_stored_relation_that_contradicts_itself)
{
	record_with("*:pattern", NULL, NULL);
	recorded_change(&r, "UPDATE model SET n_heads = 8");
	REFUSES(&r, "SELECT sum(p) FROM attn WHERE layer = 0", "damaged");
	recorded_change(&r, "UPDATE model SET n_heads = 6;"
			    "UPDATE pass SET pos0 = 1000000000000 WHERE idx = 3");
	REFUSES(&r, "SELECT sum(p) FROM attn WHERE layer = 0", "damaged");
}

/* Indices as large as they get, of what may be asked for as an equality or a bound. */
static const char *const extremes[] = {
	"SELECT count(*) FROM attn WHERE %1$s %2$s 9223372036854775807",
	"SELECT count(*) FROM attn WHERE %1$s %2$s -9223372036854775808",
	"SELECT count(*) FROM attn(1, 0) WHERE %1$s %2$s 9223372036854775807",
	"SELECT count(*) FROM attn(1, 0) WHERE %1$s %2$s -9223372036854775808",
	"SELECT count(*) FROM attn(1, 0) WHERE %1$s %2$s 1e300",
};

Test(attn, goes_no_further_than_there_is)
{
	static const char *const columns[] = { "head", "q", "k", "run", "layer" };
	static const char *const operators[] = { "=", "<", "<=", ">", ">=" };
	char sql[200];

	record_with("*.self_attn:*", NULL, NULL);
	ANSWERS(&r, "SELECT count(*) FROM attn WHERE q = 9223372036854775807", "0;");
	ANSWERS(&r, "SELECT count(*) FROM attn WHERE k >= -9223372036854775808", "660;");
	for (size_t i = 0; i < sizeof(extremes) / sizeof(extremes[0]); i++)
		for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++)
			for (size_t o = 0; o < sizeof(operators) / sizeof(operators[0]); o++) {
				snprintf(sql, sizeof(sql), extremes[i], columns[c], operators[o]);
				ask(&r, sql);
			}
}
