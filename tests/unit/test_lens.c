/* lens, weight and tok: what needs the checkpoint of a recording, and finding it. */
#include "../support/recorded.h"

static struct recorded r;

static void record_with(const struct tiny *tiny, const char *a, const char *b)
{
	record(&r, tiny, (const char *const[]){ a, b, NULL }, NULL);
}

static void teardown(void)
{
	recorded_remove(&r);
}

TestSuite(lens, .fini = teardown);

static void equals_recorded_logits(const struct tiny *tiny)
{
	char sql[400];

	record_with(tiny, "lm_head", "model.embed_tokens");
	snprintf(sql, sizeof(sql),
		 "SELECT count(*), sum(l.logit <> e.value) FROM pass p, v_value v, "
		 "tensor_each(v.id) e, lens(1, p.pos0 + p.n_tok - 1) l WHERE v.fqn = 'lm_head:out' "
		 "AND v.pass = p.idx AND l.layer = %d AND l.token_id = e.i1",
		 tiny->layers - 1);
	ANSWERS(&r, sql, "505|0;");
}

Test(lens, equals_the_logits_at_the_last_layer)
{
	equals_recorded_logits(&tiny_default);
}

Test(lens, equals_the_logits_of_a_tied_head_in_bf16)
{
	struct tiny tiny = tiny_default;

	tiny.tied = true;
	tiny.dtype = DTYPE_BF16;
	tiny.layers = 3;
	equals_recorded_logits(&tiny);
}

Test(lens, applies_the_norm_and_the_head_to_every_layer)
{
	/* By hand, in f64: sum(x w u) / rms, for two tokens of layer 0 and of the embedding. */
	static const char by_hand[] =
		"WITH x AS (SELECT i1 i, value x FROM tensor_each('%s') WHERE i0 = %d), "
		"n AS (SELECT sqrt(avg(x * x) + 1e-5) rms FROM x) "
		"SELECT max(abs(l.logit - (SELECT sum(x.x / rms * "
		"  t_at(weight('model.norm'), x.i) * t_at(weight('lm_head'), l.token_id, x.i)) "
		"  FROM x, n))) < 1e-5, count(*) FROM lens l WHERE pos = 7 AND layer = %d AND token_id IN (0, 57, 100)";
	char sql[700];

	record_with(&tiny_default, "model.embed_tokens", "L0.resid_post");
	recorded_change(&r, "DELETE FROM pass WHERE idx = 0; DELETE FROM value WHERE pass_id NOT "
			    "IN (SELECT id FROM pass); UPDATE pass SET idx = 0 WHERE idx = 1");
	snprintf(sql, sizeof(sql), by_hand, "L0.resid_post", 7, 0);
	ANSWERS(&r, sql, "1|3;");
	snprintf(sql, sizeof(sql), by_hand, "model.embed_tokens", 7, -1);
	ANSWERS(&r, sql, "1|3;");
}

Test(lens, ranks_every_token)
{
	record_with(&tiny_default, NULL, NULL);
	ANSWERS(&r,
		"SELECT layer, count(*), min(rank), max(rank), count(DISTINCT token_id), "
		"round(sum(exp(logprob)), 9) FROM lens GROUP BY layer",
		"0|101|0|100|101|1;1|101|0|100|101|1;");
	ANSWERS(&r,
		"SELECT sum(rank <> n) FROM (SELECT rank, row_number() OVER "
		"(PARTITION BY layer ORDER BY logit DESC) - 1 n FROM lens)",
		"0;");
	/* However a row is asked for, it is the same row. */
	ANSWERS(&r,
		"SELECT count(*), sum(a.rank <> b.rank), sum(a.logit <> b.logit) FROM lens a "
		"JOIN lens b ON b.layer = a.layer AND b.token_id = a.token_id AND b.run = a.run "
		"AND b.pos = a.pos WHERE a.run = 1 AND a.pos = 10",
		"202|0|0;");
	ANSWERS(&r, "SELECT count(*) FROM lens WHERE rank < 3 AND layer = 1", "3;");
	ANSWERS(&r, "SELECT rank FROM lens WHERE rank BETWEEN 98.5 AND 200 AND layer = 0",
		"99;100;");
	ANSWERS(&r,
		"SELECT count(*) FROM lens WHERE rank > 100 OR rank < 0 OR token_id = 101 "
		"OR token_id = -1 OR rank = NULL",
		"0;");
	/* The last of the prompt, as saved queries have it. */
	ANSWERS(&r, "SELECT min(pos), max(pos), min(run) FROM lens", "10|10|1;");
	ANSWERS(&r, "SELECT max(pos) - (SELECT n_prompt - 1 FROM v_run) FROM lens", "0;");
}

