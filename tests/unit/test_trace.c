/* The writer: what a recording holds of a forward pass, and what is left when things go wrong. */
#include "../support/toy.h"
#include "torchless/clock.h"
#include "torchless/stats.h"
#include "torchless/trace.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#define N_PROMPT 5

static char dir[64], path[128];
static struct toy toy;
static const int32_t prompt[N_PROMPT] = { 3, 14, 15, 9, 26 };
static const char *const pieces[] = { "Zebra", " quux", " Paris" };

static struct bytes piece(void *ctx, int32_t id)
{
	const char *s = pieces[id % 3];

	(void)ctx;
	return (struct bytes){ s, strlen(s) };
}

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/torchless-trace-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/t.db", dir);
	toy_build(&toy);
	cr_assert(toy.p.logits >= 0, "%s", toy.err.message);
}

static void teardown(void)
{
	char command[128];

	toy_release(&toy);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert(system(command) == 0);
}

TestSuite(trace, .init = setup, .fini = teardown);

static const struct trace_model model = {
	.name = "toy",
	.arch = "MistralForCausalLM",
	.file = "toy",
	.n_layers = TOY_LAYERS,
	.d_model = TOY_D,
	.n_heads = TOY_H,
	.n_kv_heads = TOY_G,
	.head_dim = TOY_E,
	.d_ff = TOY_F,
	.n_vocab = TOY_V,
	.window = 3,
	.rope_theta = 1e4,
	.config_json = "{}",
	.piece = piece,
};

static const struct trace_run run = {
	.engine = "torchless test",
	.n_threads = 1,
	.prompt = "Zebra quux",
	.prompt_len = 10,
};

struct recorder {
	struct capture_policy policy;
	struct trace_options opt;
	struct trace_writer *w;
	struct executor ex;
	struct threads *pool;
	int64_t chunk; /* 0: 16 */
	struct err err;
};

static void record_open(struct recorder *r, const char *const *captures, int n_threads)
{
	struct executor_options opt = { .kernels = &kernels_ref,
					.plan = PLAN_RUN,
					.chunk = r->chunk ? r->chunk : 16 };

	for (; captures && *captures; captures++)
		cr_assert(capture_policy_add(&r->policy, *captures, &r->err) == 0, "%s",
			  r->err.message);
	r->opt.capture = &r->policy;
	if (!r->opt.pattern_keys)
		r->opt.pattern_keys = 1024;
	r->w = trace_writer_new(path, &toy.p, &model, &r->opt, &r->err);
	cr_assert(r->w != NULL, "%s", r->err.message);
	if (n_threads > 1)
		opt.pool = r->pool = threads_new(n_threads, &r->err);
	cr_assert(executor_init(&r->ex, &toy.p, &opt, &r->err) == 0);
	hook_add(&r->ex.hooks, trace_writer_hook(r->w));
}

static void record_begin(struct recorder *r, const struct trace_run *what)
{
	int i;

	cr_assert(trace_writer_begin_run(r->w, what, &r->err) == 0, "%s", r->err.message);
	for (i = 0; i < N_PROMPT; i++)
		cr_assert(trace_writer_token(r->w, i, prompt[i], i, i + 1, TOKEN_PROMPT, &r->err) ==
			  0);
}

static int record_pass(struct recorder *r, const int32_t *ids, int64_t n)
{
	cr_assert(executor_begin(&r->ex, ids, n, true, &r->err) == 0, "%s", r->err.message);
	return executor_run(&r->ex, &r->err);
}

static void record_close(struct recorder *r)
{
	cr_assert(trace_writer_end_run(r->w, "ok", &r->err) == 0, "%s", r->err.message);
	cr_assert(trace_writer_close(r->w, &r->err) == 0, "%s", r->err.message);
	executor_release(&r->ex);
	capture_policy_release(&r->policy);
	threads_free(r->pool);
}

