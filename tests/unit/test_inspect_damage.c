/* Every SQL function on a recording that was damaged: an answer or one sentence, never a crash. */
#include "support/damage.h"
#include "torchless/inspect.h"

static struct recorded r;

static void setup(void)
{
	static const char *const captures[] = { "*", NULL };

	record(&r, &tiny_default, captures, NULL);
	damage_begin(r.path);
}

static void teardown(void)
{
	damage_end();
	recorded_remove(&r);
}

TestSuite(inspect_damage, .init = setup, .fini = teardown, .timeout = 300);

static int count_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	(void)rows, (void)cells;
	return ++*(int *)ctx > 300; /* enough to have walked */
}

/* What examples do not reach in this model, or stop before. */
static const char *const more[] = {
	"SELECT sum(p) FROM attn",
	"SELECT count(token), max(logprob) FROM lens WHERE rank < 3",
	"SELECT sum(l2) FROM pos_stats('L1.attn.pattern')",
	"SELECT sum(nmse) FROM trace_diff(1, 1)",
	"SELECT sum(value) FROM tensor_each('L1.attn.pattern[q=-1]')",
	"SELECT t_json(id), t_topk(id, 3), t_hist(id), t_spark(id), t_max(id, -1) FROM v_value",
	"SELECT t_mean(-1)",
	"SELECT t_mean(9223372036854775807)",
	"SELECT t_at('L1.resid_post', -9223372036854775808, 9223372036854775807)",
	"SELECT t_slice('L0.resid_post', '[-1000000000000:1000000000000]')",
	"SELECT value_id('L0.resid_post', 9223372036854775807, 9223372036854775807)",
	"SELECT count(*) FROM attn(9223372036854775807, -9223372036854775808)",
	"SELECT count(*) FROM lens(1, 9223372036854775807)",
	"SELECT count(*) FROM trace_diff(-1, 9223372036854775807)",
};

static void ask_one(struct recording *rec, const char *sql, const char *what)
{
	struct err err = { 0 };
	int n = 0;
	struct query q = { .row = count_row, .ctx = &n };

	if (recording_query(rec, sql, &q, &err) < 0)
		cr_expect(err.message[0] && !strchr(err.message, '\n'), "%s: %s: '%s'", what, sql,
			  err.message);
}

static void ask_all(const char *what)
{
	const struct inspect_options o = { .model = r.model };
	struct err err = { 0 };
	struct recording *rec = recording_open(r.path, &err);

	if (!rec) {
		cr_expect(err.message[0] != '\0', "%s", what);
		return;
	}
	cr_assert(recording_add_functions(rec, &o, &err) == 0, "%s", err.message);
	for (int i = 0; i < sql_function_table_len; i++)
		ask_one(rec, sql_function_table[i].example, what);
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		ask_one(rec, more[i], what);
	recording_close(rec);
}

Test(inspect_damage, bytes)
{
	damage_each_byte(r.path, 120, 20251125, ask_all);
}

static const char *const columns[] = {
	"pass.idx",
	"pass.pos0",
	"pass.n_tok",
	"pass.kv_len",
	"pass.run_id",
	"value.pass_id",
	"value.point_id",
	"value.d0",
	"value.d1",
	"value.d2",
	"value.hash",
	"value.tensor_id",
	"value.dump_from",
	"value.numel",
	"value.pos_stats",
	"tensor.shape",
	"tensor.dtype",
	"tensor.raw_bytes",
	"tensor_chunk.chunk",
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
	"model.file",
	"model.weights_xxh3",
	"token.token_id",
	"token.piece",
	"cand.token_id",
	"cand.piece",
	"run.model_id",
	NULL,
};

static const char *const contents[] = {
	"0",
	"-1",
	"7",
	"9223372036854775807",
	"-9223372036854775808",
	"4611686018427387904",
	"'4294967296,4294967296'",
	"'pos,pos,pos,pos'",
	"zeroblob(7)",
	"NULL",
	NULL,
};

/* Every column that a function trusts, in every row, with what it cannot be. */
Test(inspect_damage, columns)
{
	damage_each_column(r.path, columns, contents, ask_all);
}