Test(lens, answers_of_positions_that_were_recorded)
{
	record_with(&tiny_default, NULL, NULL);
	ANSWERS(&r,
		"SELECT t.pos, count(*) FROM v_token t, lens(1, t.pos) l WHERE t.pos > 9 AND l.rank = 0 GROUP BY 1",
		"10|2;11|2;12|2;");
	ANSWERS(&r, "SELECT count(*) FROM lens WHERE pos = 13 OR pos = -1", "0;");
	REFUSES(&r, "SELECT * FROM lens WHERE pos = 2",
		"the residual stream at position 2 was not recorded in run 1: record with `torchless trace --capture residual PROMPT`");
	REFUSES(&r, "SELECT * FROM lens WHERE layer = -1", "--capture model.embed_tokens");
	REFUSES(&r, "SELECT * FROM lens WHERE layer = 2", "the model has layers 0 to 1");
	REFUSES(&r, "SELECT * FROM lens(3)", "no run 3");
	REFUSES(&r, "SELECT * FROM lens(1, 'x')", "pos is a whole number");
}

Test(lens, sees_nan)
{
	record_with(&tiny_default, NULL, NULL);
	recorded_change(
		&r, "UPDATE tensor_chunk SET data = CAST(zeroblob(128) || x'0000c07f' AS BLOB)");
	ANSWERS(&r, "SELECT layer, rank, token_id, logprob IS NULL FROM lens WHERE rank < 2",
		"0|0|0|1;0|1|1|1;1|0|0|1;1|1|1|1;");
}

Test(lens, refuses_a_recording_that_contradicts_itself)
{
	record_with(&tiny_default, NULL, NULL);
	recorded_change(&r, "UPDATE model SET d_model = 34");
	REFUSES(&r, "SELECT * FROM lens", "damaged");
	recorded_change(&r, "UPDATE tensor SET shape = '1,34', raw_bytes = 136;"
			    "UPDATE tensor_chunk SET data = zeroblob(136)");
	REFUSES(&r, "SELECT * FROM lens", "is a model of width 33, the recording's has 34");
	recorded_change(&r, "UPDATE tensor SET shape = '2,17'");
	REFUSES(&r, "SELECT * FROM lens", "damaged");
	recorded_change(&r, "UPDATE pass SET pos0 = 9223372036854775807");
	REFUSES(&r, "SELECT * FROM lens", "was not recorded");
}

/* ---- the checkpoint ------------------------------------------------------------------------- */

static void move(const char *from, const char *to)
{
	char command[300];

	snprintf(command, sizeof(command), "mv %s %s", from, to);
	cr_assert(system(command) == 0);
}

Test(lens, finds_a_checkpoint_that_has_moved)
{
	static const char sql[] = "SELECT count(*) FROM lens WHERE rank = 0";
	char away[128], beside[128];
	const char *got;

	record_with(&tiny_default, NULL, NULL);
	ANSWERS(&r, sql, "2;");
	snprintf(away, sizeof(away), "%s/elsewhere", r.folder);
	move(r.model, away);
	got = ask(&r, sql);
	cr_expect(got[0] == '!' && strstr(got, r.model) && strstr(got, "name it with -m PATH"),
		  "%s", got);
	cr_expect(strcmp(ask_with(&r, away, sql), "2;") == 0);
	ANSWERS(&r, "SELECT t_shape('L1'), (SELECT count(*) FROM v_cand) IS NOT NULL", "1,33|1;");
	/* Beside the recording under its own name it is found without help. */
	snprintf(beside, sizeof(beside), "%s/%s", r.folder, strrchr(r.model, '/') + 1);
	move(away, beside);
	ANSWERS(&r, sql, "2;");
	recorded_change(&r, "UPDATE model SET file = NULL");
	REFUSES(&r, sql, "give it with -m PATH");
	move(beside, r.model);
}

Test(lens, refuses_other_weights)
{
	struct tiny other = tiny_default;
	char path[64];
	const char *got;

	record_with(&tiny_default, NULL, NULL);
	other.seed = 2;
	tiny_write(&other, path, sizeof(path));
	got = ask_with(&r, path, "SELECT * FROM lens");
	cr_expect(got[0] == '!' && strstr(got, "has weights other than what the recording"), "%s",
		  got);
	cr_expect(strstr(got, "(hash ") && strstr(got, ", recorded "), "%s", got);
	tiny_remove(path);
}

