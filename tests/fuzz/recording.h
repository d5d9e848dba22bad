/*
 * recording.h -- a small real recording, for the fuzzers of what reads one.
 *
 * It is made once a process: a prompt of text through a tiny checkpoint with a tokenizer, three
 * tokens sampled, everything dumped.  It is kept in memory as it is when closed, and as a killed
 * process leaves it, with its log.  Questions are the examples of every SQL function and every
 * saved query.
 */
#ifndef TESTS_FUZZ_RECORDING_H
#define TESTS_FUZZ_RECORDING_H

#include "fuzz.h"
#include "torchless/inspect.h"
#include "torchless/mem.h"
#include "torchless/record.h"

#include "cli/query/query.h"
#include "support/tiny.h"
#include "support/words.h"

#define QUERY_NS 300000000ll /* the time limit of a query: half a minute of hanging is seen */
#define MAX_ROWS 200

struct recorded {
	char path[128];
	struct text closed;    /* the recording */
	struct text live, log; /* before it was closed, and its -wal */
	char **saved;          /* the names of its saved queries */
	int n_saved;
	struct text diff; /* a question about it and one that nobody changed */
};

static struct recorded recorded;

/* ---- making it ----------------------------------------------------------------------------- */

static inline void fuzz_must(int result, const struct err *err)
{
	if (result < 0) {
		fprintf(stderr, "cannot begin: %s\n", err->message);
		exit(1);
	}
}

static inline void read_back(struct text *t, const char *suffix)
{
	struct text path = { 0 };
	struct err err = { 0 };

	text_addf(&path, "%s%s", recorded.path, suffix);
	fuzz_must(text_read_file(t, path.data, 1u << 30, &err), &err);
	text_release(&path);
}

/* A checkpoint in the folder, with a tokenizer. */
static inline void make_model(void)
{
	static const char *const names[] = { "config.json", "model.safetensors" };
	char made[64], path[128];

	tiny_write(&tiny_default, made, sizeof(made));
	for (int i = 0; i < 2; i++) {
		struct text t = { 0 };
		struct err err = { 0 };

		snprintf(path, sizeof(path), "%s/%s", made, names[i]);
		fuzz_must(text_read_file(&t, path, 1u << 30, &err), &err);
		fuzz_put(names[i], t.data, t.len);
		text_release(&t);
	}
	tiny_remove(made);
	fuzz_put("tokenizer.json", words_tokenizer_json, strlen(words_tokenizer_json));
}

/* Record, and keep both states of the file. */
static inline void record_prompt(struct model *m)
{
	static const char *const capture[] = { "*", "L1.mlp@last=f16" };
	static char id[] = "\"seven\"";
	static const char *const zero[] = { "L0.attn.z[head=1]" };
	const struct record_prompt p = { .prompt = { .text = { "ab aab", 6 }, .n = 3 },
					 .line = 7,
					 .id = id };
	const struct record_options opt = {
		.generation.session = { .executor.kernels = &kernels_ref,
					.sampler = { .temp = 1, .top_k = 9, .top_p = 0.9 },
					.n = 3,
					.all_logits = true,
					.ignore_eos = true },
		.path = recorded.path,
		.capture = capture,
		.n_capture = 2,
		.zero = zero,
		.n_zero = 1,
		.engine = "fuzz",
	};
	struct recorder r;
	struct err err = { 0 };

	fuzz_must(recorder_open(&r, m, &opt, &err), &err);
	recorder_listen(&r);
	fuzz_must(generation_set_prompt(&r.generation, &p.prompt, &err), &err);
	recorder_expect(&r);
	fuzz_must(recorder_create(&r, &err), &err);
	fuzz_must(recorder_run(&r, &p, &err), &err);
	read_back(&recorded.live, "");
	read_back(&recorded.log, "-wal");
	fuzz_must(recorder_close(&r, 0, &err), &err);
	recorder_release(&r);
	read_back(&recorded.closed, "");
}

/* ---- asking it ----------------------------------------------------------------------------- */

static inline int take_name(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct recorded *r = ctx;

	(void)rows;
	r->saved = mem_realloc(r->saved, (size_t)r->n_saved + 1, sizeof(*r->saved));
	r->saved[r->n_saved++] = mem_memdup(cells[0].s.data, cells[0].s.len);
	return 0;
}

/* The recording with all functions; NULL, and explained, when it is refused. */
static inline struct recording *open_recorded(void)
{
	const struct inspect_options o = { .model = fuzz_folder };
	struct err err = { 0 };
	struct recording *rec = recording_open(recorded.path, &err);

	if (!rec) {
		require_sentence(&err);
		return NULL;
	}
	require(err.code == 0, "success leaves the error alone");
	fuzz_must(recording_add_functions(rec, &o, &err), &err);
	return rec;
}