/* A prefill of the prompt and two decode passes. */
static void record(const char *const *captures, int n_threads)
{
	struct recorder r = { 0 };

	record_open(&r, captures, n_threads);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE, "%s", r.err.message);
	cr_assert(record_pass(&r, (int32_t[]){ 7 }, 1) == EXECUTOR_DONE, "%s", r.err.message);
	cr_assert(record_pass(&r, (int32_t[]){ 11 }, 1) == EXECUTOR_DONE, "%s", r.err.message);
	record_close(&r);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static sqlite3 *db_open_at(const char *file)
{
	sqlite3 *db;

	cr_assert(sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
	return db;
}

static sqlite3_stmt *ask_in(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;

	cr_assert(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK, "%s: %s", sql,
		  sqlite3_errmsg(db));
	return s;
}

/* One number from the recording at `file`. */
static double number_in(const char *file, const char *sql)
{
	sqlite3 *db = db_open_at(file);
	sqlite3_stmt *s = ask_in(db, sql);
	double x = -1e300;

	if (sqlite3_step(s) == SQLITE_ROW)
		x = sqlite3_column_double(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return x;
}

static double number(const char *sql)
{
	return number_in(path, sql);
}

/* One text; the buffer is reused. */
static char *string(const char *sql)
{
	static char buf[512];
	sqlite3 *db = db_open_at(path);
	sqlite3_stmt *s = ask_in(db, sql);

	snprintf(buf, sizeof(buf), "(no row)");
	if (sqlite3_step(s) == SQLITE_ROW)
		snprintf(buf, sizeof(buf), "%s", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	sqlite3_close(db);
	return buf;
}

static bool exists(const char *suffix)
{
	char name[160];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &st) == 0;
}

/* ---- what is in it --------------------------------------------------------------------------- */

Test(trace, a_recording_is_one_sound_file)
{
	record(NULL, 1);
	cr_assert(not(exists("-wal")));
	cr_assert(not(exists("-shm")));
	cr_assert(eq(str, string("PRAGMA journal_mode"), "delete"));
	cr_assert(eq(str, string("PRAGMA integrity_check"), "ok"));
	cr_assert(eq(str, string("PRAGMA foreign_key_check"), "(no row)"));
	cr_assert(eq(str, string("SELECT status FROM run"), "ok"));
	cr_assert(number("PRAGMA application_id") == 0x544C5452);
	cr_assert(number("SELECT count(*) FROM sqlite_schema WHERE name = 'value_point'") == 1);
	cr_assert(number("PRAGMA page_size") == 8192);
}

Test(trace, every_point_of_every_pass_is_there_in_execution_order)
{
	record(NULL, 1);
	cr_assert(number("SELECT count(*) FROM point") == program_count_points(&toy.p));
	cr_assert(number("SELECT count(*) FROM value") == 3 * program_count_points(&toy.p));
	cr_assert(number("SELECT count(*) FROM value a JOIN value b ON b.id = a.id + 1 "
			 "JOIN point p ON p.id = a.point_id JOIN point q ON q.id = b.point_id "
			 "WHERE a.pass_id = b.pass_id AND q.ord <> p.ord + 1") == 0);
	cr_assert(eq(
		str,
		string("SELECT group_concat(phase || pos0 || '+' || n_tok || '/' || kv_len) FROM pass"),
		"prefill0+5/5,decode5+1/6,decode6+1/7"));
	cr_assert(eq(str, string("SELECT shape FROM v_value WHERE role = 'pattern' AND pass = 2"),
		     "4,1,7"));
	cr_assert(eq(str, string("SELECT shape FROM v_value WHERE role = 'k_cache' AND pass = 1"),
		     "1,2,6"));
	cr_assert(eq(str, string("SELECT shape FROM v_value WHERE role = 'logits' AND pass = 0"),
		     "5,29"));
}

Test(trace, spans_nest_like_modules_and_hold_their_values)
{
	record(NULL, 1);
	cr_assert(number("SELECT count(*) FROM span") == 3 * toy.p.n_modules);
	cr_assert(number("SELECT count(*) FROM span WHERE depth = 0") == 3);
	cr_assert(number("SELECT count(*) FROM span s JOIN span p ON p.id = s.parent_id WHERE "
			 "s.id <= p.id OR s.last_id > p.last_id OR s.depth <> p.depth + 1 OR "
			 "s.ts < p.ts OR s.ts + s.dur > p.ts + p.dur") == 0);
	cr_assert(number("SELECT count(*) FROM span s JOIN module m ON m.id = s.module_id "
			 "JOIN span p ON p.id = s.parent_id WHERE m.parent_id <> p.module_id") ==
		  0);
	cr_assert(number("SELECT count(*) FROM value v JOIN span s ON s.id = v.span_id "
			 "JOIN point p ON p.id = v.point_id WHERE p.module_id <> s.module_id") ==
		  0);
	cr_assert(number("SELECT count(*) FROM span WHERE last_id IS NULL OR dur IS NULL") == 0);
	/* What a parent does includes what its children do. */
	cr_assert(
		number("SELECT count(*) FROM (SELECT p.flops whole, sum(c.flops) parts FROM span p "
		       "JOIN span c ON c.parent_id = p.id GROUP BY p.id) WHERE whole < parts") ==
		0);
}

Test(trace, costs_follow_from_shapes)
{
	record(NULL, 1);
	cr_assert(number("SELECT flops FROM v_span WHERE pass = 0 AND module = 'lm_head'") ==
		  2 * N_PROMPT * TOY_D * TOY_V);
	cr_assert(number("SELECT bytes_w FROM span JOIN module m ON m.id = module_id WHERE "
			 "m.path = 'lm_head' AND pass_id = 1") == TOY_V * TOY_D * 4);
	cr_assert(number("SELECT bytes_w FROM span JOIN module m ON m.id = module_id WHERE "
			 "m.path = 'model.embed_tokens' AND pass_id = 1") == N_PROMPT * TOY_D * 4);
	/* Five queries see 1, 2, 3, 3 and 3 keys through the window of 3. */
	cr_assert(
		number("SELECT a.flops - sum(c.flops) FROM span a JOIN span c ON c.parent_id = "
		       "a.id JOIN module m ON m.id = a.module_id WHERE m.path LIKE '%0.self_attn' AND "
		       "a.pass_id = 1") ==
		(4 * TOY_H * TOY_E + 4 * TOY_H) * 12 + 3 * N_PROMPT * (TOY_H + TOY_G) * TOY_E);
}

/* ---- dumps ----------------------------------------------------------------------------------- */

/* The joined chunks of a value, as f32; returns the number of elements. */
static int64_t payload(sqlite3 *db, int64_t value, float *out, int64_t cap)
{
	sqlite3_stmt *s =
		ask_in(db, "SELECT data FROM v_payload WHERE value_id = ? ORDER BY chunk");
	int64_t n = 0;

	sqlite3_bind_int64(s, 1, value);
	while (sqlite3_step(s) == SQLITE_ROW) {
		int bytes = sqlite3_column_bytes(s, 0);

		cr_assert(n + bytes / 4 <= cap);
		memcpy(out + n, sqlite3_column_blob(s, 0), (size_t)bytes);
		n += bytes / 4;
	}
	sqlite3_finalize(s);
	return n;
}

static bool close_to(double a, double b)
{
	return fabs(a - b) <= 1e-9 + 1e-9 * fabs(b);
}

/* Per-position statistics of x[n_slabs][n_pos][row] against the blob f32[n_pos][4]. */
static void check_positions(const float *blob, const float *x, int64_t slabs, int64_t n_pos,
			    int64_t row)
{
	int64_t i, h;

	for (i = 0; i < n_pos; i++) {
		struct stats_sum sum;
		struct stats s;

		stats_sum_init(&sum);
		for (h = 0; h < slabs; h++)
			stats_sum_add(&sum, x + (h * n_pos + i) * row, row, 0);
		s = stats_finish(&sum);
		cr_assert(close_to((double)blob[4 * i], (double)(float)s.l2));
		cr_assert(close_to((double)blob[4 * i + 1], (double)(float)s.absmax));
		cr_assert(close_to((double)blob[4 * i + 2], (double)(float)s.mean));
		cr_assert(close_to((double)blob[4 * i + 3], (double)(float)s.std));
	}
}

/* The view that puts the same numbers together in SQL agrees to the last bit. */
static void check_view(sqlite3 *db, int64_t value, const float *blob, int64_t n_pos)
{
	sqlite3_stmt *s =
		ask_in(db, "SELECT p.l2, p.absmax, p.mean, p.std, p.pos - v.pos0 FROM v_position p "
			   "JOIN v_value v ON v.id = p.value_id WHERE value_id = ? ORDER BY pos");
	int64_t i;
	int k;

	sqlite3_bind_int64(s, 1, value);
	for (i = 0; i < n_pos; i++) {
		cr_assert(eq(int, sqlite3_step(s), SQLITE_ROW));
		for (k = 0; k < 4; k++)
			cr_assert(sqlite3_column_double(s, k) == (double)blob[4 * i + k]);
		cr_assert(eq(i64, sqlite3_column_int64(s, 4), i));
	}
	cr_assert(eq(int, sqlite3_step(s), SQLITE_DONE));
	sqlite3_finalize(s);
}

static void check_value(sqlite3_stmt *s, const float *x, int64_t n)
{
	struct stats t = stats_of(x, n);

	cr_assert(eq(i64, sqlite3_column_int64(s, 1), n));
	cr_assert(close_to(sqlite3_column_double(s, 2), t.mean));
	cr_assert(close_to(sqlite3_column_double(s, 3), t.l2));
	cr_assert(close_to(sqlite3_column_double(s, 4), t.std));
	cr_assert(sqlite3_column_double(s, 5) == t.absmax);
	cr_assert(eq(i64, sqlite3_column_int64(s, 6), t.absmax_at));
	cr_assert(eq(i64, sqlite3_column_int64(s, 7), t.n_ninf));
	cr_assert(eq(i64, sqlite3_column_int64(s, 8), t.n_zero));
	cr_assert(eq(i64, sqlite3_column_int64(s, 9),
		     (int64_t)XXH3_64bits(x, (size_t)n * sizeof(*x))));
}

Test(trace, statistics_hash_and_positions_are_those_of_the_dump)
{
	const char *const all[] = { "*", NULL };
	static float x[1 << 12];
	sqlite3 *db;
	sqlite3_stmt *s;
	int n = 0;

	record(all, 2);
	db = db_open_at(path);
	s = ask_in(db,
		   "SELECT v.id, numel, mean, l2, std, absmax, absmax_at, n_ninf, n_zero, hash, "
		   "pos_stats, p.axes, d0, d1, d2 FROM value v JOIN point p ON p.id = point_id");
	for (; sqlite3_step(s) == SQLITE_ROW; n++) {
		int64_t count = payload(db, sqlite3_column_int64(s, 0), x, 1 << 12);
		bool heads_first = sqlite3_column_text(s, 11)[0] == 'h';
		int64_t slabs = heads_first ? sqlite3_column_int64(s, 12) : 1;
		int64_t n_pos = sqlite3_column_int64(s, heads_first ? 13 : 12);

		check_value(s, x, count);
		cr_assert(eq(int, sqlite3_column_bytes(s, 10), (int)n_pos * 16));
		check_positions(sqlite3_column_blob(s, 10), x, slabs, n_pos, count / slabs / n_pos);
		check_view(db, sqlite3_column_int64(s, 0), sqlite3_column_blob(s, 10), n_pos);
	}
	cr_assert(eq(int, n, 3 * program_count_points(&toy.p)));
	sqlite3_finalize(s);
	sqlite3_close(db);
}

Test(trace, the_default_dump_is_the_last_position_of_each_layer)
{
	record(NULL, 1);
	cr_assert(number("SELECT count(*) FROM v_payload") == 3 * TOY_LAYERS);
	cr_assert(
		number("SELECT count(*) FROM v_payload p JOIN v_value v ON v.id = p.value_id WHERE "
		       "v.role = 'resid_post' AND p.shape = '1,12' AND "
		       "p.dump_from = v.pos0 + v.n_tok - 1 AND length(p.data) = 48") ==
		3 * TOY_LAYERS);
}

Test(trace, the_last_rule_that_matches_wins_and_selections_pick_positions)
{
	const char *const captures[] = { "*.self_attn:pattern@1:3",  "*:resid_mid@5=f16",
					 "model.layers.0:out=stats", "model.norm:out=hash",
					 "model.layers.1:out=bf16",  NULL };

	record(captures, 1);
	cr_assert(eq(str,
		     string("SELECT shape || '@' || dump_from FROM v_payload WHERE "
			    "fqn = 'model.layers.1.self_attn:pattern'"),
		     "4,2,5@1"));
	cr_assert(number("SELECT count(*) FROM v_payload WHERE fqn LIKE '%pattern'") == TOY_LAYERS);
	/* Position 5 is read by pass 1 only. */
	cr_assert(eq(str,
		     string("SELECT group_concat(pass || dtype || shape || length(data)) FROM "
			    "v_payload WHERE fqn = 'model.layers.1:resid_mid'"),
		     "1f161,1224"));
	cr_assert(number("SELECT count(*) FROM v_payload WHERE fqn = 'model.layers.0:out'") == 0);
	cr_assert(number("SELECT count(l2) FROM v_value WHERE fqn = 'model.layers.0:out'") == 3);
	cr_assert(number("SELECT count(l2) + count(mean) FROM v_value WHERE fqn = "
			 "'model.norm:out'") == 0);
	cr_assert(number("SELECT count(hash) FROM v_value WHERE fqn = 'model.norm:out'") == 3);
	cr_assert(number("SELECT count(*) FROM v_payload WHERE fqn = 'model.layers.1:out' AND "
			 "dump_from IS NULL AND dtype = 'bf16'") == 3);
}

Test(trace, half_precision_dumps_are_the_rounded_values)
{
	const char *const captures[] = { "model.layers.1:out=bf16", "model.embed_tokens:out",
					 NULL };
	const char *const as_computed[] = { "model.layers.1:out", NULL };
	static float x[256];
	unsigned short half[256];
	sqlite3 *db;
	sqlite3_stmt *s;
	int64_t i, n;

	record(as_computed, 1);
	db = db_open_at(path);
	n = payload(db,
		    (int64_t)number(
			    "SELECT id FROM v_value WHERE fqn = 'model.layers.1:out' AND pass = 0"),
		    x, 256);
	sqlite3_close(db);
	record(captures, 1);
	db = db_open_at(path);
	s = ask_in(db, "SELECT data FROM v_payload WHERE fqn = 'model.layers.1:out' AND pass = 0");
	cr_assert(sqlite3_step(s) == SQLITE_ROW);
	cr_assert(eq(int, sqlite3_column_bytes(s, 0), (int)n * 2));
	memcpy(half, sqlite3_column_blob(s, 0), (size_t)n * 2);
	for (i = 0; i < n; i++)
		cr_assert(eq(u16, half[i], f32_to_bf16(x[i])));
	sqlite3_finalize(s);
	sqlite3_close(db);
}

/* One head of 1,100 by 1,100 is more than a chunk: it takes parts of a row of axis 0. */
Test(trace, large_dumps_are_cut_into_chunks)
{
	enum { N = 1100 };
	const char *const captures[] = { "model.layers.0.self_attn:pattern", "model.norm:out",
					 NULL };
	struct recorder r = { .chunk = N };
	static int32_t ids[N];
	float *x = mem_calloc(4 * N * N, sizeof(*x));
	char query[128];
	sqlite3 *db;
	int64_t id;

	record_open(&r, captures, 2);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, ids, N) == EXECUTOR_DONE, "%s", r.err.message);
	record_close(&r);
	cr_assert(number("SELECT max(length(data)) FROM v_payload") == 4 << 20);
	cr_assert(number("SELECT chunk_rows FROM tensor WHERE shape = '4,1100,1100'") == 0);
	cr_assert(number("SELECT chunk_rows FROM tensor WHERE shape = '1100,12'") ==
		  (4 << 20) / 48);
	id = (int64_t)number("SELECT value_id FROM v_payload WHERE fqn LIKE '%:pattern' LIMIT 1");
	db = db_open_at(path);
	cr_assert(eq(i64, payload(db, id, x, 4 * N * N), 4 * N * N));
	sqlite3_close(db);
	snprintf(query, sizeof(query), "SELECT hash = %lld FROM value WHERE id = %lld",
		 (long long)XXH3_64bits(x, 16 * N * N), (long long)id);
	cr_assert(number(query) == 1);
	free(x);
}

