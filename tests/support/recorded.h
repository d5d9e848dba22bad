/*
 * recorded.h -- a recording of a small random checkpoint, and SQL over it as text.
 *
 * record() runs N_READ tokens through it, the prompt in passes of 4, 4 and 3, then two decoded
 * ones, and writes what `captures` ask for.  ask() gives the rows as "a|b;c|d;", an error after
 * '!'.
 */
#ifndef TESTS_RECORDED_H
#define TESTS_RECORDED_H

#include "tiny.h"
#include "torchless/executor.h"
#include "torchless/inspect.h"
#include "torchless/model.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sqlite3.h>

enum { N_READ = 13 };

static const int32_t read_ids[N_READ] = { 1, 17, 3, 100, 42, 9, 33, 42, 5, 11, 17, 64, 2 };
static const int64_t read_passes[] = { 4, 4, 3, 1, 1 };

struct recorded {
	char model[64], folder[64], path[128];
};

static inline void record_passes(struct executor *ex, struct trace_writer *w, struct err *err)
{
	const int32_t *at = read_ids;

	for (int i = 0; i < N_READ; i++)
		cr_assert(trace_writer_token(w, i, read_ids[i], i, i + 1,
					     i < 11 ? TOKEN_PROMPT : TOKEN_GENERATED, err) == 0);
	for (size_t i = 0; i < sizeof(read_passes) / sizeof(read_passes[0]); i++) {
		cr_assert(executor_begin(ex, at, read_passes[i], false, err) == 0, "%s",
			  err->message);
		cr_assert(executor_run(ex, err) == EXECUTOR_DONE, "%s", err->message);
		at += read_passes[i];
	}
}

/* The piece of a token: "<17>". */
static inline struct bytes record_piece(void *ctx, int32_t id)
{
	static char piece[16];

	(void)ctx;
	return (struct bytes){ piece, (size_t)snprintf(piece, sizeof(piece), "<%d>", (int)id) };
}

/* edit: a point that is halved throughout; NULL for none. */
static inline void record_run(struct model *m, struct trace_writer *w, const char *edit,
			      struct err *err)
{
	const struct executor_options opt = { .plan = PLAN_RUN, .chunk = 4 };
	const struct trace_run run = { .engine = "test", .n_threads = 1 };
	struct executor ex;

	cr_assert(executor_init(&ex, &m->program, &opt, err) == 0, "%s", err->message);
	hook_add(&ex.hooks, trace_writer_hook(w));
	cr_assert(trace_writer_begin_run(w, &run, err) == 0, "%s", err->message);
	if (edit) {
		struct edit e = { .value = program_find(&m->program, edit),
				  .kind = EDIT_SCALE,
				  .arg = 0.5f,
				  .sel = { 0 },
				  .pass_to = -1 };

		cr_assert(e.value >= 0);
		cr_assert(executor_add_edit(&ex, &e, err) > 0);
	}
	record_passes(&ex, w, err);
	cr_assert(trace_writer_end_run(w, "ok", err) == 0, "%s", err->message);
	executor_release(&ex);
}

static inline void record(struct recorded *r, const struct tiny *tiny, const char *const *captures,
			  const char *edit)
{
	struct err err = { 0 };
	struct capture_policy policy = { 0 };
	const struct trace_options opt = { .capture = &policy, .pattern_keys = 1024 };
	struct model m;
	uint8_t hash[16];

	tiny_write(tiny, r->model, sizeof(r->model));
	snprintf(r->folder, sizeof(r->folder), "/tmp/torchless-recorded-XXXXXX");
	cr_assert(mkdtemp(r->folder) != NULL);
	snprintf(r->path, sizeof(r->path), "%s/t.db", r->folder);
	cr_assert(model_open(&m, r->model, CHECKPOINT_WEIGHTS, &err) == 0, "%s", err.message);
	cr_assert(checkpoint_hash(&m.checkpoint, NULL, hash, &err) == 0, "%s", err.message);
	for (; captures && *captures; captures++)
		cr_assert(capture_policy_add(&policy, *captures, &err) == 0, "%s", err.message);
	const struct trace_model described = {
		.name = "tiny",
		.arch = "MistralForCausalLM",
		.file = r->model,
		.weights_hash = hash,
		.n_layers = tiny->layers,
		.d_model = tiny->d_model,
		.n_heads = tiny->heads,
		.n_kv_heads = tiny->kv_heads,
		.head_dim = tiny->head_dim,
		.d_ff = tiny->d_ff,
		.n_vocab = tiny->vocab,
		.window = tiny->window,
		.config_json = "{}",
		.piece = record_piece,
	};
	struct trace_writer *w = trace_writer_new(r->path, &m.program, &described, &opt, &err);
	cr_assert(w != NULL, "%s", err.message);
	record_run(&m, w, edit, &err);
	cr_assert(trace_writer_close(w, &err) == 0, "%s", err.message);
	capture_policy_release(&policy);
	model_close(&m);
}

static inline void recorded_remove(struct recorded *r)
{
	char command[200];

	tiny_remove(r->model);
	snprintf(command, sizeof(command), "rm -rf %s", r->folder);
	cr_assert(system(command) == 0);
}

/* Change the recording as its owner could not: foreign keys are not checked. */
static inline void recorded_change(const struct recorded *r, const char *sql)
{
	sqlite3 *db;
	char *message = NULL;

	cr_assert(sqlite3_open(r->path, &db) == SQLITE_OK);
	cr_assert(sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK, "%s: %s", sql, message);
	sqlite3_close(db);
}

static inline int ask_row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	for (int i = 0; i < rows->n_columns; i++) {
		text_adds(ctx, i ? "|" : "");
		if (cells[i].type == CELL_INT)
			text_addf(ctx, "%lld", (long long)cells[i].i);
		else if (cells[i].type == CELL_REAL)
			text_addf(ctx, "%.6g", cells[i].d);
		else
			text_add(ctx, cells[i].s.data, cells[i].s.len);
	}
	text_addc(ctx, ';');
	return 0;
}

static inline const char *ask_with(const struct recorded *r, const char *model, const char *sql)
{
	static char answer[4096];
	struct text t = { 0 };
	struct err err = { 0 };
	struct query q = { .row = ask_row, .ctx = &t };
	const struct inspect_options o = { .model = model };
	struct recording *rec = recording_open(r->path, &err);

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

static inline const char *ask(const struct recorded *r, const char *sql)
{
	return ask_with(r, NULL, sql);
}

#define ANSWERS(r, sql, expected)                                                                  \
	do {                                                                                       \
		const char *answer_ = ask(r, sql);                                                 \
		cr_expect(strcmp(answer_, expected) == 0, "%s\n  gives %s\n  expected %s", sql,    \
			  answer_, expected);                                                      \
	} while (0)
#define REFUSES(r, sql, part)                                                                      \
	do {                                                                                       \
		const char *answer_ = ask(r, sql);                                                 \
		cr_expect(answer_[0] == '!' && strstr(answer_, part),                              \
			  "%s\n  gives %s\n  expected %s", sql, answer_, part);                    \
	} while (0)

#endif