static inline void make_recorded(void)
{
	struct query q = { .row = take_name, .ctx = &recorded };
	struct recording *rec;
	struct model m;
	struct err err = { 0 };

	snprintf(recorded.path, sizeof(recorded.path), "%s/t.db", fuzz_make_folder());
	make_model();
	fuzz_must(model_open(&m, fuzz_folder, CHECKPOINT_ALL, &err), &err);
	record_prompt(&m);
	model_close(&m);
	fuzz_put("other.db", recorded.closed.data, recorded.closed.len);
	text_addf(&recorded.diff,
		  "SELECT count(nmse), max(max_abs) FROM trace_diff('%s/other.db', 1)",
		  fuzz_folder);
	rec = open_recorded();
	fuzz_must(recording_query(rec, "SELECT name FROM saved_query ORDER BY name", &q, &err),
		  &err);
	recording_close(rec);
}

/* What one reads of a row: every byte, so that what is not there is seen. */
static inline int read_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	unsigned *sum = ctx;

	for (int i = 0; i < rows->n_columns; i++)
		for (size_t k = 0; k < cells[i].s.len; k++)
			*sum += (unsigned char)cells[i].s.data[k];
	return 0;
}

/* Run SQL with KEY=VALUE parameters within limits: an answer or a sentence. */
static inline int ask_recorded(struct recording *rec, const char *sql, const char *const *params,
			       int n_params)
{
	unsigned sum = 0;
	struct err err = { 0 };
	const struct query q = { .row = read_row,
				 .ctx = &sum,
				 .params = params,
				 .n_params = n_params,
				 .max_rows = MAX_ROWS,
				 .max_ns = QUERY_NS };
	int result = recording_query(rec, sql, &q, &err);

	succeeded(result, &err);
	return result;
}

/* A saved query as `torchless query NAME` runs it, with what its row says now. */
static inline void ask_saved(struct recording *rec, const char *name)
{
	struct text sql = { 0 }, defaults = { 0 };
	struct query_params params = { 0 };
	struct err err = { 0 };
	int r = recording_saved_query(rec, name, &sql, &defaults, &err);

	if (succeeded(r, &err))
		r = query_params_read(&params, name, defaults.data ? defaults.data : "{}", NULL, 0,
				      &err);
	if (r == 0 && succeeded(query_params_refuse(&params, rec, (const char *const *)params.list,
						    params.n, &err),
				&err))
		ask_recorded(rec, sql.data ? sql.data : "", (const char *const *)params.list,
			     params.n);
	else if (r)
		require_sentence(&err);
	query_params_release(&params);
	text_release(&sql);
	text_release(&defaults);
}

/* What examples do not reach in this recording, or stop before. */
static const char *const more_questions[] = {
	"SELECT sum(p), count(*) FROM attn",
	"SELECT count(token), max(logprob) FROM lens WHERE rank < 3",
	"SELECT sum(l2) FROM pos_stats('L1.attn.pattern')",
	"SELECT sum(nmse) FROM trace_diff(1, 1)",
	"SELECT sum(value) FROM tensor_each('L1.attn.pattern[q=-1]')",
	"SELECT t_json(id), t_topk(id, 3), t_hist(id), t_spark(id), t_max(id, -1) FROM v_value",
	"SELECT t_slice('L0.resid_post', '[-1000000000000:1000000000000]')",
	"SELECT count(l2), max(std) FROM v_position",
	"SELECT * FROM v_payload",
	"SELECT * FROM v_run, v_token",
	"SELECT * FROM v_span, v_bad",
	"SELECT * FROM v_first_divergence, v_first_bad",
	"SELECT * FROM schema_doc",
};
#define N_MORE ((int)(sizeof(more_questions) / sizeof(*more_questions)))

/* One of all the questions that there are. */
static inline void ask_question(struct recording *rec, unsigned which)
{
	unsigned n = (unsigned)(recorded.n_saved + sql_function_table_len + N_MORE + 1);
	int i = (int)(which % n);

	if (i < recorded.n_saved)
		ask_saved(rec, recorded.saved[i]);
	else if ((i -= recorded.n_saved) < sql_function_table_len)
		ask_recorded(rec, sql_function_table[i].example, NULL, 0);
	else if ((i -= sql_function_table_len) < N_MORE)
		ask_recorded(rec, more_questions[i], NULL, 0);
	else
		ask_recorded(rec, recorded.diff.data, NULL, 0);
}

#endif