Test(trace, equal_payloads_are_stored_once)
{
	struct recorder r = { 0 };
	const char *const all[] = { "*", NULL };
	int i;

	record_open(&r, all, 1);
	for (i = 0; i < 2; i++) {
		record_begin(&r, &run);
		cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
		cr_assert(trace_writer_end_run(r.w, "ok", &r.err) == 0);
		cr_assert(executor_truncate(&r.ex, 0, 0, &r.err) == 0);
	}
	record_begin(&r, &run);
	record_close(&r);
	cr_assert(number("SELECT count(*) FROM run") == 3);
	cr_assert(number("SELECT count(DISTINCT tensor_id) FROM value WHERE pass_id = 1") <=
		  number("SELECT count(*) FROM tensor"));
	cr_assert(number("SELECT count(*) FROM value a JOIN value b USING(point_id) WHERE "
			 "a.pass_id = 1 AND b.pass_id = 2 AND a.tensor_id IS NOT b.tensor_id") ==
		  0);
	cr_assert(number("SELECT count(*) FROM tensor_chunk WHERE tensor_id NOT IN "
			 "(SELECT id FROM tensor)") == 0);
	cr_assert(number("SELECT max(id) - count(*) FROM tensor") == 0);
}

Test(trace, bits_do_not_depend_on_threads)
{
	char sum[512];
	const char *query =
		"SELECT printf('%d %.17g %.17g', sum(hash >> 20), sum(mean), sum(l2)) FROM value";

	record(NULL, 1);
	snprintf(sum, sizeof(sum), "%s", string(query));
	record(NULL, 2);
	cr_assert(eq(str, string(query), sum));
}

Test(trace, large_patterns_are_left_out_unless_named)
{
	struct recorder r = { .opt.pattern_keys = 5 };
	const char *const captures[] = { "model.layers.1.self_attn:pattern=stats", NULL };

	record_open(&r, captures, 1);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	cr_assert(record_pass(&r, (int32_t[]){ 7 }, 1) == EXECUTOR_DONE);
	record_close(&r);
	cr_assert(number("SELECT count(*) FROM v_value WHERE role = 'pattern' AND pass = 0") == 2);
	cr_assert(number("SELECT count(*) FROM v_value WHERE role = 'scores' AND pass = 1") == 0);
	cr_assert(eq(
		str,
		string("SELECT group_concat(fqn) FROM v_value WHERE role = 'pattern' AND pass = 1"),
		"model.layers.1.self_attn:pattern"));
}

/* ---- names ----------------------------------------------------------------------------------- */

Test(trace, points_carry_every_name)
{
	record(NULL, 1);
	cr_assert(eq(str,
		     string("SELECT fqn FROM point_alias a JOIN point p ON p.id = a.point_id "
			    "WHERE alias = 'model.layers.1:in'"),
		     "model.layers.0:out"));
	cr_assert(eq(str,
		     string("SELECT fqn FROM point_alias a JOIN point p ON p.id = a.point_id "
			    "WHERE alias = 'L1.attn.pattern'"),
		     "model.layers.1.self_attn:pattern"));
	cr_assert(eq(str,
		     string("SELECT tl_name || ' ' || ggml_name || ' ' || axes || ' ' || layer "
			    "FROM point WHERE fqn = 'model.layers.1.self_attn:pattern'"),
		     "blocks.1.attn.hook_pattern kq_soft_max-1 head,q,k 1"));
	cr_assert(eq(
		str,
		string("SELECT type || n_params || ',' || weight_bytes FROM module WHERE path = 'lm_head'"),
		"Linear348,1392"));
}

Test(trace, tokens_candidates_and_steps_are_kept)
{
	struct recorder r = { 0 };
	struct trace_candidate c[] = { { 2, 3.5f, -0.1f, NULL }, { 0, 1.5f, -2.5f, "top_k" } };
	struct stage_step step = { .stage = STAGE_TOKENIZER,
				   .rule = "merge",
				   .left = { "Ze", 2 },
				   .right = { "bra", 3 },
				   .merged = { "Zebra", 5 },
				   .rank = 12,
				   .at_byte = 0,
				   .token_id = 0 };
	struct stage_run stage = { .steps = &step, .n = 1 };

	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	cr_assert(stage_run(&stage, &r.ex.hooks, &r.err) == HOOK_CONTINUE);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	step.stage = STAGE_SAMPLER;
	step.rule = "pick";
	stage = (struct stage_run){ .steps = &step, .n = 1 };
	cr_assert(stage_run(&stage, &r.ex.hooks, &r.err) == HOOK_CONTINUE);
	cr_assert(trace_writer_candidates(r.w, 4, c, 1, &r.err) == 0);
	cr_assert(trace_writer_candidates(r.w, 4, c, 2, &r.err) == 0);
	cr_assert(trace_writer_token(r.w, 5, 2, -1, -1, TOKEN_GENERATED, &r.err) == 0);
	cr_assert(trace_writer_token_scored(r.w, 5, -0.1, 0, 0.4, &r.err) == 0);
	cr_assert(trace_writer_token_scored(r.w, 4, (double)NAN, -1, (double)NAN, &r.err) == 0);
	record_close(&r);
	cr_assert(eq(str,
		     string("SELECT group_concat(rank || CAST(piece AS TEXT) || kept || "
			    "coalesce(cut_by, '-')) FROM v_cand"),
		     "0 Paris1-,1Zebra0top_k"));
	cr_assert(
		eq(str,
		   string("SELECT CAST(piece AS TEXT) || source || rank FROM v_token WHERE pos=5"),
		   " Parisgenerated0"));
	cr_assert(number("SELECT count(*) FROM v_token WHERE logprob IS NULL AND rank IS NULL") ==
		  5);
	cr_assert(eq(
		str,
		string("SELECT rule || CAST(left_piece || right_piece AS TEXT) || rank FROM v_tok_step"),
		"mergeZebra12"));
	cr_assert(eq(str,
		     string("SELECT group_concat(phase || coalesce(idx, '-') || n_tok) FROM pass"),
		     "tokenize-5,prefill05,sample-1"));
	cr_assert(eq(str, string("SELECT data ->> 'rule' FROM event WHERE kind = 'sampler'"),
		     "pick"));
}