Test(lens, reads_weights_by_name)
{
	record_with(&tiny_default, NULL, NULL);
	ANSWERS(&r, "SELECT weight('lm_head'), t_shape(weight('lm_head.weight'))",
		"weight:lm_head.weight|101,33;");
	ANSWERS(&r, "SELECT t_dtype(weight('model.norm')), weight(NULL) IS NULL", "f32|1;");
	REFUSES(&r, "SELECT weight('model.layer.1.mlp.up_proj')",
		"has no tensor 'model.layer.1.mlp.up_proj'; the nearest is "
		"model.layers.1.mlp.up_proj.weight");
	/* Near by whatever it is called: short, GGUF's, a piece, with a mistake. */
	REFUSES(&r, "SELECT weight('L1.q_proj')",
		"the nearest is model.layers.1.self_attn.q_proj.weight");
	REFUSES(&r, "SELECT weight('L1.attn.o_prj')",
		"the nearest is model.layers.1.self_attn.o_proj.weight");
	REFUSES(&r, "SELECT weight('L0.mlp.gate')",
		"the nearest is model.layers.0.mlp.gate_proj.weight");
	REFUSES(&r, "SELECT weight('blk.1.ffn_down.weight')",
		"the nearest is model.layers.1.mlp.down_proj.weight");
	REFUSES(&r, "SELECT weight('embed_token')", "the nearest is model.embed_tokens.weight");
	REFUSES(&r, "SELECT weight('norm')", "the nearest is model.norm.weight");
	REFUSES(&r, "SELECT t_shape('weight:lm_head')", "call weight('lm_head')");
	REFUSES(&r, "SELECT t_shape(replace(weight('lm_head'), 'lm_head', 'x'))",
		"no tensor 'x.weight'");
}

Test(lens, knows_the_pieces_of_a_recording_without_its_tokenizer)
{
	record_with(&tiny_default, NULL, NULL);
	ANSWERS(&r, "SELECT tok(17), tok_id('<42>'), tok(NULL)", "<17>|42|;");
	ANSWERS(&r, "SELECT token, piece FROM lens WHERE token_id = 100 AND layer = 0",
		"<100>|<100>;");
	ANSWERS(&r, "SELECT count(token), count(*) FROM lens WHERE token_id = 99", "0|2;");
	REFUSES(&r, "SELECT tok(99)", "the tokenizer is needed and");
	REFUSES(&r, "SELECT tok_id('<99>')", "the tokenizer is needed and");
	REFUSES(&r, "SELECT * FROM lens WHERE token = '<17>'", "the tokenizer is needed and");
	REFUSES(&r, "SELECT tok('x')", "the id of a token is a whole number");
}

/* Numbers as large as they get, as an equality, as a bound, and in a recording that lies. */
static const char *const extremes[] = {
	"SELECT count(*) FROM lens WHERE %1$s %2$s 9223372036854775807",
	"SELECT count(*) FROM lens WHERE %1$s %2$s -9223372036854775808",
	"SELECT count(*) FROM lens WHERE layer = 0 AND %1$s %2$s -9223372036854775808",
};

Test(lens, goes_no_further_than_there_is)
{
	static const char *const columns[] = { "layer", "rank", "token_id", "run", "pos" };
	static const char *const operators[] = { "=", "<", "<=", ">", ">=" };
	char sql[200];

	record_with(&tiny_default, "L0.resid_post", NULL);
	ANSWERS(&r, "SELECT count(*) FROM lens WHERE rank > 9223372036854775806", "0;");
	ANSWERS(&r, "SELECT count(*) FROM lens WHERE rank < -9223372036854775807", "0;");
	ANSWERS(&r, "SELECT count(*) FROM lens WHERE token_id = -9223372036854775808", "0;");
	for (size_t i = 0; i < sizeof(extremes) / sizeof(extremes[0]); i++)
		for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++)
			for (size_t o = 0; o < sizeof(operators) / sizeof(operators[0]); o++) {
				snprintf(sql, sizeof(sql), extremes[i], columns[c], operators[o]);
				ask(&r, sql);
			}
	recorded_change(&r, "UPDATE pass SET pos0 = -9223372036854775807, n_tok = -2");
	REFUSES(&r, "SELECT count(*) FROM lens", "damaged");
	REFUSES(&r, "SELECT count(*) FROM attn", "damaged");
}