static bool file_contains(const char *needle)
{
	static char bytes[1 << 22];
	FILE *f = fopen(path, "rb");
	size_t n = fread(bytes, 1, sizeof(bytes), f), i, len = strlen(needle);

	fclose(f);
	for (i = 0; i + len <= n; i++) {
		if (!memcmp(bytes + i, needle, len))
			return true;
	}
	return false;
}

static void record_text(bool redact)
{
	struct recorder r = { 0 };
	struct trace_run secret = run;
	struct trace_candidate c = { 0, 3.5f, -0.1f, NULL };
	struct stage_step step = { .stage = STAGE_TOKENIZER,
				   .rule = "normalize",
				   .merged = { "Zebra quux", 10 },
				   .rank = -1,
				   .at_byte = -1 };
	struct stage_run stage = { .steps = &step, .n = 1 };

	secret.redact = redact;
	record_open(&r, NULL, 1);
	record_begin(&r, &secret);
	cr_assert(stage_run(&stage, &r.ex.hooks, &r.err) == HOOK_CONTINUE);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	cr_assert(trace_writer_candidates(r.w, 4, &c, 1, &r.err) == 0);
	record_close(&r);
}

Test(trace, a_redacted_recording_holds_no_text)
{
	record_text(false);
	cr_assert(file_contains("Zebra"));
	cr_assert(file_contains(" quux"));
	record_text(true);
	cr_assert(not(file_contains("Zebra")));
	cr_assert(not(file_contains("quux")));
	cr_assert(number("SELECT prompt_redacted FROM run") == 1);
	cr_assert(number("SELECT count(*) FROM token WHERE piece IS NULL") == N_PROMPT);
}

Test(trace, edits_are_named_by_the_values_they_change)
{
	struct recorder r = { 0 };
	struct edit e = { .kind = EDIT_ZERO, .pass_to = -1 };

	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	e.value = program_find(&toy.p, "model.layers.0.self_attn:z");
	cr_assert(selection_parse(&e.sel, "[head=2]", "pos,head,d_head", &r.err) == 0);
	cr_assert(executor_add_edit(&r.ex, &e, &r.err) > 0);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	record_close(&r);
	cr_assert(eq(
		str,
		string("SELECT fqn || n_zero || kind || sel FROM v_value v JOIN edit e ON e.id = v.edit_id"),
		"model.layers.0.self_attn:z30zero[head=2]"));
}

/* ---- bad values ------------------------------------------------------------------------------ */

/* Pauses after the op that its context names. */
static int pause_after(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	(void)ex, (void)err;
	return at->op_index == *(int *)ctx ? HOOK_PAUSE : HOOK_CONTINUE;
}

/* Record a model one of whose weights is `bad`, up to the first value that is when `stops`. */
static void record_bad(float bad, bool stops)
{
	struct recorder r = { 0 };
	const struct program *p = &toy.p;
	value_id gate = program_find(p, "model.layers.1.mlp.gate_proj:out");
	int op = p->values[gate].op;
	struct hook stop = { .after = pause_after, .ctx = &op };

	((float *)p->values[p->ops[op].in[1]].t.data)[3] = bad;
	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	if (stops)
		hook_add(&r.ex.hooks, &stop);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == (stops ? EXECUTOR_PAUSED : EXECUTOR_DONE));
	if (stops)
		cr_assert(trace_writer_stopped(r.w, gate, &r.err) == 0, "%s", r.err.message);
	record_close(&r);
}

Test(trace, the_first_bad_value_is_found_and_the_mask_is_none)
{
	const char *first = "SELECT fqn FROM v_first_bad f JOIN v_value v ON v.id = f.value_id";

	record_bad(0.5f, false);
	cr_assert(number("SELECT count(*) FROM v_value WHERE n_ninf > 0") > 0);
	cr_assert(eq(str, string(first), "(no row)"));
	record_bad(NAN, false);
	cr_assert(eq(str, string(first), "model.layers.1.mlp.gate_proj:out"));
	cr_assert(eq(
		str,
		string("SELECT fqn FROM event e JOIN v_value v ON v.id = e.value_id WHERE e.kind = 'first_nan'"),
		"model.layers.1.mlp.gate_proj:out"));
	record_bad(INFINITY, true);
	cr_assert(eq(str,
		     string("SELECT max(fqn) FROM v_value WHERE id = (SELECT max(id) FROM value)"),
		     "model.layers.1.mlp.gate_proj:out"));
	cr_assert(eq(
		str,
		string("SELECT group_concat(e.kind || ' ' || fqn) FROM event e JOIN v_value v ON v.id = e.value_id"),
		"first_inf model.layers.1.mlp.gate_proj:out,stopped model.layers.1.mlp.gate_proj:out"));
}

/* ---- what attention sees ------------------------------------------------------------------- */

static int pause_always(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	(void)ctx, (void)ex, (void)at, (void)err;
	return HOOK_PAUSE;
}

/*
 * Two passes with the layer's query weights as they are or bad; who flushes after every op leaves
 * nothing to be seen while attention runs.
 */
static void record_attention(const char *const *captures, float bad, bool flushes)
{
	struct recorder r = { 0 };
	struct hook stop = { .after = pause_always };
	value_id q = program_find(&toy.p, "model.layers.1.self_attn.q_proj:out");
	float *weight = toy.p.values[toy.p.ops[toy.p.values[q].op].in[1]].t.data, kept = *weight;
	int ret;

	*weight = bad;
	record_open(&r, captures, 2);
	record_begin(&r, &run);
	if (flushes)
		hook_add(&r.ex.hooks, &stop);
	for (int pass = 0; pass < 2; pass++) {
		ret = record_pass(&r, prompt + pass, N_PROMPT - 4 * pass);
		for (; ret == EXECUTOR_PAUSED; ret = executor_run(&r.ex, &r.err))
			cr_assert(trace_writer_flush(r.w, &r.err) == 0, "%s", r.err.message);
		cr_assert(ret == EXECUTOR_DONE, "%s", r.err.message);
	}
	record_close(&r);
	*weight = kept;
}

/* Rows of value and event that only one of two recordings has. */
static double n_different(const char *other)
{
	static const char sql[] =
		"SELECT (SELECT count(*) FROM (SELECT * FROM %1$s.value EXCEPT SELECT * FROM %2$s.value)) + "
		"(SELECT count(*) FROM (SELECT id, kind, severity, value_id FROM %1$s.event EXCEPT "
		"SELECT id, kind, severity, value_id FROM %2$s.event))";
	sqlite3 *db = db_open_at(path);
	double n = 0;

	for (int i = 0; i < 2; i++) {
		char query[512];
		sqlite3_stmt *s;

		snprintf(query, sizeof(query), "ATTACH '%s' AS other", other);
		cr_assert(i || sqlite3_exec(db, query, NULL, NULL, NULL) == SQLITE_OK);
		snprintf(query, sizeof(query), sql, i ? "other" : "main", i ? "main" : "other");
		s = ask_in(db, query);
		cr_assert(sqlite3_step(s) == SQLITE_ROW);
		n += sqlite3_column_double(s, 0);
		sqlite3_finalize(s);
	}
	sqlite3_close(db);
	return n;
}

Test(trace, what_attention_sees_is_what_reading_the_relation_shows)
{
	static const char *const captures[][3] = { { NULL },
						   { "*:pattern", NULL },
						   { "*:scores@last", "*:scores_masked=hash",
						     NULL },
						   { "*=hash", NULL } };
	static const float bad[] = { 0.25f, NAN, INFINITY };
	char other[160];

	snprintf(other, sizeof(other), "%s/other.db", dir);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 3; j++) {
			record_attention(captures[i], bad[j], true);
			cr_assert(rename(path, other) == 0);
			record_attention(captures[i], bad[j], false);
			cr_assert(number("SELECT count(*) FROM value") > 50);
			cr_assert(n_different(other) == 0, "captures %d, weight %g", i, bad[j]);
			cr_assert(j == 0 || number("SELECT count(*) FROM v_bad WHERE role IN "
						   "('scores', 'pattern')") > 0);
		}
}

/* ---- when things go wrong -------------------------------------------------------------------- */

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "wb");

	fputs(text, f);
	fclose(f);
}

static char *read_old(void)
{
	static char buf[64];
	char name[160];
	FILE *f;

	snprintf(name, sizeof(name), "%s.old", path);
	f = fopen(name, "rb");
	cr_assert(f != NULL);
	buf[fread(buf, 1, sizeof(buf) - 1, f)] = '\0';
	fclose(f);
	return buf;
}

Test(trace, an_existing_file_is_kept_whatever_it_is)
{
	write_file(path, "a poem");
	record(NULL, 1);
	cr_assert(eq(str, read_old(), "a poem"));
	record(NULL, 1);
	cr_assert(strncmp(read_old(), "SQLite format 3", 15) == 0);
	cr_assert(eq(str, string("PRAGMA integrity_check"), "ok"));
}

static void expect_refusal(const char *target, const char *sentence)
{
	struct trace_options opt = { .pattern_keys = 1024 };
	struct err err = { 0 };

	cr_assert(trace_writer_new(target, &toy.p, &model, &opt, &err) == NULL);
	cr_assert(eq(int, err.code, ERR_IO));
	cr_assert(strstr(err.message, sentence) != NULL, "%s", err.message);
}

Test(trace, a_place_that_cannot_be_written_is_one_sentence)
{
	char name[160];

	expect_refusal(dir, "is a directory");
	snprintf(name, sizeof(name), "%s/no/such/t.db", dir);
	expect_refusal(name, "no/such/t.db cannot be written: No such file or directory");
	expect_refusal("/proc/t.db", "/proc/t.db cannot be written: No such file or directory");
	snprintf(name, sizeof(name), "%s/fifo", dir);
	cr_assert(mkfifo(name, 0600) == 0);
	expect_refusal(name, "no regular file");
}

Test(trace, a_pattern_without_a_point_leaves_the_old_file_alone)
{
	struct capture_policy policy = { 0 };
	struct trace_options opt = { .capture = &policy, .pattern_keys = 1024 };
	struct err err = { 0 };

	write_file(path, "a poem");
	cr_assert(capture_policy_add(&policy, "*.self_atn:pattern", &err) == 0);
	cr_assert(trace_writer_new(path, &toy.p, &model, &opt, &err) == NULL);
	cr_assert(eq(int, err.code, ERR_USAGE));
	cr_assert(not(exists(".old")));
	capture_policy_release(&policy);
}

/* What stands beside a file that is no database goes with it. */
Test(trace, a_neighbour_that_looks_like_a_log_is_not_lost)
{
	char neighbour[160];

	write_file(path, "a poem");
	snprintf(neighbour, sizeof(neighbour), "%s-wal", path);
	write_file(neighbour, "its second verse");
	record(NULL, 1);
	cr_assert(eq(str, read_old(), "a poem"));
	cr_assert(exists(".old-wal"));
	cr_assert(eq(str, string("PRAGMA integrity_check"), "ok"));
}

/* A child that is killed while it records: in the middle of pass 2 when `passes` is 2. */
static void record_and_die(int passes)
{
	pid_t child = fork();
	int status;

	if (!child) {
		struct recorder r = { 0 };
		int i;

		record_open(&r, NULL, 1);
		record_begin(&r, &run);
		record_pass(&r, prompt, N_PROMPT);
		for (i = 1; i < passes; i++)
			record_pass(&r, (int32_t[]){ 7 }, 1);
		if (executor_begin(&r.ex, (int32_t[]){ 7 }, 1, true, &r.err) == 0) {
			for (i = 0; i < 20; i++)
				executor_step(&r.ex, &r.err);
		}
		kill(getpid(), SIGKILL);
	}
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	cr_assert(eq(int, status, SIGKILL)); /* nothing but the signal */
}

Test(trace, finished_passes_survive_a_kill)
{
	struct err err = { 0 };
	struct recording *r;

	record_and_die(2);
	cr_assert(exists("-wal"));
	r = recording_open(path, &err);
	cr_assert(r != NULL, "%s", err.message);
	recording_close(r);
	cr_assert(number("SELECT count(*) FROM v_value") == 2 * program_count_points(&toy.p));
	cr_assert(number("SELECT count(*) FROM v_payload") == 2 * TOY_LAYERS);
	cr_assert(eq(str, string("SELECT status FROM run"), "running"));
	cr_assert(eq(str, string("PRAGMA integrity_check"), "ok"));
	cr_assert(eq(str, string("PRAGMA foreign_key_check"), "(no row)"));
	cr_assert(eq(str, string("SELECT fqn FROM v_value WHERE role = 'resid_post' LIMIT 1"),
		     "model.layers.0:out"));
}

/* The log of a killed recording goes with it, and not into the next. */
Test(trace, recording_over_a_killed_one_keeps_both)
{
	char old[160];

	record_and_die(1);
	cr_assert(exists("-wal"));
	record(NULL, 1);
	snprintf(old, sizeof(old), "%s.old", path);
	cr_assert(number_in(old, "SELECT count(*) FROM value") == program_count_points(&toy.p));
	cr_assert(number("SELECT count(*) FROM value") == 3 * program_count_points(&toy.p));
	cr_assert(not(exists(".old-wal")));
}

static void rename_to(const char *from, const char *to)
{
	static const char *const sides[] = { "", "-wal", "-shm" };
	char names[2][160];

	for (int i = 0; i < 3; i++) {
		snprintf(names[0], sizeof(names[0]), "%s%s", from, sides[i]);
		snprintf(names[1], sizeof(names[1]), "%s%s", to, sides[i]);
		cr_assert(rename(names[0], names[1]) == 0 || i);
	}
}

static int query_now(struct recording *r, struct err *err)
{
	const struct query q = { .max_rows = INT64_MAX };

	return recording_query(r, "SELECT count(*) FROM value", &q, err);
}

/* SQLite would read the pages of the one through the log of the other. */
Test(trace, a_recording_that_was_replaced_is_not_read_with_the_log_of_another)
{
	struct err err = { 0 };
	struct recording *r;
	char other[160];

	snprintf(other, sizeof(other), "%s.other", path);
	record_and_die(2);
	rename_to(path, other);
	record(NULL, 1);
	r = recording_open(path, &err);
	cr_assert(r != NULL, "%s", err.message);
	cr_assert(query_now(r, &err) == 0, "%s", err.message);
	/* While the name is nobody's, what is open is read. */
	cr_assert(unlink(path) == 0);
	cr_assert(query_now(r, &err) == 0, "%s", err.message);
	rename_to(other, path);
	cr_assert(eq(int, query_now(r, &err), ERR_IO));
	cr_assert(strstr(err.message, "was replaced while it was read: open it again") != NULL,
		  "%s", err.message);
	recording_close(r);
	r = recording_open(path, &err);
	cr_assert(r != NULL, "%s", err.message);
	cr_assert(query_now(r, &err) == 0, "%s", err.message);
	recording_close(r);
}

/* A kill, or a file system that failed, may leave a recording the name it had while it was made. */
Test(trace, the_second_name_of_a_recording_is_swept)
{
	char second[160];

	record(NULL, 1);
	snprintf(second, sizeof(second), "%s.new-12345", path);
	cr_assert(link(path, second) == 0);
	record(NULL, 1);
	cr_assert(not(exists(".new-12345")));
	cr_assert(exists(".old"));
}

Test(trace, a_file_that_is_being_recorded_is_not_taken_away)
{
	struct recorder r = { 0 };
	struct recording *reader;

	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	expect_refusal(path, "is being written by this process");
	/* Reading it meanwhile is fine. */
	reader = recording_open(path, &r.err);
	cr_assert(reader != NULL, "%s", r.err.message);
	cr_assert(number("SELECT count(*) FROM v_value") == program_count_points(&toy.p));
	recording_close(reader);
	record_close(&r);
	cr_assert(number("SELECT count(*) FROM value") == program_count_points(&toy.p));
}

/* Then the log stays with the file, and the last to close the two folds it in. */
Test(trace, a_recording_that_is_being_read_is_closed_all_the_same)
{
	struct recorder r = { 0 };
	sqlite3_stmt *s;
	sqlite3 *db;

	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	db = db_open_at(path);
	s = ask_in(db, "SELECT id FROM value");
	cr_assert(eq(int, sqlite3_step(s), SQLITE_ROW));
	record_close(&r);
	cr_assert(exists("-wal"));
	sqlite3_finalize(s);
	s = ask_in(db, "SELECT count(*) FROM meta WHERE key = 'closed'");
	cr_assert(eq(int, sqlite3_step(s), SQLITE_ROW));
	cr_assert(eq(int, sqlite3_column_int(s, 0), 1));
	sqlite3_finalize(s);
	sqlite3_close(db);
	cr_assert(not(exists("-wal")));
	cr_assert(number("SELECT count(*) FROM value") == program_count_points(&toy.p));
	cr_assert(eq(str, string("PRAGMA integrity_check"), "ok"));
}

/* A limit on file sizes is what a full disk looks like to SQLite: the log may grow by a page. */
static void fill_disk(void)
{
	struct rlimit limit = { 0, RLIM_INFINITY };
	struct stat st;
	char wal[160];

	snprintf(wal, sizeof(wal), "%s-wal", path);
	cr_assert(stat(wal, &st) == 0);
	limit.rlim_cur = (rlim_t)st.st_size + 8192;
	signal(SIGXFSZ, SIG_IGN);
	cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void empty_disk(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

Test(trace, a_full_disk_is_one_sentence_and_what_was_written_stays)
{
	struct recorder r = { 0 };
	int i, ret = 0;

	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	fill_disk();
	for (i = 0; i < 10 && ret == 0; i++)
		ret = record_pass(&r, (int32_t[]){ 7 }, 1);
	cr_assert(eq(int, ret, ERR_IO));
	cr_assert(strstr(r.err.message, path) != NULL, "%s", r.err.message);
	trace_writer_close(r.w, &r.err);
	empty_disk();
	executor_release(&r.ex);
	cr_assert(number("SELECT count(*) FROM value WHERE pass_id = 1") ==
		  program_count_points(&toy.p));
	cr_assert(eq(str, string("PRAGMA integrity_check"), "ok"));
}

/* The disk is full for a moment: what comes after would be wrong without what is missing. */
Test(trace, a_recording_that_failed_stays_failed_and_whole)
{
	struct recorder r = { 0 };
	const char *const captures[] = { "*=f32", NULL };
	char why[sizeof(r.err.message)];
	int i, ret = 0;

	record_open(&r, captures, 1);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	fill_disk();
	for (i = 0; i < 10 && ret == 0; i++)
		ret = record_pass(&r, (int32_t[]){ 7 }, 1);
	cr_assert(eq(int, ret, ERR_IO));
	snprintf(why, sizeof(why), "%s", r.err.message);
	empty_disk();
	cr_assert(executor_run(&r.ex, &r.err) == ERR_IO || r.ex.state == EX_DONE);
	cr_assert(executor_begin(&r.ex, (int32_t[]){ 7 }, 1, true, &r.err) == ERR_IO);
	cr_assert(eq(str, r.err.message, why));
	cr_assert(trace_writer_flush(r.w, &r.err) == ERR_IO);
	cr_assert(trace_writer_token(r.w, 9, 3, -1, -1, TOKEN_GENERATED, &r.err) == ERR_IO);
	cr_assert(executor_truncate(&r.ex, 0, 0, &r.err) == ERR_IO);
	cr_assert(trace_writer_end_run(r.w, "error", &r.err) == 0, "%s", r.err.message);
	cr_assert(trace_writer_begin_run(r.w, &run, &r.err) == ERR_IO);
	cr_assert(trace_writer_close(r.w, &r.err) == 0, "%s", r.err.message);
	executor_release(&r.ex);
	capture_policy_release(&r.policy);
	cr_assert(eq(str, string("SELECT group_concat(status) FROM run"), "error"));
	cr_assert(number("SELECT count(*) FROM value WHERE pass_id = 1") ==
		  program_count_points(&toy.p));
	cr_assert(
		number("SELECT count(*) FROM value WHERE tensor_id NOT IN (SELECT id FROM tensor)") ==
		0);
	cr_assert(number("SELECT count(*) FROM value WHERE pass_id NOT IN (SELECT id FROM pass)") ==
		  0);
	cr_assert(eq(str, string("PRAGMA integrity_check"), "ok"));
}

static void change(const char *sql)
{
	sqlite3 *db = db_open_at(path);

	cr_assert(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* A row that is taken ends the pass there: each value has a row, once, and none lacks its dump. */
static void end_in_a_pass(const char *take, const char *give_back)
{
	struct recorder r = { 0 };
	const char *const captures[] = { "*=f32", NULL };

	record_open(&r, captures, 1);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	change(take);
	cr_assert(record_pass(&r, (int32_t[]){ 7 }, 1) < 0);
	cr_assert(trace_writer_end_run(r.w, "error", &r.err) == 0, "%s", r.err.message);
	cr_assert(trace_writer_close(r.w, &r.err) == 0, "%s", r.err.message);
	change(give_back);
	executor_release(&r.ex);
	capture_policy_release(&r.policy);
	cr_assert(number("SELECT count(*) FROM value WHERE pass_id = 2") > 5);
	cr_assert(number("SELECT count(*) - count(DISTINCT point_id) FROM value "
			 "WHERE pass_id = 2") == 0);
	cr_assert(number("SELECT count(*) FROM value WHERE tensor_id IS NULL") == 0);
	cr_assert(number("SELECT (SELECT count(DISTINCT tensor_id) FROM tensor_chunk) - "
			 "(SELECT count(*) FROM tensor)") == 0);
	cr_assert(number("SELECT (SELECT max(id) FROM tensor) - max(tensor_id) FROM value") == 0);
}

Test(trace, a_value_whose_chunk_cannot_be_written_has_no_row)
{
	end_in_a_pass("INSERT INTO tensor_chunk SELECT max(id) + 9, 0, x'00' FROM tensor",
		      "DELETE FROM tensor_chunk WHERE data = x'00'");
}

Test(trace, a_value_whose_dump_cannot_be_ended_has_no_row)
{
	end_in_a_pass("INSERT INTO tensor(id, hash, dtype, shape, raw_bytes, "
		      "chunk_rows) "
		      "SELECT max(id) + 9, 0, 0, 'taken', 0, 1 FROM tensor",
		      "DELETE FROM tensor WHERE shape = 'taken'");
}

/* Somebody holds the file while time goes back: the edit is not made, and nothing is recorded on.
 */
Test(trace, going_back_while_the_file_is_locked_ends_the_recording)
{
	struct recorder r = { 0 };
	sqlite3 *other;

	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	cr_assert(record_pass(&r, (int32_t[]){ 7 }, 1) == EXECUTOR_DONE);
	cr_assert(sqlite3_open(path, &other) == SQLITE_OK);
	cr_assert(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
	cr_assert(executor_truncate(&r.ex, N_PROMPT, 1, &r.err) == ERR_IO);
	cr_assert(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(other);
	cr_assert(executor_begin(&r.ex, (int32_t[]){ 11 }, 1, true, &r.err) == ERR_IO);
	cr_assert(strstr(r.err.message, "another process is using it") != NULL, "%s",
		  r.err.message);
	record_close(&r);
	cr_assert(eq(str, string("SELECT group_concat(idx) FROM pass"), "0,1"));
	cr_assert(number("SELECT count(*) FROM value") == 2 * program_count_points(&toy.p));
}

Test(trace, a_run_that_is_left_open_is_an_error)
{
	struct recorder r = { 0 };

	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	cr_assert(executor_begin(&r.ex, prompt, N_PROMPT, true, &r.err) == 0);
	cr_assert(executor_step(&r.ex, &r.err) == EXECUTOR_PAUSED);
	cr_assert(trace_writer_flush(r.w, &r.err) == 0);
	cr_assert(executor_step(&r.ex, &r.err) == EXECUTOR_PAUSED);
	cr_assert(trace_writer_close(r.w, &r.err) == 0, "%s", r.err.message);
	executor_release(&r.ex);
	cr_assert(eq(str, string("SELECT status FROM run"), "error"));
	/* A summary up to the failure: embedding, cosine and sine. */
	cr_assert(number("SELECT count(*) FROM value") == 3);
	cr_assert(eq(str,
		     string("SELECT path FROM span JOIN module m ON m.id = module_id WHERE "
			    "last_id IS NULL ORDER BY span.id DESC LIMIT 1"),
		     "model"));
	cr_assert(number("SELECT count(*) FROM span WHERE last_id IS NOT NULL") == 2);
}

/* ---- time that goes back --------------------------------------------------------------------- */

static void record_open_debug(struct recorder *r, const char *const *captures)
{
	record_open(r, captures, 1);
	r->ex.opt.plan = PLAN_DEBUG;
	record_begin(r, &run);
}

/* Every op of a pass three times, and the end of the pass: still one row a value. */
Test(trace, a_pass_that_goes_back_has_one_row_a_value)
{
	struct recorder r = { 0 };
	const char *const captures[] = { "*=f32", NULL };
	char *straight;
	static const char query[] =
		"SELECT group_concat(id || ' ' || fqn || ' ' || hash || ' ' || span_id || ' ' || tensor_id) FROM v_value";

	record_open_debug(&r, captures);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	record_close(&r);
	straight = strdup(string(query));
	r = (struct recorder){ 0 };
	record_open_debug(&r, captures);
	cr_assert(executor_begin(&r.ex, prompt, N_PROMPT, true, &r.err) == 0);
	for (int pc = 0; pc < toy.p.n_ops; pc++)
		for (int i = 0; i < 3; i++) {
			cr_assert(executor_step(&r.ex, &r.err) == EXECUTOR_PAUSED);
			if (i < 2)
				cr_assert(executor_seek(&r.ex, pc, &r.err) == 0);
		}
	cr_assert(executor_run(&r.ex, &r.err) == EXECUTOR_DONE);
	cr_assert(executor_seek(&r.ex, 7, &r.err) == 0);
	cr_assert(trace_writer_flush(r.w, &r.err) == 0);
	cr_assert(executor_seek(&r.ex, 3, &r.err) == 0);
	cr_assert(executor_run(&r.ex, &r.err) == EXECUTOR_DONE);
	record_close(&r);
	cr_assert(eq(str, string(query), straight));
	cr_assert(number("SELECT count(*) FROM value") == program_count_points(&toy.p));
	cr_assert(number("SELECT count(*) FROM pass WHERE idx IS NOT NULL") == 1);
	cr_assert(
		number("SELECT count(*) FROM tensor_chunk WHERE tensor_id NOT IN (SELECT id FROM tensor)") ==
		0);
	cr_assert(eq(str, string("PRAGMA integrity_check"), "ok"));
	free(straight);
}

Test(trace, a_pass_that_is_forgotten_leaves_no_row)
{
	struct recorder r = { 0 };
	const char *const captures[] = { "*=f32", NULL };

	record_open(&r, captures, 1);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	cr_assert(record_pass(&r, (int32_t[]){ 7 }, 1) == EXECUTOR_DONE);
	cr_assert(record_pass(&r, (int32_t[]){ 11 }, 1) == EXECUTOR_DONE);
	cr_assert(executor_truncate(&r.ex, N_PROMPT, 1, &r.err) == 0);
	cr_assert(record_pass(&r, (int32_t[]){ 3 }, 1) == EXECUTOR_DONE);
	record_close(&r);
	cr_assert(eq(str, string("SELECT group_concat(idx || '@' || pos0) FROM pass"), "0@0,1@5"));
	cr_assert(number("SELECT count(*) FROM value") == 2 * program_count_points(&toy.p));
	cr_assert(number("SELECT max(id) - count(*) FROM value") == 0);
	cr_assert(number("SELECT max(id) - count(*) FROM span") == 0);
	cr_assert(number("SELECT max(id) - count(*) FROM tensor") == 0);
}

/* A recording that begins in the middle of a generation cannot follow behind its beginning. */
Test(trace, a_recording_that_begins_late_goes_back_to_its_beginning)
{
	struct recorder r = { 0 };

	record_open(&r, NULL, 1);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, (int32_t[]){ 7 }, 1) == EXECUTOR_DONE);
	cr_assert(record_pass(&r, (int32_t[]){ 11 }, 1) == EXECUTOR_DONE);
	cr_assert(executor_truncate(&r.ex, 0, 0, &r.err) == 0);
	cr_assert(number("SELECT count(*) FROM pass") >= 0);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE, "%s", r.err.message);
	cr_assert(record_pass(&r, (int32_t[]){ 3 }, 1) == EXECUTOR_DONE, "%s", r.err.message);
	record_close(&r);
	cr_assert(eq(str, string("SELECT group_concat(idx) FROM pass"), "0,1"));
	cr_assert(number("SELECT count(*) FROM value") == 2 * program_count_points(&toy.p));
}

/* What a person does at a stop, and what other hooks do, is no time of a module. */
static int stand_still(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	const struct timespec second = { 0, 2000000 };
	int64_t began = clock_ns(), *stood = ctx;

	(void)ex, (void)at, (void)err;
	nanosleep(&second, NULL);
	*stood += clock_ns() - began;
	return HOOK_PAUSE;
}

Test(trace, time_at_a_stop_is_no_time_of_a_module)
{
	struct recorder r = { 0 };
	int64_t stood = 0, all, began;
	struct hook stop = { .before = stand_still, .ctx = &stood };

	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	hook_add(&r.ex.hooks, &stop);
	began = clock_ns();
	cr_assert(executor_begin(&r.ex, prompt, N_PROMPT, true, &r.err) == 0);
	while (executor_run(&r.ex, &r.err) == EXECUTOR_PAUSED)
		;
	all = clock_ns() - began;
	record_close(&r);
	/* However long a busy machine lets ops take: all of it is what they took and the stops. */
	cr_assert(ge(i64, stood, (int64_t)toy.p.n_ops * 2000000));
	cr_assert(le(i64, (int64_t)number("SELECT max(dur) FROM span"), all - stood));
	cr_assert(le(i64, (int64_t)number("SELECT dur FROM pass WHERE idx = 0"), all - stood));
	/* A call lasts as long as what it calls and its own ops. */
	cr_assert(
		number("SELECT count(*) FROM span a WHERE dur < (SELECT sum(dur) FROM span b WHERE "
		       "b.parent_id = a.id)") == 0);
}

/* ---- edits in the file -------------------------------------------------------------------------
 */

static int add_edit(struct recorder *r, const char *name, const char *sel, struct edit e)
{
	e.value = program_find(&toy.p, name);
	cr_assert(e.value >= 0);
	cr_assert(selection_parse(&e.sel, sel, value_axes(&toy.p.values[e.value]), &r->err) == 0);
	return executor_add_edit(&r->ex, &e, &r->err);
}

Test(trace, edits_keep_their_passes_number_and_source_and_go_when_they_are_removed)
{
	struct recorder r = { 0 };
	int scale, weight;

	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	scale = add_edit(
		&r, "model.layers.0.self_attn:z", "[head=1, d_head=2:4]",
		(struct edit){
			.kind = EDIT_SCALE, .arg = 0.5f, .pass_to = 0, .source = "a \"test\"" });
	weight = add_edit(&r, "embed", "[row=3]",
			  (struct edit){ .kind = EDIT_SET, .arg = NAN, .pass_to = -1 });
	add_edit(&r, "model.layers.1.mlp.act_fn:out", NULL,
		 (struct edit){ .kind = EDIT_ZERO, .pass_from = 1, .pass_to = -1 });
	cr_assert(scale > 0 && weight > 0, "%s", r.err.message);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	cr_assert(trace_writer_flush(r.w, &r.err) == 0);
	cr_assert(eq(
		str,
		string("SELECT group_concat(coalesce(fqn, weight) || sel || kind || coalesce(pass_from, '-') || "
		       "coalesce(pass_to, '-') || args, ' ') FROM edit e LEFT JOIN point p ON p.id = e.point_id"),
		"model.layers.0.self_attn:z[head=1, d_head=2:4]scale-0{\"value\": 0.5, \"source\": \"a \\\"test\\\"\"} "
		"embed[row=3]set--{\"value\": \"nan\"} model.layers.1.mlp.act_fn:outzero1-{}"));
	cr_assert(record_pass(&r, (int32_t[]){ 7 }, 1) == EXECUTOR_DONE);
	cr_assert(executor_remove_edit(&r.ex, weight, &r.err) == 0);
	cr_assert(record_pass(&r, (int32_t[]){ 11 }, 1) == EXECUTOR_DONE);
	record_close(&r);
	/* The rows that name an edit follow it. */
	cr_assert(eq(
		str,
		string("SELECT group_concat(pass || ' ' || fqn || ' ' || kind, ', ') FROM v_value v JOIN edit e ON e.id = v.edit_id"),
		"0 model.layers.0.self_attn:z scale, 1 model.layers.1.mlp.act_fn:out zero, "
		"2 model.layers.1.mlp.act_fn:out zero"));
	cr_assert(number("SELECT count(*) FROM edit") == 2);
}

/* ---- its locks --------------------------------------------------------------------------------
 */

/*
 * How many locks this process has on the file.  A child asks: to a process its own are not in the
 * way, and its looking would drop them.
 */
static int count_locks(void)
{
	pid_t child = fork();
	int status;

	if (!child) {
		struct flock l = { .l_whence = SEEK_SET };
		int n = 0, fd = open(path, O_RDWR);

		for (;; n++) {
			l.l_start += l.l_len;
			l.l_len = 0;
			l.l_type = F_WRLCK;
			if (fd < 0 || fcntl(fd, F_GETLK, &l))
				_exit(255);
			if (l.l_type == F_UNLCK || l.l_pid != getppid())
				_exit(n);
		}
	}
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	cr_assert(not(eq(int, WEXITSTATUS(status), 255)));
	return WEXITSTATUS(status);
}

/* Another process that reads the file once it is told to, and leaves. */
struct other {
	pid_t pid;
	int tell;
};

/* Before this process has a database: SQLite does not survive a fork. */
static struct other other_begin(void)
{
	struct other o;
	int ends[2];
	char told;

	cr_assert(pipe(ends) == 0);
	o.tell = ends[1];
	o.pid = fork();
	if (!o.pid) {
		close(ends[1]);
		if (read(ends[0], &told, 1) != 1)
			_exit(1);
		_exit(number("SELECT count(*) FROM value") > 0 ? 0 : 1);
	}
	close(ends[0]);
	return o;
}

static void other_reads_and_leaves(struct other *o)
{
	int status;

	cr_assert(write(o->tell, "!", 1) == 1);
	close(o->tell);
	cr_assert(eq(int, waitpid(o->pid, &status, 0), o->pid));
	cr_assert(eq(int, status, 0));
}

static void read_here(const char *name, int n_locks)
{
	struct err err = { 0 };
	struct recording *reader = recording_open(name, &err);

	cr_assert(reader != NULL, "%s", err.message);
	cr_assert(eq(int, count_locks(), n_locks));
	recording_close(reader);
	cr_assert(eq(int, count_locks(), n_locks));
}

/* Closing any descriptor of a file drops all locks that the process has on it. */
Test(trace, reading_what_is_recorded_here_leaves_the_locks)
{
	struct other other = other_begin();
	struct recorder r = { 0 };
	char name[160];
	int n_locks;

	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	n_locks = count_locks();
	cr_assert(n_locks > 0);
	read_here(path, n_locks);
	snprintf(name, sizeof(name), "%s.symlink", path);
	cr_assert(symlink(path, name) == 0);
	read_here(name, n_locks);
	other_reads_and_leaves(&other);
	cr_assert(exists("-wal"));
	cr_assert(record_pass(&r, (int32_t[]){ 7 }, 1) == EXECUTOR_DONE, "%s", r.err.message);
	record_close(&r);
	cr_assert(number("SELECT count(*) FROM value") == 2 * program_count_points(&toy.p));
	cr_assert(eq(str, string("PRAGMA integrity_check"), "ok"));
}

static void expect_no_second_writer(const char *name, int n_locks)
{
	struct trace_options opt = { .pattern_keys = 1024 };
	struct trace_writer *second;
	struct err err = { 0 };
	int64_t n_done;

	expect_refusal(name, "is being written by this process");
	cr_assert_eq(trace_writer_resume(name, &toy.p, &model, &opt, 1, &n_done, &second, &err),
		     ERR_IO);
	cr_assert(strstr(err.message, "is being written by this process") != NULL, "%s",
		  err.message);
	cr_assert(eq(int, count_locks(), n_locks));
}

Test(trace, a_second_writer_here_is_refused_and_leaves_the_locks)
{
	struct other other = other_begin();
	struct recorder r = { 0 };
	char name[160];
	int i, n_locks;

	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	n_locks = count_locks();
	cr_assert(n_locks > 0);
	for (i = 0; i < 3; i++)
		expect_no_second_writer(path, n_locks);
	/* The same file by another name. */
	snprintf(name, sizeof(name), "%s.link", path);
	cr_assert(link(path, name) == 0);
	expect_no_second_writer(name, n_locks);
	cr_assert(unlink(name) == 0);
	other_reads_and_leaves(&other);
	cr_assert(exists("-wal"));
	record_close(&r);
	cr_assert(number("SELECT count(*) FROM value") == program_count_points(&toy.p));
	cr_assert(eq(str, string("PRAGMA integrity_check"), "ok"));
}

/* Whether another process could be the one that writes the file. */
static bool is_free_to_write(void)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(flock(open(path, O_RDWR), LOCK_EX | LOCK_NB) ? 1 : 0);
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	return status == 0;
}

Test(trace, a_writer_that_leaves_a_reader_here_leaves_its_locks)
{
	struct recorder r = { 0 };
	struct recording *reader;
	int i;

	record_open(&r, NULL, 1);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE);
	cr_assert(not(is_free_to_write()));
	reader = recording_open(path, &r.err);
	cr_assert(reader != NULL, "%s", r.err.message);
	record_close(&r);
	cr_assert(count_locks() > 0);
	cr_assert(is_free_to_write());
	for (i = 0; i < 3; i++) {
		expect_refusal(path, "is open in this process");
		cr_assert(count_locks() > 0);
		cr_assert(is_free_to_write());
	}
	recording_close(reader);
	cr_assert(eq(int, count_locks(), 0));
	record(NULL, 1);
	cr_assert(number("SELECT count(*) FROM value") == 3 * program_count_points(&toy.p));
	cr_assert(eq(str, string("PRAGMA integrity_check"), "ok"));
}

/* ---- rules ----------------------------------------------------------------------------------- */

static int64_t parsed(const char *text, bool last)
{
	struct capture_policy policy = { 0 };
	struct err err = { 0 };
	int64_t at = INT64_MAX;

	if (capture_policy_add(&policy, text, &err) == 0)
		at = last ? policy.rules[0].last : policy.rules[0].first;
	else
		cr_assert(eq(int, err.code, ERR_USAGE));
	capture_policy_release(&policy);
	return at;
}

/* Without shapes there is no plan: the budget is a line that dumps do not cross. */
Test(trace, a_budget_is_never_exceeded)
{
	const char *const captures[] = { "*", NULL };
	struct recorder r = { .opt = { .budget = 3000 } };

	record_open(&r, captures, 1);
	record_begin(&r, &run);
	cr_assert(record_pass(&r, prompt, N_PROMPT) == EXECUTOR_DONE, "%s", r.err.message);
	cr_assert(record_pass(&r, (int32_t[]){ 7 }, 1) == EXECUTOR_DONE, "%s", r.err.message);
	cr_assert(trace_writer_dropped(r.w)->n_points == 0);
	cr_assert(trace_writer_cut(r.w)->n_dumps > 0);
	record_close(&r);
	cr_assert(number("SELECT sum(raw_bytes) FROM tensor") <= 3000);
	cr_assert(number("SELECT sum(raw_bytes) FROM tensor") > 1500);
	cr_assert(number("SELECT count(*) FROM event WHERE kind = 'budget'") == 1);
	cr_assert(number("SELECT count(*) FROM v_value WHERE l2 IS NULL") == 0);
}

Test(capture, selections_are_slices)
{
	static const struct {
		const char *text;
		int64_t first, last;
	} cases[] = {
		{ "*", 0, -1 },      { "*@last", -1, -1 },  { "*@3", 3, 3 },
		{ "*@3:7", 3, 6 },   { "*@3:", 3, -1 },     { "*@:5=f16", 0, 4 },
		{ "*@-4:", -4, -1 }, { "*@-4:-1", -4, -2 }, { "*@2:-1", 2, -2 },
		{ "*@-2", -2, -2 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert(eq(i64, parsed(cases[i].text, false), cases[i].first), "%s",
			  cases[i].text);
		cr_assert(eq(i64, parsed(cases[i].text, true), cases[i].last), "%s", cases[i].text);
	}
}

Test(capture, rules_that_say_nothing_are_refused)
{
	static const char *const wrong[] = { "",
					     "=f16",
					     "@3",
					     "*=f8",
					     "*@",
					     "*@x",
					     "*@3:3",
					     "*@5:3",
					     "*@:0",
					     "*@3:x",
					     "*@1:2:3",
					     "*@--1",
					     "*@99999999999999999999",
					     "*@3=stats",
					     "*@last=hash" };
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert(eq(i64, parsed(wrong[i], false), INT64_MAX), "%s", wrong[i]);
}
